// The frame of the page: header, history, the page that the address asks for, messages.

import { useEffect, useState } from "preact/hooks";
import { ComposePage } from "../compose/compose-page.tsx";
import { EditPage } from "../edit/edit-page.tsx";
import { History } from "../history/history.tsx";
import { JobPage } from "../job/job-page.tsx";
import { Dialog, IconButton } from "../ui/controls.tsx";
import { Icon } from "../ui/icons.tsx";
import { Help } from "./help.tsx";
import { go, route } from "./route.ts";
import { dark, dialog, health, hush, messages, offline, refreshHealth, spoken, theme, turnPage } from "./store.ts";

export function App() {
  const now = route.value, key = now.page === "job" ? now.id : now.page === "edit" ? (now.model ?? "") : "";
  useEffect(() => {
    window.scrollTo(0, 0);
    turnPage();
  }, [now.page, key]);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (target.matches("input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select")) return;
      const act: Record<string, () => void> = {
        "?": () => (dialog.value = "help"),
        n: () => { go("#/"); focusSoon("sentence"); },
        m: () => go("#/edit"),
        h: () => document.querySelector<HTMLElement>(".history a")?.focus() ?? (dialog.value = "history"),
      };
      if (!act[event.key] || target.matches("canvas")) return;
      event.preventDefault();
      act[event.key]!();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>To the content</a>
      <Header />
      <div class="frame">
        <aside class="rail"><History /></aside>
        {now.page === "compose" && <ComposePage />}
        {now.page === "edit" && <EditPage key={key} from={now.model} part={now.part} />}
        {now.page === "job" && <JobPage key={key} id={now.id} />}
      </div>
      <Messages />
      <p class="unseen" role="status" aria-live="polite">{spoken.value}</p>
      {dialog.value === "help" && <Help onClose={() => (dialog.value = null)} />}
      {dialog.value === "history" && <Dialog title="Jobs" onClose={() => (dialog.value = null)}><History onOpen={() => (dialog.value = null)} /></Dialog>}
    </>
  );
}

const focusSoon = (id: string) => window.setTimeout(() => document.getElementById(id)?.focus(), 60);

function Header() {
  const page = route.value.page;
  return (
    <header class="top">
      <button type="button" class="icon-button only-narrow" aria-label="History" onClick={() => (dialog.value = "history")}><Icon name="menu" /></button>
      <a class="brand" href="#/" aria-label="cast3d, a new scene"><Icon name="model" />cast3d</a>
      <nav aria-label="Pages">
        <a href="#/" aria-current={page === "compose" ? "page" : undefined}>Compose</a>
        <a href="#/edit" aria-current={page === "edit" ? "page" : undefined}>Edit a model</a>
      </nav>
      <ServerState />
      <IconButton
        icon={dark.value ? "sun" : "moon"} label={dark.value ? "Light colours" : "Dark colours"}
        onClick={() => (theme.value = dark.value ? "light" : "dark")}
      />
      <button type="button" class="icon-button" aria-label="Keys" title="Keys (?)" onClick={() => (dialog.value = "help")}>?</button>
    </header>
  );
}

function ServerState() {
  const now = health.value;
  const [asking, ask] = useState(false);
  if (offline.value) {
    return (
      <p class="server off" role="alert">
        The server does not answer.
        <button type="button" class="link" disabled={asking} onClick={() => { ask(true); void refreshHealth().then(() => ask(false)); }}>Try again</button>
      </p>
    );
  }
  if (!now) return <p class="server" />;
  const { queued, running } = now.queue;
  const busy = running ? `${running} at work${queued ? `, ${queued} in the queue` : ""}` : queued ? `${queued} in the queue` : "idle";
  return <p class="server" title={`cast3d ${now.version}, ${now.devices.join(", ")}`}><span class={`light ${running ? "on" : ""}`} />{now.backbone} · {busy}</p>;
}

function Messages() {
  return (
    <ul class="messages" aria-live="assertive">
      {messages.value.map((message) => (
        <li key={message.id} class={message.tone} role={message.tone === "error" ? "alert" : "status"}>
          {message.tone === "error" && <Icon name="warn" />}
          <span>{message.text}</span>
          <IconButton icon="close" label="Close the message" onClick={() => hush(message.id)} />
        </li>
      ))}
    </ul>
  );
}
