// Server-sent events that survive a restart of the server.

import { API } from "./client.ts";

export type Handlers = Record<string, (data: never) => void>;

const AGAIN = 2000; // milliseconds until a stream that the browser gave up is opened anew

/** Listens until the returned function is called. `reopened` runs after a gap, in which events may have been lost. */
export function listen(path: string, handlers: Handlers, reopened: () => void): () => void {
  let source: EventSource | undefined;
  let timer: number | undefined;
  let gap = false;

  function open() {
    source = new EventSource(`${API}/${path}`);
    source.onopen = () => {
      if (gap) reopened();
      gap = false;
    };
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => {
        // The browser's own "error" of a lost connection carries no data; the server's does.
        if (event instanceof MessageEvent && typeof event.data === "string") handle(JSON.parse(event.data) as never);
      });
    }
    source.onerror = (event) => {
      if (event instanceof MessageEvent) return;
      gap = true;
      if (source?.readyState === EventSource.CLOSED) timer = window.setTimeout(open, AGAIN);
    };
  }

  open();
  return () => {
    window.clearTimeout(timer);
    source?.close();
  };
}
