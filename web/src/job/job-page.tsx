// A job: its sentence, where it stands, the three panes of Fig. 3, and how it came about.

import { useEffect, useMemo, useState } from "preact/hooks";
import * as api from "../api/client.ts";
import type { Job } from "../api/types.ts";
import { fillFromJob } from "../compose/request.ts";
import { go, toEdit } from "../app/route.ts";
import { ENDED, WORDS, attempt, history, say } from "../app/store.ts";
import { pieces } from "../app/terms.ts";
import { IconButton, Sure } from "../ui/controls.tsx";
import { Icon } from "../ui/icons.tsx";
import { ago, dash, tone } from "../ui/words.ts";
import { LayoutPane } from "./layout-pane.tsx";
import { PartsPane } from "./parts-pane.tsx";
import { PicturesPause } from "./pictures-pause.tsx";
import { ProgressBar } from "./progress.tsx";
import { Story } from "./story.tsx";
import { paneOf, watch, type Pane, type Watched } from "./watch.ts";
import { WholePane } from "./whole-pane.tsx";

export function JobPage({ id }: { id: string }) {
  const watched = useMemo(() => watch(id), [id]);
  useEffect(() => watched.stop, [watched]);
  const job = watched.job.value, missing = watched.missing.value;
  useEffect(() => void (document.title = job ? `${job.title || job.prompt} · cast3d` : "cast3d"), [job?.title, job?.prompt]);
  if (missing) {
    return (
      <main id="main" class="lost" tabIndex={-1}>
        <h1>Nothing here</h1>
        <p>{missing}</p>
        <p><a class="button primary" href="#/">Compose something</a></p>
      </main>
    );
  }
  if (!job) return <main id="main" class="lost" tabIndex={-1}><p class="soft"><span class="spinner" /> Opening…</p></main>;
  return <Loaded key={id} watched={watched} job={job} />;
}

const PANES: readonly { pane: Pane; title: string; what: string }[] = [
  { pane: "layout", title: "Layout", what: "Where things go" },
  { pane: "parts", title: "Parts", what: "Each from its picture" },
  { pane: "whole", title: "Whole", what: "All in one" },
];

function Loaded({ watched, job }: { watched: Watched; job: Job }) {
  const single = job.kind === "lift" || job.kind === "imagine";
  const panes = single ? PANES.filter((one) => one.pane === "whole") : PANES;
  const [large, setLarge] = useState<Pane | null>(null);
  const [shown, show] = useState<Pane>(job.state === "waiting" ? "layout" : "whole"); // in a narrow window
  const stage = job.state === "running" ? (watched.progress.value?.stage ?? job.stage) : null;
  const active = stage ? paneOf(stage, job.kind) : job.state === "waiting" ? "layout" : null;
  const cutouts = job.state === "waiting" && /picture/.test(job.stage ?? "");
  useEffect(() => {
    if (job.state === "waiting") show("layout");
    if (job.state === "done") show("whole");
    setLarge(job.state === "waiting" && !cutouts ? "layout" : null); // what waits for a person has the room
  }, [job.state, cutouts]);
  return (
    <main id="main" class="job" tabIndex={-1}>
      <JobHead job={job} />
      <ProgressBar watched={watched} />
      {job.warnings.map((text) => <p class="warning" key={text}><Icon name="warn" />{text}</p>)}
      {cutouts && <PicturesPause watched={watched} />}
      {panes.length > 1 && (
        <div class="pane-tabs" role="tablist" aria-label="Panes">
          {panes.map(({ pane, title }) => (
            <button
              key={pane} type="button" role="tab" id={`tab-${pane}`} aria-controls={`pane-${pane}`} aria-selected={shown === pane}
              tabIndex={shown === pane ? 0 : -1} onClick={() => show(pane)}
              onKeyDown={(event) => {
                const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
                if (!step) return;
                const next = panes[(panes.findIndex((one) => one.pane === shown) + step + panes.length) % panes.length]!.pane;
                show(next);
                document.getElementById(`tab-${next}`)?.focus();
              }}
            >
              {title}
            </button>
          ))}
        </div>
      )}
      <div class={`panes count-${panes.length} ${job.scene ? "has-whole" : ""} ${large ? `large-${large}` : ""}`}>
        {panes.map(({ pane, title, what }) => (
          <section key={pane} id={`pane-${pane}`} class={`pane ${pane} ${shown === pane ? "shown" : ""} ${active === pane ? "active" : ""}`} aria-label={title}>
            <header>
              <h2>{title}</h2>
              <p class="soft">{pane === "parts" && job.kind === "edit" ? "What is new" : what}</p>
              {panes.length > 1 && (
                <IconButton
                  icon={large === pane ? "small" : "large"} label={large === pane ? "Show all panes" : `Enlarge ${title}`}
                  onClick={() => setLarge(large === pane ? null : pane)}
                />
              )}
            </header>
            {pane === "layout" ? <LayoutPane watched={watched} /> : pane === "parts" ? <PartsPane watched={watched} /> : <WholePane watched={watched} />}
          </section>
        ))}
      </div>
      <Story job={job} />
    </main>
  );
}

const KINDS: Record<Job["kind"], string> = { compose: "Composed", edit: "Edited", lift: "From one picture", imagine: "From words" };

function JobHead({ job }: { job: Job }) {
  const terms = [...new Set([job.assets, ...Object.values(job.replace ?? {}), job.add ?? {}].flatMap(Object.keys))];
  const source = job.model?.startsWith("job:") ? job.model.slice(4) : null;
  const [busy, setBusy] = useState(false);
  async function duplicate(): Promise<void> {
    setBusy(true);
    const whole = await fillFromJob(job);
    setBusy(false);
    if (!whole) say("Some pictures of that job are not there any more. Give them anew.", "error");
    go("#/");
  }
  async function erase(): Promise<void> {
    if ((await attempt(() => api.remove(job.id).then(() => true))) !== true) return;
    history.value = history.value.filter((other) => other.id !== job.id);
    go("#/");
  }
  return (
    <header class="job-head">
      <div>
        <h1>
          {pieces(job.prompt, terms).map((piece, i) =>
            piece.term === null ? piece.text : <mark key={i} class={`c${dash(tone(terms, job.main, piece.term))}`}>{piece.text}</mark>)}
        </h1>
        <p class="soft">
          <span class={`state ${job.state}`}>{WORDS[job.state]}</span> {KINDS[job.kind]} {ago(job.finished ?? job.created)} · seed {job.seed}
        </p>
      </div>
      <div class="row wrap">
        {job.kind !== "edit" && (
          <button type="button" class="quiet" disabled={busy} onClick={() => void duplicate()}>
            <Icon name="copy" />{busy ? "Copying…" : "Duplicate and change"}
          </button>
        )}
        {source && <a class="button quiet" href={toEdit(source)}><Icon name="copy" />Edit its source anew</a>}
        {job.scene && <a class="button quiet" href={toEdit(job.id)}><Icon name="model" />Replace parts</a>}
        {ENDED.includes(job.state) && <Sure icon="trash" label="Delete" sure="Delete for good" onClick={() => void erase()} />}
      </div>
    </header>
  );
}
