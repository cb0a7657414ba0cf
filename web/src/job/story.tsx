// How it came about: every stage as pictures, in the two halves of Fig. 3.

import { useState } from "preact/hooks";
import type { Job, StageInfo } from "../api/types.ts";
import { Dialog } from "../ui/controls.tsx";
import { seconds } from "../ui/words.ts";

export function Story({ job }: { job: Job }) {
  const [large, show] = useState<{ stage: StageInfo; url: string } | null>(null);
  const stages = job.stages.filter((stage) => stage.pictures.length);
  if (!stages.length && !job.notes.length) return null;
  const halves = [...new Set(stages.map((stage) => stage.half))];
  return (
    <section class="story" aria-labelledby="story-title">
      <h2 id="story-title">How it came about</h2>
      {job.notes.map((note) => <p class="soft" key={note}>{note}</p>)}
      {halves.map((half) => (
        <div key={half} class="half">
          <h3>{half}</h3>
          <ol>
            {stages.filter((stage) => stage.half === half).map((stage) => (
              <li key={`${stage.name}-${stage.term ?? ""}`}>
                <div class="shots">
                  {stage.pictures.map((url, i) => (
                    <button key={url} type="button" onClick={() => show({ stage, url })} aria-label={`${titleOf(stage)}, picture ${i + 1}`}>
                      <img src={url} alt="" loading="lazy" />
                    </button>
                  ))}
                </div>
                <p><b>{titleOf(stage)}</b> <span class="soft">{stage.reused ? "kept" : stage.seconds === null ? "" : seconds(stage.seconds)}</span></p>
                <p class="soft">{stage.caption}</p>
              </li>
            ))}
          </ol>
        </div>
      ))}
      {large && (
        <Dialog title={titleOf(large.stage)} onClose={() => show(null)} wide>
          <img class="large-shot" src={large.url} alt={titleOf(large.stage)} />
          <p class="soft">{large.stage.caption}</p>
        </Dialog>
      )}
    </section>
  );
}

const titleOf = (stage: StageInfo) =>
  stage.term && !stage.title.toLowerCase().includes(stage.term.toLowerCase()) ? `${stage.title}: ${stage.term}` : stage.title;
