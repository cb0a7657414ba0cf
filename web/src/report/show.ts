// A model in a canvas, without components: what report.html and pages of evaluations draw with.

import { PartsModel, readGLB } from "../viewer/parts.ts";
import { readPacked } from "../viewer/packed.ts";
import { SplatModel } from "../viewer/splats.ts";
import { View } from "../viewer/view.ts";

export interface Shown {
  view: View;
  model: PartsModel;
  splat: SplatModel | null; // made when it is first asked for
  asSplat(on: boolean): Promise<void>;
}

/** Reads a GLB into a view of the canvas. `color` tells each part's own; `splats` are packed as by the report. */
export async function show(
  canvas: HTMLCanvasElement, glb: Uint8Array, color: (name: string, index: number) => string = () => "#8a7a63", splats: Uint8Array | null = null,
): Promise<Shown> {
  const view = new View(canvas), model = new PartsModel();
  model.take(await readGLB(glb.slice().buffer as ArrayBuffer), color);
  view.content.add(model);
  view.fit(model.box);
  const shown: Shown = {
    view, model, splat: null,
    async asSplat(on) {
      if (on && !shown.splat && splats) {
        const made = new SplatModel(readPacked(splats), view);
        shown.splat = made;
        view.content.add(made);
        view.onDraw = () => made.sort(view);
      }
      if (shown.splat) shown.splat.visible = on && !shown.splat.broken;
      if (!on) model.visible = true;
      try {
        await shown.splat?.sort(view); // the mesh stays until the splats are there
      } finally {
        model.visible = !shown.splat?.visible;
        view.redraw();
      }
    },
  };
  return shown;
}

/** The bytes of an element's text: base64, of what gzip packed. */
export async function packedIn(id: string): Promise<Uint8Array | null> {
  const text = document.getElementById(id)?.textContent?.trim();
  if (!text) return null;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
