// Numbers and times in words.

// As in the pictures of the stages: the base grey, the others told apart with any colour vision.
const BASE = "#afafaf";
const PALETTE = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"];

/** Which colour a term has: "base", or the place among the others. */
export function tone(terms: readonly string[], base: string | null, term: string): "base" | number {
  if (term === base) return "base";
  const index = terms.filter((one) => one !== base).indexOf(term);
  return (index < 0 ? terms.length : index) % PALETTE.length;
}

export const dash = (found: "base" | number) => (found === "base" ? "-base" : String(found)); // of the class

export function colorOf(terms: readonly string[], base: string | null, term: string): string {
  const found = tone(terms, base, term);
  return found === "base" ? BASE : PALETTE[found]!;
}

export function seconds(value: number): string {
  if (value < 1) return "under a second";
  if (value < 90) return `${Math.round(value)} s`;
  if (value < 5400) return `${Math.round(value / 60)} min`;
  return `${(value / 3600).toFixed(1)} h`;
}

/** An error, which begins small and ends without a stop, as a sentence. */
export const sentence = (text: string) => text.replace(/^\p{Ll}/u, (first) => first.toUpperCase()).replace(/[^.!?)]$/, "$&.");

export const whole = (value: number) => Math.round(value).toLocaleString("en");

/** A time of the server, seconds since 1970 or ISO 8601, as milliseconds. */
export function when(time: string | number | null): number | null {
  if (time === null) return null;
  return typeof time === "number" ? time * 1000 : Date.parse(time);
}

export function ago(time: string | number | null): string {
  const then = when(time);
  if (then === null || Number.isNaN(then)) return "";
  const passed = (Date.now() - then) / 1000;
  if (passed < 60) return "just now";
  if (passed < 3600) return `${Math.floor(passed / 60)} min ago`;
  if (passed < 86400) return `${Math.floor(passed / 3600)} h ago`;
  return new Date(then).toLocaleDateString(undefined, { day: "numeric", month: "short" });
}

export function bytes(value: number): string {
  return value < 1e6 ? `${Math.max(1, Math.round(value / 1e3))} kB` : `${(value / 1e6).toFixed(1)} MB`;
}

/** A cut-out's risk, of the API, in words. */
export function risk(value: number): { word: string; level: "low" | "some" | "high" } {
  if (value < 0.35) return { word: "low", level: "low" };
  if (value < 0.7) return { word: "some", level: "some" };
  return { word: "high", level: "high" };
}
