// Files to take away: what each is for, how large it comes out, and whether a printer takes it.

import { useState } from "preact/hooks";
import * as api from "../api/client.ts";
import type { Job, PartInfo } from "../api/types.ts";
import { Dialog } from "../ui/controls.tsx";
import { Icon } from "../ui/icons.tsx";
import { whole } from "../ui/words.ts";
import { DownloadLink } from "./download-link.tsx";
import type { Box3 } from "../viewer/index.ts";

interface Format {
  to: string;
  name: string;
  use: string;
  sized?: boolean; // has real units
  mesh?: boolean;
}

const FORMATS: readonly Format[] = [
  { to: "3mf", name: "3MF", use: "3D printing, with named parts and colours", sized: true, mesh: true },
  { to: "stl", name: "STL", use: "3D printing, one solid without colours", sized: true, mesh: true },
  { to: "glb", name: "GLB", use: "Games, web, Blender; a node per part", sized: true, mesh: true },
  { to: "obj", name: "OBJ", use: "Older modellers; a group per part", sized: true, mesh: true },
  { to: "ply", name: "PLY", use: "Gaussian splats, with the part of each" },
  { to: "spz", name: "SPZ", use: "Gaussian splats, small" },
  { to: "report", name: "Report", use: "One page to share: opens offline, with model and stages" },
];

export function Downloads({ job, parts, box, triangles, onClose }: {
  job: Job; parts: PartInfo[]; box: Box3 | null; triangles: number; onClose: () => void;
}) {
  const [height, setHeight] = useState(100);
  const [faces, setFaces] = useState("");
  const all = triangles;
  const open = parts.filter((part) => !part.solid).map((part) => part.term);
  const wanted = Math.min(all || Infinity, Number(faces) || Infinity);
  return (
    <Dialog title="Download" onClose={onClose} wide>
      <div class="download-options">
        <label class="field"><span>Height, mm</span>
          <input type="number" min={1} max={10000} value={height} onInput={(event) => setHeight(Number(event.currentTarget.value) || 100)} />
        </label>
        <label class="field"><span>Triangles at most</span>
          <input type="number" min={100} step={1000} placeholder="all" value={faces} onInput={(event) => setFaces(event.currentTarget.value)} />
        </label>
        <dl>
          <div><dt>Size</dt><dd>{box ? size(box, height) : "–"}</dd></div>
          <div><dt>Triangles</dt><dd>{Number.isFinite(wanted) ? `${wanted < all ? "about " : ""}${whole(wanted)}` : "–"}</dd></div>
          <div><dt>Solid</dt><dd>{solidity(job, parts, open)}</dd></div>
        </dl>
      </div>
      <ul class="formats">
        {FORMATS.map((format) => (
          <li key={format.to}>
            <DownloadLink
              class="format"
              href={api.exportUrl(job.id, format.to, {
                ...(format.mesh && Number(faces) ? { faces: Number(faces) } : {}), ...(format.sized ? { height } : {}),
              })}
            >
              <b>{format.name}</b><span>{format.use}</span><Icon name="download" />
            </DownloadLink>
          </li>
        ))}
      </ul>
      {parts.length > 1 && (
        <details>
          <summary>Parts alone</summary>
          <ul class="part-files">
            {parts.map((part) => (
              <li key={part.term}>
                <span class="dot" style={{ background: part.color }} /><span class="name">{part.term}</span>
                <span class="soft">{whole(part.triangles)} triangles, {part.solid ? "solid" : "open"}</span>
                {["glb", "stl", "3mf", "obj"].map((to) => (
                  <DownloadLink key={to} class="link" label={`${to.toUpperCase()} of ${part.term}`} href={api.exportUrl(job.id, to, { part: part.term, height })}>
                    {to.toUpperCase()}
                  </DownloadLink>
                ))}
              </li>
            ))}
          </ul>
        </details>
      )}
    </Dialog>
  );
}

function solidity(job: Job, parts: PartInfo[], open: string[]): string {
  if (open.length) return `no: ${open.join(", ")} ${open.length > 1 ? "are" : "is"} open`;
  if (job.kind === "edit") return `${parts.length ? "what is new: yes; " : ""}the rest is as it was`;
  return parts.length ? "yes, every part" : "–";
}

/** Width x depth x height in mm of a box with y up. */
function size(box: Box3, height: number): string {
  const [x, y, z] = [box.max.x - box.min.x, box.max.y - box.min.y, box.max.z - box.min.z];
  return [x, z, y].map((side) => (side * (height / Math.max(y, 1e-9))).toFixed(0)).join(" × ") + " mm";
}
