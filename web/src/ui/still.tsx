// The first frame of a picture that may be a turntable: it turns only under the pointer or with the focus of its link.

import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api/client.ts";
import { Icon } from "./icons.tsx";

export function Still({ url, side = 128 }: { url: string | null; side?: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [alive, setAlive] = useState(false);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (!url) return;
    const stop = new AbortController();
    setFailed(false);
    void (async () => {
      try {
        const frame = await createImageBitmap(new Blob([await api.fetchBytes(url, stop.signal)]));
        const context = canvas.current?.getContext("2d");
        if (!context) return;
        // Sheets of previews are wide: their first square is the front.
        const square = Math.min(frame.width, frame.height);
        context.clearRect(0, 0, side, side);
        context.drawImage(frame, 0, 0, square, square, 0, 0, side, side);
        frame.close();
      } catch {
        if (!stop.signal.aborted) setFailed(true);
      }
    })();
    return () => stop.abort();
  }, [url]);
  if (!url || failed) return <span class="no-picture"><Icon name="model" /></span>;
  const moves = /\.webp/.test(url);
  return (
    <span class="still" onPointerEnter={() => setAlive(moves)} onPointerLeave={() => setAlive(false)}>
      <canvas ref={canvas} width={side} height={side} aria-hidden="true" />
      {alive && <img src={url} alt="" />}
    </span>
  );
}
