// Draws 3D Gaussians: each an oriented ellipse on the screen, sorted back to front when the view turns.
//
// A splat library of a megabyte would bring a second copy of what is here plus formats that these runs never write, and
// it knows nothing of the part of each Gaussian, by which they are hidden, coloured and pulled apart here.

import {
  BufferAttribute, Color, DataTexture, FloatType, GLSL3, InstancedBufferAttribute, InstancedBufferGeometry, Mesh, NearestFilter,
  RGBAFormat, RawShaderMaterial, UnsignedByteType, Vector2, Vector3, type PerspectiveCamera, type Texture,
} from "three";
import type { Splats } from "./ply.ts";

const WIDE = 1024; // texels in a row
const PARTS = 32;

const VERTEX = `precision highp float; precision highp int; precision highp sampler2D;
in vec3 position; in float splat;
uniform mat4 modelViewMatrix, projectionMatrix;
uniform sampler2D places, spreads, tints;
uniform vec3 shifts[${PARTS}], partColors[${PARTS}]; uniform float shown[${PARTS}]; uniform vec2 size; uniform float byPart;
out vec2 at; out vec4 tint;
void main() {
  int i = int(splat); ivec2 t = ivec2(i % ${WIDE}, i / ${WIDE});
  vec4 place = texelFetch(places, t, 0);
  int part = min(int(place.w), ${PARTS - 1});
  vec4 view = modelViewMatrix * vec4(place.xyz + shifts[part], 1.0), clip = projectionMatrix * view;
  gl_Position = vec4(0.0, 0.0, 2.0, 1.0);
  if (shown[part] < 0.5 || clip.w <= 0.0 || abs(clip.x) > 1.3 * clip.w || abs(clip.y) > 1.3 * clip.w) return;
  ivec2 s = ivec2((2 * i) % ${WIDE}, (2 * i) / ${WIDE});
  vec4 a = texelFetch(spreads, s, 0), b = texelFetch(spreads, s + ivec2(1, 0), 0);
  mat3 spread = mat3(a.x, a.y, a.z, a.y, a.w, b.x, a.z, b.x, b.y);
  vec2 focal = 0.5 * size * vec2(projectionMatrix[0][0], projectionMatrix[1][1]);
  mat3 jacobian = mat3(focal.x / -view.z, 0.0, 0.0, 0.0, focal.y / -view.z, 0.0,
    focal.x * view.x / (view.z * view.z), focal.y * view.y / (view.z * view.z), 0.0);
  mat3 m = jacobian * mat3(modelViewMatrix);
  mat3 flat2 = m * spread * transpose(m);
  float xx = flat2[0][0] + 0.2, yy = flat2[1][1] + 0.2, xy = flat2[0][1];
  float mean = 0.5 * (xx + yy), radius = length(vec2(0.5 * (xx - yy), xy));
  float large = mean + radius, small = max(mean - radius, 0.05);
  vec2 axis = abs(xy) < 1e-6 ? (xx >= yy ? vec2(1.0, 0.0) : vec2(0.0, 1.0)) : normalize(vec2(xy, large - xx));
  vec2 reach = 3.0 * position.x * sqrt(large) * axis + 3.0 * position.y * sqrt(small) * vec2(-axis.y, axis.x);
  at = 3.0 * position.xy;
  tint = texelFetch(tints, t, 0);
  tint.rgb = mix(tint.rgb, partColors[part] * (0.55 + 0.6 * dot(tint.rgb, vec3(0.3, 0.6, 0.1))), byPart);
  gl_Position = vec4(clip.xy / clip.w + 2.0 * reach / size, clip.z / clip.w, 1.0);
}`;

const FRAGMENT = `precision highp float;
in vec2 at; in vec4 tint;
out vec4 pixel;
void main() {
  float alpha = tint.a * exp(-0.5 * dot(at, at));
  if (alpha < 0.004) discard;
  pixel = vec4(tint.rgb * alpha, alpha); // colours are sRGB as trained: they go out as they are
}`;

export class SplatMesh extends Mesh<InstancedBufferGeometry, RawShaderMaterial> {
  private readonly order: InstancedBufferAttribute;
  private readonly seen = new Vector3(9, 9, 9);
  private stale = true;
  private readonly middles: Vector3[];
  private readonly middle: Vector3;

  constructor(readonly splats: Splats) {
    const geometry = new InstancedBufferGeometry();
    geometry.setAttribute("position", new BufferAttribute(new Float32Array([-1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 1, 0]), 3));
    geometry.setIndex([0, 1, 2, 0, 2, 3]);
    const order = new InstancedBufferAttribute(new Float32Array(splats.count), 1);
    geometry.setAttribute("splat", order);
    geometry.instanceCount = splats.count;
    const material = new RawShaderMaterial({
      vertexShader: VERTEX, fragmentShader: FRAGMENT, glslVersion: GLSL3, transparent: true, depthWrite: false, premultipliedAlpha: true,
      uniforms: {
        places: { value: texture(splats.count, (i) => [...splats.position.subarray(3 * i, 3 * i + 3), splats.part[i]!]) },
        spreads: { value: texture(2 * splats.count, (k) => spread(splats, k)) },
        tints: { value: tints(splats) },
        shifts: { value: Array.from({ length: PARTS }, () => new Vector3()) },
        shown: { value: new Float32Array(PARTS).fill(1) },
        partColors: { value: Array.from({ length: PARTS }, () => new Color(0.7, 0.7, 0.7)) },
        byPart: { value: 0 },
        size: { value: new Vector2(1, 1) },
      },
    });
    super(geometry, material);
    this.order = order;
    this.frustumCulled = false;
    [this.middle, this.middles] = middlesOf(splats);
  }

