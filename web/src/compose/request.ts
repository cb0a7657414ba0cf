// From a draft to what is asked of the server, and from a job or an example back to a draft.

import { computed } from "@preact/signals";
import * as api from "../api/client.ts";
import type { Job, JobRequest, Pause, SettingValue } from "../api/types.ts";
import { attempt } from "../app/store.ts";
import { EMPTY, addPicture, attach, base, draft, outside, pictured, replaceDraft, type Chip } from "./draft.ts";

/** What would be asked for, or the reason why it cannot be yet. */
export const request = computed<{ ask: JobRequest } | { problem: string }>(() => {
  const { prompt, chips, seed, settings, pause, duplicateOf } = draft.value, text = prompt.trim();
  if (!text) return { problem: "Write a sentence, or drop pictures." };
  if (chips.some((chip) => chip.pictures.some((one) => !one.upload && !one.error))) return { problem: "Pictures are still on their way." };
  const gone = pictured.value.find(outside);
  if (gone) return { problem: `“${gone.term}” is not in the sentence. Put it back, or remove its card.` };
  const more = { ...(seed === null ? {} : { seed }), ...(Object.keys(settings).length ? { settings } : {}), ...(duplicateOf ? { duplicate_of: duplicateOf } : {}) };
  if (!pictured.value.length) return { ask: { kind: "imagine", prompt: text, ...more } };
  const ids = (chip: Chip) => chip.pictures.flatMap((picture) => (picture.upload ? [picture.upload.id] : []));
  const assets = Object.fromEntries(pictured.value.map((chip) => [chip.term, ids(chip)]));
  const [only] = pictured.value;
  if (chips.length === 1 && only && only.term.length + 6 > text.length) {
    return { ask: { kind: "lift", prompt: text, main: only.term, assets, ...more } };
  }
  const main = base.value;
  if (!main || !(main in assets)) {
    return { problem: `The base${main ? `, “${main}”,` : ""} needs a picture. Drop one on its card, or choose another base.` };
  }
  return { ask: { kind: "compose", prompt: text, main, assets, ...more, ...(pause.length ? { pause } : {}) } };
});

/** Fills the draft from a job or an example; its pictures are uploaded again where their ids are not known. */
export async function fillFrom(source: {
  prompt: string;
  main: string | null;
  assets: Record<string, { url: string; id?: string | null }[]>;
  duplicateOf?: string;
  seed?: number | null;
  settings?: Record<string, SettingValue>;
  pause?: Pause[];
}): Promise<boolean> {
  const terms = Object.keys(source.assets);
  replaceDraft({
    ...EMPTY,
    prompt: source.prompt,
    main: source.main,
    seed: source.seed ?? null,
    settings: source.settings ?? {},
    pause: source.pause ?? [],
    duplicateOf: source.duplicateOf ?? null,
    chips: terms.map((term) => ({ term, manual: true, pictures: [] })),
  });
  const put = async (term: string, { url, id }: { url: string; id?: string | null }) => {
    const name = decodeURIComponent(url.split("?")[0]!.split("/").pop() ?? "picture.png");
    if (id) {
      const upload = await api.uploaded(id).catch(() => null); // it may be gone by now
      if (upload) {
        attach(term, upload);
        return true;
      }
    }
    const blob = await attempt(() => api.fetchBlob(url));
    return !!blob && !!(await addPicture(term, blob, name));
  };
  const done = await Promise.all(Object.entries(source.assets).flatMap(([term, files]) => files.map((file) => put(term, file))));
  return done.every(Boolean);
}

export function fillFromJob(job: Job): Promise<boolean> {
  return fillFrom({ ...job, duplicateOf: job.id });
}
