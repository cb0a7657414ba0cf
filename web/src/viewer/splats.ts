// 3D Gaussians in a view, one Spark mesh for each part, so that parts are hidden, coloured and pulled apart by themselves.

import { RgbaArray, SparkRenderer, SplatMesh } from "@sparkjsdev/spark";
import { Color, Group, Quaternion, Vector3 } from "three";
import type { Splats } from "./ply.ts";
import type { View } from "./view.ts";

const BY_PART = 0.85; // share of a part's colour where Gaussians are coloured by part; the rest keeps the shape readable
const BLUR = 0.1; // pixels^2 added to each ellipse on the screen, as for the pictures of a run

interface Piece {
  mesh: SplatMesh;
  own: Uint8Array; // [n, 4], sRGB and opacity
  middle: Vector3;
}

export class SplatModel extends Group {
  private readonly pieces = new Map<number, Piece>();
  private readonly spark: SparkRenderer;
  private readonly middle: Vector3;
  private painted = "";
  private changes = 0;
  private sorted = "";
  private sorting: Promise<void> | null = null;
  private gone = false;
  broken = false; // nothing could be sorted, so nothing is drawn

  constructor(splats: Splats, view: View) {
    super();
    this.spark = new SparkRenderer({
      renderer: view.renderer, autoUpdate: false, maxStdDev: 3, preBlurAmount: BLUR, blurAmount: 0,
    });
    this.spark.defaultView.setAutoUpdate(false); // views draw when something changed, so they say when to sort
    this.add(this.spark);
    const low = new Vector3(Infinity, Infinity, Infinity), high = low.clone().negate();
    for (const [part, rows] of rowsOf(splats)) {
      const piece = pieceOf(splats, rows, low, high);
      this.pieces.set(part, piece);
      this.add(piece.mesh);
    }
    this.middle = low.add(high).multiplyScalar(0.5);
  }

  show(part: number, visible: boolean): void {
    const mesh = this.pieces.get(part)?.mesh;
    if (!mesh || (mesh.parent === this) === visible) return;
    if (visible) this.add(mesh);
    else this.remove(mesh); // Spark makes all anew at each sort while one is there that is invisible
    this.changes++;
  }

  /** Colours of parts as CSS tells them, sRGB. */
  paint(colors: readonly string[], byPart: boolean): void {
    const wanted = byPart ? colors.join() : "";
    if (wanted === this.painted) return;
    this.painted = wanted;
    for (const [part, { mesh, own }] of this.pieces) {
      mesh.splatRgba?.dispose();
      mesh.splatRgba = byPart ? table(mixed(own, colors[part] ?? "#b3b3b3")) : null;
      mesh.updateGenerator();
    }
    this.changes++;
  }

  /** Moves parts away from the middle; 0 is in place. */
  explode(amount: number): void {
    for (const { mesh, middle } of this.pieces.values()) mesh.position.copy(middle).sub(this.middle).multiplyScalar(1.3 * amount);
    this.changes++;
  }

  /** To call before each drawing: sorts in a worker for where the camera stands now, then has the view drawn again. */
  sort(view: View): Promise<void> | null {
    const wanted = `${this.changes} ${view.camera.matrixWorld.elements.map((value) => value.toFixed(4)).join()}`;
    if (this.sorting || this.gone || !this.visible || wanted === this.sorted) return this.sorting;
    this.sorted = wanted;
    this.updateMatrixWorld();
    return (this.sorting = this.arranged(view).catch((error: unknown) => {
      this.visible = false;
      this.broken = true;
      throw error;
    }).finally(() => {
      this.sorting = null;
      if (!this.gone) view.redraw();
    }));
  }

  override dispose(): void {
    this.gone = true;
    for (const { mesh } of this.pieces.values()) {
      mesh.splatRgba?.dispose();
      mesh.dispose();
    }
    this.spark.defaultView.dispose();
    this.spark.geometry.dispose();
    this.spark.material.dispose();
  }

  private async arranged(view: View): Promise<void> {
    await SplatMesh.staticInitialized;
    await Promise.all([...this.pieces.values()].map(({ mesh }) => mesh.initialized));
    if (this.gone) return;
    const { spark } = this, shown = spark.defaultView.display?.accumulator;
    await spark.defaultView.prepare({ scene: view.scene, camera: view.camera });
    // `prepare` and what it shows each hold the new accumulator, and only the latter lets go of it: Spark has five.
    if (spark.active !== shown) spark.releaseAccumulator(spark.active);
  }
}

function rowsOf({ count, part }: Splats): Map<number, number[]> {
  const rows = new Map<number, number[]>();
  for (let i = 0; i < count; i++) {
    const found = rows.get(part[i]!);
    if (found) found.push(i);
    else rows.set(part[i]!, [i]);
  }
  return rows;
}

/** Those rows as a mesh; `low` and `high`, the box of all, grow with them. */
function pieceOf({ position, scale, turn, color }: Splats, rows: readonly number[], low: Vector3, high: Vector3): Piece {
  const own = new Uint8Array(4 * rows.length);
  const first = new Vector3(Infinity, Infinity, Infinity), last = first.clone().negate();
  const place = new Vector3(), scales = new Vector3(), rotation = new Quaternion(), tint = new Color();
  const mesh = new SplatMesh({
    maxSplats: rows.length,
    editable: false,
    constructSplats: (splats) => {
      rows.forEach((row, i) => {
        const [r, g, b, a] = color.subarray(4 * row, 4 * row + 4) as unknown as [number, number, number, number];
        own.set([r, g, b, a], 4 * i);
        const [w, x, y, z] = turn.subarray(4 * row, 4 * row + 4) as unknown as [number, number, number, number];
        place.fromArray(position, 3 * row);
        first.min(place);
        last.max(place);
        // Colours are sRGB as trained, and go out as they are.
        splats.pushSplat(place, scales.fromArray(scale, 3 * row), rotation.set(x, y, z, w), a / 255, tint.setRGB(r / 255, g / 255, b / 255));
      });
    },
  });
  low.min(first);
  high.max(last);
  return { mesh, own, middle: first.add(last).multiplyScalar(0.5) };
}

/** Colours [n, 4] as Spark reads them in place of a mesh's own. */
function table(colors: Uint8Array): RgbaArray {
  const made = new RgbaArray();
  made.ensureCapacity(colors.length / 4).set(colors); // in whole rows of a texture
  made.count = colors.length / 4;
  made.getTexture();
  return made;
}

/** Colours of Gaussians, [n, 4], under one colour: light and dark stay where they were. */
function mixed(own: Uint8Array, css: string): Uint8Array {
  const { r, g, b } = new Color(css).convertLinearToSRGB(), out = new Uint8Array(own.length);
  for (let i = 0; i < own.length; i += 4) {
    const light = 0.55 + (0.6 * (0.3 * own[i]! + 0.6 * own[i + 1]! + 0.1 * own[i + 2]!)) / 255;
    [r, g, b].forEach((value, k) => {
      out[i + k] = Math.min(255, Math.round((1 - BY_PART) * own[i + k]! + BY_PART * 255 * value * light));
    });
    out[i + 3] = own[i + 3]!;
  }
  return out;
}
