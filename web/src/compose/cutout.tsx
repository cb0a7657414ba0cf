// Correcting a cut-out by hand: a soft brush that erases, or brings back what the picture had there.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import * as api from "../api/client.ts";
import type { Upload } from "../api/types.ts";
import { attempt } from "../app/store.ts";
import { Dialog, IconButton, Segmented, Slider } from "../ui/controls.tsx";
import { CutoutCanvas, type CutoutStroke } from "./cutout-canvas.ts";

export function CutoutEditor({ upload, term, version, onClose, onSaved }: {
  upload: Upload; term: string; version: number; onClose: () => void; onSaved: (upload: Upload | null) => void;
}) {
  const place = useRef<HTMLCanvasElement>(null), canvas = useRef<CutoutCanvas | null>(null);
  const [stroke, setStroke] = useState<CutoutStroke>("erase");
  const [size, setSize] = useState(28);
  const [state, setState] = useState({ undoable: false, redoable: false, dirty: false });
  const [problem, setProblem] = useState("");
  const [saving, setSaving] = useState(false);

  useEffect(() => {
    const made = new CutoutCanvas(place.current!, () =>
      setState({ undoable: made.undoable, redoable: made.redoable, dirty: made.dirty }));
    canvas.current = made;
    made.load(upload.cutout && `${upload.cutout}?v=${version}`, api.uploadFile(upload.id)).catch(() =>
      setProblem("The picture could not be read. Close this, and drop it once more."));
    return () => made.dispose();
  }, []);
  useLayoutEffect(() => { // before the next key
    if (canvas.current) Object.assign(canvas.current, { stroke, size });
  }, [stroke, size]);

  async function save(): Promise<void> {
    setSaving(true);
    const png = await canvas.current!.png();
    const done = await attempt(async () => ({ upload: await api.putCutout(upload.id, png) }));
    setSaving(false);
    if (done) onSaved(done.upload);
  }

  function key(event: KeyboardEvent): void {
    const control = event.ctrlKey || event.metaKey, name = event.key.toLowerCase();
    if (control && name === "z") (event.shiftKey ? canvas.current!.redo() : canvas.current!.undo());
    else if (control || event.altKey) return;
    else if (name === "e") setStroke("erase");
    else if (name === "r") setStroke("restore");
    else if (name === "[") setSize((value) => Math.max(4, value - 6));
    else if (name === "]") setSize((value) => Math.min(120, value + 6));
    else if (!canvas.current!.key(event)) return;
    event.preventDefault();
  }

  return (
    <Dialog title={`Cut-out of ${term}`} onClose={onClose} wide>
      <div class="cutout-editor" onKeyDown={key}>
        <div class="toolbar">
          <Segmented
            label="Brush" value={stroke} onChange={setStroke}
            choices={[{ value: "erase", title: "Erase", icon: "erase", hint: "E" }, { value: "restore", title: "Bring back", icon: "brush", hint: "R" }]}
          />
          <Slider label="Size" value={size} low={4} high={120} step={2} onInput={setSize} shown={`${size} px`} />
          <IconButton icon="undo" label="Undo (Ctrl Z)" disabled={!state.undoable} onClick={() => canvas.current!.undo()} />
          <IconButton icon="redo" label="Redo (Ctrl Shift Z)" disabled={!state.redoable} onClick={() => canvas.current!.redo()} />
        </div>
        <div class="cutout-place checkered">
          <canvas
            ref={place} tabIndex={0} role="application"
            aria-label="Cut-out. Arrow keys move the brush, Space paints, E erases, R brings back, brackets change the size."
          />
        </div>
        {problem && <p class="warning">{problem}</p>}
        {!upload.cutout && <p class="warning">It could not be cut out by itself. Erase what is not {term}.</p>}
        <p class="soft">What was cut away shows faintly. It is not part of the object.</p>
        <div class="actions">
          <button type="button" class="quiet" onClick={onClose}>Cancel</button>
          <button type="button" class="primary" disabled={!state.dirty || saving} onClick={() => void save()}>
            {saving ? "Saving…" : "Use this cut-out"}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
