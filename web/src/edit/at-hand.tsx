// Pictures of the examples, to try a change with no picture of one's own.

import { useState } from "preact/hooks";
import * as api from "../api/client.ts";
import { attempt, examples } from "../app/store.ts";

const MOST = 10;

export function AtHand({ title, onFile }: { title: string; onFile: (file: File) => void }) {
  const [busy, setBusy] = useState("");
  const seen = new Set<string>();
  const shown = (examples.value ?? []).flatMap((example) =>
    Object.entries(example.assets).flatMap(([term, [url]]) => {
      if (!url || term === example.main || seen.has(term)) return [];
      seen.add(term);
      return [{ term, url }];
    })).slice(0, MOST);
  if (!shown.length) return null;

  async function take({ term, url }: { term: string; url: string }): Promise<void> {
    setBusy(term);
    const blob = await attempt(() => api.fetchBlob(url));
    setBusy("");
    if (blob) onFile(new File([blob], `${term}.png`, { type: blob.type }));
  }

  return (
    <div class="at-hand">
      <p class="soft" id="at-hand">{title}</p>
      <ul aria-labelledby="at-hand">
        {shown.map((one) => (
          <li key={one.term}>
            <button type="button" title={one.term} aria-label={`Take the picture of ${one.term}`} disabled={!!busy} onClick={() => void take(one)}>
              <img src={one.url} alt="" loading="lazy" />
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
