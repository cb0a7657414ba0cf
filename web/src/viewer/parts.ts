// A GLB whose nodes are named parts: hide, isolate, pull apart, colour by part, wireframe, and which part is pointed at.

import {
  Box3, Color, Group, Mesh, MeshBasicMaterial, MeshStandardMaterial, Object3D, TextureLoader, Vector3,
  type Intersection, type Material, type Raycaster,
} from "three";
import { GLTFLoader } from "three/examples/jsm/loaders/GLTFLoader.js";

export type Paint = "own" | "part" | "clay";

export interface Part {
  name: string;
  group: Group;
  box: Box3;
  triangles: number;
  color: Color;
}

const HOVER = 0x2a2a2a;

export class PartsModel extends Group {
  readonly parts: Part[] = [];
  readonly box = new Box3();
  private readonly own = new Map<Mesh, Material | Material[]>();
  private readonly wires: Mesh[] = [];
  private painting: Paint = "own";
  private hovered = -1;

  /** Takes the meshes of a loaded scene; `color` gives each name its colour. */
  take(scene: Object3D, color: (name: string, index: number) => string, names: readonly string[] = []): void {
    scene.updateMatrixWorld(true);
    const meshes: Mesh[] = [];
    scene.traverse((object) => object instanceof Mesh && meshes.push(object));
    const tops = topNodes(scene);
    for (const mesh of meshes) {
      const name = partName(mesh, tops, names);
      let part = this.parts.find((known) => known.name === name);
      if (!part) {
        part = { name, group: new Group(), box: new Box3(), triangles: 0, color: new Color(color(name, this.parts.length)) };
        this.parts.push(part);
        this.add(part.group);
      }
      part.group.attach(mesh);
      part.box.expandByObject(mesh, true);
      part.triangles += (mesh.geometry.index?.count ?? mesh.geometry.getAttribute("position").count) / 3;
      mesh.castShadow = mesh.receiveShadow = true;
      this.own.set(mesh, mesh.material);
    }
    this.box.makeEmpty();
    for (const part of this.parts) this.box.union(part.box);
  }

  show(index: number, visible: boolean): void {
    const part = this.parts[index];
    if (part) part.group.visible = visible;
  }

  /** Moves parts away from the middle; 0 is in place. Returns how much farther the camera must stand to see all. */
  explode(amount: number): number {
    const middle = this.box.getCenter(new Vector3()), radius = this.box.getSize(new Vector3()).length() / 2 || 1;
    let reach = radius;
    for (const { group, box } of this.parts) {
      const own = box.getCenter(new Vector3());
      group.position.copy(own).sub(middle).multiplyScalar(1.3 * amount);
      const half = box.getSize(new Vector3()).length() / 2;
      if (amount) reach = Math.max(reach, own.add(group.position).distanceTo(middle) + half);
    }
    return reach / radius;
  }

  paint(paint: Paint): void {
    this.painting = paint;
    for (const part of this.parts) {
      const flat = paint === "own" ? null
        : new MeshStandardMaterial({ color: paint === "part" ? part.color : new Color("#c9c5bd"), roughness: 0.7 });
      for (const mesh of meshesOf(part.group)) {
        const own = this.own.get(mesh);
        if (own) mesh.material = flat ?? own;
      }
    }
    this.hover(this.hovered, true);
  }

  wireframe(on: boolean): void {
    for (const wire of this.wires) wire.removeFromParent();
    this.wires.length = 0;
    if (!on) return;
    const material = new MeshBasicMaterial({ color: 0x000000, wireframe: true, transparent: true, opacity: 0.22 });
    material.polygonOffset = true;
    material.polygonOffsetFactor = -1;
    for (const mesh of this.own.keys()) {
      const wire = new Mesh(mesh.geometry, material);
      wire.raycast = () => {};
      mesh.add(wire);
      this.wires.push(wire);
    }
  }

  hover(index: number, again = false): boolean {
    if (index === this.hovered && !again) return false;
    this.hovered = index;
    for (const [i, part] of this.parts.entries()) {
      for (const mesh of meshesOf(part.group)) glow(mesh, i === index ? HOVER : 0, this.own, this.painting);
    }
    return true;
  }

  pick(caster: Raycaster): { index: number; hit: Intersection } | null {
    const shown = this.parts.filter((part) => part.group.visible).map((part) => part.group);
    const [hit] = caster.intersectObjects(shown, true);
    if (!hit) return null;
    return { index: this.parts.findIndex((part) => isWithin(hit.object, part.group)), hit };
  }

  override dispose(): void {
    for (const mesh of this.own.keys()) mesh.geometry.dispose();
  }
}

function glow(mesh: Mesh, value: number, own: Map<Mesh, Material | Material[]>, paint: Paint): void {
  const list = Array.isArray(mesh.material) ? mesh.material : [mesh.material];
  if (!own.has(mesh)) return; // a wire
  for (const [i, material] of list.entries()) {
    if (!(material instanceof MeshStandardMaterial) || material.emissive.getHex() === value) continue;
    let target = material;
    if (paint === "own" && value && !material.userData["alone"]) {
      target = material.clone(); // several parts may share a material
      target.userData["alone"] = true;
      if (Array.isArray(mesh.material)) mesh.material[i] = target;
      else mesh.material = target;
      own.set(mesh, mesh.material);
    }
    target.emissive.setHex(value);
  }
}

function isWithin(object: Object3D | null, group: Object3D): boolean {
  for (let at = object; at; at = at.parent) if (at === group) return true;
  return false;
}

function meshesOf(group: Object3D): Mesh[] {
  const found: Mesh[] = [];
  group.traverse((object) => object instanceof Mesh && found.push(object));
  return found;
}

/** The file's own name of a node: the loader replaces spaces in `name`. */
const ownName = (object: Object3D): string => (object.userData["name"] as string | undefined) ?? object.name;

/** The nodes that are parts: the scene's, or the children of a lone empty root. */
function topNodes(scene: Object3D): Object3D[] {
  let nodes = scene.children;
  while (nodes.length === 1 && !(nodes[0] instanceof Mesh) && nodes[0]!.children.length) nodes = nodes[0]!.children;
  return [...nodes];
}

function partName(mesh: Object3D, tops: readonly Object3D[], names: readonly string[]): string {
  for (let at: Object3D | null = mesh; at; at = at.parent) {
    if (names.length ? names.includes(ownName(at)) : tops.includes(at)) return ownName(at) || "object";
  }
  const top = tops.find((node) => isWithin(mesh, node));
  return (top && ownName(top)) || "object";
}

/** Reads a GLB. Pictures in it go through <img>, which the page's policy allows for blobs. */
export async function readGLB(bytes: ArrayBuffer): Promise<Group> {
  const loader = new GLTFLoader();
  loader.register((parser) => {
    (parser as unknown as { textureLoader: TextureLoader }).textureLoader = new TextureLoader(parser.options.manager);
    return { name: "pictures" };
  });
  return (await loader.parseAsync(bytes, "")).scene;
}
