import "./bits.ts";
import "./cropped.ts";
import "./packed.ts";
import "./painting.ts";
import "./plan.ts";
import "./ply.ts";
import "./terms.ts";
import "./voxels.ts";
