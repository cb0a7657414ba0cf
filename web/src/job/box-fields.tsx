// A hint's box as numbers: the way for keys, and for exactness.

import type { CellBox, Painting } from "../viewer/index.ts";

const AXES = [
  { name: "Left to right", short: "x" },
  { name: "Front to back", short: "y" },
  { name: "Bottom to top", short: "z" },
] as const;
const SIDE = 64;

export function BoxFields({ painting, term, onPlace }: { painting: Painting; term: string; onPlace: (box: CellBox) => void }) {
  const box = painting.box(term);
  if (!box) return <p class="soft">{term} has no voxels yet. Paint some first.</p>;

  function put(axis: number, what: "place" | "size", field: HTMLInputElement): void {
    if (field.value === "") { // no number: as it was
      field.value = String(what === "place" ? box!.low[axis] : box!.high[axis]! - box!.low[axis]!);
      return;
    }
    const value = Math.round(Number(field.value));
    const low: CellBox["low"] = [...box!.low], high: CellBox["high"] = [...box!.high];
    const size = what === "size" ? Math.min(SIDE, Math.max(1, value)) : high[axis]! - low[axis]!;
    const middle = (low[axis]! + high[axis]!) / 2, start = what === "place" ? value : Math.round(middle - size / 2);
    low[axis] = Math.min(SIDE - size, Math.max(0, start));
    high[axis] = low[axis]! + size;
    onPlace({ low, high });
  }

  return (
    <fieldset class="box-fields">
      <legend>Box of {term}, in voxels</legend>
      <p aria-hidden="true"><span>from</span><span>size</span></p>
      {AXES.map((axis, i) => (
        <div key={axis.short}>
          <span>{axis.name}</span>
          <input
            type="number" aria-label={`${axis.name}, from`} min={0} max={SIDE - 1} value={box.low[i]} 
            onChange={(event) => put(i, "place", event.currentTarget)}
          />
          <input
            type="number" aria-label={`${axis.name}, size`} min={1} max={SIDE} value={box.high[i]! - box.low[i]!} 
            onChange={(event) => put(i, "size", event.currentTarget)}
          />
        </div>
      ))}
    </fieldset>
  );
}
