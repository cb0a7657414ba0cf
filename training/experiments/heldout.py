"""What networks make of objects that were never trained: the flow's loss, and where they see surfaces.

    python -m training.experiments.heldout --data data/world checkpoints other/checkpoints --device cuda -o heldout.json

F1 of 48 objects tells differences of .06. The loss of the flow at given times, on the same objects, pictures and noise
for all checkpoints, tells smaller ones in seconds: it is compared object by object, and the 95% interval of what a
checkpoint has more than the first is printed.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from cast3d.backbones.bricks.words import Vocabulary
from training.bricks import splits
from training.bricks.assemble import DeviceBank, to_bool
from training.bricks.bank import Bank
from training.bricks.common import load_half
from training.bricks.condition_pool import build
from training.bricks.grids import SIZE
from training.bricks.objects import SLOTS, sample
from training.bricks.prepare import further_recipes, load_catalog
from training.bricks.train_structure_flow import Pool, started
from training.bricks.train_structure_vae import networks as vae_networks

ROWS = {
    "part alone": ("filled", splits.TEST, "picture"),
    "part alone, trained": ("filled", splits.TRAIN, "picture"),
    "part in its place": ("in_place", splits.TEST, "picture"),
    "figure": ("figure", splits.COMBOS, "picture"),
    "figure, words": ("figure", splits.COMBOS, "words"),
    "thing alone": ("thing", splits.TEST, "picture"),
    "thing alone, trained": ("thing", splits.TRAIN, "picture"),
    "thing as a base": ("stand", splits.TEST, "picture"),
    "person": ("person", splits.TEST, "picture"),
    "person, words": ("person", splits.TEST, "words"),
    "things on things, words": ("scene", splits.TRAIN, "words"),
}
TIMES = (0.97, 0.9, 0.8, 0.6)  # of the flow: where shapes are decided
CHUNK = 256


@dataclass(frozen=True)
class Found:
    """Of N objects of a row."""

    loss: Tensor  # [N] mean squared error of the velocity, mean of `TIMES`
    places: Tensor  # [N] median distance of the nearest surfaces told, in voxels; nan for words


@torch.no_grad()
def look(nets: Mapping[str, nn.Module], pool: Pool, kind: str, device: torch.device) -> Found:
    """Losses and distances of a pool, the same noise for the same pool."""
    losses, distances = [], []
    for start in range(0, len(pool), CHUNK):
        rows = torch.arange(start, min(start + CHUNK, len(pool)), device=device)
        generator = torch.Generator(device).manual_seed(start)
        latent = pool.latent[rows].float()
        noise = torch.randn(latent.shape, generator=generator, device=device)
        if kind == "picture":
            tokens, found = nets["picture"].look(pool.image[rows, 0].float() / 255, pool.frame[rows])
            place = pool.place[rows, 0].float()
            off = SIZE * (found[:, :3] - place[:, :3]).norm(dim=1).flatten(1)
            distances.append(off.where(place[:, 6].flatten(1) > 0.9, torch.nan).nanmedian(1).values)
        else:
            tokens = nets["words"](pool.words[rows])
            distances.append(torch.full((len(rows),), torch.nan, device=device))
        errors = []
        for time in TIMES:
            t = torch.full((len(rows),), 1000 * time, device=device)
            velocity = nets["flow"]((1 - time) * latent + time * noise, t, tokens)
            errors.append((velocity.float() - (noise - latent)).square().flatten(1).mean(1))
        losses.append(torch.stack(errors).mean(0))
    return Found(torch.cat(losses).cpu(), torch.cat(distances).cpu())


def interval(values: Tensor) -> tuple[float, float]:
    """Mean, and half of its 95% interval."""
    return float(values.mean()), 1.96 * float(values.std()) / math.sqrt(len(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoints", nargs="+", type=Path, help="folders with structure_vae and structure_flow")
    parser.add_argument("--data", type=Path, default=Path("data/world"))
    parser.add_argument("--count", type=int, default=512, help="objects a row, at least two")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()

    device = torch.device(args.device)
    bank, catalog = Bank.load(args.data / "bank.npz"), load_catalog(args.data)
    further = further_recipes(args.data, bank, catalog)
    vocabulary = Vocabulary(json.loads((args.data / "words.json").read_text()))
    shown = DeviceBank.upload(bank, device)
    vae = {key: net.to(device) for key, net in vae_networks().items()}
    for folder in args.checkpoints:
        if not any(folder.glob("structure_flow-*.safetensors")):
            raise SystemExit(f"no structure_flow weights in {folder}: run python -m training.bricks.unpack first")
    if not load_half(vae, args.checkpoints[0] / "structure_vae"):
        raise SystemExit(f"no structure_vae weights in {args.checkpoints[0]}")
    everyone = {folder: started(folder, len(vocabulary)) for folder in args.checkpoints}
    for nets in everyone.values():
        for net in nets.values():
            net.to(device).eval()
    results: dict[str, dict] = {}
    for name, (family, split, kind) in ROWS.items():
        objects = sample(bank, catalog, args.count, args.seed, split, {family: 1.0}, further)
        generator = torch.Generator(device).manual_seed(args.seed)

        def encode(batch, surface):
            return vae["encoder"](to_bool(surface)[:, None].float())[0].half()

        with torch.no_grad():
            conditions, latents = build(shown, objects, vocabulary, len(SLOTS), device, generator, encode, 1)
        pool = Pool(**vars(conditions), latent=torch.cat(latents))
        base: Found | None = None
        for folder, nets in everyone.items():
            found = look(nets, pool, kind, device)
            base = base or found
            loss, _ = interval(found.loss)
            more, half = interval(found.loss - base.loss)
            row = {"loss": loss, "more": more, "half": half, "places": float(found.places.nanmedian())}
            results.setdefault(name, {})[str(folder)] = row
            print(f"{name:<26} {folder}: loss {loss:.4f} ({more:+.4f} ± {half:.4f}), {row['places']:.2f} voxels off")
    if args.output:
        args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
