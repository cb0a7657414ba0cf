import "./bits.ts";
import "./painting.ts";
import "./ply.ts";
import "./terms.ts";
import "./voxels.ts";
