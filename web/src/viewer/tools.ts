// Tools on the layout: a brush that paints voxels, and a box with handles.

import {
  BoxGeometry, EdgesGeometry, Group, LineBasicMaterial, LineSegments, Mesh, MeshBasicMaterial, Plane, SphereGeometry, Vector3,
  type Raycaster,
} from "three";
import { SIDE, cast, type CellBox, type Hit } from "./bits.ts";
import { directionToCells, toCells, toScene } from "./voxels.ts";
import type { Tool, View } from "./view.ts";

export interface Brush {
  radius: () => number; // in cells
  color: () => string;
  filled: (index: number) => boolean;
  begin: () => void;
  dab: (hit: Hit) => void;
  end: () => void;
}

function hitOf(caster: Raycaster, filled: (index: number) => boolean): Hit | null {
  return cast(filled, toCells(caster.ray.origin), directionToCells(caster.ray.direction));
}

/** Paints where the pointer goes; off the object the pointer turns the view. Space paints in the middle of the view. */
export class BrushTool implements Tool {
  private readonly cursor: Mesh<SphereGeometry, MeshBasicMaterial>;
  private last: [number, number] | null = null;

  constructor(private readonly view: View, private readonly brush: Brush) {
    this.cursor = new Mesh(
      new SphereGeometry(1, 24, 16),
      new MeshBasicMaterial({ transparent: true, opacity: 0.35, depthWrite: false }),
    );
    this.cursor.visible = false;
    view.scene.add(this.cursor);
  }

  down(view: View, event: PointerEvent): boolean {
    const hit = hitOf(view.ray(event), this.brush.filled);
    if (!hit) return false;
    this.brush.begin();
    this.brush.dab(hit);
    this.last = [event.clientX, event.clientY];
    return true;
  }

  move(view: View, event: PointerEvent): void {
    const from = this.last ?? [event.clientX, event.clientY], to: [number, number] = [event.clientX, event.clientY];
    const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / 6)); // no gaps in a fast stroke
    for (let i = 1; i <= steps; i++) {
      const [x, y] = [0, 1].map((k) => from[k]! + ((to[k]! - from[k]!) * i) / steps) as [number, number];
      const hit = hitOf(view.ray({ clientX: x, clientY: y }), this.brush.filled);
      if (hit) this.brush.dab(hit);
    }
    this.last = to;
  }

  up(): void {
    this.last = null;
    this.brush.end();
  }

  hover(view: View, event: PointerEvent | null): void {
    this.point(event && hitOf(view.ray(event), this.brush.filled));
  }

  key(view: View, event: KeyboardEvent): boolean {
    const box = view.canvas.getBoundingClientRect();
    const hit = hitOf(
      view.ray({ clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 }),
      this.brush.filled,
    );
    this.point(hit);
    if (event.key !== " " && event.key !== "Enter") return false;
    if (hit) {
      this.brush.begin();
      this.brush.dab(hit);
      this.brush.end();
    }
    return true;
  }

  dispose(): void {
    this.cursor.removeFromParent();
    this.view.redraw();
  }

  private point(hit: Hit | null): void {
    this.cursor.visible = !!hit;
    if (hit) {
      this.cursor.position.set(...toScene(hit.point));
      this.cursor.scale.setScalar(this.brush.radius() / SIDE);
      this.cursor.material.color.set(this.brush.color());
    }
    this.view.redraw();
  }
}

const LEAST = 1; // cells
const FACES = [0, 1, 2].flatMap((axis) => [0, 1].map((side) => ({ axis, side })));

/** A box that is moved by its middle and scaled by its six faces. */
export class BoxTool implements Tool {
  private readonly group = new Group();
  private readonly edges: LineSegments<EdgesGeometry, LineBasicMaterial>;
  private readonly handles: Mesh<SphereGeometry, MeshBasicMaterial>[];
  private box: CellBox;
  private held: { handle: number; box: CellBox; from: Vector3; plane: Plane } | null = null;

