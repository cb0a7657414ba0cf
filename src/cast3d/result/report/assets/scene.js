// Draws parts with WebGL 2: soft studio light, a blurred shadow on the ground, and which part is under the pointer.

const VERTEX = `#version 300 es
layout(location = 0) in vec3 position; layout(location = 1) in vec3 normal;
layout(location = 2) in vec3 color; layout(location = 3) in vec2 uv;
uniform mat4 camera; uniform vec3 shift;
out vec3 place, facing, tint; out vec2 at;
void main() {
  place = position + shift; facing = normal; tint = color; at = uv;
  gl_Position = camera * vec4(place, 1.0);
}`;

// Colours arrive linear (textures as sRGB); light is added in linear space and encoded at the end.
const SURFACE = `#version 300 es
precision highp float;
in vec3 place, facing, tint; in vec2 at;
uniform vec3 eye, key, factor, label; uniform float labelled, glow, textured;
uniform sampler2D picture;
out vec4 pixel;
vec3 linear(vec3 c) { return mix(c / 12.92, pow((c + 0.055) / 1.055, vec3(2.4)), step(0.04045, c)); }
vec3 encoded(vec3 c) { return mix(c * 12.92, 1.055 * pow(c, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, c)); }
void main() {
  vec3 base = tint * factor * (textured > 0.5 ? linear(texture(picture, at).rgb) : vec3(1.0));
  base = mix(base, linear(label), labelled);
  vec3 n = normalize(facing), v = normalize(eye - place);
  if (dot(n, v) < 0.0 && !gl_FrontFacing) n = -n;
  vec3 h = normalize(key + v);
  float sky = 0.5 + 0.5 * n.y;
  float diffuse = max(dot(n, key), 0.0);
  float fill = max(dot(n, normalize(vec3(-key.x, 0.2, -key.z))), 0.0);
  float rim = pow(1.0 - max(dot(n, v), 0.0), 4.0);
  vec3 lit = base * (mix(vec3(0.26, 0.25, 0.25), vec3(0.50, 0.52, 0.55), sky) + 0.62 * diffuse + 0.10 * fill);
  lit += 0.10 * pow(max(dot(n, h), 0.0), 28.0) + 0.10 * rim * sky;
  lit += 0.05 * glow;
  pixel = vec4(encoded(clamp(lit, 0.0, 1.0)), 1.0);
}`;

const FLAT = `#version 300 es
precision highp float;
in vec3 place, facing, tint; in vec2 at;
uniform vec4 value; uniform float floorHeight, reach;
out vec4 pixel;
void main() { pixel = value * (reach > 0.0 ? clamp(1.0 - (place.y - floorHeight) / reach, 0.0, 1.0) : 1.0); }`;

const GROUND = `#version 300 es
precision highp float;
in vec3 place, facing, tint; in vec2 at;
uniform sampler2D picture; uniform float strength;
out vec4 pixel;
void main() {
  float sum = 0.0, weight = 0.0;
  for (int ring = 0; ring < 5; ring++) for (int turn = 0; turn < 12; turn++) {
    float r = float(ring) / 4.0, a = 0.5236 * (float(turn) + 0.5 * float(ring)), w = exp(-2.0 * r * r);
    sum += w * texture(picture, at + 0.055 * r * vec2(cos(a), sin(a))).a; weight += w;
  }
  pixel = vec4(0.0, 0.0, 0.0, strength * sum / weight);
}`;

const SHADOW_SIZE = 256;

class SceneView {
  constructor(canvas, parts) {
    const gl = canvas.getContext("webgl2", {antialias: true, alpha: true, premultipliedAlpha: false, preserveDrawingBuffer: true});
    if (!gl) throw new Error("this browser offers no WebGL 2");
    Object.assign(this, {canvas, gl, yaw: 0.45, pitch: 0.22, zoom: 1, pan: [0, 0, 0], explode: 0, labelled: 0, hovered: -1});
    this.programs = {surface: program(gl, SURFACE), flat: program(gl, FLAT), ground: program(gl, GROUND)};
    this.parts = parts.map((part) => this.upload(part));
    this.measure();
    this.shadow = target(gl, SHADOW_SIZE, SHADOW_SIZE);
    this.ground = this.square();
  }

