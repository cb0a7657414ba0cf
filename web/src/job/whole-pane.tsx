// The whole: as a mesh or as splats, under several lights, coloured by part, with its wires.

import { useEffect, useState } from "preact/hooks";
import * as api from "../api/client.ts";
import { attempt } from "../app/store.ts";
import { Check, IconButton, Segmented, Slider } from "../ui/controls.tsx";
import { Icon } from "../ui/icons.tsx";
import { Stage } from "../ui/stage.tsx";
import { colorOf, whole } from "../ui/words.ts";
import type { SplatModel } from "../viewer/splats.ts";
import { useModel, usePointed } from "../viewer/use-model.ts";
import { loadSplats, useView, type Made } from "../viewer/use-view.ts";
import { LIGHT_NAMES, type Light } from "../viewer/lights.ts";
import { DownloadLink } from "./download-link.tsx";
import { Downloads } from "./downloads.tsx";
import { saveBlob } from "./save.ts";
import { glimpse, type Watched } from "./watch.ts";

export function WholePane({ watched }: { watched: Watched }) {
  const job = watched.job.value!;
  const preview = job.state === "running" ? (watched.previews.value.whole?.url ?? null) : null;
  if (!job.scene) {
    const single = job.kind === "lift" || job.kind === "imagine";
    return (
      <Stage
        label="The whole" preview={glimpse(watched, "whole")}
        empty={job.state === "failed" || job.state === "cancelled" ? "It did not come to this" : single ? "It appears here" : "The parts come together here"}
      />
    );
  }
  return <Loaded watched={watched} preview={preview} />;
}

type Kind = "mesh" | "splat";
type Paint = "own" | "part" | "clay";

