// A canvas with a camera that a person turns, soft light and a ground. It draws only when something changed.

import {
  Box3, DirectionalLight, Group, HemisphereLight, Mesh, PCFShadowMap, PerspectiveCamera, PlaneGeometry, Raycaster,
  Scene, ShadowMaterial, Vector2, Vector3, WebGLRenderer,
} from "three";
import { LIGHTS, type Light } from "./lights.ts";
import { steer } from "./steering.ts";

/** What a pointer does instead of turning the view; `down` says whether it took the pointer. */
export interface Tool {
  down(view: View, event: PointerEvent): boolean;
  move(view: View, event: PointerEvent): void;
  up(view: View, event: PointerEvent): void;
  hover?(view: View, event: PointerEvent | null): void;
  key?(view: View, event: KeyboardEvent): boolean;
}

const FIELD = 31; // degrees
const START = { yaw: 0.45, pitch: 0.22, zoom: 1 };

export class View {
  readonly scene = new Scene();
  readonly content = new Group();
  readonly camera = new PerspectiveCamera(FIELD, 1, 0.01, 100);
  readonly renderer: WebGLRenderer;
  yaw = START.yaw;
  pitch = START.pitch;
  zoom = START.zoom;
  readonly pan = new Vector3();
  readonly centre = new Vector3();
  radius = 0.6;
  margin = 1; // above 1 the camera stands farther away, for parts that are pulled apart
  tool: Tool | null = null;
  light: Light = "studio";
  onDraw: (() => Promise<void> | null | void) | null = null; // before each drawing; what it promises ends with another drawing
  onTurn: (() => void) | null = null;
  private readonly sky = new HemisphereLight(0xffffff, 0xcfc8bd, 1);
  private readonly key = new DirectionalLight(0xffffff, 1);
  private readonly fill = new DirectionalLight(0xffffff, 1);
  private readonly ground = new Mesh(new PlaneGeometry(1, 1), new ShadowMaterial({ opacity: 0.22 }));
  private readonly caster = new Raycaster();
  private readonly watcher: ResizeObserver;
  private readonly release: () => void;
  private waiting = 0;
  private turning = false;
  private last = 0;
  private arranging: Promise<void> | null = null;

  constructor(readonly canvas: HTMLCanvasElement) {
    this.renderer = new WebGLRenderer({ canvas, antialias: true, alpha: true, powerPreference: "low-power" });
    this.renderer.setClearAlpha(0);
    this.renderer.shadowMap.enabled = true;
    this.renderer.shadowMap.type = PCFShadowMap;
    this.key.castShadow = true;
    this.key.shadow.mapSize.set(1024, 1024);
    this.key.shadow.radius = 6;
    this.key.shadow.bias = -0.0004;
    this.key.shadow.normalBias = 0.004;
    this.ground.rotation.x = -Math.PI / 2;
    this.ground.receiveShadow = true;
    this.scene.add(this.sky, this.key, this.key.target, this.fill, this.fill.target, this.ground, this.content);
    this.release = steer(this);
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(canvas);
    this.resize();
  }

  /** Looks at a box; `again` also turns the view to where it began. */
  fit(box: Box3, again = true): void {
    if (box.isEmpty()) return;
    box.getCenter(this.centre);
    this.radius = Math.max(box.getSize(new Vector3()).length() / 2, 1e-6);
    this.ground.position.set(this.centre.x, box.min.y - 0.002 * this.radius, this.centre.z);
    this.ground.scale.setScalar(24 * this.radius);
    const shadow = this.key.shadow.camera;
    Object.assign(shadow, {
      left: -1.7 * this.radius, right: 1.7 * this.radius, top: 1.7 * this.radius, bottom: -1.7 * this.radius,
      near: 0.1 * this.radius, far: 9 * this.radius,
    });
    shadow.updateProjectionMatrix();
    if (again) this.reset();
    else this.redraw();
  }

  reset(): void {
    Object.assign(this, START);
    this.pan.set(0, 0, 0);
    this.redraw();
  }

