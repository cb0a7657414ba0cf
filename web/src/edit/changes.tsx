// The list of changes, and the ways to make one: for the selected part, for a part by its name, for a new thing.

import { useState } from "preact/hooks";
import * as api from "../api/client.ts";
import { attempt, say } from "../app/store.ts";
import { nameToTerm } from "../app/terms.ts";
import { FileButton, IconButton, PICTURES, useDrop } from "../ui/controls.tsx";
import { Icon } from "../ui/icons.tsx";
import type { Model } from "./edit-page.tsx";
import type { Change } from "./plan.ts";

const WORDS: Record<Change["what"], string> = { replace: "Replace", remove: "Remove", add: "Add" };

export function Changes({ model, selected, changes, setChanges }: {
  model: Model; selected: string | null; changes: Change[]; setChanges: (how: (before: Change[]) => Change[]) => void;
}) {
  const [named, name] = useState("");
  const term = (selected ?? named).trim();

  function put(what: Change["what"], of = term): void {
    if (!of) return;
    setChanges((before) => [...before.filter((change) => change.term !== of), { what, term: of, uploads: [] }]);
    name("");
  }

  async function give(of: string, files: File[]): Promise<void> {
    const uploads = await attempt(() => Promise.all(files.map((file) => api.upload(file, file.name))));
    const pictures = uploads?.filter((upload) => upload.kind === "picture") ?? [];
    if (uploads && pictures.length < uploads.length) say("Only pictures can stand for a part.", "error");
    setChanges((before) => before.map((change) => (change.term === of ? { ...change, uploads: [...change.uploads, ...pictures] } : change)));
  }

  async function addFrom(files: File[]): Promise<void> {
    for (const file of files) {
      const of = nameToTerm(file.name);
      put("add", of);
      await give(of, [file]);
    }
  }

  return (
    <div class="changes">
      <div class="change-maker">
        {selected
          ? <p><b>{selected}</b></p>
          : <label class="field"><span>A part by its name, or a new thing</span>
              <input
                type="text" value={named} list="node-names" placeholder="wings" onInput={(event) => name(event.currentTarget.value)}
              />
              <datalist id="node-names">{model.nodes.map((node) => <option key={node} value={node} />)}</datalist>
            </label>}
        <div class="row wrap">
          <button type="button" class="quiet" disabled={!term} onClick={() => put("replace")}><Icon name="swap" />Replace</button>
          <button type="button" class="quiet" disabled={!term} onClick={() => put("remove")}><Icon name="trash" />Remove</button>
          <button type="button" class="quiet" disabled={!term || !!selected} onClick={() => put("add")}><Icon name="plus" />Add</button>
          <FileButton label="Add from a picture" icon="picture" accept={PICTURES} multiple onFiles={(files) => void addFrom(files)} />
        </div>
      </div>
      {changes.length > 0 && (
        <ul class="change-list" aria-label="Changes to make">
          {changes.map((change) => (
            <ChangeRow
              key={change.term} change={change} onFiles={(files) => void give(change.term, files)}
              onRemove={() => setChanges((before) => before.filter((other) => other !== change))}
            />
          ))}
        </ul>
      )}
    </div>
  );
}

function ChangeRow({ change, onFiles, onRemove }: { change: Change; onFiles: (files: File[]) => void; onRemove: () => void }) {
  const { over, drop } = useDrop(onFiles);
  return (
    <li class={over ? "over" : ""} {...drop}>
      <p><span class={`state ${change.what}`}>{WORDS[change.what]}</span> <b>{change.term}</b></p>
      {change.what !== "remove" && (
        <div class="row wrap">
          {change.uploads.map((upload) => upload.cutout && <img key={upload.id} class="asset checkered" src={upload.cutout} alt={`Cut-out: ${upload.name}`} />)}
          <FileButton label={change.uploads.length ? "Another view" : "Picture"} icon="picture" of={change.term} accept={PICTURES} multiple onFiles={onFiles} />
        </div>
      )}
      {change.uploads.flatMap((upload) => upload.warnings).map((text) => <p class="warning" key={text}><Icon name="warn" />{text}</p>)}
      <IconButton icon="close" label={`Do not change ${change.term}`} onClick={onRemove} />
    </li>
  );
}
