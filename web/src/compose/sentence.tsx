// The sentence: a text field whose words carry their thing's colour; words that are selected can become a thing.

import { useRef, useState } from "preact/hooks";
import { spoken } from "../app/store.ts";
import { pieces, wholeWords } from "../app/terms.ts";
import { Icon } from "../ui/icons.tsx";
import { colorOf, dash, tone } from "../ui/words.ts";
import { addChip, base, draft, setPrompt } from "./draft.ts";

const IDEA = "a figure wearing a baseball cap and a backpack";

export function Sentence({ onSend }: { onSend: () => void }) {
  const { prompt, chips } = draft.value;
  const terms = chips.map((chip) => chip.term);
  const field = useRef<HTMLTextAreaElement>(null);
  const [selected, setSelected] = useState("");

  function look(): void {
    const { selectionStart: start, selectionEnd: end } = field.current!;
    const words = start < end ? wholeWords(prompt, start, end) : "";
    setSelected(chips.some((chip) => chip.term.toLocaleLowerCase() === words.toLocaleLowerCase()) ? "" : words);
  }

  function make(): void {
    if (!selected) return;
    addChip(selected);
    spoken.value = `${selected} is a thing of its own now`;
    setSelected("");
    field.current!.focus();
  }

  return (
    <div class="sentence-box">
      <label class="unseen" for="sentence">The sentence</label>
      <div class="sentence">
        <div class="marks" aria-hidden="true">
          {pieces(prompt, terms).map((piece, i) =>
            piece.term === null
              ? piece.text
              : <mark key={i} class={`c${dash(tone(terms, base.value, piece.term))}`}>{piece.text}</mark>)}
          {"\u200b"}
        </div>
        <textarea
          id="sentence" ref={field} value={prompt} rows={1} placeholder={IDEA} spellcheck autofocus
          aria-describedby="sentence-help" maxLength={1000}
          onInput={(event) => setPrompt(event.currentTarget.value.replace(/\n/g, " "))}
          onSelect={look} onBlur={() => window.setTimeout(() => setSelected(""), 200)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey || !event.shiftKey)) {
              event.preventDefault();
              if (event.ctrlKey || event.metaKey) onSend();
            }
            if (event.altKey && event.key.toLowerCase() === "t") {
              event.preventDefault();
              make();
            }
          }}
        />
      </div>
      <p id="sentence-help" class="soft">
        {selected
          ? <button type="button" class="chip-maker" onPointerDown={(event) => event.preventDefault()} onClick={make}>
              <span class="dot" style={{ background: colorOf([...terms, selected], base.value, selected) }} /><Icon name="plus" />
              Make “{selected}” a thing <kbd>Alt T</kbd>
            </button>
          : prompt
            ? "Select words to make them a thing of their own. Drop a picture on each thing."
            : "Write what it shall be, or drop pictures anywhere: their names become the sentence."}
      </p>
    </div>
  );
}
