"""What encoding a model that exists and decoding it again loses, for the models of a suite of edits, folder or file.

python -m benchmarks.roundtrip suites/edits-24 models/ chair.glb --json roundtrip.json

Structure: the model's shell of voxels against itself after the structure's encoder and decoder, F1 at one and two
voxels of tolerance. Surface: voxels that the decoded mesh passes against the shell. Appearance: renders of the decoded
Gaussians against those of the model, unlit, from eight views, on white; PSNR of the whole pictures, and of the pixels
that show the thing in both, which leaves the outlines out.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

import torch
from torch import Tensor

from cast3d.backbones import Backbone, load_backbone
from cast3d.errors import InputError
from cast3d.evaluation.edits.suite import is_edits, load_edits
from cast3d.evaluation.outcome import voxelise
from cast3d.existing.frame import frame_of
from cast3d.existing.opening import MESHES, open_model
from cast3d.existing.seen import Existing
from cast3d.splats import Gaussians, orbit, render
from cast3d.voxels import cells_of, f1, outer_shell, to_coords, to_grid

VIEWS, PITCH, WIDTH, SIDE = 8, 15.0, 1.25, 256


@dataclass(frozen=True)
class Loss:
    """Of one model."""

    name: str
    voxels: int
    f1_1: float  # of the structure
    f1_2: float
    surface_f1_1: float  # of the decoded mesh
    psnr: float  # dB, of whole pictures
    psnr_inside: float


def roundtrip(backbone: Backbone, path: Path, name: str) -> Loss:
    """Encodes and decodes one model."""
    model = open_model(path)
    existing = Existing(model, frame_of(model, stand=backbone.stand))
    surface = existing.surface()
    grid = outer_shell(to_grid(cells_of(surface.position)))
    coords = to_coords(grid)
    with torch.no_grad():
        again = backbone.decode_structure(backbone.encode_structure(grid.to(backbone.device))).cpu()
        feats = backbone.encode_model(coords, surface, existing)
        coords = coords.to(backbone.device)
        splat = backbone.gaussians(coords, feats).to("cpu")
        (mesh,) = backbone.meshes(coords, feats, torch.zeros(len(coords), dtype=torch.long, device=coords.device), 1)
    passed = outer_shell(voxelise(mesh)) if mesh is not None else torch.zeros_like(grid)
    seen = [compared(existing, splat, 360 * view / VIEWS) for view in range(VIEWS)]
    whole, inside = (decibel(torch.cat(squares)) for squares in zip(*seen))
    return Loss(name, int(grid.sum()), f1(again, grid, 1), f1(again, grid, 2), f1(passed, grid, 1), whole, inside)


def compared(existing: Existing, splat: Gaussians, yaw: float) -> tuple[Tensor, Tensor]:
    """Squared differences of colours from one side: of all pixels, and of those that show the thing in both."""
    camera = orbit(yaw, PITCH, fov=None, width=WIDTH)
    color, alpha = existing.picture(camera, SIDE)
    drawn = render(splat, camera, SIDE, background=1.0)
    squares = (drawn.color.clamp(0, 1) - color - (1 - alpha[..., None])).square()
    return squares.flatten(), squares[(alpha > 0.5) & (drawn.alpha > 0.95)].flatten()


def decibel(squares: Tensor) -> float:
    """PSNR of squared differences."""
    return -10 * math.log10(max(float(squares.mean()), 1e-10))


def models_of(source: Path, scratch: Path) -> Iterator[tuple[str, Path]]:
    """(name, file) of a suite's models, of a folder's files with all below, or of a file."""
    if is_edits(source):
        for case in load_edits(source):
            case.write_named(path := scratch / f"{case.id}.glb")
            yield case.id, path
    elif source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in MESHES:
                yield path.relative_to(source).as_posix(), path
    else:
        yield source.name, source


def line(one: Loss) -> str:
    """One model's numbers."""
    return (
        f"{one.name:32} {one.voxels:6} voxels  F1@1 {one.f1_1:.3f}  F1@2 {one.f1_2:.3f}  "
        f"surface {one.surface_f1_1:.3f}  PSNR {one.psnr:.1f} dB, inside {one.psnr_inside:.1f} dB"
    )


def table(title: str, losses: Sequence[Loss]) -> str:
    """The mean and the worst of each number."""
    lines = [f"{title}: {len(losses)} models", f"{'':24}{'mean':>10}{'worst':>10}"]
    for name in ("f1_1", "f1_2", "surface_f1_1", "psnr", "psnr_inside"):
        values = [getattr(loss, name) for loss in losses]
        lines.append(f"{name:24}{mean(values):10.3f}{min(values):10.3f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sources", type=Path, nargs="+", metavar="SUITE|FOLDER|FILE")
    parser.add_argument("-b", "--backbone", default="bricks")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    backbone = load_backbone(args.backbone, args.device)
    found: dict[str, list[Loss]] = {}
    for source in args.sources:
        losses = found[str(source)] = []
        with tempfile.TemporaryDirectory() as scratch:
            for name, path in models_of(source, Path(scratch)):
                try:
                    losses.append(roundtrip(backbone, path, name))
                except InputError as error:
                    print(f"{name}: {error}")
                    continue
                print(line(losses[-1]), flush=True)
        if losses:
            print(table(str(source), losses), flush=True)
    if args.json:
        rows = {source: [asdict(one) for one in losses] for source, losses in found.items()}
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
