// The address's fragment says what is shown: #/, #/edit, #/job/ID.

import { signal } from "@preact/signals";

export type Route = { page: "compose" } | { page: "edit"; model?: string } | { page: "job"; id: string };

export function parse(fragment: string): Route {
  const [page, id] = fragment.replace(/^#?\/?/, "").split("/").map(decodeURIComponent);
  if (page === "job" && id) return { page, id };
  if (page === "edit") return id ? { page, model: id } : { page };
  return { page: "compose" };
}

export const route = signal<Route>(parse(location.hash));

window.addEventListener("hashchange", () => (route.value = parse(location.hash)));

export const toJob = (id: string) => `#/job/${encodeURIComponent(id)}`;

export function go(fragment: string): void {
  location.hash = fragment;
}
