// The address's fragment says what is shown: #/, #/edit, #/edit/ID, #/edit/ID/PART, #/job/ID.

import { signal } from "@preact/signals";

export type Route = { page: "compose" } | { page: "edit"; model?: string; part?: string } | { page: "job"; id: string };

export function parse(fragment: string): Route {
  const [page, id, part] = fragment.replace(/^#?\/?/, "").split("/").map(decodeURIComponent);
  if (page === "job" && id) return { page, id };
  if (page === "edit") return id ? { page, model: id, ...(part ? { part } : {}) } : { page };
  return { page: "compose" };
}

export const route = signal<Route>(parse(location.hash));

window.addEventListener("hashchange", () => (route.value = parse(location.hash)));

export const toEdit = (id: string, part?: string) => `#/edit/${[id, ...(part ? [part] : [])].map(encodeURIComponent).join("/")}`;
export const toJob = (id: string) => `#/job/${encodeURIComponent(id)}`;

export function go(fragment: string): void {
  location.hash = fragment;
}
