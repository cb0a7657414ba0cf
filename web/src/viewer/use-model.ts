// A model of named parts in a view: loaded from URLs, told how to look, and asked what is pointed at.

import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api/client.ts";
import type { PartsModel } from "./index.ts";
import type { Made } from "./use-view.ts";

export interface Source {
  url: string;
  bytes?: ArrayBuffer;
}

export interface Look {
  hidden: ReadonlySet<string>;
  explode: number;
  paint: "own" | "part" | "clay";
  wireframe: boolean;
  colors: Record<string, string>;
}

/** Loads the sources, all as one model; the model before stays until the new one is whole. */
export function useModel(made: Made | null, sources: readonly Source[], look: Look, names: readonly string[] = []): {
  model: PartsModel | null; failed: string; loading: boolean;
} {
  const [model, setModel] = useState<PartsModel | null>(null);
  const [failed, setFailed] = useState("");
  const [loading, setLoading] = useState(false);
  const seen = useRef("");
  const key = sources.map((source) => source.url).join("\n") + (made ? "" : "-");

  useEffect(() => {
    if (!made || !sources.length) return;
    const stop = new AbortController(), { lib, view } = made;
    setLoading(true);
    setFailed("");
    Promise.all(sources.map(async (source) => lib.readGLB(source.bytes ?? (await api.fetchBytes(source.url, stop.signal)))))
      .then((scenes) => {
        if (stop.signal.aborted) return;
        const fresh = new lib.PartsModel();
        for (const scene of scenes) fresh.take(scene, (name) => look.colors[name] ?? "#8a7a63", names);
        for (const old of [...view.content.children]) if (old instanceof lib.PartsModel) { old.removeFromParent(); old.dispose(); }
        view.content.add(fresh);
        const first = !seen.current;
        seen.current = key;
        view.fit(fresh.box, first);
        setModel(fresh);
        setLoading(false);
      })
      .catch((error: unknown) => {
        if (stop.signal.aborted) return;
        setLoading(false);
        setFailed(`The model could not be shown: ${api.inWords(error)}`);
      });
    return () => stop.abort();
  }, [made, key]);

  useEffect(() => {
    if (!model || !made) return;
    model.parts.forEach((part, i) => {
      part.color.set(look.colors[part.name] ?? "#8a7a63");
      model.show(i, !look.hidden.has(part.name));
    });
    made.view.margin = model.explode(look.explode);
    model.paint(look.paint);
    model.wireframe(look.wireframe);
    made.view.redraw();
  }, [model, made, look.hidden, look.explode, look.paint, look.wireframe, JSON.stringify(look.colors)]);

  return { model, failed, loading };
}

/** Says which part the pointer is on, and which is pressed without a turn of the view. */
export function usePointed(made: Made | null, model: PartsModel | null, onPress?: (name: string | null) => void, chosen: string | null = null): [string, (name: string) => void] {
  const [name, setName] = useState("");
  const press = useRef(onPress);
  press.current = onPress;

  const lit = useRef(chosen); // what stays lit while the pointer is elsewhere
  lit.current = chosen;
  const light = (of: string) => {
    if (made && model?.hover(model.parts.findIndex((part) => part.name === of))) made.view.redraw();
  };
  function point(next: string): void {
    if (!model || !made) return;
    light(next || lit.current || "");
    setName(next);
  }
  useEffect(() => light(name || chosen || ""), [model, chosen]);

  useEffect(() => {
    if (!made || !model) return;
    const { view } = made, { canvas } = view, stop = new AbortController(), { signal } = stop;
    const few = model.parts.reduce((sum, part) => sum + part.triangles, 0) < 400_000;
    let frame = 0, down: [number, number] | null = null;
    const under = (event: PointerEvent) => {
      const found = model.pick(view.ray(event));
      return found ? model.parts[found.index]!.name : "";
    };
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons || !few) return;
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => point(under(event)));
    }, { signal });
    canvas.addEventListener("pointerleave", () => { cancelAnimationFrame(frame); point(""); }, { signal });
    canvas.addEventListener("pointerdown", (event) => { // a second finger means the view, not a part
      down = event.isPrimary ? [event.clientX, event.clientY] : null;
    }, { signal });
    canvas.addEventListener("pointerup", (event) => {
      if (down && Math.hypot(event.clientX - down[0], event.clientY - down[1]) < 5) press.current?.(under(event) || null);
      down = null;
    }, { signal });
    return () => {
      cancelAnimationFrame(frame);
      stop.abort();
    };
  }, [made, model]);

  return [name, point];
}
