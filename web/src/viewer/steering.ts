// Pointer, touch, wheel and keyboard on a view.

import type { View } from "./view.ts";

type Point = [number, number];

/** Listens on the view's canvas; the returned function stops it. */
export function steer(view: View): () => void {
  const { canvas } = view;
  const pointers = new Map<number, Point>();
  const stop = new AbortController();
  let used = false; // the tool has the pointer

  function on<K extends keyof HTMLElementEventMap>(name: K, run: (event: HTMLElementEventMap[K]) => void, passive = true): void {
    canvas.addEventListener(name, run, { signal: stop.signal, passive });
  }

  on("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (pointers.size > 1) {
      if (used) view.tool?.up(view, event); // a second finger: the view is meant
      used = false;
      return;
    }
    const plain = event.button === 0 && !event.shiftKey && !event.altKey;
    used = plain && !!view.tool?.down(view, event);
  });

  on("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before || used) {
      if (used) view.tool?.move(view, event);
      view.tool?.hover?.(view, event);
      return;
    }
    const here: Point = [event.clientX, event.clientY];
    const [dx, dy] = [here[0] - before[0], here[1] - before[1]];
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const span = (point: Point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
      view.zoomBy(span(here) / (span(before) || 1));
      view.moveBy(dx / 2, dy / 2);
    } else if (event.buttons & 6 || event.shiftKey) view.moveBy(dx, dy);
    else view.rotate(-dx * 0.008, dy * 0.008);
    pointers.set(event.pointerId, here);
  });

  for (const name of ["pointerup", "pointercancel"] as const) {
    on(name, (event) => {
      pointers.delete(event.pointerId);
      if (used) view.tool?.up(view, event);
      used = false;
    });
  }
  on("pointerleave", () => view.tool?.hover?.(view, null));
  on("contextmenu", (event) => event.preventDefault(), false);
  on("dblclick", () => !view.tool && view.reset());
  on("wheel", (event) => {
    // A page that scrolls must not be held by a canvas under the pointer: the wheel zooms once the view has focus.
    if (!event.ctrlKey && document.activeElement !== canvas) return;
    event.preventDefault();
    view.zoomBy(Math.exp(-event.deltaY * 0.0012));
  }, false);

  const keys: Record<string, () => void> = {
    ArrowLeft: () => view.rotate(-0.12, 0),
    ArrowRight: () => view.rotate(0.12, 0),
    ArrowUp: () => view.rotate(0, 0.08),
    ArrowDown: () => view.rotate(0, -0.08),
    "+": () => view.zoomBy(1.15),
    "=": () => view.zoomBy(1.15),
    "-": () => view.zoomBy(1 / 1.15),
    "0": () => view.reset(),
    Home: () => view.reset(),
    r: () => view.turn(!view.isTurning),
  };
  on("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!view.tool?.key?.(view, event)) {
      const act = keys[event.key];
      if (!act) return;
      act();
    }
    event.preventDefault();
    event.stopPropagation();
  }, false);

  return () => stop.abort();
}
