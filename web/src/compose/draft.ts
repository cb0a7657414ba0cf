// The scene that a person is writing: sentence, things, pictures. It survives a reload of the tab.

import { computed, effect, signal } from "@preact/signals";
import * as api from "../api/client.ts";
import type { Pause, SettingValue, Upload } from "../api/types.ts";
import { attempt, remember, remembered } from "../app/store.ts";
import { find, nameToTerm, sentenceOf, withArticle } from "../app/terms.ts";

export interface Picture {
  key: string; // of the page's own
  name: string;
  upload: Upload | null; // null while it travels
  error: string | null;
  version: number; // counts corrections of the cut-out
}

export interface Chip {
  term: string;
  manual: boolean; // a person made it; others come and go with the sentence
  pictures: Picture[];
}

export interface Draft {
  prompt: string;
  chips: Chip[];
  dropped: string[]; // suggestions that a person took away
  main: string | null;
  seed: number | null;
  pause: Pause[];
  settings: Record<string, SettingValue>;
  duplicateOf: string | null;
}

export const EMPTY: Draft = { prompt: "", chips: [], dropped: [], main: null, seed: null, pause: [], settings: {}, duplicateOf: null };
const KEPT = "cast3d.draft";

export const draft = signal<Draft>(restored());
export const said = signal<string[]>([]); // what the server says of the sentence
export const reading = signal(false);

function restored(): Draft {
  try {
    const kept = JSON.parse(remembered(KEPT, "sessionStorage") ?? "null") as Draft | null;
    if (!kept) return EMPTY;
    const chips = kept.chips.map((chip) => ({ ...chip, pictures: chip.pictures.filter((picture) => picture.upload) }));
    return { ...EMPTY, ...kept, chips };
  } catch {
    return EMPTY;
  }
}

effect(() => remember(KEPT, JSON.stringify(draft.value), "sessionStorage"));

export function update(what: Partial<Draft>): void {
  draft.value = { ...draft.value, ...what };
}

function updateChip(term: string, how: (chip: Chip) => Chip): void {
  update({ chips: draft.value.chips.map((chip) => (chip.term === term ? how(chip) : chip)) });
}

function updatePicture(key: string, how: (picture: Picture) => Picture): void {
  const of = (chip: Chip) => ({ ...chip, pictures: chip.pictures.map((one) => (one.key === key ? how(one) : one)) });
  update({ chips: draft.value.chips.map(of) });
}

export const base = computed<string | null>(() => {
  const { main, chips } = draft.value;
  return chips.some((chip) => chip.term === main) ? main : (chips[0]?.term ?? null);
});

export const pictured = computed(() => draft.value.chips.filter((chip) => chip.pictures.some((picture) => picture.upload)));

export const outside = (chip: Chip) => !find(draft.value.prompt, chip.term);

// --- the sentence ---

let timer: number | undefined;
let running: AbortController | undefined;
let chosen = draft.value.main !== null; // a person chose the base

export function setPrompt(prompt: string): void {
  // A suggestion goes with its words; what a person made or gave a picture stays, and its card says what is amiss.
  const chips = draft.value.chips.filter((chip) => chip.manual || chip.pictures.length || find(prompt, chip.term));
  update({ prompt, chips });
  window.clearTimeout(timer);
  timer = window.setTimeout(() => void read(), 250);
}

export function chooseBase(term: string): void {
  chosen = true;
  update({ main: term });
  void read();
}

/** Asks the server for the things of the sentence, and makes them chips. */
export async function read(): Promise<void> {
  running?.abort();
  const { prompt, chips } = draft.value;
  if (!prompt.trim()) {
    said.value = [];
    const kept = chips.filter((chip) => chip.pictures.length);
    update({ chips: kept, dropped: [], main: null });
    chosen = false;
    return;
  }
  running = new AbortController();
  reading.value = true;
  const fixed = chips.filter((chip) => (chip.manual || chip.pictures.length) && find(prompt, chip.term)).map((chip) => chip.term);
  const answer = await attempt(() =>
    api.readScene(prompt, fixed, chosen ? draft.value.main : null, running!.signal));
  reading.value = false;
  if (!answer || draft.value.prompt !== prompt) return;
  said.value = answer.warnings;
  const now = draft.value, kept = now.chips.filter((chip) => chip.manual || chip.pictures.length);
  const known = new Set(kept.map((chip) => chip.term.toLocaleLowerCase()));
  const fresh = answer.nouns
    .map((noun) => noun.text)
    .filter((text) => !known.has(text.toLocaleLowerCase()) && !now.dropped.includes(text))
    .map((term) => now.chips.find((chip) => chip.term === term) ?? { term, manual: false, pictures: [] });
  const place = (chip: Chip) => find(prompt, chip.term)?.start ?? 1e9;
  const all = [...kept, ...fresh].sort((a, b) => place(a) - place(b));
  update({ chips: all, main: chosen ? now.main : (answer.base ?? all[0]?.term ?? null) });
}

