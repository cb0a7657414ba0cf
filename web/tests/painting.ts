import assert from "node:assert/strict";
import { test } from "node:test";
import { around, at, count, emptyGrid, pack, unpack } from "../src/viewer/bits.ts";
import { Painting } from "../src/viewer/painting.ts";

function made(): Painting {
  const figure = emptyGrid(), cap = emptyGrid(), layout = emptyGrid();
  around([32, 32, 20], 10, (index) => (figure[index] = layout[index] = 1));
  around([32, 32, 40], 6, (index) => { cap[index] = layout[index] = 1; figure[index] = 0; });
  const of = (term: string, grid: Uint8Array) => ({ term, color: "#000000", bits: pack(grid) });
  return new Painting({ terms: [of("figure", figure), of("cap", cap)], layout: { bits: pack(layout) }, base: "figure" });
}

const hit = { cell: [32, 32, 20], point: [32, 32, 20], normal: [0, 0, 1] } as never;

test("a voxel has one owner: what is painted leaves its former one", () => {
  const painting = made(), before = count(painting.grid("figure"));
  painting.begin();
  assert.ok(painting.dab("cap", "paint", hit, 3, false));
  assert.equal(painting.grid("cap")[at(32, 32, 20)], 1);
  assert.equal(painting.grid("figure")[at(32, 32, 20)], 0);
  assert.ok(count(painting.grid("figure")) < before);
  const owners = painting.owners();
  assert.equal(owners[at(32, 32, 20)], 3);
  assert.ok(painting.undo());
  assert.equal(count(painting.grid("figure")), before);
  assert.ok(painting.redo());
  assert.equal(painting.grid("cap")[at(32, 32, 20)], 1);
});

test("what is erased goes back to the base, and only accessories are sent", () => {
  const painting = made();
  painting.begin();
  painting.dab("cap", "erase", { ...(hit as object), point: [32, 32, 40] } as never, 4, false);
  assert.equal(painting.grid("figure")[at(32, 32, 40)], 1);
  const sent = painting.toSend();
  assert.deepEqual(Object.keys(sent), ["cap"]);
  assert.equal(unpack(sent["cap"]!.bits)[at(32, 32, 40)], 0);
});

test("adding grows on what was there before the stroke", () => {
  const painting = made(), free = at(32, 32, 52);
  painting.begin();
  painting.dab("cap", "add", { cell: [32, 32, 45], point: [32, 32, 46], normal: [0, 0, 1] } as never, 8, false);
  assert.equal(painting.grid("cap")[free], 1);
  assert.equal(painting.met(free), false);
  painting.end();
  assert.equal(painting.met(free), true);
});

test("only what differs is sent", () => {
  const painting = made(), held = painting.held("cap")!;
  painting.begin();
  painting.place("cap", held, held.box);
  assert.deepEqual(painting.toSend(), {});
  painting.dab("cap", "paint", hit, 3, false);
  assert.deepEqual(Object.keys(painting.toSend()), ["cap"]);
  painting.undo();
  assert.deepEqual(painting.toSend(), {});
});

test("both sides are painted alike", () => {
  const painting = made();
  painting.dab("cap", "paint", { ...(hit as object), point: [28, 32, 20] } as never, 2, true);
  assert.equal(painting.grid("cap")[at(27, 32, 20)], 1);
  assert.equal(painting.grid("cap")[at(36, 32, 20)], 1);
});

test("a box that moves gives the base what it leaves", () => {
  const painting = made(), held = painting.held("cap")!;
  painting.place("cap", held, { low: [held.box.low[0], held.box.low[1], held.box.low[2] + 8], high: [held.box.high[0], held.box.high[1], held.box.high[2] + 8] });
  assert.equal(painting.grid("figure")[at(32, 32, 36)], 1);
  assert.equal(painting.grid("cap")[at(32, 32, 48)], 1);
  assert.equal(count(painting.grid("cap")), count(held.grid));
});
