import assert from "node:assert/strict";
import { test } from "node:test";
import { drawn } from "../src/ui/cropped.tsx";

test("what is drawn on white is found, with a rim", () => {
  const pixels = new Uint8ClampedArray(4 * 100 * 50).fill(255);
  for (let y = 10; y < 20; y++) for (let x = 30; x < 70; x++) pixels.set([200, 150, 10, 255], 4 * (100 * y + x));
  assert.deepEqual(drawn(pixels, 100, 50), [28, 8, 72, 22]);
  assert.deepEqual(drawn(new Uint8ClampedArray(4 * 6).fill(255), 3, 2), [0, 0, 3, 2]);
});
