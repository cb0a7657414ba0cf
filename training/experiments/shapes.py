"""What makes a shape generalise: parts alone, or with shapes made by rule, or with everyday objects.

    python -m training.experiments.shapes --data data/bricks --start checkpoints --home3d HOME3D \\
        --arms none 5000 50000 --samples 400000 --seconds 300 --out out/shapes
    python -m training.experiments.shapes --table out/shapes

Every arm trains the structure flow and its encoders on from the same weights, on as many samples, and reads the same
pictures afterwards: F1 (one voxel) of 48 objects a row in the filled frame, parts and models that were never trained.
One arm per GPU at a time. In an arm with more than parts, things take the place of a share of the single parts.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from cast3d.backbones import load_backbone
from cast3d.backbones.bricks.encoders import PictureEncoder
from cast3d.backbones.bricks.words import Vocabulary
from cast3d.backbones.loading import compile_blocks
from training.bricks import splits
from training.bricks.assemble import Batch, DeviceBank, frame_views, occupancy, render, shell, to_bool
from training.bricks.bank import Bank
from training.bricks.common import Average, Log, Optimiser, Parallel, load_half, save_half, schedule, seeded
from training.bricks.condition_pool import MOST_YAW, build
from training.bricks.objects import FAMILIES, SLOTS, Objects
from training.bricks.pool import Stream
from training.bricks.prepare import load_catalog
from training.bricks.quality import Bench, Case, agreement, from_picture
from training.bricks.questions import Questions, weighted
from training.bricks.train_structure_flow import CONTEXT, Pool, flow_loss, networks, with_features, words_step
from training.bricks.train_structure_vae import networks as vae_networks
from training.shapes import make
from training.shapes.objects import sample as sample_things
from training.shapes.sheet import TILE, on_white, voxel_points
from training.world import home3d

from .arms import Arm, strengthened

# Single parts and things more often than anywhere else: they are what the experiment is about.
MIX = {"figure": 0.2, "bare": 0.02, "filled": 0.56, "in_place": 0.16, "rider": 0.02, "creature": 0.02, "animal": 0.02}
THINGS = 0.6  # of the single parts in the filled frame give way to things, where an arm has any
HOME3D = 0.4  # of the things, where an arm has both kinds
TRAINED, UNSEEN = 0, 1  # seeds of shapes
LOT = 4096  # objects sampled at a time


@dataclass
class Data:
    """What all arms share, in host memory: processes that are forked read the same pages."""

    folder: Path
    parts: Bank
    shapes: Bank  # trained ones; the first `n` are those of an arm with n
    unseen: Bank  # shapes of another seed, to measure
    models: Bank | None
    things: list[home3d.Thing]

    @staticmethod
    def read(folder: Path, home: Path | None, shapes: int, count: int, workers: int | None = None) -> Data:
        parts = Bank.load(folder / "bank.npz")
        trained, _ = make.build(max(shapes, 1), TRAINED, workers=workers)
        unseen, _ = make.build(count, UNSEEN, workers=workers)
        models, things, _ = home3d.build(home, workers) if home else (None, [], [])
        return Data(folder, parts, trained, unseen, models, things)


def first(bank: Bank, count: int) -> Bank:
    """The first `count` shapes of a bank with one placement each."""
    if count >= len(bank.grid):
        return bank
    stop = int(bank.offsets[count])
    samples = {key: getattr(bank, key)[:stop] for key in ("points", "normals", "material")}
    rest = ("shape_key", "shape_class", "shape_index", "frame", "slot", "variant", "part", "transform", "grid")
    placed = {key: getattr(bank, key)[:count] for key in (*rest, "inside_share")}
    return replace(bank, offsets=bank.offsets[: count + 1], **samples, **placed)


@dataclass
class Source:
    """Random objects of an arm: parts, and things in the place of some of them."""

    arm: Arm
    data: Data
    bank: DeviceBank
    stream: Stream
    rng: np.random.Generator
    first_shape: int  # placement of the first shape
    first_model: int

    @staticmethod
    def of(arm: Arm, data: Data, seed: int, workers: int, lot: int, device: torch.device) -> Source:
        bank = DeviceBank.upload(data.parts, device)
        first_shape = len(bank.grid)
        if arm.shapes:
            bank = bank.join(DeviceBank.upload(first(data.shapes, arm.shapes), device, shuffle=False))
        first_model = len(bank.grid)
        if arm.home3d:
            bank = bank.join(DeviceBank.upload(data.models, device))
        stream = Stream(data.folder, lot, seed, workers, mix=MIX)
        return Source(arm, data, bank, stream, np.random.default_rng(seed), first_shape, first_model)

    def next(self) -> tuple[Objects, np.ndarray]:
        """Objects, and which of them are things [N]."""
        objects = self.stream.next()
        single = objects.family == FAMILIES.index("filled")
        swapped = single & (self.rng.random(len(single)) < THINGS) if self.arm.things else np.zeros_like(single)
        rows = np.flatnonzero(swapped)
        seed = int(self.rng.integers(2**31))
        models = self.rng.random(len(rows)) < (HOME3D if self.arm.shapes else 1.0)
        models &= self.arm.home3d
        trained = home3d.rows(self.data.models, self.data.things) if self.arm.home3d else []
        kinds = (
            (rows[models], trained, self.first_model),
            (rows[~models], range(self.arm.shapes), self.first_shape),
        )
        for picked, known, begin in kinds:
            if len(picked):
                names = ["thing"] * (max(known) + 1)  # captions of things are not trained here
                things = sample_things(names, known, len(picked), seed, begin)
                for key in ("placement", "main_rgb", "skin_rgb", "role", "slot", "part_class"):
                    getattr(objects, key)[picked] = getattr(things, key)
        return objects, swapped

    def pool(self, size: int, encoder, vocabulary: Vocabulary, generator: torch.Generator) -> Pool:
        """Conditions and latents of at least `size` objects."""
        device = self.bank.grid.device

        def encode(batch: Batch, surface: Tensor) -> Tensor:
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                return encoder(to_bool(surface)[:, None].float())[0].half()

        pieces = []
        while sum(map(len, pieces)) < size:
            objects, things = self.next()
            conditions, latents = build(
                self.bank,
                objects,
                vocabulary,
                len(SLOTS),
                device,
                generator,
                encode,
                varied=True,
                most_yaw=math.pi if self.arm.poses else MOST_YAW,
            )
            conditions.text_ok &= ~torch.as_tensor(things, device=device)
            pieces.append(Pool(**vars(conditions), latent=torch.cat(latents)))
        return Pool(*(torch.cat(parts) for parts in zip(*(vars(piece).values() for piece in pieces))))


@dataclass(frozen=True)
class Training:
    """How long and how much; the same for every arm."""

    samples: int
    seconds: float
    batch: int
    pool: int
    first_pool: int
    epochs: float
    picture_share: float
    lr: float
    workers: int
    seed: int
    compiled: bool
    drop: float = 0.1


def train(arm: Arm, data: Data, start: Path, out: Path, how: Training) -> dict:
    """Trains one arm and saves its averaged weights; returns what the log's last line says."""
    device = Parallel().device()
    seed, generator = seeded(how.seed, 0, device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    vocabulary = Vocabulary(json.loads((data.folder / "words.json").read_text()))
    source = Source.of(arm, data, seed, how.workers, min(LOT, how.first_pool), device)
    vae = {key: net.to(device) for key, net in vae_networks().items()}
    nets = {key: net.to(device) for key, net in networks(len(vocabulary), with_features(start)).items()}
    if not load_half(vae, start / "structure_vae") or not load_half(nets, start / "structure_flow"):
        raise SystemExit(f"no weights in {start}: run python -m training.bricks.unpack first")
    questions = Questions(len(load_catalog(data.folder)), len(SLOTS), CONTEXT).to(device)
    average = Average(nets, 0.999)
    optimiser = Optimiser([*nets.values(), questions], how.lr)
    if how.compiled:
        compile_blocks(nets.values())
    log = Log(out / "log.jsonl")
    begin, step, left, pool, row = time.time(), 0, 0.0, None, {}
    pictured = int(how.batch * how.picture_share)
    while (progress := max(step * how.batch / how.samples, (time.time() - begin) / how.seconds)) < 1:
        if left <= 0:
            del pool
            tick = time.time()
            pool = source.pool(how.pool if step else how.first_pool, vae["encoder"], vocabulary, generator)
            text_rows = pool.text_ok.nonzero()[:, 0]
            left = how.epochs * len(pool)
            log.write(arm=arm.name, step=step, pool=len(pool), pool_seconds=round(time.time() - tick, 1))
        rows = torch.randint(0, len(pool), (pictured,), device=device)
        text = text_rows[torch.randint(0, len(text_rows), (how.batch - pictured,), device=device)]
        shown = pool.shown(rows)
        shown = strengthened(shown) if arm.augment else shown
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            tokens, losses = questions.of_picture(nets["picture"], shown)
            keep = torch.rand(len(rows), 1, 1, device=device) >= how.drop
            losses["picture"] = flow_loss(nets["flow"], pool.latent[rows].float(), tokens * keep)
            losses |= words_step(nets, questions, pool, text, how.drop)
            loss = how.picture_share * losses["picture"] + (1 - how.picture_share) * losses["words"]
            loss = loss + weighted(losses)
        loss.backward()
        optimiser.step(schedule(progress))
        average.update()
        log.add(**losses)
        left -= how.batch
        step += 1
        if log.due():
            log.write(arm=arm.name, step=step, samples=step * how.batch, progress=round(progress, 3))
    row = log.write(arm=arm.name, step=step, samples=step * how.batch, progress=1.0)
    save_half(average.average, out / "structure_flow")
    source.stream.close()
    return row


def from_things(bank: Bank, rows: Sequence[int]) -> Iterator[Case]:
    """A measure as those of `quality`: structure of things from one picture, filled frame."""

    def measure(bench: Bench) -> Iterator[Case]:
        device, generator = bench.backbone.device, bench.generator()
        things = replace(bench, source=bank)
        objects = sample_things(bank.part.tolist(), rows, len(rows), bench.seed)
        objects.placement[:, 0] = rows
        for i in range(len(objects)):
            batch = Batch.of(objects, [i], device)
            surface = shell(occupancy(things.bank, batch))
            picture = things.picture(batch, surface, generator)
            found = things.structure(things.of_picture(picture, "filled"), i).grid
            truth = to_bool(surface)[0]
            yield Case(agreement(found, truth), (picture[0], truth, found), objects.terms[i][0])

    return measure


def spread(rows: Sequence[int], count: int) -> list[int]:
    """`count` of the rows, evenly."""
    return [rows[i * len(rows) // count] for i in range(min(count, len(rows)))]


def contact_sheet(cases: Sequence[Case], columns: int = 4) -> Image.Image:
    """Picture, truth and result of each case, with its F1."""
    lines = (len(cases) + columns - 1) // columns
    image = Image.new("RGB", (columns * (3 * TILE + 12), lines * (TILE + 14)), "white")
    pen = ImageDraw.Draw(image)
    for i, case in enumerate(cases):
        x, y = i % columns * (3 * TILE + 12), i // columns * (TILE + 14)
        image.paste(on_white(case.shown[0]), (x, y))
        for k, grid in enumerate(case.shown[1:], 1):
            angles = (torch.full((1,), angle, device=grid.device) for angle in (0.5, 0.35))
            if grid.any():
                drawn = render(voxel_points(grid[None]), frame_views(*angles), TILE)[0][0]
                image.paste(on_white(drawn), (x + k * TILE, y))
        pen.text((x + 2, y + TILE), f"{case.scores['f1']:.2f} {case.caption}"[:50], fill="black")
    return image


def measures(data: Data, count: int) -> dict:
    """Row -> measure."""
    rows = {
        "LDraw test parts": from_picture("filled", splits.TEST, "filled"),
        "LDraw trained parts": from_picture("filled", splits.TRAIN, "filled"),
        "LDraw test parts in place": from_picture("in_place", splits.TEST, framed=True),
        "shapes never trained": from_things(data.unseen, range(min(count, len(data.unseen.grid)))),
    }
    if data.models is not None:
        unseen, trained = (home3d.rows(data.models, data.things, split) for split in (splits.TEST, splits.TRAIN))
        rows["home3d test models"] = from_things(data.models, unseen[:count])
        rows["home3d trained models"] = from_things(data.models, spread(trained, count))
    return rows


@torch.no_grad()
def measure(arm: Arm, data: Data, out: Path, count: int, seed: int) -> dict:
    """F1 of every row, and a contact sheet of each: picture, truth, result."""
    device = Parallel().device()
    backbone = load_backbone("bricks", str(device))
    if arm.trained:
        encoder = PictureEncoder(out_channels=CONTEXT, features=with_features(out)).requires_grad_(False)
        backbone.describer.picture_encoder = encoder.to(device).eval()
        load_half({"flow": backbone.structure_flows["image"], "picture": encoder}, out / "structure_flow")
    bench = Bench(backbone, backbone.defaults, data.parts, load_catalog(data.folder), count, seed)
    results = {}
    for name, run in measures(data, count).items():
        tick = time.time()
        cases = list(islice(run(bench), count))
        scores = [case.scores["f1"] for case in cases]
        error = stdev(scores) / math.sqrt(len(scores)) if len(scores) > 1 else 0.0
        results[name] = {"f1": mean(scores), "error": error, "count": len(scores), "seconds": time.time() - tick}
        print(f"{arm.name}: {name} {mean(scores):.3f} ± {error:.3f} ({len(scores)})", flush=True)
        contact_sheet(cases[:48]).save(out / f"{name.replace(' ', '_')}.jpg", quality=80)
    return results


def work(arm: Arm, data: Data, args: argparse.Namespace, how: Training, card: int) -> None:
    """One arm on one card, from training to its results."""
    os.environ["CUDA_VISIBLE_DEVICES"] = str(card)  # before CUDA starts in this process
    out = args.out / arm.name
    out.mkdir(parents=True, exist_ok=True)
    last = train(arm, data, args.start, out, how) if arm.trained else {}
    results = measure(arm, data, out, args.count, 0)
    (out / "results.json").write_text(json.dumps({"arm": arm.name, "training": last, "rows": results}, indent=1) + "\n")


def run(arms: Sequence[Arm], data: Data, args: argparse.Namespace, how: Training) -> None:
    """Arms side by side, one per card; the first free card takes the next arm. One failed arm leaves the rest.

    This process must not touch CUDA, because it forks.
    """
    context = multiprocessing.get_context("fork")
    busy: dict[int, multiprocessing.Process] = {}
    waiting = list(arms)
    while waiting or busy:
        for card in range(args.cards):
            if card not in busy and waiting:
                busy[card] = context.Process(target=work, args=(waiting.pop(0), data, args, how, card))
                busy[card].start()
        time.sleep(0.5)
        busy = {card: process for card, process in busy.items() if process.is_alive()}


def table(out: Path) -> str:
    """All arms' results in Markdown, one column per arm."""
    found = [json.loads(path.read_text()) for path in sorted(out.glob("**/results.json"))]
    if not found:
        raise SystemExit(f"no results in {out}: no arm came to its end")
    found.sort(key=lambda r: (r["arm"] != "shipped", r["arm"] != "none", len(r["arm"]), r["arm"]))
    lines = ["| F1, filled frame | " + " | ".join(r["arm"] for r in found) + " |", "|---" * (len(found) + 1) + "|"]
    for name in found[0]["rows"]:
        cells = (r["rows"].get(name) for r in found)
        shown = (f"{c['f1']:.3f} ± {c['error']:.3f}" if c else "-" for c in cells)
        lines.append(f"| {name} ({found[0]['rows'][name]['count']}) | " + " | ".join(shown) + " |")
    samples = (f"{r['training'].get('samples', 0):,}" for r in found)
    lines.append("| samples | " + " | ".join(samples) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, metavar="OUT", help="only print the table of the results in a folder")
    parser.add_argument("--data", type=Path, default=Path("data/bricks"))
    parser.add_argument("--start", type=Path, default=Path("checkpoints"), help="where `unpack` has written to")
    parser.add_argument("--home3d", type=Path, help="folder with catalog.csv and pack.xz")
    parser.add_argument("--out", type=Path, default=Path("out/shapes"))
    parser.add_argument("--arms", nargs="+", type=Arm.parse, default=[Arm.parse(n) for n in ("none", "5000", "50000")])
    parser.add_argument("--count", type=int, default=48, help="objects per row")
    parser.add_argument("--samples", type=int, default=400_000)
    parser.add_argument("--seconds", type=float, default=300, help="an arm that needs longer ends with fewer samples")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--pool", type=int, default=32768)
    parser.add_argument("--first-pool", type=int, default=16384)
    parser.add_argument("--epochs", type=float, default=2.0, help="passes over a pool before it is replaced")
    parser.add_argument("--picture-share", type=float, default=0.8)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--workers", type=int, default=12, help="processes per arm that sample objects")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--cards", type=int, default=1, help="GPUs; arms run side by side on them")
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    if args.table:
        print(table(args.table))
        return
    if args.home3d is None and any(arm.home3d for arm in args.arms):
        parser.error("an arm with home3d needs --home3d FOLDER")
    how = Training(
        args.samples,
        args.seconds,
        args.batch,
        args.pool,
        args.first_pool,
        args.epochs,
        args.picture_share,
        args.lr,
        args.workers,
        args.seed,
        args.compile,
    )
    begin = time.time()
    data = Data.read(args.data, args.home3d, max(arm.shapes for arm in args.arms), args.count)
    print(f"{len(data.shapes.grid)} shapes and {len(data.things)} models in {time.time() - begin:.1f} s", flush=True)
    run(args.arms, data, args, how)
    print(table(args.out), flush=True)


if __name__ == "__main__":
    main()