  rotate(yaw: number, pitch: number): void {
    if (this.turning) this.turn(false);
    this.yaw += yaw;
    this.pitch = Math.min(1.5, Math.max(-1.5, this.pitch + pitch));
    this.redraw();
  }

  zoomBy(factor: number): void {
    this.zoom = Math.min(12, Math.max(0.3, this.zoom * factor));
    this.redraw();
  }

  /** Moves what is seen by CSS pixels. */
  moveBy(dx: number, dy: number): void {
    const scale = (2 * this.distance() * Math.tan((FIELD * Math.PI) / 360)) / Math.max(1, this.canvas.clientHeight);
    const right = new Vector3().setFromMatrixColumn(this.camera.matrixWorld, 0);
    const up = new Vector3().setFromMatrixColumn(this.camera.matrixWorld, 1);
    this.pan.addScaledVector(right, -dx * scale).addScaledVector(up, dy * scale);
    this.redraw();
  }

  turn(on: boolean): void {
    this.turning = on;
    this.last = performance.now();
    this.onTurn?.();
    this.redraw();
  }

  get isTurning(): boolean {
    return this.turning;
  }

  redraw(): void {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame((now) => {
      this.waiting = 0;
      if (this.turning) this.yaw += 0.0004 * Math.min(now - this.last, 60);
      this.last = now;
      this.draw();
      if (this.turning) this.redraw();
    });
  }

  /** The ray under a pointer. */
  ray(event: { clientX: number; clientY: number }): Raycaster {
    const box = this.canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 2 - 1, y = 1 - ((event.clientY - box.top) / box.height) * 2;
    this.place();
    this.caster.setFromCamera(new Vector2(x, y), this.camera);
    return this.caster;
  }

  /** A PNG of what is seen, once all is in order. */
  async picture(): Promise<Blob | null> {
    const turning = this.turning;
    this.turning = false; // else there is something to arrange after every frame
    this.draw();
    while (this.arranging) {
      await this.arranging.catch(() => {});
      this.draw();
    }
    if (turning) this.turn(true);
    return new Promise((resolve) => this.canvas.toBlob(resolve, "image/png"));
  }

  dispose(): void {
    cancelAnimationFrame(this.waiting);
    this.waiting = -1;
    this.watcher.disconnect();
    this.release();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
  }

  draw(): void {
    this.place();
    const { sky, key, fill, side, height } = LIGHTS[this.light];
    this.sky.intensity = sky;
    this.key.intensity = key;
    this.fill.intensity = fill;
    const toward = (yaw: number, up: number) =>
      new Vector3(Math.sin(yaw), up, Math.cos(yaw)).normalize().multiplyScalar(4 * this.radius).add(this.centre);
    this.key.position.copy(toward(this.yaw + side, height));
    this.fill.position.copy(toward(this.yaw - side + 0.6, 0.2));
    for (const light of [this.key, this.fill]) light.target.position.copy(this.centre);
    this.ground.visible = key > 0 && this.camera.position.y > this.ground.position.y;
    this.arranging = this.onDraw?.() || null;
    this.arranging?.catch(() => {}); // whoever asked for it is told
    this.renderer.render(this.scene, this.camera);
  }

  private distance(): number {
    const aspect = this.canvas.clientWidth / Math.max(1, this.canvas.clientHeight);
    return ((this.radius * 1.04 * this.margin) / Math.sin(((FIELD * Math.PI) / 360) * Math.min(1, aspect))) / this.zoom;
  }

  private place(): void {
    const distance = this.distance(), { yaw, pitch } = this, around = this.centre.clone().add(this.pan);
    const direction = new Vector3(Math.sin(yaw) * Math.cos(pitch), Math.sin(pitch), Math.cos(yaw) * Math.cos(pitch));
    this.camera.position.copy(around).addScaledVector(direction, distance);
    this.camera.lookAt(around);
    this.camera.near = Math.max(distance - 6 * this.radius, distance / 200);
    this.camera.far = distance + 12 * this.radius;
    this.camera.updateProjectionMatrix();
    this.camera.updateMatrixWorld();
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio || 1, 2));
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.redraw();
  }
}
