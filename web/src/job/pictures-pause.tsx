// A job that waits at its cut-outs: look at them, then go on.

import type { Watched } from "./watch.ts";

export function PicturesPause({ watched }: { watched: Watched }) {
  const job = watched.job.value!;
  return (
    <section class="pause" aria-label="Cut-outs">
      <ul class="row wrap">
        {Object.entries(job.assets).flatMap(([term, files]) => files.map((file, i) => (
          <li key={`${term}-${i}`}>
            <img class="asset checkered" src={file.cutout ?? file.url} alt={`Cut-out of ${term}`} />
            <p>{term}</p>
          </li>
        )))}
      </ul>
      <div class="actions">
        <p class="soft">Is one wrong? Duplicate the job, and correct it with the brush.</p>
        <button type="button" class="primary" onClick={() => void watched.change({ accept: true }, "")}>The cut-outs are right</button>
      </div>
    </section>
  );
}
