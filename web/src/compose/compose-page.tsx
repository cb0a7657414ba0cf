// The first page: a sentence, its things with their pictures, and examples.

import { useEffect, useState } from "preact/hooks";
import * as api from "../api/client.ts";
import type { Example } from "../api/types.ts";
import { attempt, examples, keep, say, spoken } from "../app/store.ts";
import { go, toJob } from "../app/route.ts";
import { useDrop } from "../ui/controls.tsx";
import { Icon } from "../ui/icons.tsx";
import { TermCard } from "./card.tsx";
import { clear, draft, dropOnPage, pictured, said } from "./draft.ts";
import { Options } from "./options.tsx";
import { fillFrom, request } from "./request.ts";
import { Sentence } from "./sentence.tsx";

async function send(): Promise<void> {
  const now = request.value;
  if ("problem" in now) {
    say(now.problem, "error");
    return;
  }
  const job = await attempt(() => api.submit(now.ask));
  if (!job) return;
  keep(job);
  spoken.value = "The job is sent.";
  go(toJob(job.id));
}

const VERB = { compose: "Compose", lift: "Make it 3D", imagine: "Imagine it", edit: "Edit" } as const;

export function ComposePage() {
  const { prompt, chips } = draft.value, now = request.value;
  const [busy, setBusy] = useState("");
  const { over, drop } = useDrop((files) => void dropOnPage(files.filter((file) => !/\.(glb|gltf|obj|stl|ply)$/i.test(file.name))));
  useEffect(() => void (document.title = "cast3d"), []);

  async function run(work: () => Promise<void>, what: string): Promise<void> {
    setBusy(what);
    await work();
    setBusy("");
  }

  const kind = "ask" in now ? now.ask.kind : "compose";
  const bare = chips.filter((chip) => !chip.pictures.length && pictured.value.length).map((chip) => chip.term);
  return (
    <main id="main" class={`compose ${over ? "over" : ""}`} {...drop} tabIndex={-1}>
      <section class="composer" aria-label="Scene">
        <h1>What shall it be?</h1>
        <Sentence onSend={() => void run(send, "send")} />
        {said.value.map((text) => <p class="warning" key={text}><Icon name="warn" />{text}</p>)}
        {chips.length > 0 && (
          <ul class="cards" aria-label="Things in the sentence">
            {chips.map((chip) => <TermCard key={chip.term} chip={chip} />)}
          </ul>
        )}
        {(prompt || chips.length > 0) && (
          <>
            <Options />
            <div class="send">
              <button
                type="button" class="primary large" disabled={"problem" in now || !!busy} aria-describedby="send-note"
                onClick={() => void run(send, "send")}
              >
                {busy === "send" ? "Sending…" : VERB[kind]}
              </button>
              <button type="button" class="quiet" onClick={clear}>Start anew</button>
              <p id="send-note" class="soft" role="status">
                {"problem" in now ? now.problem : note(kind, bare)}
              </p>
            </div>
          </>
        )}
      </section>
      <Examples busy={busy} run={run} />
      {over && <div class="drop-veil" aria-hidden="true"><p>Drop pictures: each goes to the thing that its name says</p></div>}
    </main>
  );
}

function note(kind: keyof typeof VERB, bare: string[]): string {
  if (kind === "imagine") return "No pictures: the words alone decide.";
  if (kind === "lift") return "One picture becomes one 3D object.";
  if (bare.length) return `Without a picture, ${bare.join(" and ")} will be no part with a name.`;
  return "Ctrl Enter does it, too.";
}

function Examples({ busy, run }: { busy: string; run: (work: () => Promise<void>, what: string) => Promise<void> }) {
  const found = examples.value;
  async function open(example: Example, sends: boolean): Promise<void> {
    const assets = Object.fromEntries(Object.entries(example.assets).map(([term, urls]) => [term, urls.map((url) => ({ url }))]));
    const whole = await fillFrom({ prompt: example.prompt, main: example.main, assets });
    if (sends && whole) await send();
    else document.getElementById("sentence")?.focus();
  }
  if (found && !found.length) return null;
  return (
    <section class="examples" aria-labelledby="examples-title">
      <h2 id="examples-title">Or try one of these</h2>
      <ul>
        {(found ?? []).map((example) => (
          <li key={example.id}>
            <button type="button" class="example" disabled={!!busy} onClick={() => void run(() => open(example, true), example.id)}>
              <img src={example.picture} alt="" loading="lazy" />
              <span>{busy === example.id ? "Sending…" : example.prompt}</span>
            </button>
            <button
              type="button" class="link" disabled={!!busy} aria-label={`Change it first: ${example.prompt}`}
              onClick={() => void run(() => open(example, false), "open")}
            >
              Change it first
            </button>
          </li>
        ))}
        {!found && [1, 2, 3].map((i) => <li key={i} class="skeleton" />)}
      </ul>
    </section>
  );
}
