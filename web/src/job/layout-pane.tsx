// The layout with its coloured hints: look, accept, repaint with a brush, move and scale a box, ask again.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Hints } from "../api/types.ts";
import { spoken } from "../app/store.ts";
import { Check, IconButton, Segmented, Slider, type Choice } from "../ui/controls.tsx";
import { Stage } from "../ui/stage.tsx";
import type { CellBox, Painting, Stroke } from "../viewer/index.ts";
import { useView, type Made } from "../viewer/use-view.ts";
import { BoxFields } from "./box-fields.tsx";
import { glimpse, type Watched } from "./watch.ts";

type Mode = "look" | Stroke | "box";

const MODES: readonly Choice<Mode>[] = [
  { value: "look", title: "Look", icon: "eye", hint: "V" },
  { value: "paint", title: "Paint", icon: "brush", hint: "B" },
  { value: "erase", title: "Erase", icon: "erase", hint: "E" },
  { value: "add", title: "Add", icon: "grow", hint: "A: grows new voxels on the surface" },
  { value: "box", title: "Box", icon: "box", hint: "X: moves and scales" },
];
const KEYS: Record<string, Mode> = { v: "look", b: "paint", e: "erase", a: "add", x: "box" };
const GREY = "#b9b5ad";

export function LayoutPane({ watched }: { watched: Watched }) {
  const hints = watched.hints.value, job = watched.job.value!;
  const preview = glimpse(watched, "layout");
  if (hints) return <Painter hints={hints} watched={watched} />;
  return <Stage label="Layout" preview={preview} empty={emptyWord(job.state)} />;
}

const emptyWord = (state: string) =>
  state === "queued" || state === "running" ? "The layout comes first" : "This run has no layout";

function Painter({ hints, watched }: { hints: Hints; watched: Watched }) {
  const { canvas, made, problem } = useView();
  const job = watched.job.value!, free = job.kind === "compose" && job.state !== "running" && job.state !== "queued";
  const accessories = hints.terms.filter((one) => one.term !== hints.base);
  const [mode, setMode] = useState<Mode>("look");
  const [term, setTerm] = useState(accessories[0]?.term ?? hints.base);
  const [radius, setRadius] = useState(3);
  const [mirror, setMirror] = useState(false);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [, again] = useState(0);
  const painting = useMemo(() => made && new made.lib.Painting(hints), [made, hints]);
  const boxTool = useRef<InstanceType<Made["lib"]["BoxTool"]> | null>(null), mesh = useRef<InstanceType<Made["lib"]["VoxelMesh"]> | null>(null);
  const color = hints.terms.find((one) => one.term === term)?.color ?? GREY;

  function show(): void {
    if (!made || !painting) return;
    mesh.current ??= new made.lib.VoxelMesh();
    const first = !mesh.current.parent, Color = made.lib.Color;
    mesh.current.show(painting.owners(hidden), [new Color(GREY), ...hints.terms.map((one) => new Color(one.color))]);
    made.view.content.add(mesh.current);
    if (first) made.view.fit(new made.lib.Box3().setFromObject(mesh.current));
    made.view.redraw();
  }
  const frame = useRef(0);
  const showSoon = () => { // a stroke has more dabs than there are frames
    cancelAnimationFrame(frame.current);
    frame.current = requestAnimationFrame(show);
  };
  const update = () => {
    showSoon();
    const now = painting?.box(term);
    if (now) boxTool.current?.set(now);
    again((value) => value + 1);
  };
  useEffect(show, [made, painting, hidden]);

  useLayoutEffect(() => { // before the next key
    if (!made || !painting || mode === "look" || !free) return;
    const { view, lib } = made;
    if (mode === "box") {
      let held = painting.held(term);
      if (!held) return;
      const tool = new lib.BoxTool(view, held.box, color, {
        begin: () => { painting.begin(); held = painting.held(term) ?? held; },
        change: (to) => { if (held) painting.place(term, held, to); showSoon(); },
        end: update,
      });
      view.tool = boxTool.current = tool;
      view.onDraw = () => tool.resize();
      view.redraw();
      return () => { tool.dispose(); view.tool = boxTool.current = view.onDraw = null; };
    }
    const tool = new lib.BrushTool(view, {
      radius: () => radius, color: () => (mode === "erase" ? "#cf4f62" : color), filled: (index) => painting.met(index),
      begin: () => painting.begin(), dab: (hit) => { if (painting.dab(term, mode, hit, radius, mirror)) showSoon(); },
      end: () => { painting.end(); update(); },
    });
    view.tool = tool;
    return () => { tool.dispose(); view.tool = null; };
  }, [made, painting, mode, term, radius, mirror, hidden, free]);

  useEffect(() => { if (!free) setMode("look"); }, [free]);
  useEffect(() => void canvas.current?.classList.toggle("held", mode !== "look"), [mode]);

  function key(event: KeyboardEvent): void {
    if ((event.target as HTMLElement).matches("input[type=number], input[type=text]")) return;
    const control = event.ctrlKey || event.metaKey, name = event.key.toLowerCase();
    if (control && name === "z") step(event.shiftKey ? "redo" : "undo");
    else if (control || event.altKey || !free) return;
    else if (KEYS[name]) setMode(KEYS[name]);
    else if (name === "[") setRadius((value) => Math.max(1, value - 1));
    else if (name === "]") setRadius((value) => Math.min(12, value + 1));
    else if (/^[1-9]$/.test(name) && hints.terms[Number(name) - 1]) setTerm(hints.terms[Number(name) - 1]!.term);
    else return;
    event.preventDefault();
  }

  function step(what: "undo" | "redo"): void {
    if (painting?.[what]()) { update(); spoken.value = what === "undo" ? "Taken back" : "Done again"; }
  }

  function place(to: CellBox): void {
    const held = painting?.held(term);
    if (!held || !painting) return;
    painting.begin();
    painting.place(term, held, to);
    update();
  }

  const changed = !!painting && Object.keys(painting.toSend()).length > 0;
  return (
    <div class="pane-body" onKeyDown={key}>
      <Stage canvas={canvas} label="Layout with hints" problem={problem} />
      <div class="controls">
        {free && (
          <div class="toolbar">
            <Segmented label="Tool" value={mode} choices={MODES} onChange={setMode} />
            {painting && (
              <span class="pair">
                <IconButton icon="undo" label="Undo (Ctrl Z)" disabled={!painting.undoable} onClick={() => step("undo")} />
                <IconButton icon="redo" label="Redo (Ctrl Shift Z)" disabled={!painting.redoable} onClick={() => step("redo")} />
              </span>
            )}
          </div>
        )}
        {free && (mode === "paint" || mode === "erase" || mode === "add") && (
          <div class="toolbar">
            <Slider label="Brush" value={radius} low={1} high={12} step={1} onInput={setRadius} shown={`${radius} voxels`} />
            <Check label="Both sides" checked={mirror} onChange={setMirror} />
          </div>
        )}
        {free && mode === "box" && painting && <BoxFields key={term} painting={painting} term={term} onPlace={place} />}
        <TermList hints={hints} painting={painting} term={term} setTerm={setTerm} hidden={hidden} setHidden={setHidden} choosing={free && mode !== "look"} />
        {free && <Actions watched={watched} painting={painting} changed={changed} />}
      </div>
    </div>
  );
}

