"""Step 7: names for pictures, for things whose words the text encoder never learned.

    python -m training.bricks.train_namer --ldraw complete.zip --catalog training/bricks/catalog.csv \\
        --colors training/bricks/colors.csv

Shows every trained accessory part to the packaged picture encoder, from several sides and in random colours, and fits a
linear discriminant to what it says. A new picture gets the names of the parts that lie nearest. Adds
ckpts/picture_namer.* to src/cast3d/weights/bricks, and to its pipeline.json which of the names animals wear; needs
`prepare` and `package`. Two minutes on two cores. Prints how often a part that was never trained gets a name of its own
kind, or at least of something that is worn or held like it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import cast3d.backbones.bricks.loading  # noqa: F401  (registers the small classes)
from cast3d.backbones.bricks.encoders import FRAMES, PictureEncoder
from cast3d.backbones.bricks.namer import PictureNamer, pool
from cast3d.backbones.bricks.words import Vocabulary
from cast3d.models import load, save
from cast3d.models.weights import deflate
from cast3d.pictures.crops import preprocess_small

from . import catalog, splits
from .anatomy import wearers
from .assembly import FILLED, animals_wear
from .bank import Bank
from .catalog import Catalog, Part
from .ldraw import Library
from .pictures import Camera, Studio, render

NAMER = "ckpts/picture_namer"
VIEWS, SIZE = 8, 336  # pictures of each part; pixels, as people have some more than the encoder
CHANNELS, SHRINKAGE = 64, 0.6  # of the discriminant; share of a round covariance mixed into that within parts
YAW, PITCH = (-45.0, 45.0), (0.0, 35.0)  # degrees, as people photograph things
COSTUMES = {"covers_neck", "full_costume"}  # stand in for nothing: they leave no room for what else is worn
SKIN = (255, 205, 60)


@dataclass(frozen=True)
class Seen:
    """What the encoder says about pictures of parts."""

    parts: list[Part]
    pooled: Tensor  # [P, VIEWS, C]


def shots(studio: Studio, part: Part) -> Iterator[Image.Image]:
    """Pictures of a part as it fills the cube; the same for the same part."""
    bank, rng = studio.bank, Random(f"name {part.id}")
    row = int(np.flatnonzero((bank.part == part.id) & (bank.frame == FILLED))[0])
    vertices, soup = studio.placed(row)
    for _ in range(VIEWS):
        camera = Camera(rng.uniform(*YAW), rng.uniform(*PITCH)).framing(vertices)
        color = tuple(rng.randrange(256) for _ in range(3))
        yield render(vertices, studio.paint(soup, color, SKIN), camera, SIZE, supersample=1)


def look(studio: Studio, parts: Sequence[Part], encoder: PictureEncoder) -> Seen:
    """The encoder's tokens for every shot, pooled; `filled`, as lone things are shown."""
    frame = torch.full((VIEWS,), FRAMES.index("filled"))
    size = encoder.config["image_size"]
    pooled = []
    for part in parts:
        images = torch.stack([torch.as_tensor(preprocess_small(shot, size)) for shot in shots(studio, part)])
        with torch.inference_mode():
            pooled.append(pool(encoder(images, frame)))
    return Seen(list(parts), torch.stack(pooled))


