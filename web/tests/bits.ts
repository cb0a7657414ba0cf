import assert from "node:assert/strict";
import { test } from "node:test";
import { SIDE, around, at, bounds, cast, cellOf, count, emptyGrid, pack, refit, unpack } from "../src/viewer/bits.ts";

test("bits are packed as numpy.packbits does, z fastest, the highest bit first", () => {
  const grid = emptyGrid();
  grid[at(0, 0, 0)] = grid[at(0, 0, 9)] = grid[at(63, 63, 63)] = 1;
  const bytes = Buffer.from(pack(grid), "base64");
  assert.equal(bytes.length, SIDE ** 3 / 8);
  assert.deepEqual([bytes[0], bytes[1], bytes.at(-1)], [128, 64, 1]);
  assert.deepEqual(unpack(pack(grid)), grid);
  assert.throws(() => unpack(btoa("short")), /32768 bytes/);
});

test("cells and indices are each other's inverse", () => {
  for (const index of [0, 1, 63, 64, 4095, 4096, 262143]) assert.equal(at(...cellOf(index)), index);
});

test("bounds end after the last cell", () => {
  const grid = emptyGrid();
  assert.equal(bounds(grid), null);
  grid[at(3, 4, 5)] = grid[at(6, 4, 5)] = 1;
  assert.deepEqual(bounds(grid), { low: [3, 4, 5], high: [7, 5, 6] });
});

test("a box that is moved keeps the shape, and one that grows has no gaps", () => {
  const grid = emptyGrid();
  around([20, 20, 20], 5, (index) => (grid[index] = 1));
  const box = bounds(grid)!, size = count(grid);
  const moved = refit(grid, box, { low: [box.low[0] + 7, box.low[1], box.low[2] - 3] as never, high: [box.high[0] + 7, box.high[1], box.high[2] - 3] as never });
  assert.equal(count(moved), size);
  assert.equal(moved[at(27, 20, 17)], 1);
  const grown = refit(grid, box, { low: [10, 10, 10], high: [10 + 2 * (box.high[0] - box.low[0]), 30, 30] });
  for (let x = 12; x < 28; x++) assert.equal(grown[at(x, 20, 20)], 1);
});

test("a thin wall outlives a smaller box", () => {
  const grid = emptyGrid();
  for (let y = 0; y < 40; y++) for (let z = 0; z < 40; z++) grid[at(10, y, z)] = 1;
  grid[at(29, 0, 0)] = 1; // the box is twenty wide
  const small = refit(grid, bounds(grid)!, { low: [10, 0, 0], high: [14, 10, 10] });
  for (let y = 0; y < 10; y++) assert.equal(small[at(10, y, 5)], 1);
});

test("what leaves the cube is cut", () => {
  const grid = emptyGrid();
  around([5, 5, 5], 3, (index) => (grid[index] = 1));
  const box = bounds(grid)!;
  const out = refit(grid, box, { low: [-4, 2, 2], high: [2, 8, 8] });
  assert.ok(count(out) > 0 && count(out) < count(grid));
});

test("a ray meets the first filled cell, from outside and along an axis", () => {
  const grid = emptyGrid();
  grid[at(30, 30, 30)] = grid[at(40, 30, 30)] = 1;
  const filled = (index: number) => grid[index] === 1;
  const hit = cast(filled, [-10, 30.5, 30.5], [1, 0, 0])!;
  assert.deepEqual(hit.cell, [30, 30, 30]);
  assert.deepEqual(hit.normal.map((value) => value + 0), [-1, 0, 0]);
  assert.ok(Math.abs(hit.point[0] - 30) < 1e-9);
  assert.deepEqual(cast(filled, [100, 30.5, 30.5], [-1, 0, 0])!.cell, [40, 30, 30]);
  assert.equal(cast(filled, [-10, 80, 30], [1, 0, 0]), null);
  assert.deepEqual(cast(filled, [30.5 - 50, 30.5 - 50, 30.5 - 50], [1, 1, 1])!.cell, [30, 30, 30]);
});