  constructor(
    private readonly view: View,
    box: CellBox,
    color: string,
    private readonly on: { begin: () => void; change: (box: CellBox) => void; end: () => void },
  ) {
    this.box = box;
    this.edges = new LineSegments(new EdgesGeometry(new BoxGeometry(1, 1, 1)), new LineBasicMaterial({ color, depthTest: false }));
    this.edges.renderOrder = 5;
    const material = () => new MeshBasicMaterial({ color, depthTest: false });
    this.handles = Array.from({ length: 7 }, () => new Mesh(new SphereGeometry(1, 20, 14), material()));
    for (const handle of this.handles) handle.renderOrder = 6;
    this.group.add(this.edges, ...this.handles);
    view.scene.add(this.group);
    this.set(box);
  }

  set(box: CellBox): void {
    this.box = box;
    const low = new Vector3(...toScene(box.low)), high = new Vector3(...toScene(box.high));
    this.edges.position.copy(low).add(high).multiplyScalar(0.5);
    this.edges.scale.set(Math.abs(high.x - low.x), Math.abs(high.y - low.y), Math.abs(high.z - low.z));
    for (const [i, handle] of this.handles.entries()) handle.position.set(...toScene(this.place(i)));
    this.view.redraw();
  }

  down(view: View, event: PointerEvent): boolean {
    const handle = this.under(view.ray(event));
    if (handle < 0) return false;
    const from = this.handles[handle]!.position.clone();
    const plane = new Plane().setFromNormalAndCoplanarPoint(view.camera.getWorldDirection(new Vector3()), from);
    this.held = { handle, box: { low: [...this.box.low], high: [...this.box.high] }, from, plane };
    this.on.begin();
    return true;
  }

  move(view: View, event: PointerEvent): void {
    if (!this.held) return;
    const point = view.ray(event).ray.intersectPlane(this.held.plane, new Vector3());
    if (!point) return;
    const by = toCells(point).map((value, i) => value - toCells(this.held!.from)[i]!);
    this.change(this.held.handle, this.held.box, by);
  }

  up(): void {
    if (this.held) this.on.end();
    this.held = null;
  }

  hover(view: View, event: PointerEvent | null): void {
    const over = event ? this.under(view.ray(event)) : -1;
    this.view.canvas.classList.toggle("grabs", over >= 0);
    for (const [i, handle] of this.handles.entries()) handle.material.opacity = over === i ? 1 : 0.8;
  }

  /** To call before each drawing: handles keep their size on the screen. */
  resize(): void {
    const size = 0.0065 * this.view.camera.position.distanceTo(this.edges.position);
    for (const [i, handle] of this.handles.entries()) handle.scale.setScalar(i === 6 ? 1.4 * size : size);
  }

  dispose(): void {
    this.group.removeFromParent();
    this.view.canvas.classList.remove("grabs");
    this.view.redraw();
  }

  private under(caster: Raycaster): number {
    const [hit] = caster.intersectObjects(this.handles);
    return hit ? this.handles.indexOf(hit.object as (typeof this.handles)[number]) : -1;
  }

  private place(handle: number): [number, number, number] {
    const { low, high } = this.box;
    const middle = [0, 1, 2].map((i) => (low[i]! + high[i]!) / 2) as [number, number, number];
    const face = FACES[handle];
    if (face) middle[face.axis] = (face.side ? high : low)[face.axis]!;
    return middle;
  }

  private change(handle: number, from: CellBox, by: readonly number[]): void {
    const low: CellBox["low"] = [...from.low], high: CellBox["high"] = [...from.high], face = FACES[handle];
    if (!face) {
      for (let i = 0; i < 3; i++) {
        const move = Math.min(SIDE - from.high[i]!, Math.max(-from.low[i]!, by[i]!));
        low[i]! += move;
        high[i]! += move;
      }
    } else if (face.side) high[face.axis] = Math.min(SIDE, Math.max(low[face.axis]! + LEAST, from.high[face.axis]! + by[face.axis]!));
    else low[face.axis] = Math.max(0, Math.min(high[face.axis]! - LEAST, from.low[face.axis]! + by[face.axis]!));
    this.set({ low, high });
    this.on.change(this.box);
  }
}
