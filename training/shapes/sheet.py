"""A contact sheet of shapes, to look at.

    python -m training.shapes.sheet --count 60 --seed 0 -o shapes.png

Every tile is a picture as training sees it, and the voxels' shell in the same view.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from training.bricks.assemble import Batch, DeviceBank, Points, crop_views, render, shell, surface_points, to_bool
from training.bricks.bank import Bank
from training.bricks.objects import Objects

from .make import build
from .objects import sample

TILE = 112


def voxel_points(grid: Tensor) -> Points:
    """The voxels of bool grids [1, 64, 64, 64] as points, for the same renderer."""
    at = grid[0].nonzero().float()
    corners = torch.cartesian_prod(*[torch.tensor([0.1, 0.37, 0.63, 0.9], device=grid.device)] * 3)
    position = (at[:, None] + corners).reshape(1, -1, 3)
    normal = torch.nn.functional.normalize(corners - 0.5, dim=-1).repeat(len(at), 1)[None]
    color = torch.full_like(position, 0.75)
    role = torch.zeros(position.shape[:2], dtype=torch.int64, device=grid.device)
    return Points(position, normal, color, role, role == 0)


def on_white(image: Tensor) -> Image.Image:
    """One premultiplied picture [4, S, S]."""
    white = (image[:3] + 1 - image[3]).clamp(0, 1)
    return Image.fromarray((white * 255).byte().permute(1, 2, 0).cpu().numpy())


def draw(bank: Bank, objects: Objects, columns: int = 10, yaw: float = 30.0, pitch: float = 20.0) -> Image.Image:
    """The sheet: a picture, the voxels and the name of each object."""
    device_bank = DeviceBank.upload(bank, "cpu", shuffle=False)
    wide = columns // 2 or 1  # two tiles each
    rows = (len(objects) + wide - 1) // wide
    sheet = Image.new("RGB", (2 * wide * TILE, rows * (TILE + 14)), "white")
    pen = ImageDraw.Draw(sheet)
    angles = [torch.deg2rad(torch.tensor([angle])) for angle in (yaw, pitch)]
    for i in range(len(objects)):
        batch = Batch.of(objects, [i], "cpu")
        surface = shell(device_bank.grid[batch.placement[:, 0]])
        points = surface_points(device_bank, batch, surface, 3072)
        views = crop_views(points, *angles)
        x, y = i % wide * 2 * TILE, i // wide * (TILE + 14)
        sheet.paste(on_white(render(points, views, TILE)[0][0]), (x, y))
        sheet.paste(on_white(render(voxel_points(to_bool(surface)), views, TILE)[0][0]), (x + TILE, y))
        pen.text((x + 2, y + TILE), objects.caption[i][:34], fill="black")
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="index of the first shape")
    parser.add_argument("--yaw", type=float, default=30.0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    bank, names = build(args.count, args.seed, args.first, workers=1)
    phrases = [phrase for phrase, _ in names]
    objects = sample(phrases, range(len(phrases)), args.count, args.seed)
    objects.placement[:, 0] = range(args.count)
    ordered = Objects(**{**vars(objects), "caption": phrases})
    draw(bank, ordered, 12, args.yaw).save(args.output)


if __name__ == "__main__":
    main()