def fit(seen: Seen) -> PictureNamer:
    """Fisher's discriminant: the directions in which parts differ most for how little their views do."""
    x = seen.pooled.double()
    mean, scale = x.flatten(0, 1).mean(0), x.flatten(0, 1).std(0)
    x = (x - mean) / scale
    centers = x.mean(1)
    within = (x - centers[:, None]).flatten(0, 1)
    covariance = within.T @ within / len(within)
    round_one = torch.eye(len(covariance)).double() * covariance.diagonal().mean()
    whiten = torch.linalg.cholesky(torch.linalg.inv((1 - SHRINKAGE) * covariance + SHRINKAGE * round_one))
    spread = centers @ whiten
    _, _, directions = torch.linalg.svd(spread - spread.mean(0), full_matrices=False)
    project = whiten @ directions[:CHANNELS].T
    namer = PictureNamer(
        [part.names[0] for part in seen.parts],
        [part.kind for part in seen.parts],
        [part.family == "hand" for part in seen.parts],
        in_channels=x.shape[-1],
        channels=len(project.T),
    )
    namer.requires_grad_(False)
    namer.project.weight.copy_((project / scale[:, None]).T)
    namer.project.bias.copy_(-(mean / scale) @ project)
    namer.centers.copy_(centers @ project)
    return namer


def worn_by_animals(parts: Catalog, known: Sequence[Part], words: Sequence[str]) -> dict[str, list[str]]:
    """The nouns of animals, and names of what animals were made with: with other things on the flow knows none."""
    vocabulary = Vocabulary(words)
    nouns = {vocabulary.noun(name) for part in wearers(parts) for name in part.names} - {None}
    return {"nouns": sorted(nouns), "wear": sorted({part.names[0] for part in known if animals_wear(part)})}


def measured(namer: PictureNamer, known: Sequence[Part], seen: Seen) -> dict[str, float]:
    """Shares of single pictures whose first name is of a part of the same kind, and held or worn likewise."""
    by_name = {part.names[0]: part for part in reversed(known)}
    kind = held = 0
    for part, views in zip(seen.parts, seen.pooled):
        in_hand = part.family == "hand"
        for view in views:
            told, untold = (namer.ranked(view[None], word)[0] for word in ("holding" if in_hand else "wearing", ""))
            kind += by_name[told].kind == part.kind
            held += (by_name[untold].family == "hand") == in_hand
    pictures = len(seen.parts) * VIEWS
    return {"kind, given how it is worn": kind / pictures, "held or worn": held / pictures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ldraw", type=Path, action="append", required=True, help="zip or folder; repeat for several")
    parser.add_argument("--catalog", type=Path, action="append", required=True, help="repeat for several")
    parser.add_argument("--colors", type=Path, help="colour table; default: colors.csv beside the first catalogue")
    parser.add_argument("--data", type=Path, default=Path("data/bricks"))
    parser.add_argument("--weights", type=Path, default=Path("src/cast3d/weights/bricks"))
    args = parser.parse_args()

    parts: Catalog = catalog.load(*args.catalog, colors=args.colors)
    bank = Bank.load(args.data / "bank.npz", index_only=True)
    studio = Studio(Library(*args.ldraw), parts, bank)
    encoder = load(args.weights / "ckpts/picture_encoder")
    alone, split = set(bank.part[bank.frame == FILLED].tolist()), splits.load()
    accessories = [part for part in parts if part.id in alone and part.family in catalog.ACCESSORY_FAMILIES]
    trained = [part for part in accessories if split.get(part.id, splits.TRAIN) == splits.TRAIN]
    known = [part for part in trained if not COSTUMES & part.flags]
    new = [part for part in accessories if part not in trained]
    namer = fit(look(studio, known, encoder))
    stem = args.weights / NAMER
    save(namer.half(), stem)
    deflate(stem.with_name(f"{stem.name}.safetensors"))
    pipeline = json.loads((args.weights / "pipeline.json").read_text())
    animals = worn_by_animals(parts, known, pipeline["cast3d"]["words"])
    pipeline["cast3d"] = {"namer": NAMER, **pipeline["cast3d"], "animals": animals}
    (args.weights / "pipeline.json").write_text(json.dumps(pipeline, indent=1) + "\n")
    print(f"{len(known)} names; {len(new)} parts that were never trained, {VIEWS} pictures of each:")
    if new:
        for what, share in measured(load(stem), known, look(studio, new, encoder)).items():
            print(f"{what:<28} {share:.3f}")


if __name__ == "__main__":
    main()
