"""Step 2a: the picture encoder alone, on the `questions` that it is asked, before it learns from a flow.

    python -m training.bricks.train_picture_encoder --data data/bricks --out checkpoints --seconds 300
    torchrun --nproc-per-node 2 -m training.bricks.train_picture_encoder ...      (several GPUs)

Without the flow a step costs a fifth, and reading views and places off a picture takes many pictures of many things.
The weights go where those of step 2 lie, which goes on from them.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from cast3d.backbones.bricks.encoders import FRAMES
from cast3d.backbones.bricks.words import Vocabulary
from cast3d.backbones.loading import compile_blocks

from .assemble import DeviceBank
from .bank import Bank
from .common import Average, Log, Optimiser, Parallel, add_seed, save_half, schedule, seeded
from .condition_pool import Conditions, Shown, build
from .objects import SLOTS
from .pool import Stream
from .prepare import classes, mix
from .questions import Questions, weighted
from .train_structure_flow import CONTEXT, started

# Shapes that must be read; figures are easy and only keep the encoder's memory of parts.
MIX = {"figure": 0.22, "bare": 0.02, "filled": 0.36, "in_place": 0.32, "rider": 0.02, "creature": 0.02, "animal": 0.04}
WORLD_MIX = {
    "figure": 0.12, "bare": 0.02, "filled": 0.28, "in_place": 0.24, "rider": 0.02, "creature": 0.02, "animal": 0.02,
    "person": 0.08, "bare_person": 0.02, "thing": 0.1, "stand": 0.04, "scene": 0.04,
}  # fmt: skip


def make_pool(size, bank, stream, vocabulary, views, device, generator) -> Conditions:
    """Pictures of at least `size` objects, `views` of each."""
    pieces = []
    while sum(map(len, pieces)) < size:
        objects = stream.next()
        nothing = lambda *_: None  # noqa: E731  (there is no flow to aim at)
        pieces.append(build(bank, objects, vocabulary, len(SLOTS), device, generator, nothing, views, varied=True)[0])
    return Conditions.join(pieces)


def altered(shown: Shown) -> Shown:
    """Half of the pictures in other colours, half of those in the filled frame mirrored.

    A part in its place is not: which hand holds it is known of the part, and no picture tells.
    """
    device, count = shown.image.device, len(shown.image)
    flip = (torch.rand(count, device=device) < 0.5) & (shown.frame == FRAMES.index("filled"))
    channels = torch.rand(count, 3, device=device).argsort(1)
    same = torch.rand(count, 1, device=device) < 0.5
    return shown.mirrored(flip).recolored(torch.where(same, torch.arange(3, device=device), channels))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data/bricks"))
    parser.add_argument("--out", type=Path, default=Path("checkpoints"))
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--pool", type=int, default=32768)
    parser.add_argument("--first-pool", type=int, default=16384)
    parser.add_argument("--views", type=int, default=2, help="pictures of each object")
    parser.add_argument("--epochs", type=float, default=3.0, help="times each picture is seen")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--save-every", type=float, default=100)
    add_seed(parser)
    args = parser.parse_args()

    parallel = Parallel()
    device = parallel.device()
    first, generator = seeded(args.seed, 700 + 1_000_000 * parallel.rank, device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    vocabulary = Vocabulary(json.loads((args.data / "words.json").read_text()))
    bank = DeviceBank.upload(Bank.load(args.data / "bank.npz"), device)
    kept = started(args.out, len(vocabulary))
    encoder = kept["picture"].to(device)
    questions = Questions(classes(args.data), len(SLOTS), CONTEXT).to(device)
    parallel.share([encoder, questions])
    average = Average({"picture": encoder}, 0.999)
    optimiser = Optimiser([encoder, questions], args.lr)
    if args.compile:
        compile_blocks([encoder])

    main_process = parallel.rank == 0
    log = Log(args.out / "picture_encoder.jsonl" if main_process else None)
    stream = Stream(args.data, min(4096, args.first_pool), first, args.workers, mix=mix(args.data, MIX, WORLD_MIX))

    def fresh(size: int) -> Conditions:
        tick = time.time()
        pool = make_pool(size, bank, stream, vocabulary, args.views, device, generator)
        log.write(step=step, pool=len(pool), pool_seconds=round(time.time() - tick, 1))
        return pool

    def save() -> None:
        if main_process:
            save_half(kept | average.average, args.out / "structure_flow")

    begin = saved = time.time()
    step, left, pool = 0, 0.0, None
    while (progress := parallel.agree((time.time() - begin) / args.seconds, step)) < 1:
        if left <= 0:
            del pool
            pool = fresh(args.pool if step else args.first_pool)
            left = args.epochs * args.views * len(pool)
        rows = torch.randint(0, len(pool), (args.batch,), device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            _, losses = questions.of_picture(encoder, altered(pool.shown(rows)))
            loss = weighted(losses)
        loss.backward()
        parallel.average_gradients(optimiser.params)
        optimiser.step(schedule(progress))
        average.update()
        log.add(**losses)
        left -= args.batch
        step += 1
        if log.due():
            log.write(step=step, samples=step * args.batch * parallel.size, progress=round(progress, 3))
        if time.time() - saved > args.save_every:
            save()
            saved = time.time()
    log.write(step=step, samples=step * args.batch * parallel.size, progress=1.0)
    save()
    stream.close()
    parallel.close()


if __name__ == "__main__":
    main()
