// What the whole page shares: the server's health, the history, messages, and the colour theme.

import { computed, effect, signal } from "@preact/signals";
import * as api from "../api/client.ts";
import { listen } from "../api/events.ts";
import type { Example, Health, Job, JobState, Setting } from "../api/types.ts";

export const health = signal<Health | null>(null);
export const offline = signal(false);
export const history = signal<Job[]>([]);
export const historyEnds = signal(true);
export const examples = signal<Example[] | null>(null);
export const settings = signal<Setting[]>([]);
export const dialog = signal<string | null>(null);

// --- messages ---

export interface Message {
  id: number;
  text: string;
  tone: "plain" | "error";
  time: number;
}

export const messages = signal<Message[]>([]);
export const spoken = signal(""); // for screen readers only

let count = 0;

/** Shows a message; errors stay until they are closed. */
export function say(text: string, tone: Message["tone"] = "plain"): void {
  const id = ++count;
  messages.value = [...messages.value.filter((message) => message.text !== text), { id, text, tone, time: Date.now() }];
  if (tone === "plain") window.setTimeout(() => hush(id), 6000);
}

export function hush(id: number): void {
  messages.value = messages.value.filter((message) => message.id !== id);
}

/** Another page is shown: what was said on the one before goes, unless it was said just now. */
export function turnPage(): void {
  messages.value = messages.value.filter((message) => Date.now() - message.time < 1000);
}

/** Runs, and says an error in words; undefined where it failed. */
export async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return undefined;
    say(api.inWords(error), "error");
    return undefined;
  }
}

// --- theme ---

export type Theme = "system" | "light" | "dark";
const KEPT = "cast3d.theme";
export const theme = signal<Theme>((remembered(KEPT) as Theme | null) ?? "system");
const night = matchMedia("(prefers-color-scheme: dark)");
const nightly = signal(night.matches);
night.addEventListener("change", () => (nightly.value = night.matches));
export const dark = computed(() => theme.value === "dark" || (theme.value === "system" && nightly.value));

effect(() => {
  document.documentElement.dataset["theme"] = dark.value ? "dark" : "light";
  remember(KEPT, theme.value === "system" ? null : theme.value);
});

/** Storage is a convenience: a browser that forbids it loses nothing but that. */
export function remembered(key: string, where: "localStorage" | "sessionStorage" = "localStorage"): string | null {
  try {
    return window[where].getItem(key);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string | null, where: "localStorage" | "sessionStorage" = "localStorage"): void {
  try {
    if (value === null) window[where].removeItem(key);
    else window[where].setItem(key, value);
  } catch {
    // full or forbidden
  }
}

// --- the server ---

const PAGE = 50; // jobs in an answer

export async function refreshHistory(): Promise<void> {
  try {
    const { jobs } = await api.jobs();
    const last = jobs.at(-1), older = jobs.length < PAGE || !last ? [] : history.value.filter((job) => job.id < last.id);
    history.value = [...jobs, ...older]; // ids grow with time
    if (!older.length) historyEnds.value = jobs.length < PAGE;
    offline.value = false;
  } catch (error) {
    offline.value = error instanceof api.ApiError && error.kind === "offline";
    if (!offline.value) say(api.inWords(error), "error");
  }
}

export async function olderHistory(): Promise<void> {
  const last = history.value.at(-1);
  const older = last && (await attempt(() => api.jobs(last.id)));
  if (!older) return;
  history.value = [...history.value, ...older.jobs.filter((job) => !history.value.some((known) => known.id === job.id))];
  historyEnds.value = older.jobs.length < PAGE;
}

export function keep(job: Job): void {
  const known = history.value.some((other) => other.id === job.id);
  history.value = known ? history.value.map((other) => (other.id === job.id ? job : other)) : [job, ...history.value];
}

export async function refreshHealth(): Promise<void> {
  try {
    health.value = await api.health();
    offline.value = false;
  } catch (error) {
    offline.value = error instanceof api.ApiError && error.kind === "offline";
  }
}

let pending: number | undefined;

/** A crowd of events asks once, and none of them puts it off. */
function soon(): void {
  pending ??= window.setTimeout(() => {
    pending = undefined;
    void Promise.all([refreshHistory(), refreshHealth()]);
  }, 250);
}

function gone({ id }: { id: string }): void {
  history.value = history.value.filter((job) => job.id !== id);
}

export function start(): void {
  void refreshHealth();
  void refreshHistory();
  void attempt(api.examples).then((found) => (examples.value = found ?? []));
  void attempt(api.settings).then((found) => (settings.value = found ?? []));
  listen("events", { state: soon, deleted: gone as (data: never) => void }, soon);
  window.setInterval(() => void refreshHealth(), 15_000);
}

export const ENDED: readonly JobState[] = ["done", "failed", "cancelled"];
export const WORDS: Record<JobState, string> = {
  queued: "in the queue",
  running: "at work",
  waiting: "waits for you",
  done: "done",
  failed: "failed",
  cancelled: "cancelled",
};
