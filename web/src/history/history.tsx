// The jobs so far, newest first.

import * as api from "../api/client.ts";
import type { Job } from "../api/types.ts";
import { fillFromJob } from "../compose/request.ts";
import { go, route, toJob } from "../app/route.ts";
import { ENDED, WORDS, attempt, history, historyEnds, olderHistory } from "../app/store.ts";
import { IconButton } from "../ui/controls.tsx";
import { Still } from "../ui/still.tsx";
import { ago } from "../ui/words.ts";
import { useState } from "preact/hooks";

export function History({ onOpen }: { onOpen?: () => void }) {
  const jobs = history.value;
  return (
    <nav class="history" aria-label="History">
      <h2>History</h2>
      {!jobs.length && <p class="soft">What you compose is kept here.</p>}
      <ul>{jobs.map((job) => <Entry key={job.id} job={job} onOpen={onOpen} />)}</ul>
      {!historyEnds.value && <button type="button" class="quiet" onClick={() => void olderHistory()}>Older ones</button>}
    </nav>
  );
}

function Entry({ job, onOpen }: { job: Job; onOpen?: () => void }) {
  const here = route.value.page === "job" && route.value.id === job.id;
  const [sure, setSure] = useState(false);
  const name = job.title || job.prompt;
  async function erase(): Promise<void> {
    if (!sure) {
      setSure(true);
      window.setTimeout(() => setSure(false), 4000);
      return;
    }
    if ((await attempt(() => api.remove(job.id).then(() => true))) !== true) return;
    history.value = history.value.filter((other) => other.id !== job.id);
    if (here) go("#/");
  }
  async function duplicate(): Promise<void> {
    await fillFromJob(job);
    go("#/");
    onOpen?.();
  }
  return (
    <li class={here ? "here" : ""}>
      <a href={toJob(job.id)} aria-current={here ? "page" : undefined} onClick={onOpen}>
        <Still url={job.picture && `${job.picture}?v=${encodeURIComponent(String(job.finished ?? ""))}`} />
        <span class="text">
          <span class="title">{name}</span>
          <span class="soft">
            {job.state === "done" ? ago(job.finished ?? job.created) : <span class={`state ${job.state}`}>{WORDS[job.state]}</span>}
          </span>
          {job.state === "running" && <progress max={1} value={job.fraction} aria-label={`Done so far: ${name}`} />}
        </span>
      </a>
      <span class="entry-tools">
        {job.kind !== "edit" && <IconButton icon="copy" label={`Duplicate ${name}`} onClick={() => void duplicate()} />}
        {ENDED.includes(job.state) && (
          <IconButton icon={sure ? "check" : "trash"} label={sure ? `Delete ${name} for good` : `Delete ${name}`} class={sure ? "danger" : ""} onClick={() => void erase()} />
        )}
      </span>
    </li>
  );
}
