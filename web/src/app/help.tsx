// The keys, under "?".

import { Dialog } from "../ui/controls.tsx";

const KEYS: readonly [string, readonly [string, string][]][] = [
  ["Everywhere", [["?", "This list"], ["N", "A new scene"], ["M", "Edit a model"], ["H", "To the history"], ["Esc", "Closes a dialog"]]],
  ["The sentence", [["Ctrl Enter", "Compose"], ["Alt T", "Makes the selected words a thing"]]],
  ["A 3D view", [
    ["← → ↑ ↓", "Turn"], ["+ −", "Nearer, farther"], ["0", "See all"], ["R", "Turns by itself"], ["Shift drag", "Moves"], ["1 … 9", "Parts: hides or shows one"],
  ]],
  ["The layout", [
    ["V", "Look"], ["B", "Paint"], ["E", "Erase"], ["A", "Add voxels"], ["X", "Box: move and scale"], ["1 … 9", "Chooses a thing"],
    ["[ ]", "Smaller, larger brush"], ["Space", "Paints in the middle of the view"], ["Ctrl Z", "Undo; with Shift: redo"],
  ]],
  ["A cut-out", [["E", "Erase"], ["R", "Bring back"], ["[ ]", "Smaller, larger brush"], ["Arrows, Space", "Move the brush, paint"], ["Ctrl Z", "Undo; with Shift: redo"]]],
];

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose} wide>
      <div class="keys">
        {KEYS.map(([where, rows]) => (
          <section key={where}>
            <h3>{where}</h3>
            <dl>{rows.map(([key, what]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>)}</dl>
          </section>
        ))}
      </div>
      <p class="soft">A mouse turns a view by dragging, moves it with Shift or the right button, and zooms with the wheel once the view has focus. Fingers: one turns, two zoom and move.</p>
    </Dialog>
  );
}
