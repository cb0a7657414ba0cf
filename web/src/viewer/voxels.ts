// A grid of owned voxels as a mesh of its outer faces, with soft corners where faces meet.

import { BufferAttribute, BufferGeometry, Color, Mesh, MeshStandardMaterial, type Vector3 } from "three";
import { SIDE, at, type Cell } from "./bits.ts";

// World (x, y, z), z up, becomes the viewer's (x, z, -y), as in GLB files. Cells count from the world's low corner.
export const toScene = ([x, y, z]: readonly number[]): [number, number, number] => [
  x! / SIDE - 0.5, z! / SIDE - 0.5, 0.5 - y! / SIDE,
];
export const toCells = ({ x, y, z }: Vector3): [number, number, number] => [
  (x + 0.5) * SIDE, (0.5 - z) * SIDE, (y + 0.5) * SIDE,
];
export const directionToCells = ({ x, y, z }: Vector3): [number, number, number] => [x * SIDE, -z * SIDE, y * SIDE];

// Per face: outward direction, and two directions along it; corners run around so that the front is outside.
const FACES: readonly (readonly [Cell, Cell, Cell])[] = [
  [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  [[-1, 0, 0], [0, 0, 1], [0, 1, 0]],
  [[0, 1, 0], [0, 0, 1], [1, 0, 0]],
  [[0, -1, 0], [1, 0, 0], [0, 0, 1]],
  [[0, 0, 1], [1, 0, 0], [0, 1, 0]],
  [[0, 0, -1], [0, 1, 0], [1, 0, 0]],
];
const CORNERS: readonly (readonly [number, number])[] = [[-1, -1], [1, -1], [1, 1], [-1, 1]];
const SHADE = [1, 0.86, 0.74, 0.64]; // of a corner by how many of its three neighbours are filled

// The grid with a rim of empty cells, so that neighbours need no check of bounds.
const WIDE = SIDE + 2;
const padded = new Uint8Array(WIDE ** 3);
const step = ([x, y, z]: Cell) => (x * WIDE + y) * WIDE + z;

function pad(owners: Uint8Array): number {
  let faces = 0;
  for (let x = 0; x < SIDE; x++) {
    for (let y = 0; y < SIDE; y++) {
      padded.set(owners.subarray(at(x, y, 0), at(x, y, 0) + SIDE), step([x + 1, y + 1, 1]));
    }
  }
  for (let i = 0; i < padded.length; i++) {
    if (padded[i]) for (const [out] of FACES) if (!padded[i + step(out)]) faces++;
  }
  return faces;
}

/** `owners` [64^3]: 0 is empty, else 1 + an index into the colours. It runs at every dab of a brush. */
export function voxelGeometry(owners: Uint8Array, colors: readonly Color[]): BufferGeometry {
  const faces = pad(owners), position = new Float32Array(12 * faces), color = new Float32Array(12 * faces);
  const normal = new Float32Array(12 * faces), index = new Uint32Array(6 * faces), shades = [0, 0, 0, 0];
  let written = 0, corner = 0;
  for (let i = 0; i < padded.length; i++) {
    const owner = padded[i]!;
    if (!owner) continue;
    const tint = colors[owner - 1]!;
    const x = Math.floor(i / WIDE / WIDE) - 1, y = (Math.floor(i / WIDE) % WIDE) - 1, z = (i % WIDE) - 1;
    for (const [out, a, b] of FACES) {
      const front = i + step(out), along = step(a), across = step(b);
      if (padded[front]) continue;
      for (let k = 0; k < 4; k++) {
        const [u, v] = CORNERS[k]!, to = 3 * (corner + k);
        position[to] = (x + 0.5 + 0.5 * (out[0] + u * a[0] + v * b[0])) / SIDE - 0.5; // as `toScene`
        position[to + 1] = (z + 0.5 + 0.5 * (out[2] + u * a[2] + v * b[2])) / SIDE - 0.5;
        position[to + 2] = 0.5 - (y + 0.5 + 0.5 * (out[1] + u * a[1] + v * b[1])) / SIDE;
        normal[to] = out[0];
        normal[to + 1] = out[2];
        normal[to + 2] = -out[1];
        const side = padded[front + u * along]! > 0, other = padded[front + v * across]! > 0;
        const far = padded[front + u * along + v * across]! > 0;
        const shade = SHADE[side && other ? 3 : Number(side) + Number(other) + Number(far)]!;
        shades[k] = shade;
        color[to] = tint.r * shade;
        color[to + 1] = tint.g * shade;
        color[to + 2] = tint.b * shade;
      }
      const turn = shades[0]! + shades[2]! >= shades[1]! + shades[3]! ? 0 : 1; // the darker diagonal is not the fold
      for (const k of [0, 1, 2, 0, 2, 3]) index[written++] = corner + ((k + turn) & 3);
      corner += 4;
    }
  }
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new BufferAttribute(position, 3));
  geometry.setAttribute("normal", new BufferAttribute(normal, 3));
  geometry.setAttribute("color", new BufferAttribute(color, 3));
  geometry.setIndex(new BufferAttribute(index, 1));
  return geometry;
}

/** A mesh that is made anew when its owners change. */
export class VoxelMesh extends Mesh<BufferGeometry, MeshStandardMaterial> {
  constructor() {
    super(new BufferGeometry(), new MeshStandardMaterial({ vertexColors: true, roughness: 0.85 }));
    this.castShadow = true;
    this.receiveShadow = true;
  }

  show(owners: Uint8Array, colors: readonly Color[]): void {
    this.geometry.dispose();
    this.geometry = voxelGeometry(owners, colors);
    this.geometry.computeBoundingBox();
  }
}
