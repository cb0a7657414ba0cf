// The parts: hide, isolate, pull apart; another try, another picture, candidates, download.

import { useMemo, useState } from "preact/hooks";
import * as api from "../api/client.ts";
import type { PartInfo } from "../api/types.ts";
import { attempt } from "../app/store.ts";
import { FileButton, IconButton, PICTURES, Slider, useDrop } from "../ui/controls.tsx";
import { Icon } from "../ui/icons.tsx";
import { Stage } from "../ui/stage.tsx";
import { whole } from "../ui/words.ts";
import { useModel, usePointed } from "../viewer/use-model.ts";
import { useView } from "../viewer/use-view.ts";
import { DownloadLink } from "./download-link.tsx";
import { glimpse, type Watched } from "./watch.ts";

export function PartsPane({ watched }: { watched: Watched }) {
  const job = watched.job.value!, parts = watched.parts.value;
  const preview = job.state === "running" ? (watched.previews.value.parts?.url ?? null) : null;
  if (!parts.length) {
    const seen = glimpse(watched, "parts");
    return (
      <Stage
        label="Parts" preview={seen}
        empty={job.state === "running" || job.state === "queued" || job.state === "waiting" ? "Each part follows from its hint and its picture" : "This run has no parts yet"}
      />
    );
  }
  return <Loaded watched={watched} preview={preview} />;
}

function Loaded({ watched, preview }: { watched: Watched; preview: string | null }) {
  const parts = watched.parts.value;
  const { canvas, made, problem } = useView();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [explode, setExplode] = useState(0.35);
  const [open, setOpen] = useState<string | null>(null);
  const colors = Object.fromEntries(parts.map((part) => [part.term, part.color]));
  const stamp = watched.job.value!.finished ?? watched.job.value!.stages.length;
  const sources = useMemo(() => parts.map((part) => ({ url: `${part.url_glb}?v=${encodeURIComponent(String(stamp))}-${part.triangles}` })), [parts, stamp]);
  const { model, failed, loading } = useModel(made, sources, { hidden, explode, paint: "own", wireframe: false, colors });
  const [pointed, point] = usePointed(made, model, (name) => name && setOpen(name));
  const others = (term: string) => parts.filter((part) => part.term !== term).map((part) => part.term);
  const alone = (term: string) => !hidden.has(term) && others(term).every((other) => hidden.has(other)) && parts.length > 1;

  function toggle(term: string): void {
    setHidden(new Set(hidden.has(term) ? [...hidden].filter((other) => other !== term) : [...hidden, term]));
  }

  return (
    <div
      class="pane-body"
      onKeyDown={(event) => {
        const part = parts[Number(event.key) - 1];
        if (!part || event.ctrlKey || event.altKey || (event.target as HTMLElement).matches("input[type=number]")) return;
        toggle(part.term);
        event.preventDefault();
      }}
    >
      <Stage
        canvas={canvas} label="Parts" problem={problem || failed} under={pointed} preview={preview}
        busy={loading && !model ? "Loading the parts" : watched.job.value!.state !== "done" ? "Of before" : null}
      />
      <div class="controls">
        <div class="toolbar">
          <Slider label="Pull apart" value={explode} onInput={setExplode} />
          {hidden.size > 0 && <button type="button" class="quiet" onClick={() => setHidden(new Set())}>Show all</button>}
        </div>
        <ul class="term-list parts-list" aria-label="Parts">
          {parts.map((part) => (
            <li
              key={part.term} class={`${pointed === part.term ? "pointed" : ""} ${hidden.has(part.term) ? "hidden-part" : ""}`}
              onPointerEnter={() => point(part.term)} onPointerLeave={() => point("")}
            >
              <button type="button" class="name" aria-expanded={open === part.term} onClick={() => setOpen(open === part.term ? null : part.term)}>
                <span class="dot" style={{ background: part.color }} />{part.term}{part.base && <small> base</small>}
              </button>
              <IconButton icon="solo" label={`Show ${part.term} alone`} pressed={alone(part.term)} onClick={() => setHidden(new Set(alone(part.term) ? [] : others(part.term)))} />
              <IconButton icon={hidden.has(part.term) ? "hidden" : "eye"} label={`${hidden.has(part.term) ? "Show" : "Hide"} ${part.term}`} onClick={() => toggle(part.term)} />
              {open === part.term && <PartMore watched={watched} part={part} />}
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

function PartMore({ watched, part }: { watched: Watched; part: PartInfo }) {
  const job = watched.job.value!, free = job.state !== "running" && job.state !== "queued";
  const [busy, setBusy] = useState(false);
  const { over, drop } = useDrop((files) => void swap(files));
  const asset = job.assets[part.term]?.[0];

  async function swap(files: File[]): Promise<void> {
    setBusy(true);
    const uploads = await attempt(() => Promise.all(files.map((file) => api.upload(file, file.name))));
    if (uploads) await watched.change({ pictures: { [part.term]: uploads.map((upload) => upload.id) } }, `${part.term} follows the new picture.`);
    setBusy(false);
  }

  const seed = () => Math.floor(Math.random() * 2 ** 31);
  return (
    <div class={`part-more ${over ? "over" : ""}`} {...drop}>
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
