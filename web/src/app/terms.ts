// Where terms stand in a sentence.

export interface Span {
  start: number;
  end: number;
}

const LETTER = /[\p{L}\p{N}]/u;
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

function inside(left: string | undefined, right: string | undefined): boolean {
  return !!left && !!right && LETTER.test(left) && LETTER.test(right) && !UNSPACED.test(left) && !UNSPACED.test(right);
}

/** The first place where the term stands as whole words, and not on words that are taken. */
export function find(prompt: string, term: string, taken: readonly Span[] = []): Span | null {
  const text = prompt.toLocaleLowerCase(), wanted = term.trim().toLocaleLowerCase();
  if (!wanted || text.length !== prompt.length) return null;
  for (let start = text.indexOf(wanted); start >= 0; start = text.indexOf(wanted, start + 1)) {
    const end = start + wanted.length;
    const cut = inside(text[start - 1], text[start]) || inside(text[end - 1], text[end]);
    if (!cut && !taken.some((other) => start < other.end && other.start < end)) return { start, end };
  }
  return null;
}

/** Spans of the terms that stand in the prompt; longer terms choose first, so that "cap" leaves "baseball cap" alone. */
export function findAll(prompt: string, terms: readonly string[]): Map<string, Span> {
  const found = new Map<string, Span>();
  for (const term of [...terms].sort((a, b) => b.length - a.length)) {
    const span = find(prompt, term, [...found.values()]);
    if (span) found.set(term, span);
  }
  return found;
}

export interface Piece {
  text: string;
  term: string | null;
}

/** The prompt in pieces, those of terms marked. */
export function pieces(prompt: string, terms: readonly string[]): Piece[] {
  const spans = [...findAll(prompt, terms)].sort((a, b) => a[1].start - b[1].start);
  const out: Piece[] = [];
  let at = 0;
  for (const [term, { start, end }] of spans) {
    if (start > at) out.push({ text: prompt.slice(at, start), term: null });
    out.push({ text: prompt.slice(start, end), term });
    at = end;
  }
  if (at < prompt.length) out.push({ text: prompt.slice(at), term: null });
  return out;
}

/** A selection grown to whole words, without spaces and punctuation at its ends. */
export function wholeWords(prompt: string, start: number, end: number): string {
  while (start > 0 && inside(prompt[start - 1], prompt[start])) start--;
  while (end < prompt.length && inside(prompt[end - 1], prompt[end])) end++;
  return prompt.slice(start, end).replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "");
}

/** Words that a file's name gives: "baseball-cap_2.png" -> "baseball cap". */
export function nameToTerm(file: string): string {
  const words = file.replace(/\.[^.]*$/, "").replace(/[_\-.+]+/g, " ").replace(/\s*\(?\d+\)?\s*$/, "").trim();
  return words.toLocaleLowerCase() || "thing";
}

export function withArticle(term: string): string {
  return `${/^[aeiou]/i.test(term) ? "an" : "a"} ${term}`;
}

/** A sentence of the base and what it carries. */
export function sentenceOf(terms: readonly string[]): string {
  const [base, ...rest] = terms.map(withArticle);
  if (!base) return "";
  if (!rest.length) return base;
  return `${base} with ${rest.length > 1 ? `${rest.slice(0, -1).join(", ")} and ` : ""}${rest.at(-1)}`;
}
