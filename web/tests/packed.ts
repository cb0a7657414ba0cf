import assert from "node:assert/strict";
import { test } from "node:test";
import { readPacked } from "../src/viewer/packed.ts";

/** Two Gaussians in a box of side 2 from -1 on: at its low corner, and at its high one. */
function two(): Uint8Array {
  const bytes = new Uint8Array(20 + 36), view = new DataView(bytes.buffer);
  view.setUint32(0, 2, true);
  [-1, -1, -1, 2].forEach((value, i) => view.setFloat32(4 + 4 * i, value, true));
  for (let axis = 0; axis < 3; axis++) view.setUint16(20 + 2 * (2 * axis + 1), 65535, true);
  const rest = bytes.subarray(32);
  rest.fill(160, 0, 6); // scales: exp(160 / 20 - 12) = exp(-4)
  rest.set([127, 127], 6); // turns: none
  rest.set([255, 0, 0, 255, 10, 20, 128, 64], 14); // red, green, blue, opacity
  rest.set([0, 5], 22);
  return bytes;
}

test("what a report carries of splats is read", () => {
  const splats = readPacked(two());
  assert.deepEqual([...splats.position], [-1, 1, 1, 1, -1, -1]); // y and z turn, as of a PLY file
  assert.deepEqual([...splats.color], [255, 0, 10, 128, 0, 255, 20, 64]);
  assert.deepEqual([...splats.part], [0, 5]);
  assert.ok([...splats.scale].every((value) => Math.abs(value - Math.exp(-4)) < 1e-8));
  const turned = [...splats.turn].map((value) => Number(value.toFixed(2)) + 0);
  assert.deepEqual(turned, [0, 1, 0, 0, 0, 1, 0, 0]);
});

test("a form that is cut short is refused", () => assert.throws(() => readPacked(two().subarray(0, 50)), /cut short/));
