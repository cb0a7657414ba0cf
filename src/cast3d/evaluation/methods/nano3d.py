"""Nano3D (Ye et al. 2026, [62]) on the same backbone: FlowEdit by picture, and merging of what changed.

The edited front view, which the paper has a picture editor make, is the pasted one or the true one. Its defaults: 5
noise draws a step, guidance 1.5 and 5.5 (usual form), regions above 100 voxels flipped. It starts at level 13 of 25;
here that is the start of our parts' STM, 12 of 25 in the paper's settings: pictures change nothing on the small
backbone from half way down, and its own start is the one that suits it. The connectivity of regions is not stated; they
join at corners too, as shells that are one voxel thin do.
"""

from __future__ import annotations

from typing import cast

import torch
from PIL import Image
from torch import Tensor

from ... import flow
from ...run.staging import Stage
from ...stages.kit import Kit
from ...stages.layout import Layout, MainGeometry, Slat
from ...stages.operators import d_slat, structure_guide, times
from ...voxels import components, to_coords, to_grid
from ..bench import Base, Bench, digests
from ..outcome import Outcome, meshes_of
from .customise import SINGLE, asset_pictures, pasted_view, true_views

AVERAGE = 5  # noise draws
SOURCE, TARGET = 0.5, 4.5  # guidance in TRELLIS's form
REGION = 100  # voxels


def nano3d(bench: Bench) -> Outcome:
    """With the pasted view."""
    return edited(bench, pasted_view(bench, asset_pictures(bench)))


def nano3d_oracle(bench: Bench) -> Outcome:
    """With a true view: what a perfect picture editor would give."""
    return edited(bench, true_views(bench)[SINGLE])


def edited(bench: Bench, view: Image.Image) -> Outcome:
    """Both stages, with the edited view as the target's picture."""
    base = bench.base()
    slat = merged(base, bench.case.main, view)
    grid = to_grid(slat.coords)
    meshes = meshes_of(bench.decoded(slat.coords, slat.feats).parts)
    return Outcome({bench.case.main: grid.cpu()}, meshes, bench.case.main, False, base.main.grid.cpu())


def merged(base: Base, term: str, view: Image.Image) -> Slat:
    """Nano3D on a base that is there, whose picture is that of `term`: what the edited `view` makes of it."""
    proposal = _structure(base, term, view)
    return _appearance(base, view, proposal, merge_voxels(base.main.grid, proposal.grid))


def _structure(base: Base, term: str, view: Image.Image) -> Layout:
    def compute(kit: Kit, main: MainGeometry, term: str, shown: list[str]) -> Layout:
        source, target = kit.picture(term), kit.backbone.of_pictures([view])
        shape, seed = (AVERAGE, 1, *kit.backbone.structure_shape), base.run.kit.seeds.scene
        noise = flow.noise(shape, seed, ("nano3d", "structure"))
        v_source, v_target = (
            kit.backbone.structure_velocities([structure_guide(kit, condition, scale)])
            for condition, scale in ((source, SOURCE), (target, TARGET))
        )
        t = times(kit.settings.structure_steps)
        start = kit.settings.layout_starts[0]  # whole parts are added, as in our layout
        made = flow.flowedit(main.latent, v_source, v_target, t, start, noise, AVERAGE, on_step=kit.on_step)
        latent = cast(Tensor, made)  # two only with `trajectory`
        return Layout(latent, kit.backbone.decode_structure(latent))

    return base.run(Stage("nano3d_structure", 2, Layout, compute), base.main, term, digests([view]))


def merge_voxels(source: Tensor, proposal: Tensor, least: int = REGION) -> Tensor:
    """Voxel-Merge: the source, flipped where a connected region of more than `least` voxels differs."""
    labels, sizes = components(source ^ proposal, 26)
    large = torch.cat([torch.zeros(1, dtype=torch.bool), sizes.cpu() > least]).to(source.device)
    return source ^ large[labels]


def _appearance(base: Base, view: Image.Image, proposal: Layout, grid: Tensor) -> Slat:
    """Slat-Merge: latents from the edited view; where the source is unchanged, its own."""
    coords = to_coords(grid)

    def compute(kit: Kit, proposal: Layout, source: Slat, shown: list[str]) -> Slat:
        shape, seed = (len(coords), kit.backbone.slat_channels), base.run.kit.seeds.scene
        noise = flow.noise(shape, seed, ("nano3d", "slat"))
        condition = kit.backbone.of_pictures([view])
        (feats,) = d_slat(kit, [coords], [condition], kit.settings.slat_image_guidance, [noise])
        return Slat(coords, keep_latents(coords, feats, source.coords, source.feats))

    return base.run(Stage("nano3d_slat", 8, Slat, compute), proposal, base.slat, digests([view]))


def keep_latents(coords: Tensor, feats: Tensor, source_coords: Tensor, source_feats: Tensor) -> Tensor:
    """`feats` [N, C] of `coords`, with the source's where it has the same voxel."""
    rows = torch.full((64, 64, 64), -1, dtype=torch.long, device=coords.device)
    rows[tuple(source_coords.long().unbind(-1))] = torch.arange(len(source_coords), device=coords.device)
    row = rows[tuple(coords.long().unbind(-1))]
    return torch.where((row >= 0)[:, None], source_feats[row.clamp_min(0)], feats)
