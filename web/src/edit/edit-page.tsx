// Changing a model that exists: drop it, click or name parts, replace or remove them, add things.

import { useEffect, useMemo, useState } from "preact/hooks";
import * as api from "../api/client.ts";
import type { Upload } from "../api/types.ts";
import { go, toJob } from "../app/route.ts";
import { attempt, keep, say } from "../app/store.ts";
import { FileButton, MODELS, Segmented, useDrop } from "../ui/controls.tsx";
import { Icon } from "../ui/icons.tsx";
import { bytes, whole } from "../ui/words.ts";
import { Changes, replaceBy } from "./changes.tsx";
import { ModelView } from "./model-view.tsx";
import { problemOf, requestOf, sentenceFor, type Change } from "./plan.ts";

export interface Model {
  id: string; // of the upload, or of the job
  name: string;
  prompt: string;
  nodes: string[];
  facts: string;
  url: string | null; // a GLB to look at
  warnings: string[];
}

export function EditPage({ from, part }: { from?: string; part?: string }) {
  const [model, setModel] = useState<Model | null>(null);
  const [busy, setBusy] = useState(false);
  const { over, drop } = useDrop((files) => void take(files[0]!));
  useEffect(() => void (document.title = "Edit a model · cast3d"), []);
  useEffect(() => {
    if (from) void attempt(() => Promise.all([api.getJob(from), api.parts(from)])).then((found) => {
      if (!found) return;
      const [job, { terms }] = found;
      setModel({
        id: job.id, name: job.title || job.prompt, prompt: job.prompt, nodes: terms.map((part) => part.term), facts: "", url: job.scene, warnings: [],
      });
    });
  }, [from]);

  async function take(file: File): Promise<void> {
    setBusy(true);
    const upload = await attempt(() => api.upload(file, file.name));
    setBusy(false);
    if (!upload) return;
    if (upload.kind !== "model") {
      say(`${file.name} is no 3D model. Give a GLB, glTF, OBJ, STL or PLY file; pictures go to “Compose”.`, "error");
      return;
    }
    setModel(modelOf(upload));
  }

  return (
    <main id="main" class={`edit ${over ? "over" : ""}`} {...drop} tabIndex={-1}>
      {!model && (
        <section class="composer" aria-label="Model">
          <h1>Change a model</h1>
          <p class="lead">Replace, remove or add a part. The rest stays as it is, textures included.</p>
          <div class="model-drop">
            <Icon name="model" />
            <p>{busy ? "The model is looked at…" : "Drop a GLB here"}</p>
            <FileButton class="primary" label="Choose a file" accept={MODELS} onFiles={(files) => void take(files[0]!)} />
            <p class="soft">GLB, glTF, OBJ, STL, PLY, or Gaussian splats as PLY or SPZ. Or open a job of yours, and press “Replace parts”.</p>
          </div>
        </section>
      )}
      {model && <Editor key={model.id} model={model} part={part} onClose={() => { setModel(null); go("#/edit"); }} />}
      {over && <div class="drop-veil" aria-hidden="true"><p>Drop the model</p></div>}
    </main>
  );
}

function modelOf(upload: Upload): Model {
  const facts = [upload.triangles === undefined ? "" : `${whole(upload.triangles)} triangles`, bytes(upload.bytes)];
  return {
    id: upload.id, name: upload.name, prompt: upload.prompt ?? "", nodes: upload.nodes ?? [], facts: facts.filter(Boolean).join(" · "),
    url: /\.glb$/i.test(upload.name) ? api.uploadFile(upload.id) : null, warnings: [...upload.warnings, ...upload.notes],
  };
}

function Editor({ model: given, part, onClose }: { model: Model; part?: string; onClose: () => void }) {
  const [nodes, setNodes] = useState(given.nodes); // as told, then as they are in the file
  const model = useMemo(() => ({ ...given, nodes }), [given, nodes]);
  const [changes, setChanges] = useState<Change[]>([]);
  const [prompt, setPrompt] = useState<string | null>(null); // what a person wrote; else what follows from the changes
  const [how, setHow] = useState<"exact" | "recompose">("exact");
  const [selected, select] = useState<string | null>(part && model.nodes.includes(part) ? part : null);
  const [busy, setBusy] = useState(false);
  const told = prompt ?? sentenceFor(model, changes);
  const problem = problemOf(changes, told);

  async function send(): Promise<void> {
    setBusy(true);
    const job = await attempt(() => api.submit(requestOf(model, changes, told, how)));
    setBusy(false);
    if (!job) return;
    keep(job);
    go(toJob(job.id));
  }

  return (
    <div class="editor">
      <header class="job-head">
        <div><h1>{model.name}</h1><p class="soft">{model.facts}</p></div>
        <button type="button" class="quiet" onClick={onClose}>Another model</button>
      </header>
      {model.warnings.map((text) => <p class="warning" key={text}><Icon name="warn" />{text}</p>)}
      <div class="editor-columns">
        <ModelView model={model} selected={selected} select={select} changes={changes} onNames={setNodes} onPictures={(of, files) => void replaceBy(of, files, setChanges)} />
        <section class="pane shown" aria-label="Changes">
          <header><h2>Changes</h2><p class="soft">What goes, and what comes</p></header>
          <Changes model={model} selected={selected} select={select} changes={changes} setChanges={setChanges} />
          <label class="field"><span>The sentence afterwards</span>
            <textarea rows={2} value={told} onInput={(event) => setPrompt(event.currentTarget.value)} />
          </label>
          <Segmented
            label="What happens to the rest" value={how} onChange={setHow}
            choices={[
              { value: "exact", title: "Keep the rest exactly", hint: "Triangles and textures outside the change stay" },
              { value: "recompose", title: "Recompose all", hint: "The paper's way: all is generated anew, in one style" },
            ]}
          />
          <div class="actions">
            <p class="soft" role="status">{problem}</p>
            <button type="button" class="primary" disabled={!!problem || busy} onClick={() => void send()}>{busy ? "Sending…" : "Edit"}</button>
          </div>
        </section>
      </div>
    </div>
  );
}
