// A view in a component: made when the canvas is there, given back when the component goes.

import { useEffect, useRef, useState } from "preact/hooks";
import type { RefObject } from "preact";
import type { View } from "./view.ts";

export type Viewer = typeof import("./index.ts");
let loading: Promise<Viewer> | undefined;

/** The viewer with three.js: its own file, loaded when the first view is wanted. */
export const loadViewer = (): Promise<Viewer> => (loading ??= import("./index.ts"));

/** Spark, a file of its own as well: few look at splats. */
export const loadSplats = (): Promise<typeof import("./splats.ts")> => import("./splats.ts");

export interface Made {
  view: View;
  lib: Viewer;
}

export function useView(): { canvas: RefObject<HTMLCanvasElement | null>; made: Made | null; problem: string } {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [made, setMade] = useState<Made | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let view: View | null = null, gone = false;
    loadViewer().then((lib) => {
      if (gone || !canvas.current) return;
      view = new lib.View(canvas.current);
      setMade({ view, lib });
    }).catch((error: unknown) =>
      setProblem(`The 3D view could not start (${error instanceof Error ? error.message : error}). Use a browser with WebGL 2, or download the files.`));
    return () => {
      gone = true;
      view?.dispose();
    };
  }, []);
  return { canvas, made, problem };
}
