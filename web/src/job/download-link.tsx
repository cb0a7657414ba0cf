// A link to a file that the server makes first: it says so meanwhile, another press stops it, and errors are told.

import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import * as api from "../api/client.ts";
import { attempt } from "../app/store.ts";
import { saveBlob } from "./save.ts";

export function DownloadLink({ href, class: look, label, children }: {
  href: string; class: string; label?: string; children: ComponentChildren;
}) {
  const [busy, setBusy] = useState(false);
  const running = useRef<AbortController | null>(null);

  async function take(event: MouseEvent): Promise<void> {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab, as with any link
    event.preventDefault();
    if (running.current) {
      running.current.abort();
      return;
    }
    running.current = new AbortController();
    setBusy(true);
    const file = await attempt(() => api.fetchFile(href, running.current!.signal));
    running.current = null;
    setBusy(false);
    if (file) saveBlob(file.blob, file.name);
  }

  return (
    <a class={look} href={href} download aria-label={label} aria-busy={busy} onClick={(event) => void take(event)}>
      {children}
      {busy && <span class="making" role="status"><span class="spinner" />Making it… <small>press to stop</small></span>}
    </a>
  );
}