export function addChip(term: string): void {
  const { chips, dropped } = draft.value, name = term.trim();
  if (!name || chips.some((chip) => chip.term.toLocaleLowerCase() === name.toLocaleLowerCase())) return;
  const rest = chips.filter((chip) => chip.pictures.length || !overlaps(chip.term, name)); // "cap" gives way to "baseball cap"
  update({ chips: [...rest, { term: name, manual: true, pictures: [] }], dropped: dropped.filter((one) => one !== name) });
  void read();
}

const overlaps = (a: string, b: string) => !!find(b, a) || !!find(a, b);

export function removeChip(term: string): void {
  const { chips, dropped, main } = draft.value;
  update({ chips: chips.filter((chip) => chip.term !== term), dropped: [...dropped, term], main: main === term ? null : main });
  if (main === term) chosen = false;
  void read();
}

/** Puts a thing whose words are gone back into the sentence. */
export function putBack(term: string): void {
  const { prompt } = draft.value, told = prompt.trim().replace(/[.,;]$/, "");
  setPrompt(told ? `${told} and ${withArticle(term)}` : withArticle(term));
}

// --- pictures ---

let keys = 0;

export async function addPictures(term: string, files: readonly File[]): Promise<void> {
  await Promise.all(files.map((file) => addPicture(term, file, file.name)));
}

export async function addPicture(term: string, file: Blob, name: string): Promise<Upload | null> {
  const key = `${Date.now()}-${keys++}`;
  const fresh: Picture = { key, name, upload: null, error: null, version: 0 };
  updateChip(term, (chip) => ({ ...chip, pictures: [...chip.pictures, fresh] }));
  try {
    const upload = await api.upload(file, name);
    if (upload.kind !== "picture") throw new Error(`${name} is no picture. Give a PNG, JPEG or WebP; 3D models go to “Edit a model”.`);
    updatePicture(key, (picture) => ({ ...picture, upload }));
    return upload;
  } catch (error) {
    updatePicture(key, (picture) => ({ ...picture, error: api.inWords(error) })); // its card tells it
    return null;
  }
}

export function removePicture(key: string): void {
  const { chips } = draft.value;
  update({ chips: chips.map((chip) => ({ ...chip, pictures: chip.pictures.filter((picture) => picture.key !== key) })) });
}

export function corrected(key: string, upload: Upload | null): void {
  updatePicture(key, (picture) => ({ ...picture, upload: upload ?? picture.upload, version: picture.version + 1 }));
}

/** Pictures dropped on the page: each goes to the thing that its name says; the others become things themselves. */
export async function dropOnPage(files: readonly File[]): Promise<void> {
  const pairs = files.map((file) => [file, nameToTerm(file.name)] as const);
  const match = (term: string) => draft.value.chips.find((chip) => overlaps(chip.term, term));
  const strangers = pairs.filter(([, term]) => !match(term)).map(([, term]) => term);
  const { prompt, chips } = draft.value;
  const made = [...new Set(strangers)].map((term): Chip => ({ term, manual: true, pictures: [] }));
  const told = prompt.trim().replace(/[.,;]$/, "");
  const sentence = told
    ? [told, ...made.map((chip) => withArticle(chip.term))].join(" and ")
    : sentenceOf(made.map((chip) => chip.term));
  if (made.length) {
    update({ chips: [...chips, ...made] });
    setPrompt(sentence);
  }
  await Promise.all(pairs.map(([file, term]) => addPicture(match(term)?.term ?? term, file, file.name)));
}

/** Another draft in place of this one; `main` of it is a person's choice where it is told. */
export function replaceDraft(fresh: Draft): void {
  chosen = fresh.main !== null;
  said.value = [];
  draft.value = fresh;
}

export const clear = () => replaceDraft(EMPTY);

/** A picture that the server has already. */
export function attach(term: string, upload: Upload): void {
  const picture: Picture = { key: `${Date.now()}-${keys++}`, name: upload.name, upload, error: null, version: 0 };
  updateChip(term, (chip) => ({ ...chip, pictures: [...chip.pictures, picture] }));
}
