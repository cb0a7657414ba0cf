// What shall change in a model.

import type { JobRequest, Upload } from "../api/types.ts";
import { find, nameToTerm, withArticle } from "../app/terms.ts";

export interface Change {
  what: "replace" | "remove" | "add";
  part: string; // of the model; of what is added, the word that it came with
  term: string; // what is new is called so; "" where a part goes
  uploads: Upload[];
}

export interface Named {
  name: string;
  prompt: string;
  nodes: readonly string[];
}

const SAYS_NOTHING = /^(img|image|picture|pic|photo|foto|dsc\w*|pxl\w*|screenshot|screen shot|scan|download|untitled|unnamed|file|thing|copy|new)\b|^\W*$|\d{4}|^[0-9a-f\s]{8,}$/i;

/** What a picture shows, as its file's name says; null where the name says nothing ("IMG_2041.jpg"). */
export function told(file: string): string | null {
  const term = nameToTerm(file);
  return SAYS_NOTHING.test(term) || !/\p{L}{2}/u.test(term) ? null : term;
}

/** A sentence that follows from the model and its changes; a person may write a better one. */
export function sentenceFor(model: Named, changes: readonly Change[]): string {
  const removed = changes.filter((change) => change.what === "remove").map((change) => change.part);
  const fresh = changes.filter((change) => change.what !== "remove");
  if (model.prompt && !removed.length && model.nodes.every((node) => find(model.prompt, node))) {
    let sentence = model.prompt;
    for (const { what, part, term } of fresh) {
      const there = what === "replace" ? find(sentence, part) : null;
      if (there) sentence = inPlace(sentence, there.start, there.end, term);
      else if (!find(sentence, term)) sentence = `${sentence} and ${withArticle(term)}`;
    }
    return sentence;
  }
  const gone = new Set(changes.filter((change) => change.what !== "add").map((change) => change.part));
  const kept = model.nodes.filter((node) => !gone.has(node));
  const base = kept[0] ?? (model.name.replace(/\.\w+$/, "").replace(/[_-]+/g, " ").trim() || "model");
  const all = [...(model.prompt ? kept : []), ...fresh.map((change) => change.term)];
  const rest = [...new Set(all)].filter((term) => term && term !== base).map(withArticle);
  if (!rest.length) return withArticle(base);
  return `${withArticle(base)} with ${rest.length > 1 ? `${rest.slice(0, -1).join(", ")} and ` : ""}${rest.at(-1)}`;
}

/** Another word at a place of a sentence; "a" or "an" before it follows. */
function inPlace(sentence: string, start: number, end: number, term: string): string {
  const before = sentence.slice(0, start).replace(/\b(an?)(\s+)$/i, (all, article: string, space: string) => {
    const [wanted] = withArticle(term).split(" ");
    return article.toLowerCase() === wanted ? all : `${article[0]}${wanted === "an" ? "n" : ""}${space}`;
  });
  return before + term + sentence.slice(end);
}

/** Why it cannot be sent yet; empty where it can. */
export function problemOf(changes: readonly Change[], sentence: string): string {
  if (!changes.length) return "Choose a part to change, or add a thing.";
  const fresh = changes.filter((change) => change.what !== "remove");
  const bare = fresh.find((change) => !change.uploads.length);
  if (bare) return `${bare.part || bare.term} needs a picture of what is new.`;
  const unnamed = fresh.find((change) => !change.term.trim());
  if (unnamed) return `Name what comes in place of ${unnamed.part}.`;
  const twice = fresh.find((change, i) => fresh.some((other, j) => j < i && other.term.trim().toLowerCase() === change.term.trim().toLowerCase()));
  if (twice) return `Two new things are called “${twice.term}”. Name one otherwise.`;
  const unsaid = fresh.find((change) => !find(sentence, change.term));
  if (unsaid) return `The sentence must contain “${unsaid.term}”.`;
  return sentence.trim() ? "" : "Write what it shall be afterwards.";
}

export function requestOf(model: { id: string }, changes: readonly Change[], prompt: string, keep: "exact" | "recompose"): JobRequest {
  const of = (what: Change["what"]) => changes.filter((change) => change.what === what);
  const ids = (change: Change) => change.uploads.map((upload) => upload.id);
  const [replace, add, remove] = [of("replace"), of("add"), of("remove")];
  return {
    kind: "edit", prompt: prompt.trim(), model: model.id, keep,
    ...(replace.length ? { replace: Object.fromEntries(replace.map((change) => [change.part, { [change.term.trim()]: ids(change) }])) } : {}),
    ...(add.length ? { add: Object.fromEntries(add.map((change) => [change.term.trim(), ids(change)])) } : {}),
    ...(remove.length ? { remove: remove.map((change) => change.part) } : {}),
  };
}
