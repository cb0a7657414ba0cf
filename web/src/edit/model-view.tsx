// The model to be changed: turn it, and click the part that is meant.

import { useMemo } from "preact/hooks";
import { Stage } from "../ui/stage.tsx";
import { colorOf } from "../ui/words.ts";
import { useModel, usePointed } from "../viewer/use-model.ts";
import { useView } from "../viewer/use-view.ts";
import type { Model } from "./edit-page.tsx";
import type { Change } from "./plan.ts";

const NONE: ReadonlySet<string> = new Set();

export function ModelView({ model, selected, select, changes }: {
  model: Model; selected: string | null; select: (name: string | null) => void; changes: readonly Change[];
}) {
  const { canvas, made, problem } = useView();
  const sources = useMemo(() => (model.url ? [{ url: model.url }] : []), [model.url]);
  const removed = changes.filter((change) => change.what === "remove").map((change) => change.term).join("\n");
  const hidden = useMemo(() => (removed ? new Set(removed.split("\n")) : NONE), [removed]);
  const colors = Object.fromEntries(model.nodes.map((node) => [node, colorOf(model.nodes, null, node)]));
  const { model: shown, failed, loading } = useModel(made, sources, { hidden, explode: 0, paint: "own", wireframe: false, colors });
  const [pointed, point] = usePointed(made, shown, select);
  const names = shown?.parts.map((part) => part.name) ?? model.nodes;
  return (
    <section class="pane shown" aria-label="Model">
      <header><h2>Model</h2><p class="soft">{names.length} {names.length === 1 ? "part" : "parts"}</p></header>
      <Stage
        canvas={canvas} label="Model" problem={problem || failed} under={pointed} busy={loading ? "Loading the model" : null}
        empty={model.url ? null : "This kind of file has no view here. Name the part that is meant."}
      />
      <ul class="node-list" aria-label="Parts of the model">
        {names.map((name) => (
          <li key={name}>
            <button
              type="button" aria-pressed={selected === name} onClick={() => select(selected === name ? null : name)}
              onPointerEnter={() => point(name)} onPointerLeave={() => point("")} onFocus={() => point(name)} onBlur={() => point("")}
            >
              {name}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
