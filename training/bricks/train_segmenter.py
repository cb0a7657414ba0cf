"""Step 5: the text-prompted segmenter, on pictures of composed objects from all around.

    python -m training.bricks.train_segmenter --data data/bricks --out checkpoints

It will see renders of generated layouts, which are rougher than parts: points are snapped to voxels and shaken, colours
drift, and a base may come out in the colours of what it wears (`repainted`). A prompt is a term of the picture, or (two
in five) a term of another picture, whose mask is empty.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cast3d.backbones.bricks.prompted import PromptedSegmenter
from cast3d.backbones.bricks.words import Vocabulary

from .assemble import Batch, DeviceBank, Points, crop_views, frame_views, occupancy, render, shell, surface_points
from .bank import Bank
from .common import Average, Log, Optimiser, Parallel, add_seed, load_half, save_half, schedule, seeded
from .condition_pool import WORDS, encode_words
from .objects import MAX_PIECES, Objects
from .pool import Stream
from .prepare import mix

MIX = {"figure": 0.75, "bare": 0.03, "rider": 0.08, "creature": 0.08, "animal": 0.06}
WORLD_MIX = {
    "figure": 0.46,
    "bare": 0.02,
    "rider": 0.08,
    "creature": 0.07,
    "animal": 0.07,
    "person": 0.16,
    "scene": 0.14,
}
EMPTY_SHARE = 0.4
MARKED, LEAST_MARK = 0.5, 8.0  # weight of what is marked though absent; pixels that count half
REPAINTED, DRIFT = 0.5, 0.12  # share of the objects whose colours are wrong, and deviation of a role's colour
ONE_COLOR = 0.3  # of these, lose most of the difference between their colours


@dataclass
class Scenes:
    """N pictures with the role seen at each pixel, and the words of each role's term."""

    image: Tensor  # [N, 4, 112, 112] uint8
    role: Tensor  # [N, 112, 112] int8, -1 empty
    terms: Tensor  # [N, K, 32] int64 word indices of role k's term
    named: Tensor  # [N, K] bool, the caption names role k


def roughened(points: Points, amount: Tensor) -> Points:
    """Points moved towards their voxel's centre and shaken by up to `amount` [B] voxels, colours drifting with it."""
    a = amount[:, None, None]
    snapped = points.position.floor() + 0.5
    position = torch.lerp(points.position, snapped, a.clamp(max=0.8)) + 0.45 * a * torch.randn_like(points.position)
    normal = F.normalize(points.normal + a * torch.randn_like(points.normal), dim=-1)
    color = (points.color + 0.06 * a * torch.randn_like(points.color)).clamp(0, 1)
    return replace(points, position=position, normal=normal, color=color)


def repainted(points: Points) -> Points:
    """Half of the objects in wrong colours: every role's shifted by its own amount, some nearly in one colour."""
    count, device = len(points.color), points.color.device
    shift = DRIFT * torch.randn(count, MAX_PIECES, 3, device=device)
    color = points.color + shift.gather(1, points.role[..., None].expand_as(points.color))
    alike = (torch.rand(count, device=device) < ONE_COLOR) * (0.5 + 0.5 * torch.rand(count, device=device))
    one = points.color.gather(1, torch.randint(points.color.shape[1], (count, 1, 1), device=device).expand(-1, 1, 3))
    color = torch.lerp(color, one.expand_as(color), alike[:, None, None].expand_as(color))
    wrong = torch.rand(count, 1, 1, device=device) < REPAINTED
    return replace(points, color=torch.where(wrong, color, points.color).clamp(0, 1))


@torch.no_grad()
def make_scenes(
    bank: DeviceBank, objects: Objects, vocabulary: Vocabulary, device: torch.device, chunk: int = 256
) -> Scenes:
    """One picture of each object from anywhere around it; a quarter of the chunks are cropped to the objects."""
    images, roles = [], []
    for start in range(0, len(objects.caption), chunk):
        rows = np.arange(start, min(start + chunk, len(objects.caption)))
        batch = Batch.of(objects, rows, device)
        points = surface_points(bank, batch, shell(occupancy(bank, batch)), 4096)
        n = len(rows)
        points = roughened(repainted(points), torch.rand(n, device=device))
        yaw = (torch.rand(n, device=device) * 2 - 1) * torch.pi
        pitch = torch.deg2rad(torch.rand(n, device=device) * 70 - 25)
        views = frame_views(yaw, pitch) if start // chunk % 4 else crop_views(points, yaw, pitch, 1.15)
        light = -0.4 * views.right + 0.7 * views.up + 0.6 * views.back
        light = F.normalize(light + 0.4 * torch.randn(n, 3, device=device), dim=-1)
        # Gaussians carry no shading of their own: most layouts are drawn nearly flat.
        image, role = render(points, views, light=light, ambient=float(0.5 + 0.5 * torch.rand(())), radius=2)
        images.append((image.clamp(0, 1) * 255).round().byte())
        roles.append(role[:, ::2, ::2].to(torch.int8))
    most = MAX_PIECES
    flat = encode_words(vocabulary, [t for terms in objects.terms for t in [*terms, *[""] * (most - len(terms))]])
    words = flat.view(-1, most, WORDS).to(device)
    return Scenes(torch.cat(images), torch.cat(roles), words, (words != 0).sum(-1) > 1)


