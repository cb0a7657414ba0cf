// The model to be changed: turn it, and click the part that is meant. A picture that is dropped on a part replaces it.

import { useEffect, useMemo } from "preact/hooks";
import { say } from "../app/store.ts";
import { useDrop } from "../ui/controls.tsx";
import { Stage } from "../ui/stage.tsx";
import { colorOf } from "../ui/words.ts";
import { useModel, usePointed } from "../viewer/use-model.ts";
import { useView } from "../viewer/use-view.ts";
import type { Model } from "./edit-page.tsx";
import type { Change } from "./plan.ts";

const NONE: ReadonlySet<string> = new Set();
const isPicture = (file: File) => file.type.startsWith("image/");

export function ModelView({ model, selected, select, changes, onNames, onPictures }: {
  model: Model; selected: string | null; select: (name: string | null) => void; changes: readonly Change[];
  onNames: (names: string[]) => void; onPictures: (part: string, files: File[]) => void;
}) {
  const { canvas, made, problem } = useView();
  const sources = useMemo(() => (model.url ? [{ url: model.url }] : []), [model.url]);
  const removed = changes.filter((change) => change.what === "remove").map((change) => change.part).join("\n");
  const hidden = useMemo(() => (removed ? new Set(removed.split("\n")) : NONE), [removed]);
  const colors = Object.fromEntries(model.nodes.map((node) => [node, colorOf(model.nodes, null, node)]));
  const { model: shown, failed, loading } = useModel(made, sources, { hidden, explode: 0, paint: "own", wireframe: false, colors }, model.nodes);
  const [pointed, point] = usePointed(made, shown, select, selected);
  const names = shown?.parts.map((part) => part.name) ?? model.nodes;
  useEffect(() => onNames(names), [names.join("\n")]);

  /** Pictures go to the part that they are dropped on, else to the one that is chosen; models to the page. */
  function takes(part: (event: DragEvent) => string | null) {
    return (event: DragEvent) => {
      const files = [...(event.dataTransfer?.files ?? [])];
      if (!files.length || !files.every(isPicture)) return;
      event.preventDefault();
      event.stopPropagation();
      const of = part(event) ?? selected;
      if (of) {
        select(of);
        onPictures(of, files);
      } else say("Drop the picture on the part that it replaces.", "error");
    };
  }
  const under = (event: DragEvent) => {
    const found = made && shown?.pick(made.view.ray(event));
    return found ? shown!.parts[found.index]!.name : null;
  };

  return (
    <section class="pane shown" aria-label="Model">
      <header><h2>Model</h2><p class="soft">{names.length} {names.length === 1 ? "part" : "parts"}</p></header>
      <div onDrop={takes(under)}>
        <Stage
          canvas={canvas} label="Model" problem={problem || failed} under={pointed} busy={loading ? "Loading the model" : null}
          empty={model.url ? null : "This kind of file has no view here. Name the part that is meant."}
        />
      </div>
      <ul class="node-list" aria-label="Parts of the model">
        {names.map((name) => (
          <NodeChip
            key={name} name={name} pressed={selected === name} onPress={() => select(selected === name ? null : name)} point={point}
            onDrop={takes(() => name)}
          />
        ))}
      </ul>
    </section>
  );
}

function NodeChip({ name, pressed, onPress, point, onDrop }: {
  name: string; pressed: boolean; onPress: () => void; point: (name: string) => void; onDrop: (event: DragEvent) => void;
}) {
  const { over, drop } = useDrop(() => {});
  return (
    <li {...drop} onDrop={(event) => { drop["onDrop"]!(event); onDrop(event); }} class={over ? "over" : ""}>
      <button
        type="button" aria-pressed={pressed} onClick={onPress}
        onPointerEnter={() => point(name)} onPointerLeave={() => point("")} onFocus={() => point(name)} onBlur={() => point("")}
      >
        {name}
      </button>
    </li>
  );
}
