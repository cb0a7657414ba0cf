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
const FACES: { out: Cell; a: Cell; b: Cell }[] = [
  { out: [1, 0, 0], a: [0, 1, 0], b: [0, 0, 1] },
  { out: [-1, 0, 0], a: [0, 0, 1], b: [0, 1, 0] },
  { out: [0, 1, 0], a: [0, 0, 1], b: [1, 0, 0] },
  { out: [0, -1, 0], a: [1, 0, 0], b: [0, 0, 1] },
  { out: [0, 0, 1], a: [1, 0, 0], b: [0, 1, 0] },
  { out: [0, 0, -1], a: [0, 1, 0], b: [1, 0, 0] },
];
const CORNERS: [number, number][] = [[-1, -1], [1, -1], [1, 1], [-1, 1]];
const SHADE = [1, 0.86, 0.74, 0.64]; // of a corner by how many of its three neighbours are filled

/** `owners` [64^3]: 0 is empty, else 1 + an index into the colours. */
export function voxelGeometry(owners: Uint8Array, colors: readonly Color[]): BufferGeometry {
  const position: number[] = [], normal: number[] = [], color: number[] = [], index: number[] = [];
  const filled = (x: number, y: number, z: number) =>
    x >= 0 && y >= 0 && z >= 0 && x < SIDE && y < SIDE && z < SIDE && owners[at(x, y, z)]! > 0;
  for (let x = 0; x < SIDE; x++) {
    for (let y = 0; y < SIDE; y++) {
      for (let z = 0; z < SIDE; z++) {
        const owner = owners[at(x, y, z)]!;
        if (!owner) continue;
        const tint = colors[owner - 1]!;
        for (const { out, a, b } of FACES) {
          const [ox, oy, oz] = [x + out[0], y + out[1], z + out[2]];
          if (filled(ox, oy, oz)) continue;
          const first = position.length / 3, shades: number[] = [];
          for (const [u, v] of CORNERS) {
            const corner = [0, 1, 2].map((i) => [x, y, z][i]! + 0.5 + 0.5 * (out[i]! + u * a[i]! + v * b[i]!));
            position.push(...toScene(corner));
            normal.push(out[0], out[2], -out[1]);
            const side = filled(ox + u * a[0], oy + u * a[1], oz + u * a[2]);
            const other = filled(ox + v * b[0], oy + v * b[1], oz + v * b[2]);
            const far = filled(ox + u * a[0] + v * b[0], oy + u * a[1] + v * b[1], oz + u * a[2] + v * b[2]);
            const shade = SHADE[side && other ? 3 : Number(side) + Number(other) + Number(far)]!;
            shades.push(shade);
            color.push(tint.r * shade, tint.g * shade, tint.b * shade);
          }
          const [i, j, k, l] = [first, first + 1, first + 2, first + 3];
          if (shades[0]! + shades[2]! >= shades[1]! + shades[3]!) index.push(i, j, k, i, k, l);
          else index.push(j, k, l, j, l, i); // the darker diagonal is not the fold
        }
      }
    }
  }
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new BufferAttribute(new Float32Array(position), 3));
  geometry.setAttribute("normal", new BufferAttribute(new Float32Array(normal), 3));
  geometry.setAttribute("color", new BufferAttribute(new Float32Array(color), 3));
  geometry.setIndex(new BufferAttribute(new Uint32Array(index), 1));
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
