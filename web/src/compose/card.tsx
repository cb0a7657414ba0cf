// A thing of the sentence: its pictures, their cut-outs and risks, and whether it carries the others.

import { useState } from "preact/hooks";
import { uploadFile } from "../api/client.ts";
import { FileButton, IconButton, PICTURES, useDrop } from "../ui/controls.tsx";
import { Icon } from "../ui/icons.tsx";
import { dash, risk, tone } from "../ui/words.ts";
import { CutoutEditor } from "./cutout.tsx";
import {
  addPictures, base, chooseBase, corrected, draft, outside, putBack, removeChip, removePicture, type Chip, type Picture,
} from "./draft.ts";

export function TermCard({ chip }: { chip: Chip }) {
  const { over, drop } = useDrop((files) => void addPictures(chip.term, files));
  const isBase = base.value === chip.term, away = outside(chip);
  const warnings = chip.pictures.flatMap((picture) => picture.upload?.warnings ?? []);
  const errors = chip.pictures.flatMap((picture) => picture.error ?? []);
  return (
    <li class={`term-card c${dash(tone(draft.value.chips.map((one) => one.term), base.value, chip.term))} ${over ? "over" : ""}`} {...drop} data-term={chip.term}>
      <header>
        <h3>{chip.term}</h3>
        <IconButton icon="close" label={`Remove ${chip.term}`} onClick={() => removeChip(chip.term)} />
      </header>
      <div class={`pictures ${chip.pictures.length ? "" : "none"}`}>
        {chip.pictures.map((picture) => <Thumb key={picture.key} picture={picture} term={chip.term} />)}
        <FileButton
          class="add-picture" icon="picture" accept={PICTURES} multiple
          label={chip.pictures.length ? "Another view" : over ? "Drop it here" : "Picture"}
          of={chip.term}
          onFiles={(files) => void addPictures(chip.term, files)}
        />
      </div>
      {errors.map((text) => <p class="warning bad" role="alert" key={text}><Icon name="warn" />{text}</p>)}
      {warnings.map((text) => <p class="warning" key={text}><Icon name="warn" />{text}</p>)}
      {away && (
        <p class="warning">
          <Icon name="warn" />Not in the sentence.
          <button type="button" class="link" onClick={() => putBack(chip.term)}>Put it back</button>
        </p>
      )}
      <label class="check base">
        <input type="radio" name="base" checked={isBase} onChange={() => chooseBase(chip.term)} />
        <span>{isBase ? "Base: carries the others" : "Make it the base"}</span>
      </label>
    </li>
  );
}

function Thumb({ picture, term }: { picture: Picture; term: string }) {
  const [editing, edit] = useState(false);
  const { upload } = picture;
  if (picture.error) {
    return (
      <div class="thumb failed">
        <p>{picture.name} was not taken.</p>
        <IconButton icon="close" label={`Remove ${picture.name}`} onClick={() => removePicture(picture.key)} />
      </div>
    );
  }
  if (!upload) return <div class="thumb busy" role="status" aria-label={`${picture.name} is cut out`}><span class="spinner" /></div>;
  const told = upload.risk === null ? null : risk(upload.risk);
  return (
    <div class="thumb">
      <button type="button" class="see" aria-label={`Correct the cut-out of ${term}`} onClick={() => edit(true)}>
        <img
          src={upload.cutout ? `${upload.cutout}?v=${picture.version}` : uploadFile(upload.id)}
          alt={upload.cutout ? `Cut-out of ${term}: ${upload.name}` : `${upload.name}, not cut out`}
        />
        <span class="hint"><Icon name="brush" />Correct</span>
      </button>
      <IconButton icon="close" label={`Remove ${upload.name}`} onClick={() => removePicture(picture.key)} class="corner" />
      {told && told.level !== "low" && (
        <span class={`risk ${told.level}`} title={[...upload.warnings, ...upload.notes].join("\n")}>{told.word} risk</span>
      )}
      {editing && (
        <CutoutEditor
          upload={upload} term={term} version={picture.version}
          onClose={() => edit(false)}
          onSaved={(fresh) => { corrected(picture.key, fresh); edit(false); }}
        />
      )}
    </div>
  );
}
