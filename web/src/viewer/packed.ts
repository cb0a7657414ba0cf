// Gaussians as report.html carries them: 18 bytes each, column by column, before gzip. Written by result/report/packed.py.
//
//   count uint32, low and side float32 [3 + 1] of the box, then of all: places uint16 [3, n], logarithms of scales uint8
//   [3, n] (steps of 1/20 from -12), turns int8 [4, n] (w x y z, 127ths), colour and opacity uint8 [4, n], part uint8 [n]

import { turned, type Splats } from "./ply.ts";

export function readPacked(bytes: Uint8Array): Splats {
  const head = new DataView(bytes.buffer, bytes.byteOffset, 20), count = head.getUint32(0, true);
  const low = [4, 8, 12].map((at) => head.getFloat32(at, true)), side = head.getFloat32(16, true);
  if (bytes.length !== 20 + 18 * count) throw new Error("the splats are cut short");
  const places = new Uint16Array(bytes.slice(20, 20 + 6 * count).buffer), rest = bytes.subarray(20 + 6 * count);
  const scales = rest.subarray(0, 3 * count), turns = new Int8Array(rest.slice(3 * count, 7 * count).buffer);
  const out: Splats = {
    count, position: new Float32Array(3 * count), scale: new Float32Array(3 * count), turn: new Float32Array(4 * count),
    color: new Uint8Array(4 * count), part: rest.slice(11 * count, 12 * count),
  };
  for (let i = 0; i < count; i++) {
    const [x, y, z] = [0, 1, 2].map((axis) => low[axis]! + (side * places[axis * count + i]!) / 65535) as [number, number, number];
    out.position.set([x, -y, -z], 3 * i); // as in a PLY file, whose y is down
    for (let k = 0; k < 4; k++) out.color[4 * i + k] = rest[(7 + k) * count + i]!;
    out.scale.set([0, 1, 2].map((axis) => Math.exp(scales[axis * count + i]! / 20 - 12)), 3 * i);
    out.turn.set(turned([0, 1, 2, 3].map((k) => turns[k * count + i]!)), 4 * i);
  }
  return out;
}
