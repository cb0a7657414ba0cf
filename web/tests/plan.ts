import assert from "node:assert/strict";
import { test } from "node:test";
import { problemOf, requestOf, sentenceFor, told, type Change } from "../src/edit/plan.ts";

const upload = { id: "up-1" } as Change["uploads"][number];
const FIGURE = { name: "scene.glb", prompt: "a figure wearing a baseball cap and a backpack", nodes: ["figure", "baseball cap", "backpack"] };
const swap = (term: string, part = "baseball cap"): Change => ({ what: "replace", part, term, uploads: [upload] });

test("names of files say what a picture shows, or nothing", () => {
  assert.equal(told("cowboy-hat.png"), "cowboy hat");
  for (const name of ["IMG_2041.jpg", "download (3).png", "Screenshot 2026-01-02.png", "3f2a9c81d0.png", "7.png", "image.webp"]) {
    assert.equal(told(name), null, name);
  }
});

test("the new word takes the old one's place in the sentence", () => {
  assert.equal(sentenceFor(FIGURE, [swap("cowboy hat")]), "a figure wearing a cowboy hat and a backpack");
  assert.equal(sentenceFor(FIGURE, [swap("owl")]), "a figure wearing an owl and a backpack");
  assert.equal(sentenceFor({ ...FIGURE, prompt: "an owl with a cap", nodes: ["owl", "cap"] }, [swap("dog", "owl")]), "a dog with a cap");
  assert.equal(sentenceFor(FIGURE, [{ what: "add", part: "shovel", term: "shovel", uploads: [upload] }]), `${FIGURE.prompt} and a shovel`);
});

test("a sentence that does not name the model's parts is not used", () => {
  assert.equal(sentenceFor({ ...FIGURE, nodes: ["figure", "cowboy hat"] }, [swap("crown", "cowboy hat")]), "a figure with a crown");
  assert.equal(sentenceFor({ name: "my-horse.glb", prompt: "", nodes: [] }, [swap("wings", "wings")]), "a my horse with a wings");
  assert.equal(sentenceFor(FIGURE, [{ what: "remove", part: "backpack", term: "", uploads: [] }]), "a figure with a baseball cap");
});

test("what is missing is said", () => {
  assert.match(problemOf([], ""), /Choose a part/);
  assert.match(problemOf([{ ...swap("hat"), uploads: [] }], "a figure with a hat"), /baseball cap needs a picture/);
  assert.match(problemOf([swap(" ")], "a figure"), /Name what comes/);
  assert.match(problemOf([swap("hat"), swap("Hat", "backpack")], "a figure with a hat"), /Two new things/);
  assert.match(problemOf([swap("hat")], "a figure with that"), /must contain “hat”/);
  assert.equal(problemOf([swap("hat")], "a figure with a hat"), "");
});

test("parts go by their names, and what is new by its own", () => {
  assert.deepEqual(requestOf({ id: "m" }, [swap("top hat ")], " a figure with a top hat", "exact"), {
    kind: "edit", prompt: "a figure with a top hat", model: "m", keep: "exact", replace: { "baseball cap": { "top hat": ["up-1"] } },
  });
});