function Loaded({ watched, preview }: { watched: Watched; preview: string | null }) {
  const job = watched.job.value!, parts = watched.parts.value;
  const { canvas, made, problem } = useView();
  const [kind, setKind] = useState<Kind>("mesh");
  const [paint, setPaint] = useState<Paint>("own");
  const [light, setLight] = useState<Light>("studio");
  const [wireframe, setWireframe] = useState(false);
  const [explode, setExplode] = useState(0);
  const [hidden] = useState<ReadonlySet<string>>(new Set());
  const [turning, setTurning] = useState(false);
  const [asking, ask] = useState(false);
  const [when, setWhen] = useState<"after" | "before">("after");
  const stamp = encodeURIComponent(String(job.finished ?? ""));
  const [rest, setRest] = useState<readonly string[]>([]); // parts that an edit left as they were
  const order = parts.length ? parts.map((part) => part.term) : Object.keys(job.assets);
  const colors = Object.fromEntries([
    ...rest.map((term) => [term, colorOf(rest, term, term)]),
    ...order.map((term, i) => [term, parts[i]?.color ?? colorOf(order, job.main, term)]),
  ]);
  const early = when === "before" && !!job.before;
  const { model, failed, loading } = useModel(
    made, [{ url: early ? job.before! : `${job.scene}?v=${stamp}` }], { hidden, explode, paint, wireframe, colors },
  );
  const [pointed] = usePointed(made, kind === "mesh" ? model : null);
  const splat = useSplat(made, kind === "splat" && !early && job.splat ? `${job.splat}?v=${stamp}` : null);
  useEffect(() => {
    if (job.kind === "edit" && model) setRest(model.parts.map((part) => part.name).filter((name) => !order.includes(name)));
  }, [model, order.join("\n")]);

  useEffect(() => {
    if (!made) return;
    made.view.light = light;
    made.view.onTurn = () => setTurning(made.view.isTurning);
    made.view.redraw();
  }, [made, light]);
  useEffect(() => {
    if (!made || !model) return;
    model.visible = kind === "mesh" || !splat.mesh;
    splat.mesh?.explode(explode);
    splat.mesh?.paint(order.map((term) => colors[term]!), paint === "part");
    made.view.redraw();
  }, [made, model, kind, splat.mesh, explode, paint]);

  const shown = model?.parts.reduce((sum, part) => sum + part.triangles, 0) ?? 0;
  const triangles = (job.kind === "edit" ? 0 : parts.reduce((sum, part) => sum + part.triangles, 0)) || shown;
  const solid = parts.length ? parts.every((part) => part.solid) : null;
  const several = (model?.parts.length ?? order.length) > 1;
  return (
    <div class="pane-body">
      <Stage
        canvas={canvas} label="The whole" problem={problem || failed || splat.failed} under={pointed} preview={preview}
        busy={loading && !model ? "Loading the model" : splat.loading ? "Loading the splats" : job.state !== "done" ? "Of before" : null}
      >
        <div class="corner-tools">
          <IconButton icon="turn" label={turning ? "Stop turning" : "Turn it"} pressed={turning} onClick={() => made?.view.turn(!turning)} />
          <IconButton icon="camera" label="Save this view as a picture" onClick={() => void made?.view.picture().then((blob) => blob && saveBlob(blob, `${job.id}.png`))} />
        </div>
      </Stage>
      <div class="controls">
        <div class="toolbar">
          {job.before && (
            <Segmented
              label="Before or after the edit" value={when} onChange={setWhen}
              choices={[{ value: "before", title: "Before" }, { value: "after", title: "After" }]}
            />
          )}
          {job.splat && !early && (
            <Segmented label="Show as" value={kind} onChange={setKind} choices={[{ value: "mesh", title: "Mesh" }, { value: "splat", title: "Splat" }]} />
          )}
          <Segmented
            label="Colours" value={paint} onChange={setPaint}
            choices={[{ value: "own", title: "Own colours" }, { value: "part", title: "By part" }, { value: "clay", title: "Clay", disabled: kind === "splat" }]}
          />
        </div>
        <div class="toolbar">
          <label class="field inline">
            <span>Light</span>
            <select value={light} disabled={kind === "splat"} onChange={(event) => setLight(event.currentTarget.value as Light)}>
              {LIGHT_NAMES.map(([value, title]) => <option key={value} value={value}>{title}</option>)}
            </select>
          </label>
          <Check label="Wires" checked={wireframe} disabled={kind === "splat"} onChange={setWireframe} />
          {several && <Slider label="Pull apart" value={explode} onInput={setExplode} />}
        </div>
        <div class="facts-row">
          <p class="soft">
            {whole(triangles)} triangles{solid === null || early ? "" : !solid ? " · some parts are open" : job.kind === "edit" ? " · what is new is solid" : " · every part is solid"}
          </p>
          <div class="row wrap">
            {job.report && <DownloadLink class="button quiet" href={api.exportUrl(job.id, "report")}><Icon name="share" />Share</DownloadLink>}
            <button type="button" class="primary" onClick={() => ask(true)}><Icon name="download" />Download</button>
          </div>
        </div>
        {asking && <Downloads job={job} parts={parts} box={model?.box ?? null} triangles={triangles} onClose={() => ask(false)} />}
      </div>
    </div>
  );
}

function useSplat(made: Made | null, url: string | null): { mesh: SplatModel | null; loading: boolean; failed: string } {
  const [mesh, setMesh] = useState<SplatModel | null>(null);
  const [loading, setLoading] = useState(false);
  const [failed, setFailed] = useState("");
  useEffect(() => {
    if (!made || !url) return;
    const stop = new AbortController(), { lib, view } = made;
    let fresh: SplatModel | null = null;
    setLoading(true);
    setFailed("");
    void attempt(async () => {
      const [bytes, { SplatModel }] = await Promise.all([api.fetchBytes(url, stop.signal), loadSplats()]);
      if (stop.signal.aborted) return;
      const splat = (fresh = new SplatModel(lib.readSplats(bytes), view));
      view.content.add(splat);
      view.onDraw = () => splat.sort(view);
      await splat.sort(view); // the mesh stays until the splats are there
      if (!stop.signal.aborted) setMesh(splat);
    }).then(() => setLoading(false));
    return () => {
      stop.abort();
      setLoading(false);
      view.onDraw = null;
      fresh?.removeFromParent();
      fresh?.dispose();
      setMesh(null);
      view.redraw();
    };
  }, [made, url]);
  return { mesh, loading, failed };
}
