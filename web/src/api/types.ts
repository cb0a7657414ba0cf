// What the server says, as in docs/api.md. All URLs are paths from the server's root.

export type JobKind = "compose" | "edit" | "lift" | "imagine";
export type JobState = "queued" | "running" | "waiting" | "done" | "failed" | "cancelled";
export type Pause = "pictures" | "hints";
export type SettingValue = number | string | boolean | (number | string)[] | null;

export interface Health {
  status: string;
  version: string;
  backbone: string;
  devices: string[];
  queue: { queued: number; running: number; limit: number };
  disk: { used: number; limit: number | null };
}

export interface Setting {
  name: string;
  symbol: string;
  title: string;
  help: string;
  default: SettingValue;
  minimum: number | null;
  maximum: number | null;
  choices: string[] | null;
  group: string;
}

export interface Example {
  id: string;
  title: string;
  kind: JobKind;
  prompt: string;
  main: string | null;
  assets: Record<string, string[]>;
  picture: string;
}

export interface Upload {
  id: string;
  kind: "picture" | "model";
  name: string;
  bytes: number;
  width?: number;
  height?: number;
  warnings: string[];
  notes: string[];
  risk: number | null;
  cutout: string | null;
  nodes?: string[];
  triangles?: number;
  prompt?: string;
}

export interface Reading {
  nouns: { text: string; start: number; end: number }[];
  base: string | null;
  warnings: string[];
}

export interface StageInfo {
  name: string;
  term: string | null;
  title: string;
  caption: string;
  half: string;
  seconds: number | null;
  reused: boolean;
  pictures: string[];
}

export type Pictures = Record<string, { url: string; cutout: string | null; id?: string | null }[]>;

export interface Job {
  id: string;
  kind: JobKind;
  title: string;
  prompt: string;
  main: string | null;
  assets: Pictures;
  replace?: Record<string, Pictures>; // by part of the model: the new term and its pictures
  add?: Pictures;
  model?: string | null;
  before?: string | null; // the model of an edit, where it is a GLB
  seed: number;
  settings: Record<string, SettingValue>;
  state: JobState;
  cancelling?: boolean;
  position: number | null;
  stage: string | null;
  fraction: number;
  seconds_left: number | null;
  created: string | number;
  started: string | number | null;
  finished: string | number | null;
  error: string | null;
  warnings: string[];
  notes: string[];
  pause: Pause[];
  picture: string | null;
  scene: string | null;
  splat: string | null;
  report: string | null;
  stages: StageInfo[];
  duplicate_of: string | null;
}

export interface JobRequest {
  kind: JobKind;
  prompt: string;
  main?: string;
  assets?: Record<string, string[]>;
  seed?: number;
  settings?: Record<string, SettingValue>;
  pause?: Pause[];
  title?: string;
  duplicate_of?: string;
  model?: string;
  replace?: Record<string, string[] | Record<string, string[]>>;
  add?: Record<string, string[]>;
  remove?: string[];
  keep?: "exact" | "recompose";
}

export interface JobChange {
  accept?: true;
  hints?: Record<string, { bits: string } | { box: [number[], number[]] }>;
  ask_again?: true;
  reseed?: Record<string, number>;
  choose?: Record<string, number>;
  pictures?: Record<string, string[]>;
  settings?: Record<string, SettingValue>;
  prompt?: string;
}

export interface Hints {
  terms: { term: string; color: string; bits: string }[];
  layout: { bits: string };
  base: string;
}

export interface Candidate {
  index: number;
  label: string; // how it was made
  score: number | null; // agreement of its outline with the picture's
  url: string;
  chosen: boolean;
}

export interface PartInfo {
  term: string;
  slug: string;
  base: boolean;
  color: string;
  url_glb: string;
  triangles: number;
  size: [number, number, number];
  solid: boolean;
  candidates?: Candidate[];
}

export interface Progress {
  stage: string;
  title: string;
  term?: string | null;
  done: number;
  total: number;
  fraction: number;
  seconds_left: number | null;
}

export interface Preview {
  stage: string;
  step: number;
  url: string;
}