  upload(part) {
    const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
    for (const {position} of part.primitives) {
      for (let i = 0; i < position.length; i++) {
        low[i % 3] = Math.min(low[i % 3], position[i]);
        high[i % 3] = Math.max(high[i % 3], position[i]);
      }
    }
    const pieces = part.primitives.map((p) => ({
      array: vertexArray(this.gl, [p.position, p.normal, p.color, p.uv || new Float32Array(p.position.length / 3 * 2)], p.index),
      count: p.index.length, factor: p.factor, texture: p.texture && this.texture(p.texture),
    }));
    return {name: part.name, pieces, low, high, visible: true, label: [0.6, 0.6, 0.6]};
  }

  texture(bitmap) {
    const gl = this.gl, texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
    gl.generateMipmap(gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    return texture;
  }

  measure() {
    const bound = (key, pick) => [0, 1, 2].map((axis) => pick(...this.parts.map((part) => part[key][axis])));
    this.low = bound("low", Math.min);
    this.high = bound("high", Math.max);
    this.centre = mix(mix([0, 0, 0], this.low, 0.5), this.high, 0.5);
    this.radius = Math.hypot(...subtract(this.high, this.low)) / 2 || 1;
    for (const part of this.parts) part.outward = subtract(mix(mix([0, 0, 0], part.low, 0.5), part.high, 0.5), this.centre);
  }

  square() { // the ground, in the frame of the shadow picture
    const r = this.groundReach = 1.6 * this.radius, [cx, , cz] = this.centre, y = this.low[1];
    const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]];
    const position = Float32Array.from(corners.flatMap(([x, z]) => [cx + r * x, y, cz + r * z]));
    const uv = Float32Array.from(corners.flatMap(([x, z]) => [(x + 1) / 2, (z + 1) / 2]));
    const none = new Float32Array(12);
    return vertexArray(this.gl, [position, none, none, uv], Uint32Array.of(0, 2, 1, 0, 3, 2));
  }

  shiftOf(part) { return mix([0, 0, 0], part.outward, 1.3 * this.explode); }

  view() {
    const aspect = this.canvas.width / this.canvas.height, field = 0.55;
    const fit = this.radius * (1 + 0.5 * this.explode) / Math.sin(field / 2 * Math.min(1, aspect));
    const distance = fit * 1.02 / this.zoom, around = mix(this.centre, this.pan, 1);
    const direction = [Math.sin(this.yaw) * Math.cos(this.pitch), Math.sin(this.pitch), Math.cos(this.yaw) * Math.cos(this.pitch)];
    const eye = mix(around, direction, distance);
    const near = Math.max(distance - 4 * this.radius, distance / 100);
    return {eye, around, distance, matrix: multiply(perspective(field, aspect, near, distance + 4 * this.radius), lookAt(eye, around))};
  }

  draw() {
    const gl = this.gl, {eye, matrix} = this.view();
    this.drawShadow();
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    this.clear(this.canvas.width, this.canvas.height);
    const use = this.use("surface", matrix);
    const side = this.yaw - 0.6; // the key light stays at the viewer's upper left
    use.vector("eye", eye);
    use.vector("key", unit([Math.sin(side), 0.9, Math.cos(side)]));
    use.number("labelled", this.labelled);
    this.parts.forEach((part, i) => {
      use.number("glow", i === this.hovered ? 1 : 0);
      use.vector("label", part.label);
      this.drawPart(part, use);
    });
    this.drawGround(matrix, eye);
  }

  drawPart(part, use) {
    if (!part.visible) return;
    const gl = this.gl;
    use.vector("shift", this.shiftOf(part));
    for (const piece of part.pieces) {
      use.vector("factor", piece.factor);
      use.number("textured", piece.texture ? 1 : 0);
      gl.bindTexture(gl.TEXTURE_2D, piece.texture || null);
      gl.bindVertexArray(piece.array);
      gl.drawElements(gl.TRIANGLES, piece.count, gl.UNSIGNED_INT, 0);
    }
  }

  drawShadow() {
    const gl = this.gl, [cx, , cz] = this.centre, height = this.high[1] - this.low[1];
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.shadow.frame);
    this.clear(SHADOW_SIZE, SHADOW_SIZE);
    gl.disable(gl.DEPTH_TEST);
    gl.enable(gl.BLEND);
    gl.blendEquation(gl.MAX);
    const use = this.use("flat", fromAbove(cx, cz, this.groundReach, this.low[1] - 4 * this.radius, 10 * this.radius));
    use.vector4("value", [1, 1, 1, 1]);
    use.number("floorHeight", this.low[1]);
    use.number("reach", 0.9 * height + 1e-6);
    for (const part of this.parts) this.drawPart(part, use);
    gl.blendEquation(gl.FUNC_ADD);
    gl.disable(gl.BLEND);
  }

  drawGround(matrix, eye) {
    const gl = this.gl, use = this.use("ground", matrix);
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.depthMask(false);
    use.vector("shift", [0, -0.002 * this.radius, 0]);
    use.number("strength", 0.5 * clamp((eye[1] - this.low[1]) / (0.3 * this.radius), 0, 1));
    gl.bindTexture(gl.TEXTURE_2D, this.shadow.texture);
    gl.bindVertexArray(this.ground);
    gl.drawElements(gl.TRIANGLES, 6, gl.UNSIGNED_INT, 0);
    gl.depthMask(true);
    gl.disable(gl.BLEND);
  }

  // Index of the part at a canvas pixel (from the top left), -1 for none.
  pick(x, y) {
    const gl = this.gl, {width, height} = this.canvas;
    if (this.labels?.width !== width || this.labels?.height !== height) {
      dispose(gl, this.labels);
      this.labels = target(gl, width, height);
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.labels.frame);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(x, height - 1 - y, 1, 1);
    this.clear(width, height);
    const use = this.use("flat", this.view().matrix);
    use.number("reach", 0);
    this.parts.forEach((part, i) => {
      use.vector4("value", [(i + 1) / 255, 0, 0, 1]);
      this.drawPart(part, use);
    });
    const pixel = new Uint8Array(4);
    gl.readPixels(x, height - 1 - y, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    gl.disable(gl.SCISSOR_TEST);
    return pixel[0] - 1;
  }

  clear(width, height) {
    const gl = this.gl;
    gl.viewport(0, 0, width, height);
    gl.enable(gl.DEPTH_TEST);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  }

  use(name, camera) {
    const gl = this.gl, used = this.programs[name], at = (key) => gl.getUniformLocation(used, key);
    gl.useProgram(used);
    gl.uniformMatrix4fv(at("camera"), false, camera);
    return {
      number: (key, value) => gl.uniform1f(at(key), value),
      vector: (key, value) => gl.uniform3fv(at(key), value),
      vector4: (key, value) => gl.uniform4fv(at(key), value),
    };
  }
}

function program(gl, fragment) {
  const linked = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(linked, shader);
  }
  gl.linkProgram(linked);
  return linked;
}

function vertexArray(gl, [position, normal, color, uv], index) {
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  [[position, 3], [normal, 3], [color, 3], [uv, 2]].forEach(([values, width], slot) => {
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, values instanceof Float32Array ? values : Float32Array.from(values), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(slot);
    gl.vertexAttribPointer(slot, width, gl.FLOAT, false, 0, 0);
  });
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, index, gl.STATIC_DRAW);
  return array;
}

function target(gl, width, height) { // a picture to draw into, with depth
  const texture = gl.createTexture(), depth = gl.createRenderbuffer(), frame = gl.createFramebuffer();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, width, height);
  for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
  gl.bindRenderbuffer(gl.RENDERBUFFER, depth);
  gl.renderbufferStorage(gl.RENDERBUFFER, gl.DEPTH_COMPONENT16, width, height);
  gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.RENDERBUFFER, depth);
  return {texture, depth, frame, width, height};
}

function dispose(gl, old) {
  if (!old) return;
  gl.deleteTexture(old.texture);
  gl.deleteRenderbuffer(old.depth);
  gl.deleteFramebuffer(old.frame);
}