  show(part: number, visible: boolean): void {
    (this.material.uniforms["shown"]!.value as Float32Array)[part] = visible ? 1 : 0;
  }

  /** Colours of parts as CSS tells them, sRGB. */
  paint(colors: readonly string[], byPart: boolean): void {
    const targets = this.material.uniforms["partColors"]!.value as Color[];
    colors.forEach((color, i) => targets[i]?.set(color).convertLinearToSRGB());
    this.material.uniforms["byPart"]!.value = byPart ? 0.85 : 0;
  }

  explode(amount: number): void {
    const shifts = this.material.uniforms["shifts"]!.value as Vector3[];
    this.middles.forEach((middle, i) => shifts[i]?.copy(middle).sub(this.middle).multiplyScalar(1.3 * amount));
    this.stale = true;
  }

  /** To call before each drawing. `width` and `height` are those of the drawing buffer. */
  prepare(camera: PerspectiveCamera, width: number, height: number): void {
    (this.material.uniforms["size"]!.value as Vector2).set(width, height);
    const direction = camera.getWorldDirection(new Vector3());
    if (!this.stale && direction.dot(this.seen) > 0.9995) return;
    this.seen.copy(direction);
    this.stale = false;
    this.sort(direction);
  }

  override dispose(): void {
    for (const { value } of Object.values(this.material.uniforms)) if ((value as Texture | null)?.isTexture) (value as Texture).dispose();
    this.material.dispose();
    this.geometry.dispose();
  }

  private sort({ x, y, z }: Vector3): void {
    const { count, position, part } = this.splats, depth = new Float32Array(count), BINS = 65536;
    const shifts = (this.material.uniforms["shifts"]!.value as Vector3[]).map((s) => s.x * x + s.y * y + s.z * z);
    let low = Infinity, high = -Infinity;
    for (let i = 0; i < count; i++) {
      const d = position[3 * i]! * x + position[3 * i + 1]! * y + position[3 * i + 2]! * z + shifts[Math.min(part[i]!, PARTS - 1)]!;
      depth[i] = d;
      if (d < low) low = d;
      if (d > high) high = d;
    }
    const scale = (BINS - 1) / (high - low || 1), starts = new Uint32Array(BINS + 1), bins = new Uint16Array(count);
    for (let i = 0; i < count; i++) {
      const bin = (BINS - 1 - (depth[i]! - low) * scale) | 0; // the farthest first
      bins[i] = bin;
      starts[bin + 1]!++;
    }
    for (let bin = 0; bin < BINS; bin++) starts[bin + 1]! += starts[bin]!;
    for (let i = 0; i < count; i++) this.order.array[starts[bins[i]!]!++] = i;
    this.order.needsUpdate = true;
  }
}

function texture(count: number, texel: (index: number) => number[]): DataTexture {
  const height = Math.ceil(count / WIDE), data = new Float32Array(4 * WIDE * height);
  for (let i = 0; i < count; i++) data.set(texel(i), 4 * i);
  const made = new DataTexture(data, WIDE, height, RGBAFormat, FloatType);
  made.minFilter = made.magFilter = NearestFilter;
  made.needsUpdate = true;
  return made;
}

function spread({ covariance }: Splats, k: number): number[] {
  const c = covariance.subarray(6 * (k >> 1), 6 * (k >> 1) + 6);
  return k & 1 ? [c[4]!, c[5]!, 0, 0] : [c[0]!, c[1]!, c[2]!, c[3]!];
}

function tints({ count, color }: Splats): DataTexture {
  const height = Math.ceil(count / WIDE), data = new Uint8Array(4 * WIDE * height);
  data.set(color);
  const made = new DataTexture(data, WIDE, height, RGBAFormat, UnsignedByteType);
  made.needsUpdate = true;
  return made;
}

function middlesOf({ count, position, part }: Splats): [Vector3, Vector3[]] {
  const low = new Map<number, Vector3>(), high = new Map<number, Vector3>(), point = new Vector3();
  for (let i = 0; i < count; i++) {
    point.fromArray(position, 3 * i);
    const key = part[i]!;
    low.set(key, (low.get(key) ?? point.clone()).min(point));
    high.set(key, (high.get(key) ?? point.clone()).max(point));
  }
  const middle = (a: Vector3, b: Vector3) => a.clone().add(b).multiplyScalar(0.5);
  const keys = Math.min(PARTS, Math.max(0, ...low.keys()) + 1);
  const middles = Array.from({ length: keys }, (_, key) => (low.has(key) ? middle(low.get(key)!, high.get(key)!) : new Vector3()));
  const all = [...low.values()].reduce((a, b) => a.clone().min(b), new Vector3(9, 9, 9));
  const top = [...high.values()].reduce((a, b) => a.clone().max(b), new Vector3(-9, -9, -9));
  return [middle(all, top), middles];
}
