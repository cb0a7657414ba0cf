import assert from "node:assert/strict";
import { test } from "node:test";
import { readSplats, turned } from "../src/viewer/ply.ts";

const NAMES = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3", "part"];

function file(rows: number[][]): ArrayBuffer {
  const head = `ply\nformat binary_little_endian 1.0\nelement vertex ${rows.length}\n${NAMES.map((name) => `property float ${name}\n`).join("")}end_header\n`;
  const body = new Float32Array(rows.flat());
  const whole = Buffer.concat([Buffer.from(head), Buffer.from(body.buffer)]);
  return whole.buffer.slice(whole.byteOffset, whole.byteOffset + whole.length) as ArrayBuffer;
}

test("the file's frame is turned half about x, colours and opacity are decoded", () => {
  const red = 0.5 / 0.28209479;
  const splats = readSplats(file([[0.1, 0.2, 0.3, red, -red, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]]));
  assert.deepEqual([...splats.position].map((value) => Number(value.toFixed(6))), [0.1, -0.2, -0.3]);
  assert.deepEqual([...splats.color], [255, 0, 128, 128]);
  assert.deepEqual([[...splats.scale], [...splats.turn].map((value) => value + 0)], [[1, 1, 1], [0, 1, 0, 0]]);
  assert.equal(splats.part[0], 2);
});

test("other files are refused", () => {
  assert.throws(() => readSplats(new TextEncoder().encode("solid x").buffer as ArrayBuffer), /no binary PLY/);
});

test("a turn is told in the viewer's frame", () => {
  const half = Math.SQRT1_2, rounded = (q: readonly number[]) => q.map((value) => Number(value.toFixed(6)) + 0);
  assert.deepEqual(rounded(turned([1, 0, 0, 0])), [0, 1, 0, 0]); // none: what is left is the frame's half turn about x
  assert.deepEqual(rounded(turned([half, 0, 0, half])), rounded([0, half, -half, 0])); // a quarter about z, then that
  assert.deepEqual(rounded(turned([2, 0, 0, 0])), [0, 1, 0, 0]);
  assert.deepEqual(rounded(turned([0, 0, 0, 0])), [0, 1, 0, 0]); // no turn at all, as of an empty row
});
