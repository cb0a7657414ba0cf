import assert from "node:assert/strict";
import { test } from "node:test";
import { Color } from "three";
import { at, emptyGrid } from "../src/viewer/bits.ts";
import { toScene, voxelGeometry } from "../src/viewer/voxels.ts";

const white = [new Color(1, 1, 1)];

test("one voxel has six faces that look outward, in its place", () => {
  const grid = emptyGrid();
  grid[at(10, 20, 30)] = 1;
  const { attributes, index } = voxelGeometry(grid, white), place = attributes["position"]!, normal = attributes["normal"]!;
  assert.equal(index!.count, 36);
  const middle = [0, 1, 2].map((axis) => [...Array(place.count).keys()].reduce((sum, i) => sum + place.getComponent(i, axis), 0) / place.count);
  toScene([10.5, 20.5, 30.5]).forEach((value, axis) => assert.ok(Math.abs(value - middle[axis]!) < 1e-6));
  for (let i = 0; i < 36; i += 3) {
    const [a, b, c] = [0, 1, 2].map((k) => [0, 1, 2].map((axis) => place.getComponent(index!.getX(i + k), axis))) as number[][];
    const [u, v] = [b!.map((value, k) => value - a![k]!), c!.map((value, k) => value - a![k]!)];
    const cross = [u[1]! * v[2]! - u[2]! * v[1]!, u[2]! * v[0]! - u[0]! * v[2]!, u[0]! * v[1]! - u[1]! * v[0]!];
    const along = cross.reduce((sum, value, axis) => sum + value * normal.getComponent(index!.getX(i), axis), 0);
    assert.ok(along > 0);
    const outward = a!.reduce((sum, value, axis) => sum + (value - middle[axis]!) * normal.getComponent(index!.getX(i), axis), 0);
    assert.ok(outward > 0);
  }
});

test("faces between voxels are left out, also at the rim of the cube", () => {
  const grid = emptyGrid();
  grid[at(0, 0, 0)] = grid[at(0, 0, 1)] = grid[at(63, 63, 63)] = 1;
  assert.equal(voxelGeometry(grid, white).index!.count / 6, 10 + 6);
});
