// The list of changes, and the ways to make one: for the selected part, for a part by its name, for a new thing.

import { useState } from "preact/hooks";
import * as api from "../api/client.ts";
import type { Upload } from "../api/types.ts";
import { attempt, say } from "../app/store.ts";
import { FileButton, IconButton, PICTURES, useDrop } from "../ui/controls.tsx";
import { Icon } from "../ui/icons.tsx";
import { AtHand } from "./at-hand.tsx";
import type { Model } from "./edit-page.tsx";
import { told, type Change } from "./plan.ts";

const WORDS: Record<Change["what"], string> = { replace: "Replace", remove: "Remove", add: "Add" };

export type SetChanges = (how: (before: Change[]) => Change[]) => void;

/** Pictures that are uploaded; what is no picture is told. */
async function taken(files: readonly File[]): Promise<Upload[]> {
  const uploads = (await attempt(() => Promise.all(files.map((file) => api.upload(file, file.name))))) ?? [];
  const pictures = uploads.filter((upload) => upload.kind === "picture");
  if (pictures.length < uploads.length) say("Only pictures can stand for a part.", "error");
  return pictures;
}

const others = (changes: readonly Change[], part: string) => changes.filter((change) => change.part !== part);

/** Puts pictures in place of a part; the first one's name says what it is called, else the part's word stays. */
export async function replaceBy(part: string, files: readonly File[], setChanges: SetChanges): Promise<void> {
  setChanges((before) => [...others(before, part), { what: "replace", part, term: told(files[0]!.name) ?? part, uploads: [] }]);
  const uploads = await taken(files);
  setChanges((before) => before.flatMap((change) =>
    change.part !== part ? change : uploads.length ? { ...change, uploads: [...change.uploads, ...uploads] } : []));
}

export function Changes({ model, selected, select, changes, setChanges }: {
  model: Model; selected: string | null; select: (name: string | null) => void; changes: Change[]; setChanges: SetChanges;
}) {
  const [named, name] = useState("");
  const part = (selected ?? named).trim();
  const planned = changes.some((change) => change.part === part);
  const there = model.nodes.some((node) => node.toLowerCase() === part.toLowerCase());

  async function replace(files: readonly File[]): Promise<void> {
    name("");
    await replaceBy(part, files, setChanges);
  }

  function remove(): void {
    setChanges((before) => [...others(before, part), { what: "remove", part, term: "", uploads: [] }]);
    name("");
  }

  async function add(files: readonly File[]): Promise<void> {
    for (const file of files) {
      const term = told(file.name) ?? "thing", uploads = await taken([file]);
      if (uploads.length) setChanges((before) => [...others(before, term), { what: "add", part: term, term, uploads }]);
    }
  }

  async function give(of: string, files: readonly File[]): Promise<void> {
    const uploads = await taken(files);
    setChanges((before) => before.map((change) => (change.part === of ? { ...change, uploads: [...change.uploads, ...uploads] } : change)));
  }

  const put = (fresh: Change) => setChanges((before) => before.map((change) => (change.part === fresh.part ? fresh : change)));
  return (
    <div class="changes">
      <div class="change-maker">
        {selected
          ? <p class="chosen-part"><b>{selected}</b><IconButton icon="close" label={`Do not choose ${selected}`} onClick={() => select(null)} /></p>
          : <label class="field"><span>Click a part in the model, or write what to look for</span>
              <input
                type="text" value={named} list="node-names" placeholder="wings" onInput={(event) => name(event.currentTarget.value)}
              />
              <datalist id="node-names">{model.nodes.map((node) => <option key={node} value={node} />)}</datalist>
            </label>}
        {part && (
          <>
            <div class="row wrap">
              <FileButton
                class={planned ? "quiet" : "primary"} label={planned ? "Another picture instead" : "Replace by a picture"} icon="swap"
                of={part} accept={PICTURES} multiple onFiles={(files) => void replace(files)}
              />
              <button type="button" class="quiet" onClick={remove}><Icon name="trash" />Remove</button>
            </div>
            {!planned && <AtHand title={`Or put one of these in place of ${part}`} onFile={(file) => void replace([file])} />}
            {!selected && !there && <p class="soft">No part is called so; cast3d looks for it in the model's shape.</p>}
          </>
        )}
        {!part && (
          <div class="row wrap">
            <FileButton label="Add a thing from a picture" icon="plus" accept={PICTURES} multiple onFiles={(files) => void add(files)} />
          </div>
        )}
      </div>
      {changes.length > 0 && (
        <ul class="change-list" aria-label="Changes to make">
          {changes.map((change) => (
            <ChangeRow
              key={change.part} change={change} put={put} onFiles={(files) => void give(change.part, files)}
              onRemove={() => setChanges((before) => others(before, change.part))}
            />
          ))}
        </ul>
      )}
    </div>
  );
}

function ChangeRow({ change, put, onFiles, onRemove }: {
  change: Change; put: (fresh: Change) => void; onFiles: (files: File[]) => void; onRemove: () => void;
}) {
  const { over, drop } = useDrop(onFiles);
  const fresh = change.what !== "remove";
  return (
    <li class={over ? "over" : ""} {...drop}>
      <p><span class={`state ${change.what}`}>{WORDS[change.what]}</span> {change.what !== "add" && <b>{change.part}</b>}</p>
      {fresh && (
        <div class="row wrap">
          {change.uploads.map((upload) => (
            <img key={upload.id} class="asset checkered" src={upload.cutout ?? api.uploadFile(upload.id)} alt={`Cut-out: ${upload.name}`} />
          ))}
          {!change.uploads.length && <span class="soft"><span class="spinner" /> The picture is cut out…</span>}
          <label class="field new-word"><span>{change.what === "replace" ? "by a" : "a"}</span>
            <input
              type="text" value={change.term} aria-label={change.what === "replace" ? `What comes in place of ${change.part}` : "What is added"}
              onInput={(event) => put({ ...change, term: event.currentTarget.value })}
            />
          </label>
          <FileButton label="Another view" icon="picture" of={change.term} accept={PICTURES} multiple onFiles={onFiles} />
        </div>
      )}
      {change.uploads.flatMap((upload) => upload.warnings).map((text) => <p class="warning" key={text}><Icon name="warn" />{text}</p>)}
      <IconButton icon="close" label={`Do not change ${change.part}`} onClick={onRemove} />
    </li>
  );
}
