"""Compositional generation, whole geometry: anchor, pruning, coarse composition (Eq. 14), refinement (p_GC)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .. import flow
from ..backbones import Backbone, Condition
from ..settings import Settings
from ..voxels import coarse_geometry, dilate, drop_crumbs, fill, iou, seal
from .guide import structure_guide

_KEPT, _DROPPED = "refinement kept", "refinement dropped"


@dataclass(frozen=True)
class Geometry:
    """p_GC and the way to it."""

    anchor: Tensor  # [64, 64, 64] bool, p̂_B
    coarse: Tensor  # [64, 64, 64] bool, p̂_GC
    grid: Tensor  # [64, 64, 64] bool, p_GC
    report: tuple[str, ...]  # what was pruned, and whether the refinement was kept

    @property
    def warnings(self) -> list[str]:
        """What people should hear of; pruned crumbs are everyday."""
        return [line for line in self.report if line.startswith(_DROPPED)]


def compose_geometry(
    main_geometry: Tensor,  # [64, 64, 64] bool, p_B
    hints: Tensor,  # [N, 64, 64, 64] bool, h_i
    parts: Tensor,  # [N - 1, 64, 64, 64] bool, p_i of every term but the base
    base: int,
    settings: Settings,
) -> Geometry:
    """Eq. 14: the base follows the layout near the parts, stays itself elsewhere, and loses what they cut off.

    With `seal`, openings that a hint covered and its part does not are closed as the layout is.
    """
    others = torch.arange(len(hints)) != base
    base_hint = hints[base]
    if settings.keep_hidden:  # a layout is a shell: what a hat hides of the head is in p_B only
        base_hint = base_hint | (main_geometry & dilate(fill(hints.any(0))))
    coarse = coarse_geometry(
        main_geometry,
        base_hint,
        hints[others],
        parts,
        settings.expand_sigma,
        settings.expand_threshold,
        settings.prune_absolute,
        settings.prune_relative,
        settings.prune_unchanged,
        settings.prune_connectivity,
    )
    report = [str(region) for region in coarse.pruned.dropped]
    grid = coarse.geometry
    if settings.seal:
        grid = seal(grid, hints.any(0), settings.seal)
        if added := int((grid & ~coarse.geometry).sum()):
            report.append(f"closed openings of the composition with {added} voxels of the layout")
    return Geometry(coarse.anchor, grid, grid, tuple(report))


def refine_geometry(
    backbone: Backbone,
    geometry: Geometry,
    target: Condition,  # c
    settings: Settings,
    noise: flow.Draws,
    on_step: flow.OnStep | None = None,
) -> Geometry:
    """D_ss^STM(G_stc(.; p̂_GC); c): smooths the joints. Kept only if it stays close to the coarse geometry."""
    source = structure_guide(target.unconditional, 0.0, settings)
    followed = structure_guide(target, settings.text_guidance, settings)
    latent = flow.stm(
        backbone.encode_structure(geometry.coarse),
        None,
        None,
        flow.times(settings.structure_steps, settings.rescale),
        settings.refine_start,
        flow.Static(flow.drawn(noise, settings.refine_start, backbone.device)),
        settings.diffusion,
        pair=flow.pair_of(backbone.structure_velocities([source, followed])),
        on_step=on_step,
    )
    refined = backbone.decode_structure(latent)
    agreement = iou(refined, geometry.coarse)
    kept = agreement >= settings.refine_guard
    line = f"{_KEPT if kept else _DROPPED}: IoU {agreement:.3f} with the coarse geometry"
    lines = [line]
    if kept and settings.seal:
        sealed = seal(refined, geometry.coarse, settings.seal)
        if added := int((sealed & ~refined).sum()):
            lines.append(f"closed openings of the refinement with {added} voxels of the coarse geometry")
        refined = sealed
    grid = refined if kept else geometry.coarse
    return Geometry(geometry.anchor, geometry.coarse, grid, (*geometry.report, *lines))


def without_crumbs(
    geometry: Geometry,
    parts: Tensor,  # [N - 1, 64, 64, 64] bool, p_i
    settings: Settings,
) -> Geometry:
    """p_GC without small floating pieces, which generation and refinement leave now and then (not in the paper)."""
    if not settings.crumbs:
        return geometry
    grid, dropped = drop_crumbs(geometry.grid, parts, settings.crumbs)
    lines = (f"dropped {dropped} floating pieces, {int((geometry.grid & ~grid).sum())} voxels",) if dropped else ()
    return replace(geometry, grid=grid, report=(*geometry.report, *lines))
