import assert from "node:assert/strict";
import { test } from "node:test";
import { find, findAll, nameToTerm, pieces, sentenceOf, wholeWords } from "../src/app/terms.ts";

test("terms are whole words, and longer ones choose first", () => {
  assert.equal(find("a scaped cape", "cape")!.start, 9);
  assert.equal(find("a capes", "cape"), null);
  const spans = findAll("a cap and a baseball cap", ["cap", "baseball cap"]);
  assert.deepEqual(spans.get("baseball cap"), { start: 12, end: 24 });
  assert.deepEqual(spans.get("cap"), { start: 2, end: 5 });
});

test("in scripts without spaces a term is any piece", () => {
  assert.deepEqual(find("戴帽子的人", "帽子"), { start: 1, end: 3 });
});

test("pieces hold the whole sentence", () => {
  const prompt = "A Figure wearing a cap.";
  const found = pieces(prompt, ["figure", "cap"]);
  assert.equal(found.map((piece) => piece.text).join(""), prompt);
  assert.deepEqual(found.filter((piece) => piece.term).map((piece) => piece.text), ["Figure", "cap"]);
});

test("a selection grows to whole words", () => {
  assert.equal(wholeWords("a figure wearing", 4, 11), "figure wearing");
  assert.equal(wholeWords("a cap, and", 2, 7), "cap");
});

test("names of files become words, and words a sentence", () => {
  assert.equal(nameToTerm("Baseball-cap_2.png"), "baseball cap");
  assert.equal(sentenceOf(["owl", "cap", "backpack"]), "an owl with a cap and a backpack");
  assert.equal(sentenceOf(["owl"]), "an owl");
});
