// Where a job stands: state, stage, step, time left, and the ways to stop it or go on.

import { Icon } from "../ui/icons.tsx";
import { seconds, sentence } from "../ui/words.ts";
import type { Job, Progress } from "../api/types.ts";
import type { Watched } from "./watch.ts";

export function ProgressBar({ watched }: { watched: Watched }) {
  const job = watched.job.value!, progress = watched.progress.value;
  if (job.state === "done") return null;
  const fraction = progress?.fraction ?? job.fraction;
  return (
    <section class={`progress ${job.state}`} aria-label="Progress">
      <div class="told">
        <p class="what">{what(job, progress)}</p>
        <p class="left soft">{left(job, progress)}</p>
        {(job.state === "running" || job.state === "queued" || job.state === "waiting") && (
          <button type="button" class="quiet" disabled={job.cancelling} onClick={() => void watched.run("cancel")}>
            <Icon name="stop" />{job.cancelling ? "It stops…" : "Cancel"}
          </button>
        )}
        {(job.state === "failed" || job.state === "cancelled") && (
          <button type="button" class="primary" onClick={() => void watched.run("resume")}>
            {job.state === "failed" ? "Try again" : "Go on"}
          </button>
        )}
      </div>
      {(job.state === "running" || job.state === "queued" || job.state === "waiting") && (
        <progress max={1} value={job.state === "queued" ? 0 : fraction} aria-label="Done so far" />
      )}
    </section>
  );
}

function what(job: Job, progress: Progress | null): string {
  switch (job.state) {
    case "queued":
      return job.position && job.position > 1 ? `In the queue: ${job.position - 1} before it` : "In the queue: it is next";
    case "waiting":
      return /picture/.test(job.stage ?? "") ? "It waits for you: look at the cut-outs" : "It waits for you: look at the layout";
    case "failed":
      return sentence(job.error ?? "It failed without a word of why");
    case "cancelled":
      return "Cancelled. What was done is kept, so it can go on.";
    default:
      if (!progress) return job.stage ? stageWord(job.stage) : "It starts";
      return `${progress.title}${progress.term && !progress.title.includes(progress.term) ? `: ${progress.term}` : ""}`;
  }
}

const stageWord = (stage: string) => stage.replace(/[_-]/g, " ").replace(/^./, (first) => first.toUpperCase());

function left(job: Job, progress: Progress | null): string {
  if (job.state !== "running") return "";
  const step = progress && progress.total > 1 ? `Step ${progress.done} of ${progress.total}` : "";
  const time = progress?.seconds_left ?? job.seconds_left;
  return [step, time === null || time === undefined ? "" : `about ${seconds(time)} left`].filter(Boolean).join(" · ");
}
