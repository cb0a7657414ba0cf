// The parts in 3D: hide, isolate, pull apart.

import { useMemo, useState } from "preact/hooks";
import { Slider } from "../ui/controls.tsx";
import { Stage } from "../ui/stage.tsx";
import { useModel, usePointed } from "../viewer/use-model.ts";
import { useView } from "../viewer/use-view.ts";
import { PartRow } from "./part-row.tsx";
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
            <PartRow
              key={part.term} watched={watched} part={part} pointed={pointed === part.term} hidden={hidden.has(part.term)}
              alone={alone(part.term)} open={open === part.term} point={point}
              onOpen={() => setOpen(open === part.term ? null : part.term)} onHide={() => toggle(part.term)}
              onAlone={() => setHidden(new Set(alone(part.term) ? [] : others(part.term)))}
            />
          ))}
        </ul>
      </div>
    </div>
  );
}
