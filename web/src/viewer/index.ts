// The viewer in one module: loaded when the first pane needs it.

export { Box3, Color, Vector3 } from "three";
export * from "./bits.ts";
export * from "./painting.ts";
export * from "./parts.ts";
export * from "./ply.ts";
export * from "./tools.ts";
export * from "./view.ts";
export * from "./voxels.ts";
