// Grids of 64 x 64 x 64 booleans, indexed [x, y, z] with z fastest, and their packed form of the API.

export const SIDE = 64;
export const CELLS = SIDE ** 3;

export type Grid = Uint8Array; // 0 or 1 per cell
export type Cell = readonly [number, number, number];

export const at = (x: number, y: number, z: number) => (x * SIDE + y) * SIDE + z;
export const cellOf = (index: number): Cell => [index >> 12, (index >> 6) & 63, index & 63];

export function emptyGrid(): Grid {
  return new Uint8Array(CELLS);
}

/** Reads base64 of packed bits, the highest bit of each byte first. */
export function unpack(text: string): Grid {
  const packed = atob(text);
  if (packed.length !== CELLS / 8) throw new Error(`a grid has ${CELLS / 8} bytes, not ${packed.length}`);
  const grid = emptyGrid();
  for (let i = 0; i < CELLS; i++) grid[i] = (packed.charCodeAt(i >> 3) >> (7 - (i & 7))) & 1;
  return grid;
}

export function pack(grid: Grid): string {
  const packed = new Uint8Array(CELLS / 8);
  for (let i = 0; i < CELLS; i++) if (grid[i]) packed[i >> 3]! |= 128 >> (i & 7);
  let text = "";
  for (let i = 0; i < packed.length; i += 4096) text += String.fromCharCode(...packed.subarray(i, i + 4096));
  return btoa(text);
}

export function count(grid: Grid): number {
  let sum = 0;
  for (const value of grid) sum += value;
  return sum;
}

export interface CellBox {
  low: [number, number, number]; // first cell
  high: [number, number, number]; // after the last cell; may be fractional while a person drags
}

/** The box of the cells that are set, null where none is. */
export function bounds(grid: Grid): CellBox | null {
  const low: [number, number, number] = [SIDE, SIDE, SIDE], high: [number, number, number] = [0, 0, 0];
  for (let i = 0; i < CELLS; i++) {
    if (!grid[i]) continue;
    const cell = cellOf(i);
    for (let axis = 0; axis < 3; axis++) {
      low[axis] = Math.min(low[axis]!, cell[axis]!);
      high[axis] = Math.max(high[axis]!, cell[axis]! + 1);
    }
  }
  return high[0] ? { low, high } : null;
}

/**
 * The grid's content moved and scaled from one box to another.
 *
 * Each new cell looks up where it comes from, so growing leaves no gaps; each old cell is also sent to where it goes,
 * so shrinking loses no thin wall.
 */
export function refit(grid: Grid, from: CellBox, to: CellBox): Grid {
  const out = emptyGrid();
  const size = (box: CellBox, axis: number) => Math.max(box.high[axis]! - box.low[axis]!, 1e-6);
  const map = (value: number, a: CellBox, b: CellBox, axis: number) =>
    b.low[axis]! + ((value - a.low[axis]!) * size(b, axis)) / size(a, axis);
  const within = (cell: readonly number[]) => cell.every((value) => value >= 0 && value < SIDE);
  const first = to.low.map((value) => Math.max(0, Math.floor(value)));
  const last = to.high.map((value) => Math.min(SIDE, Math.ceil(value)));
  for (let x = first[0]!; x < last[0]!; x++) {
    for (let y = first[1]!; y < last[1]!; y++) {
      for (let z = first[2]!; z < last[2]!; z++) {
        const source = [x, y, z].map((value, axis) => Math.floor(map(value + 0.5, to, from, axis)));
        if (within(source) && grid[at(source[0]!, source[1]!, source[2]!)]) out[at(x, y, z)] = 1;
      }
    }
  }
  for (let i = 0; i < CELLS; i++) {
    if (!grid[i]) continue;
    const target = cellOf(i).map((value, axis) => Math.floor(map(value + 0.5, from, to, axis)));
    if (within(target)) out[at(target[0]!, target[1]!, target[2]!)] = 1;
  }
  return out;
}

/** Runs `visit` on every cell whose middle lies within `radius` cells of a point. */
export function around(point: readonly number[], radius: number, visit: (index: number) => void): void {
  const [px, py, pz] = point as [number, number, number];
  const range = (value: number): [number, number] => [
    Math.max(0, Math.floor(value - radius)), Math.min(SIDE - 1, Math.ceil(value + radius)),
  ];
  const [[x0, x1], [y0, y1], [z0, z1]] = [range(px), range(py), range(pz)];
  for (let x = x0; x <= x1; x++) {
    for (let y = y0; y <= y1; y++) {
      for (let z = z0; z <= z1; z++) {
        if ((x + 0.5 - px) ** 2 + (y + 0.5 - py) ** 2 + (z + 0.5 - pz) ** 2 <= radius ** 2) visit(at(x, y, z));
      }
    }
  }
}

export interface Hit {
  cell: Cell;
  point: [number, number, number]; // in cells
  normal: [number, number, number];
}

/** The first cell that is set along a ray (in cells), walking from cell to cell. */
export function cast(filled: (index: number) => boolean, origin: readonly number[], direction: readonly number[]): Hit | null {
  let enter = 0, leave = Infinity, face = 0;
  for (let axis = 0; axis < 3; axis++) {
    const o = origin[axis]!, d = direction[axis]!;
    if (Math.abs(d) < 1e-12) {
      if (o < 0 || o > SIDE) return null;
      continue;
    }
    const [near, far] = d > 0 ? [-o / d, (SIDE - o) / d] : [(SIDE - o) / d, -o / d];
    if (near > enter) [enter, face] = [near, axis];
    leave = Math.min(leave, far);
  }
  if (enter >= leave) return null;
  const start = origin.map((o, axis) => o + direction[axis]! * (enter + 1e-6));
  const cell = start.map((value) => Math.min(SIDE - 1, Math.max(0, Math.floor(value))));
  const step = direction.map((d) => Math.sign(d));
  const next = direction.map((d, axis) =>
    d === 0 ? Infinity : (cell[axis]! + (d > 0 ? 1 : 0) - origin[axis]!) / d);
  let t = enter;
  for (;;) {
    if (filled(at(cell[0]!, cell[1]!, cell[2]!))) {
      const normal: [number, number, number] = [0, 0, 0];
      normal[face] = -step[face]!;
      const point = origin.map((o, axis) => o + direction[axis]! * t) as [number, number, number];
      return { cell: [cell[0]!, cell[1]!, cell[2]!], point, normal };
    }
    face = next.indexOf(Math.min(...next));
    t = next[face]!;
    cell[face]! += step[face]!;
    if (cell[face]! < 0 || cell[face]! >= SIDE) return null;
    next[face]! += Math.abs(1 / direction[face]!);
  }
}
