// Reads a binary glTF 2.0 into parts: [{name, primitives: [{position, normal, color, uv, index, factor, texture}]}].
// Positions and normals come out in the scene's frame (y up, front +z); colours are linear.

const COMPONENTS = {5120: Int8Array, 5121: Uint8Array, 5122: Int16Array, 5123: Uint16Array, 5125: Uint32Array, 5126: Float32Array};
const WIDTHS = {SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4, MAT4: 16};

async function readGLB(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== 0x46546c67) throw new Error("not a GLB");
  const headLength = view.getUint32(12, true);
  const gltf = JSON.parse(new TextDecoder().decode(bytes.subarray(20, 20 + headLength)));
  const binary = bytes.subarray(28 + headLength);
  const textures = await Promise.all((gltf.textures || []).map((texture) => image(gltf, binary, texture)));
  return topNodes(gltf).map((index) => {
    const primitives = [];
    walk(gltf, index, IDENTITY, (mesh, matrix) => {
      for (const primitive of mesh.primitives) primitives.push(readPrimitive(gltf, binary, primitive, matrix, textures));
    });
    return {name: gltf.nodes[index].name || "", primitives};
  });
}

// The nodes that are parts: the scene's, or the children of a lone empty root.
function topNodes(gltf) {
  let nodes = gltf.scenes[gltf.scene || 0].nodes;
  while (nodes.length === 1 && gltf.nodes[nodes[0]].mesh === undefined && gltf.nodes[nodes[0]].children) {
    nodes = gltf.nodes[nodes[0]].children;
  }
  return nodes;
}

function walk(gltf, index, parent, visit) {
  const node = gltf.nodes[index];
  const matrix = multiply(parent, node.matrix || compose(node));
  if (node.mesh !== undefined) visit(gltf.meshes[node.mesh], matrix);
  for (const child of node.children || []) walk(gltf, child, matrix, visit);
}

function readPrimitive(gltf, binary, primitive, matrix, textures) {
  const read = (key) => primitive.attributes[key] === undefined ? null : accessor(gltf, binary, primitive.attributes[key]);
  const position = transform(read("POSITION"), matrix, 1);
  const count = position.length / 3;
  const index = primitive.indices === undefined
    ? Uint32Array.from({length: count}, (_, i) => i)
    : Uint32Array.from(accessor(gltf, binary, primitive.indices));
  const normal = primitive.attributes.NORMAL === undefined ? faceNormals(position, index) : transform(read("NORMAL"), matrix, 0);
  const material = (gltf.materials || [])[primitive.material] || {};
  const surface = material.pbrMetallicRoughness || {};
  return {
    position, normal, index,
    color: opaque(read("COLOR_0"), count),
    uv: read("TEXCOORD_0"),
    factor: (surface.baseColorFactor || [1, 1, 1, 1]).slice(0, 3),
    texture: surface.baseColorTexture ? textures[surface.baseColorTexture.index] : null,
  };
}

// Numbers of an accessor; normalised integers become 0 to 1 (or -1 to 1).
function accessor(gltf, binary, index) {
  const {bufferView, byteOffset = 0, componentType, count, type, normalized} = gltf.accessors[index];
  const Component = COMPONENTS[componentType], width = WIDTHS[type];
  if (bufferView === undefined) return new Float32Array(count * width);
  const {byteOffset: start = 0, byteStride} = gltf.bufferViews[bufferView];
  const size = Component.BYTES_PER_ELEMENT, stride = byteStride || width * size;
  const length = (count - 1) * stride + width * size, from = binary.byteOffset + start + byteOffset;
  const raw = new Component(binary.buffer.slice(from, from + length));
  const scale = normalized ? 1 / (2 ** (8 * size - (Component.name.startsWith("U") ? 0 : 1)) - 1) : 1;
  if (scale === 1 && stride === width * size) return raw;
  const packed = new Float32Array(count * width);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < width; k++) packed[i * width + k] = raw[i * stride / size + k] * scale;
  }
  return packed;
}

async function image(gltf, binary, texture) {
  const source = texture.source ?? texture.extensions?.EXT_texture_webp?.source;
  const {bufferView, mimeType} = gltf.images[source];
  const {byteOffset = 0, byteLength} = gltf.bufferViews[bufferView];
  const blob = new Blob([binary.slice(byteOffset, byteOffset + byteLength)], {type: mimeType});
  return createImageBitmap(blob, {premultiplyAlpha: "none", colorSpaceConversion: "none"});
}

function opaque(color, count) { // RGB of a COLOR_0 with three or four numbers
  if (!color) return new Float32Array(3 * count).fill(1);
  const width = color.length / count;
  return Float32Array.from({length: 3 * count}, (_, i) => color[Math.floor(i / 3) * width + i % 3]);
}

function transform(vectors, m, w) {
  const out = new Float32Array(vectors.length);
  for (let i = 0; i < vectors.length; i += 3) {
    const [x, y, z] = [vectors[i], vectors[i + 1], vectors[i + 2]];
    for (let k = 0; k < 3; k++) out[i + k] = m[k] * x + m[4 + k] * y + m[8 + k] * z + m[12 + k] * w;
  }
  return out;
}

function faceNormals(position, index) { // area-weighted, per vertex
  const normal = new Float32Array(position.length);
  for (let i = 0; i < index.length; i += 3) {
    const [a, b, c] = [0, 1, 2].map((k) => position.subarray(3 * index[i + k], 3 * index[i + k] + 3));
    const n = cross(subtract(b, a), subtract(c, a));
    for (let k = 0; k < 3; k++) for (let axis = 0; axis < 3; axis++) normal[3 * index[i + k] + axis] += n[axis];
  }
  return normal;
}
