// A part in the list: its switches, and what can be done with it. A picture that is dropped on it takes the old one's place.

import { useState } from "preact/hooks";
import * as api from "../api/client.ts";
import type { Job, PartInfo } from "../api/types.ts";
import { attempt } from "../app/store.ts";
import { FileButton, IconButton, PICTURES, useDrop } from "../ui/controls.tsx";
import { Icon } from "../ui/icons.tsx";
import { whole } from "../ui/words.ts";
import { DownloadLink } from "./download-link.tsx";
import type { Watched } from "./watch.ts";

const isFree = (job: Job) => job.state !== "running" && job.state !== "queued";

export function PartRow({ watched, part, pointed, hidden, alone, open, point, onOpen, onHide, onAlone }: {
  watched: Watched; part: PartInfo; pointed: boolean; hidden: boolean; alone: boolean; open: boolean;
  point: (name: string) => void; onOpen: () => void; onHide: () => void; onAlone: () => void;
}) {
  const [busy, setBusy] = useState(false);
  const { over, drop } = useDrop((files) => void swap(files));

  async function swap(files: File[]): Promise<void> {
    if (!isFree(watched.job.value!)) return;
    setBusy(true);
    const uploads = await attempt(() => Promise.all(files.map((file) => api.upload(file, file.name))));
    if (uploads) await watched.change({ pictures: { [part.term]: uploads.map((upload) => upload.id) } }, `${part.term} follows the new picture.`);
    setBusy(false);
  }

  return (
    <li
      class={`${pointed ? "pointed" : ""} ${hidden ? "hidden-part" : ""} ${over ? "over" : ""}`} {...drop}
      onPointerEnter={() => point(part.term)} onPointerLeave={() => point("")}
    >
      <button type="button" class="name" aria-expanded={open} onClick={onOpen}>
        <span class="dot" style={{ background: part.color }} />{part.term}{part.base && <small> base</small>}
        <small class="change" aria-hidden="true">{busy ? "…" : "change"}</small>
      </button>
      <IconButton icon="solo" label={`Show ${part.term} alone`} pressed={alone} onClick={onAlone} />
      <IconButton icon={hidden ? "hidden" : "eye"} label={`${hidden ? "Show" : "Hide"} ${part.term}`} onClick={onHide} />
      {open && <PartMore watched={watched} part={part} busy={busy} swap={swap} />}
    </li>
  );
}

function PartMore({ watched, part, busy, swap }: { watched: Watched; part: PartInfo; busy: boolean; swap: (files: File[]) => Promise<void> }) {
  const job = watched.job.value!, free = isFree(job);
  const asset = job.assets[part.term]?.[0];

  const seed = () => Math.floor(Math.random() * 2 ** 31);
  return (
    <div class="part-more">
      {asset && <img class="asset checkered" src={asset.cutout ?? asset.url} alt={`The picture of ${part.term}`} />}
      <div>
        <p class="soft">{whole(part.triangles)} triangles · {part.solid ? "solid" : "open"}</p>
        <div class="row wrap">
          <button type="button" class="quiet" disabled={!free || busy} onClick={() => void watched.change({ reseed: { [part.term]: seed() } }, `Another ${part.term} is made; the other parts stay.`)}>
            <Icon name="dice" />Another try
          </button>
          {free && !busy && <FileButton label="Swap the picture" icon="swap" accept={PICTURES} multiple onFiles={(files) => void swap(files)} />}
          {busy && <span class="soft">The picture is on its way…</span>}
          <DownloadLink class="button quiet" href={api.exportUrl(watched.id, "glb", { part: part.term })}><Icon name="download" />GLB</DownloadLink>
          <DownloadLink class="button quiet" href={api.exportUrl(watched.id, "stl", { part: part.term })}><Icon name="download" />STL</DownloadLink>
        </div>
      </div>
      {(part.candidates?.length ?? 0) > 1 && (
        <ul class="candidates" aria-label={`Candidates of ${part.term}`}>
          {part.candidates!.map((one) => (
            <li key={one.index}>
              <button
                type="button" aria-pressed={one.chosen} disabled={!free}
                onClick={() => void watched.change({ choose: { [part.term]: one.index } }, `Candidate ${one.index + 1} is taken.`)}
              >
                <img src={one.url} alt={`Candidate ${one.index + 1} of ${part.term}`} />
                {one.score !== null && <small>{one.score.toFixed(2)}</small>}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
