// The viewer of report.html: its list of parts, switches, keys, and the words of the sentence that go with parts.

import { packedIn, show, type Shown } from "./show.ts";

const LIGHT = 400_000; // triangles up to which the part under the pointer is looked for

export async function start(panel: HTMLElement): Promise<void> {
  const root = document.documentElement, canvas = panel.querySelector("canvas")!;
  try {
    const rows = [...panel.querySelectorAll<HTMLElement>("[data-part]")];
    const color = (_: string, index: number) => (rows[index] ? getComputedStyle(rows[index]).getPropertyValue("--part").trim() : "#8a7a63");
    const glb = await packedIn("model");
    if (!glb) throw new Error("the page holds no model");
    const shown = await show(canvas, glb, color, await packedIn("splats"));
    control(panel, rows, shown);
    root.dataset["viewer"] = `ready ${shown.model.parts.length}`;
  } catch (error) {
    root.dataset["viewer"] = "failed";
    const why = error instanceof Error ? error.message : String(error);
    panel.querySelector(".failure")!.textContent = `The 3D view could not start: ${why}. The pictures below and scene.glb are unaffected.`;
  }
}

function control(panel: HTMLElement, rows: HTMLElement[], shown: Shown): void {
  const { view, model } = shown, { canvas } = view;
  const find = <T extends HTMLElement>(name: string) => panel.querySelector<T>(`[data-control="${name}"]`);
  const label = panel.querySelector<HTMLElement>(".under-pointer")!;
  const visible = rows.map(() => true), colors = model.parts.map((part) => `#${part.color.getHexString()}`);
  const few = model.parts.reduce((sum, part) => sum + part.triangles, 0) < LIGHT;

  function hover(index: number): void {
    label.textContent = model.parts[index]?.name ?? "";
    rows.forEach((row, i) => row.classList.toggle("hovered", i === index));
    document.querySelectorAll<HTMLElement>("mark").forEach((mark) => mark.classList.toggle("hovered", mark.dataset["term"] === String(index)));
    if (model.hover(index)) view.redraw();
  }

  function reveal(index: number, on: boolean): void {
    visible[index] = on;
    model.show(index, on);
    shown.splat?.show(index, on);
    rows[index]!.querySelector("input")!.checked = on;
    view.redraw();
  }

  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons || !few || !model.visible) return;
    hover(model.pick(view.ray(event))?.index ?? -1);
    const box = canvas.getBoundingClientRect();
    label.style.transform = `translate(${event.clientX - box.left + 14}px, ${event.clientY - box.top + 14}px)`;
  });
  canvas.addEventListener("pointerleave", () => hover(-1));
  canvas.addEventListener("keydown", (event) => {
    const index = "123456789".indexOf(event.key);
    if (event.ctrlKey || event.metaKey || event.altKey || index < 0 || index >= rows.length) return;
    reveal(index, !visible[index]);
    event.preventDefault();
  });
  rows.forEach((row, index) => {
    row.querySelector("input")!.addEventListener("change", (event) => reveal(index, (event.target as HTMLInputElement).checked));
    row.querySelector("button")!.addEventListener("click", () => {
      const alone = visible.every((on, i) => on === (i === index));
      rows.forEach((_, i) => reveal(i, alone || i === index));
    });
    row.addEventListener("pointerenter", () => hover(index));
    row.addEventListener("pointerleave", () => hover(-1));
  });

  const explode = find<HTMLInputElement>("explode"), labels = find<HTMLInputElement>("labels"), wires = find<HTMLInputElement>("wires");
  const turn = find("turn"), splat = find<HTMLInputElement>("splat");
  function look(): void {
    const amount = Number(explode?.value ?? 0), byPart = labels?.checked ?? false;
    shown.asSplat(splat?.checked ?? false).catch((error: unknown) => {
      panel.querySelector(".failure")!.textContent = `The splats could not be drawn: ${error instanceof Error ? error.message : String(error)}. The mesh is shown.`;
    });
    view.margin = model.explode(amount);
    model.paint(byPart ? "part" : "own");
    model.wireframe(wires?.checked ?? false);
    shown.splat?.explode(amount);
    shown.splat?.paint(colors, byPart);
    visible.forEach((on, i) => shown.splat?.show(i, on));
    if (wires) wires.disabled = splat?.checked ?? false;
    view.redraw();
  }
  for (const one of [explode, labels, wires]) one?.addEventListener("input", look);
  for (const one of panel.querySelectorAll("[name='shown-as']")) one.addEventListener("change", look);
  turn?.addEventListener("click", () => view.turn(!view.isTurning));
  find("reset")?.addEventListener("click", () => view.reset());
  view.onTurn = () => turn?.setAttribute("aria-pressed", String(view.isTurning));
  view.turn(!matchMedia("(prefers-reduced-motion: reduce)").matches);
}
