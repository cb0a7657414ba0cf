// What shall change in a model.

import type { Upload } from "../api/types.ts";
import { find, withArticle } from "../app/terms.ts";

export interface Change {
  what: "replace" | "remove" | "add";
  term: string;
  uploads: Upload[];
}

/** A sentence that follows from the model and its changes; a person may write a better one. */
export function sentenceFor(model: { name: string; prompt: string; nodes: readonly string[] }, changes: readonly Change[]): string {
  const removed = changes.filter((change) => change.what === "remove").map((change) => change.term);
  const wanted = changes.filter((change) => change.what !== "remove").map((change) => change.term);
  if (model.prompt && !removed.length) {
    return [model.prompt, ...wanted.filter((term) => !find(model.prompt, term)).map(withArticle)].join(" and ");
  }
  const kept = model.nodes.filter((node) => !removed.includes(node));
  const base = kept.find((node) => !wanted.includes(node)) ?? model.name.replace(/\.\w+$/, "").replace(/[_-]+/g, " ");
  const rest = [...new Set([...(model.prompt ? kept : []), ...wanted])].filter((term) => term !== base).map(withArticle);
  if (!rest.length) return withArticle(base);
  return `${withArticle(base)} with ${rest.length > 1 ? `${rest.slice(0, -1).join(", ")} and ` : ""}${rest.at(-1)}`;
}
