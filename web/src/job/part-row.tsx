// A part in the list: its switches, and what can be done with it. A picture that is dropped on it takes the old one's place.

import { useState } from "preact/hooks";
import * as api from "../api/client.ts";
import type { Candidate, Job, PartInfo } from "../api/types.ts";
import { toEdit } from "../app/route.ts";
import { attempt, say } from "../app/store.ts";
import { FileButton, IconButton, PICTURES, useDrop } from "../ui/controls.tsx";
import { Cropped } from "../ui/cropped.tsx";
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
    if (!isFree(watched.job.value!)) {
      say("The job is at work. Wait for it, or cancel it; then swap the picture.", "error");
      return;
    }
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
  const asset = [job.assets, ...Object.values(job.replace ?? {}), job.add ?? {}].find((given) => given[part.term])?.[part.term]?.[0];

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
          {!part.base && job.scene && <a class="button quiet" href={toEdit(job.id, part.term)}><Icon name="model" />Replace by another thing</a>}
          {busy && <span class="soft">The picture is on its way…</span>}
          <DownloadLink class="button quiet" href={api.exportUrl(watched.id, "glb", { part: part.term })}><Icon name="download" />GLB</DownloadLink>
          <DownloadLink class="button quiet" href={api.exportUrl(watched.id, "stl", { part: part.term })}><Icon name="download" />STL</DownloadLink>
        </div>
      </div>
      {(part.candidates?.length ?? 0) > 1 && (
        <Candidates watched={watched} part={part} free={free} />
      )}
    </div>
  );
}

const MADE: Record<string, string> = { hint: "From the hint", lifted: "From the picture alone", guided: "Led by the outline" };

/** What the part could be. They keep the focus while the job runs, so keys go on where they were. */
function Candidates({ watched, part, free }: { watched: Watched; part: PartInfo; free: boolean }) {
  function take(one: Candidate): void {
    if (free && !one.chosen) void watched.change({ choose: { [part.term]: one.index } }, `Candidate ${one.index + 1} is taken; the rest follows.`);
  }
  const id = `candidates-${part.slug}`;
  return (
    <div class="candidates">
      <p class="soft" id={id}>It could be one of these. Press another to take it.</p>
      <ul aria-labelledby={id}>
        {part.candidates!.map((one) => (
          <li key={one.index}>
            <button
              type="button" aria-pressed={one.chosen} aria-disabled={!free} onClick={() => take(one)}
              aria-label={`Candidate ${one.index + 1} of ${part.term}: ${MADE[one.label] ?? one.label}`}
            >
              <Cropped url={one.url} width={132} height={72} />
              <small>{MADE[one.label] ?? one.label}</small>
              <small>{one.chosen ? "taken" : one.score === null ? "" : `${Math.round(100 * one.score)} % like its outline`}</small>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
