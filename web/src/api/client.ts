// Calls of the server, each with an error in words.

import type {
  Example, Health, Hints, Job, JobChange, JobRequest, PartInfo, Reading, Setting, Upload,
} from "./types.ts";

export const API = "/api/v1";

export class ApiError extends Error {
  constructor(
    readonly kind: string,
    message: string,
    readonly status: number,
    readonly field?: string,
  ) {
    super(message);
  }
}

const REMEDY: Record<string, string> = {
  auth: "Open the address that cast3d app printed: it holds the key.",
  limit: "Wait until a job is done, or delete some, then try again.",
  not_found: "It may have been deleted. Reload the page.",
};

/** The sentence that a person reads: what went wrong, and what to do. */
export function inWords(error: unknown): string {
  if (error instanceof ApiError) {
    const remedy = REMEDY[error.kind];
    return remedy ? `${error.message.replace(/\.?$/, ".")} ${remedy}` : error.message;
  }
  return error instanceof Error ? error.message : String(error);
}

async function failure(response: Response): Promise<ApiError> {
  try {
    const { error } = await response.json();
    return new ApiError(error.kind, error.message, response.status, error.field);
  } catch {
    return new ApiError("internal", `The server answered ${response.status} ${response.statusText}.`, response.status);
  }
}

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path.startsWith("/") ? path : `${API}/${path}`, {
      ...init,
      headers: { "X-Cast3d": "page", ...init.headers },
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("offline", "The server does not answer. See whether cast3d app still runs, then try again.", 0);
  }
  if (!response.ok) throw await failure(response);
  return response;
}

async function ask<T>(path: string, method = "GET", body?: unknown, signal?: AbortSignal): Promise<T> {
  const init: RequestInit = { method, signal: signal ?? null };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { "Content-Type": "application/json" };
  }
  return (await call(path, init)).json();
}

const job = (id: string) => `jobs/${encodeURIComponent(id)}`;

export const health = () => ask<Health>("health");
export const settings = () => ask<Setting[]>("settings");
export const examples = () => ask<Example[]>("examples");
export const readScene = (prompt: string, terms: string[], main: string | null, signal?: AbortSignal) =>
  ask<Reading>("scene/read", "POST", { prompt, terms, ...(main ? { main } : {}) }, signal);

export async function upload(file: Blob, name: string): Promise<Upload> {
  const response = await call(`uploads?name=${encodeURIComponent(name)}`, {
    method: "POST",
    body: file,
    headers: { "Content-Type": "application/octet-stream" },
  });
  return response.json();
}

export const uploaded = (id: string) => ask<Upload>(`uploads/${encodeURIComponent(id)}`);
export const uploadFile = (id: string) => `${API}/uploads/${encodeURIComponent(id)}/file`;

export async function putCutout(id: string, png: Blob): Promise<Upload | null> {
  const response = await call(`uploads/${encodeURIComponent(id)}/cutout`, {
    method: "PUT",
    body: png,
    headers: { "Content-Type": "image/png" },
  });
  return response.status === 204 ? null : response.json();
}

export const submit = (request: JobRequest) => ask<Job>("jobs", "POST", request);
export const jobs = (before?: string) =>
  ask<{ jobs: Job[] }>(`jobs?limit=50${before ? `&before=${encodeURIComponent(before)}` : ""}`);
export const getJob = (id: string) => ask<Job>(job(id));
export const cancel = (id: string) => ask<Job>(`${job(id)}/cancel`, "POST", {});
export const resume = (id: string) => ask<Job>(`${job(id)}/resume`, "POST", {});
export const change = (id: string, what: JobChange) => ask<Job>(job(id), "PATCH", what);
export const remove = async (id: string) => void (await call(job(id), { method: "DELETE" }));
export const hints = (id: string) => ask<Hints>(`${job(id)}/hints`);
export const parts = (id: string) => ask<{ terms: PartInfo[] }>(`${job(id)}/parts`);

export function exportUrl(id: string, to: string, options: { faces?: number; height?: number; part?: string } = {}): string {
  const query = new URLSearchParams({ to });
  if (options.faces) query.set("faces", String(options.faces));
  if (options.height) query.set("height_mm", String(options.height));
  if (options.part) query.set("part", options.part);
  return `${API}/${job(id)}/export?${query}`;
}

/** A file of the server as bytes that may be uploaded again. */
export async function fetchBlob(url: string): Promise<Blob> {
  return (await call(url)).blob();
}

/** A file with the name that the server gives it. */
export async function fetchFile(url: string, signal: AbortSignal): Promise<{ blob: Blob; name: string }> {
  const response = await call(url, { signal });
  const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1];
  return { blob: await response.blob(), name: name ?? "scene" };
}

export async function fetchBytes(url: string, signal?: AbortSignal): Promise<ArrayBuffer> {
  return (await call(url, { signal: signal ?? null })).arrayBuffer();
}