def draw(scenes: Scenes, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures [B, 4, S, S], prompts [B, 32] and masks [B, S, S]."""
    device = scenes.image.device
    row = torch.randint(0, len(scenes.image), (count,), device=device)
    pick = torch.multinomial(scenes.named[row].float(), 1)[:, 0]
    words = scenes.terms[row, pick]
    mask = scenes.role[row] == pick[:, None, None]
    other = torch.randint(0, len(scenes.image), (count,), device=device)
    stranger = scenes.terms[other, torch.multinomial(scenes.named[other].float(), 1)[:, 0]]
    known = (stranger[:, None] == scenes.terms[row]).all(-1).any(-1)
    empty = (torch.rand(count, device=device) < EMPTY_SHARE) & ~known
    words = torch.where(empty[:, None], stranger, words)
    return scenes.image[row].float() / 255, words, mask & ~empty[:, None, None]


def mask_loss(logits: Tensor, mask: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Binary cross-entropy inside the silhouette, soft dice of pictures that show the thing, and what others mark.

    The last is the soft dice of an empty mask: any marked patch counts about as much as a large one.
    """
    target, inside = mask.float(), alpha > 0.02
    bce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    bce = (bce * inside).sum() / inside.sum().clamp_min(1)
    p = logits.sigmoid() * inside
    dice = 1 - (2 * (p * target).sum((1, 2)) + 1) / (p.sum((1, 2)) + target.sum((1, 2)) + 1)
    shown = target.sum((1, 2)) > 8
    absent = target.sum((1, 2)) == 0
    marked = 1 - LEAST_MARK / (p.sum((1, 2)) + LEAST_MARK)
    return bce, (dice * shown).sum() / shown.sum().clamp_min(1), (marked * absent).sum() / absent.sum().clamp_min(1)


@torch.no_grad()
def mean_iou(net: PromptedSegmenter, image: Tensor, words: Tensor, mask: Tensor, least: int = 12) -> float:
    """Mean over pictures that show at least `least` pixels of the thing."""
    found = (net(image, words) > 0) & (image[:, 3] > 0.02)
    both, either = (found & mask).sum((1, 2)), (found | mask).sum((1, 2))
    shown = mask.sum((1, 2)) >= least
    return float((both / either.clamp_min(1))[shown].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data/bricks"))
    parser.add_argument("--out", type=Path, default=Path("checkpoints"))
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--pool", type=int, default=16384)
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--resume", action="store_true")
    add_seed(parser)
    args = parser.parse_args()

    device = Parallel().device()
    first, _ = seeded(args.seed, 77, device)
    vocabulary = Vocabulary(json.loads((args.data / "words.json").read_text()))
    bank = DeviceBank.upload(Bank.load(args.data / "bank.npz"), device)
    net = PromptedSegmenter(len(vocabulary)).to(device)
    nets = {"segmenter": net}
    if args.resume:
        load_half(nets, args.out / "segmenter")
    average, optimiser = Average(nets, 0.998), Optimiser([net], args.lr)
    stream = Stream(
        args.data, min(args.pool, 4096), seed=first, workers=args.workers, mix=mix(args.data, MIX, WORLD_MIX)
    )
    log = Log(args.out / "segmenter.jsonl")

    def fresh() -> Scenes:
        pieces = [make_scenes(bank, stream.next(), vocabulary, device) for _ in range(max(args.pool // 4096, 1))]
        return Scenes(*(torch.cat(t) for t in zip(*(vars(p).values() for p in pieces))))

    scenes, held = fresh(), make_scenes(bank, stream.next(), vocabulary, device)
    begin, step, left = time.time(), 0, 6 * args.pool
    while (progress := (time.time() - begin) / args.seconds) < 1:
        if left <= 0:
            scenes, left = fresh(), 6 * args.pool
        image, words, mask = draw(scenes, args.batch)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = net(image, words)
        bce, dice, marked = mask_loss(logits, mask, image[:, 3])
        (bce + dice + MARKED * marked).backward()
        optimiser.step(schedule(progress))
        average.update()
        log.add(bce=bce, dice=dice, marked=marked)
        step += 1
        left -= args.batch
        if log.due():
            log.write(step=step, progress=round(progress, 3))
    save_half(average.average, args.out / "segmenter")
    image, words, mask = draw(held, min(512, len(held.image)))
    log.write(step=step, held_iou=round(mean_iou(average.average["segmenter"], image, words, mask), 4))
    stream.close()


if __name__ == "__main__":
    main()
