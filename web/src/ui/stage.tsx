// The frame around a 3D view: canvas, what is under the pointer, and what shows while there is nothing yet.

import type { ComponentChildren, RefObject } from "preact";
import { useState } from "preact/hooks";

export function Stage({ canvas, label, problem, empty, preview, under, children, busy }: {
  canvas?: RefObject<HTMLCanvasElement | null>; label: string; problem?: string; empty?: string | null; preview?: string | null;
  under?: string; children?: ComponentChildren; busy?: string | null;
}) {
  const [lost, lose] = useState<string | null | undefined>(""); // a preview whose file is gone already
  if (preview && preview === lost) preview = null;
  return (
    <div class="stage">
      {canvas && <canvas
        ref={canvas} tabIndex={empty || preview ? -1 : 0} role="application" aria-hidden={!!(empty || preview)}
        aria-label={`${label}. Arrow keys turn the view, plus and minus zoom, 0 shows all.`}
      />}
      {under && <p class="under-pointer" aria-hidden="true">{under}</p>}
      {preview && <img class="preview" src={preview} alt={`${label}: a preview`} onError={() => lose(preview ?? null)} />}
      {empty && !preview && <p class="empty">{empty}</p>}
      {busy && <p class="busy-note">{busy.startsWith("Loading") && <span class="spinner" />}{busy}</p>}
      {problem && <p class="problem">{problem}</p>}
      {children}
    </div>
  );
}
