// Which term owns which voxel of the layout, and how a person changes it: paint, erase, add, move; with undo.

import { CELLS, around, bounds, emptyGrid, refit, unpack, pack, type Cell, type CellBox, type Grid, type Hit, SIDE, at } from "./bits.ts";
import type { Hints } from "../api/types.ts";

export type Stroke = "paint" | "erase" | "add";

const UNDO = 60;

export class Painting {
  readonly terms: string[];
  readonly layout: Grid;
  readonly base: string;
  private readonly first: Map<string, Grid>; // as they came
  private grids: Map<string, Grid>;
  private surface: Grid | null = null;
  private past: Map<string, Grid>[] = [];
  private future: Map<string, Grid>[] = [];

  constructor(hints: Hints) {
    this.terms = hints.terms.map((one) => one.term);
    this.grids = new Map(hints.terms.map((one) => [one.term, unpack(one.bits)]));
    this.first = this.copy();
    this.layout = unpack(hints.layout.bits);
    this.base = hints.base;
  }

  grid(term: string): Grid {
    return this.grids.get(term) ?? emptyGrid();
  }

  filled(index: number): boolean {
    if (this.layout[index]) return true;
    for (const grid of this.grids.values()) if (grid[index]) return true;
    return false;
  }

  /** 0 empty, 1 the layout that nobody has, 2 + i for term i. What an accessory has goes before the base's. */
  owners(hidden: ReadonlySet<string> = new Set()): Uint8Array {
    const out = new Uint8Array(CELLS);
    for (let i = 0; i < CELLS; i++) if (this.layout[i]) out[i] = 1;
    const order = [...this.terms].sort((a, b) => Number(b === this.base) - Number(a === this.base));
    for (const term of order) {
      const grid = this.grid(term), owner = hidden.has(term) ? 0 : 2 + this.terms.indexOf(term);
      for (let i = 0; i < CELLS; i++) if (grid[i]) out[i] = owner;
    }
    return out;
  }

  /** Keeps what is now, to come back to; call it before a stroke. */
  begin(): void {
    this.past = [...this.past.slice(1 - UNDO), this.copy()];
    this.future = [];
    this.surface = Uint8Array.from({ length: CELLS }, (_, i) => Number(this.filled(i)));
  }

  end(): void {
    this.surface = null;
  }

  /** What a brush meets: during a stroke that which was there before, so that what it adds does not grow on itself. */
  met(index: number): boolean {
    return this.surface ? this.surface[index] === 1 : this.filled(index);
  }

  /** A dab of the brush; true where it changed something. */
  dab(term: string, stroke: Stroke, hit: Hit, radius: number, mirror: boolean): boolean {
    const middle: Cell = stroke === "add"
      ? [0, 1, 2].map((i) => hit.point[i]! + hit.normal[i]! * Math.max(0.5, radius / 2)) as unknown as Cell
      : hit.point;
    let any = false;
    const put = (index: number) => {
      const before = this.grid(term)[index];
      if (stroke === "erase") {
        if (!before) return;
        this.set(term, index, 0);
        if (term !== this.base && this.layout[index]) this.set(this.base, index, 1);
      } else {
        if (before || (stroke === "paint" && !this.filled(index))) return;
        for (const other of this.terms) if (other !== term && this.grid(other)[index]) this.set(other, index, 0);
        this.set(term, index, 1);
      }
      any = true;
    };
    around(middle, radius, put);
    if (mirror) around([SIDE - middle[0], middle[1], middle[2]], radius, put);
    return any;
  }

  box(term: string): CellBox | null {
    return bounds(this.grid(term));
  }

  /** Moves and scales what a term has, as it was in `from`, to a box; the base gets back what it left. */
  place(term: string, from: { grid: Grid; box: CellBox; others: Map<string, Grid> }, to: CellBox): void {
    const placed = refit(from.grid, from.box, to);
    for (const other of this.terms) {
      if (other === term) continue;
      const grid = from.others.get(other)!.slice();
      for (let i = 0; i < CELLS; i++) {
        if (placed[i] && other !== this.base) grid[i] = 0;
        if (other === this.base && (placed[i] || (from.grid[i] && this.layout[i]))) grid[i] = placed[i] ? 0 : 1;
      }
      this.grids.set(other, grid);
    }
    this.grids.set(term, placed);
  }

  /** What `place` starts from. */
  held(term: string): { grid: Grid; box: CellBox; others: Map<string, Grid> } | null {
    const box = this.box(term);
    return box && { grid: this.grid(term).slice(), box, others: this.copy() };
  }

  undo(): boolean {
    return this.step(this.past, this.future);
  }

  redo(): boolean {
    return this.step(this.future, this.past);
  }

  get undoable(): boolean {
    return this.past.length > 0;
  }

  get redoable(): boolean {
    return this.future.length > 0;
  }

  /** The changed hints as the API takes them. The base's is the layout without the others', so it is not sent. */
  toSend(): Record<string, { bits: string }> {
    const differs = (term: string) => this.first.get(term)!.some((value, i) => value !== this.grid(term)[i]);
    const terms = this.terms.filter((term) => term !== this.base && differs(term));
    return Object.fromEntries(terms.map((term) => [term, { bits: pack(this.grid(term)) }]));
  }

  private set(term: string, index: number, value: 0 | 1): void {
    this.grid(term)[index] = value;
  }

  private copy(): Map<string, Grid> {
    return new Map([...this.grids].map(([term, grid]) => [term, grid.slice()]));
  }

  private step(from: Map<string, Grid>[], to: Map<string, Grid>[]): boolean {
    const found = from.pop();
    if (!found) return false;
    to.push(this.copy());
    this.grids = found;
    return true;
  }
}

/** The cell in the middle of a term's voxels' outside, for a brush that keys move. */
export function firstCell(grid: Grid): Cell {
  const box = bounds(grid);
  if (!box) return [32, 32, 32];
  return [0, 1, 2].map((i) => Math.floor((box.low[i]! + box.high[i]!) / 2)) as unknown as Cell;
}

export const indexOf = (cell: Cell) => at(...cell);
