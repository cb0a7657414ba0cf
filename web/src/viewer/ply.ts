// Reads a 3D Gaussian PLY file (binary, little endian, float32) into what the splat renderer needs.

export interface Splats {
  count: number;
  position: Float32Array; // [n, 3], the viewer's frame: y up, front +z
  scale: Float32Array; // [n, 3]: standard deviations along the own axes
  turn: Float32Array; // [n, 4]: quaternions w x y z, of length 1, in the viewer's frame
  color: Uint8Array; // [n, 4], sRGB and opacity
  part: Uint8Array; // [n]
}

const HARMONIC = 0.28209479177387814; // of degree 0

export function readSplats(bytes: ArrayBuffer): Splats {
  const head = new TextDecoder("ascii").decode(new Uint8Array(bytes, 0, Math.min(bytes.byteLength, 65536)));
  const end = head.indexOf("end_header\n");
  if (!head.startsWith("ply") || end < 0 || !head.includes("format binary_little_endian")) {
    throw new Error("this is no binary PLY file");
  }
  const lines = head.slice(0, end).split("\n");
  const count = Number(lines.find((line) => line.startsWith("element vertex "))?.split(" ")[2]);
  const names = lines.filter((line) => line.startsWith("property float ")).map((line) => line.split(" ")[2]!);
  const at = (name: string) => {
    const index = names.indexOf(name);
    if (index < 0) throw new Error(`the file holds no 3D Gaussians: it lacks ${name}`);
    return index;
  };
  const table = new Float32Array(bytes.slice(end + "end_header\n".length));
  const width = names.length;
  if (table.length < count * width) throw new Error("the file is shorter than it says");
  const [x, y, z, r, g, b, opacity] = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"].map(at) as number[];
  const scale = ["scale_0", "scale_1", "scale_2"].map(at), turn = ["rot_0", "rot_1", "rot_2", "rot_3"].map(at);
  const part = names.indexOf("part");
  const out: Splats = {
    count,
    position: new Float32Array(3 * count),
    scale: new Float32Array(3 * count),
    turn: new Float32Array(4 * count),
    color: new Uint8Array(4 * count),
    part: new Uint8Array(count),
  };
  for (let i = 0; i < count; i++) {
    const row = i * width, value = (column: number) => table[row + column]!;
    // Files have y down; half a turn about x makes it the viewer's frame.
    out.position.set([value(x!), -value(y!), -value(z!)], 3 * i);
    out.color.set([r!, g!, b!].map((c) => Math.round(255 * Math.min(1, Math.max(0, 0.5 + HARMONIC * value(c))))), 4 * i);
    out.color[4 * i + 3] = Math.round(255 / (1 + Math.exp(-value(opacity!))));
    out.scale.set(scale.map((s) => Math.exp(value(s))), 3 * i);
    out.turn.set(turned(turn.map(value)), 4 * i);
    out.part[i] = part < 0 ? 0 : Math.max(0, value(part));
  }
  return out;
}

/** A quaternion (w, x, y, z) of a file in the viewer's frame: of length 1, and half a turn about x after it. */
export function turned(quaternion: readonly number[]): [number, number, number, number] {
  const length = Math.hypot(...quaternion);
  const [w, x, y, z] = (length ? quaternion.map((value) => value / length) : [1, 0, 0, 0]) as [number, number, number, number];
  return [-x, w, -z, y];
}