function TermList({ hints, painting, term, setTerm, hidden, setHidden, choosing }: {
  hints: Hints; painting: Painting | null; term: string; setTerm: (term: string) => void;
  hidden: ReadonlySet<string>; setHidden: (hidden: ReadonlySet<string>) => void; choosing: boolean;
}) {
  const size = (grid: Uint8Array) => grid.reduce((sum, value) => sum + value, 0);
  return (
    <ul class="term-list" aria-label="Hints">
      {hints.terms.map((one) => (
        <li key={one.term} class={choosing && one.term === term ? "chosen" : ""}>
          <label>
            {choosing && <input type="radio" name="hint-term" checked={one.term === term} onChange={() => setTerm(one.term)} />}
            <span class="dot" style={{ background: one.color }} />
            <span class="name">{one.term}{one.term === hints.base && <small> base</small>}</span>
          </label>
          <span class="soft number">{painting ? size(painting.grid(one.term)).toLocaleString("en") : ""}</span>
          <IconButton
            icon={hidden.has(one.term) ? "hidden" : "eye"} label={`${hidden.has(one.term) ? "Show" : "Hide"} ${one.term}`}
            onClick={() => setHidden(new Set(hidden.has(one.term) ? [...hidden].filter((other) => other !== one.term) : [...hidden, one.term]))}
          />
        </li>
      ))}
    </ul>
  );
}

function Actions({ watched, painting, changed }: { watched: Watched; painting: Painting | null; changed: boolean }) {
  const waiting = watched.job.value!.state === "waiting";
  if (!waiting && !changed) return null;
  return (
    <div class="actions">
      {waiting && (
        <button type="button" class="quiet" onClick={() => void watched.change({ ask_again: true }, "Another layout is made.")}>Ask again</button>
      )}
      <button
        type="button" class="primary"
        onClick={() => void watched.change({ ...(changed ? { hints: painting!.toSend() } : {}), ...(waiting ? { accept: true } : {}) }, "")}
      >
        {!waiting ? "Compose again with these" : changed ? "Use these hints" : "Accept"}
      </button>
    </div>
  );
}
