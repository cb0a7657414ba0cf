// One job as the page follows it: the job itself, its progress, previews, hints and parts.

import { batch, signal, type Signal } from "@preact/signals";
import * as api from "../api/client.ts";
import { listen } from "../api/events.ts";
import type { Hints, Job, JobChange, PartInfo, Preview, Progress } from "../api/types.ts";
import { WORDS, attempt, keep, say, spoken } from "../app/store.ts";

export type Pane = "layout" | "parts" | "whole";

export interface Watched {
  id: string;
  job: Signal<Job | null>;
  missing: Signal<string | null>;
  progress: Signal<Progress | null>;
  previews: Signal<Partial<Record<Pane, Preview>>>;
  hints: Signal<Hints | null>;
  parts: Signal<PartInfo[]>;
  version: Signal<number>; // grows whenever files may have changed
  change: (what: JobChange, told: string) => Promise<boolean>;
  run: (what: "cancel" | "resume") => Promise<void>;
  stop: () => void;
}

/** Which pane of Fig. 3 a stage belongs to. */
export function paneOf(stage: string, kind: Job["kind"] = "compose"): Pane {
  if (kind === "lift" || kind === "imagine") return "whole";
  if (/^(part|slat)\b/.test(stage)) return "parts";
  if (/^(geometry|appearance|refit|meshes|export|seam)/.test(stage)) return "whole";
  return "layout";
}

/** What a pane shows before its model is there: what is sampled, else the newest finished stage of it. */
export function glimpse(watched: Watched, pane: Pane): string | null {
  const job = watched.job.value!, seen = watched.previews.value[pane];
  if (seen) return seen.url;
  return job.stages.filter((stage) => paneOf(stage.name, job.kind) === pane).at(-1)?.pictures.at(-1) ?? null;
}

export function watch(id: string): Watched {
  const job = signal<Job | null>(null), missing = signal<string | null>(null), progress = signal<Progress | null>(null);
  const previews = signal<Watched["previews"]["value"]>({}), hints = signal<Hints | null>(null), parts = signal<PartInfo[]>([]);
  const version = signal(0);
  let timer: number | undefined, stopped = false, turn = 0;

  function take(fresh: Job): void {
    if (stopped) return;
    const before = job.value;
    batch(() => {
      job.value = fresh;
      if (fresh.state === "running") return;
      progress.value = null;
      previews.value = {};
    });
    keep(fresh);
    if (before && before.state !== fresh.state) spoken.value = `The job is ${WORDS[fresh.state]}.`;
  }

  async function refresh(): Promise<void> {
    const mine = ++turn; // an answer that a later one has overtaken is dropped
    let now: Job;
    try {
      now = await api.getJob(id);
      if (mine !== turn) return;
      take(now);
    } catch (error) {
      if (error instanceof api.ApiError && error.status === 404) missing.value = "There is no such job. It may have been deleted.";
      else if (!job.value) missing.value = api.inWords(error);
      return;
    }
    missing.value = null;
    const composed = now.kind === "compose" || now.kind === "edit";
    const hinted = composed && now.stages.some((stage) => /hints|places/.test(stage.name)); // else the answer is 404
    const [foundHints, foundParts] = await Promise.all([
      hinted ? api.hints(id).catch(() => null) : null,
      now.state === "done" ? api.parts(id).catch(() => null) : null,
    ]);
    if (stopped || mine !== turn) return;
    batch(() => {
      if (foundHints?.terms.length) hints.value = same(hints.value, foundHints) ? hints.value : foundHints;
      else hints.value = null;
      parts.value = foundParts?.terms ?? (now.scene ? parts.value : []); // those of before, while a finished job runs again
      version.value++;
    });
  }

  // A stream that opens anew tells the past again: of a job that does not run, that is no news.
  const past = () => job.value !== null && job.value.state !== "running";
  const soon = () => {
    timer ??= window.setTimeout(() => {
      timer = undefined;
      void refresh();
    }, 120);
  };

  const close = listen(`jobs/${encodeURIComponent(id)}/events`, {
    state: soon as (data: never) => void,
    progress: ((data: Progress) => {
      if (past()) return;
      if (progress.value?.stage !== data.stage) spoken.value = `${data.title}${data.term ? `, ${data.term}` : ""}`;
      progress.value = data;
    }) as (data: never) => void,
    stage: soon as (data: never) => void,
    preview: ((data: Preview) => {
      if (past()) return;
      previews.value = { ...previews.value, [paneOf(data.stage, job.value?.kind)]: data };
    }) as (data: never) => void,
    warning: soon as (data: never) => void,
    error: ((data: { message: string }) => {
      spoken.value = `Error: ${data.message}`;
      soon();
    }) as (data: never) => void,
  }, soon);
  void refresh();

  return {
    id, job, missing, progress, previews, hints, parts, version,
    async change(what, told) {
      const fresh = await attempt(() => api.change(id, what));
      if (!fresh) return false;
      take(fresh);
      soon();
      if (told) say(told);
      return true;
    },
    async run(what) {
      const fresh = await attempt(() => api[what](id));
      if (fresh) take(fresh);
    },
    stop() {
      stopped = true;
      window.clearTimeout(timer);
      close();
    },
  };
}

const same = (a: Hints | null, b: Hints) =>
  !!a && a.layout.bits === b.layout.bits && a.terms.length === b.terms.length
  && a.terms.every((one, i) => one.bits === b.terms[i]!.bits && one.term === b.terms[i]!.term);
