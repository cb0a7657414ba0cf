"""Compositional generation, whole geometry: anchor, pruning, coarse composition (Eq. 14), refinement (p_GC)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..settings import Settings
from ..voxels import coarse_geometry, dilate, drop_crumbs, fill, iou, seal
from .hints import Hints
from .kit import Kit
from .layout import MainGeometry
from .operators import d_ss_stm, decoded, encoded, static, structure_guide, unguided
from .parts import PartGeometry
from .reading import Reading

REFINE_GUARD = 0.6  # least IoU of a refinement with the coarse geometry
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
        if not any(line.startswith(_DROPPED) for line in self.report):
            return []
        return [
            "the joints between parts were not smoothed, because that changed the whole too much: the parts are as they"
            " were put together, and another seed may do better"
        ]


def composed_geometry(
    kit: Kit, main: MainGeometry, hints: Hints, parts: Mapping[str, PartGeometry], reading: Reading
) -> Geometry:
    """p̂_B, p̂_GC (Eq. 14) and, refined, p_GC."""
    grids = [parts[term].grid for term in reading.terms if term in parts]
    stack = torch.stack(grids) if grids else main.grid.new_zeros(0, *main.grid.shape)
    geometry = compose_geometry(main.grid, hints.grids, stack, reading.base, kit.settings)
    if kit.settings.refine and (hints.free is None or hints.free.any()):
        geometry = refine_geometry(kit, geometry, reading.prompt, hints.free)
    return without_crumbs(geometry, stack, kit.settings)


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
        pruned=settings.prune,
        halo=not settings.guards,
        connectivity=settings.prune_connectivity,
    )
    report = [str(region) for region in coarse.pruned.dropped]
    grid = coarse.geometry
    if settings.seal:
        grid = seal(grid, hints.any(0), settings.seal)
        if added := int((grid & ~coarse.geometry).sum()):
            report.append(f"closed openings of the composition with {added} voxels of the layout")
    return Geometry(coarse.anchor, grid, grid, tuple(report))


def refine_geometry(kit: Kit, geometry: Geometry, prompt: str, free: Tensor | None = None) -> Geometry:
    """p_GC = D_ss^STM(G_stc(.; p̂_GC); c, ∅): smooths the joints. Kept only if it stays close to p̂_GC.

    With `free` [64, 64, 64] it changes nothing elsewhere: what exists stays as it is.
    """
    settings, start, target = kit.settings, kit.settings.refine_start, kit.text(prompt)
    latent = d_ss_stm(
        kit,
        encoded(kit, [geometry.coarse]),
        [unguided(kit, target)],
        [structure_guide(kit, target, settings.text_guidance)],
        start,
        static(kit, [kit.structure_noise("refine")], start),
    )
    (refined,) = decoded(kit, latent)
    if free is not None:
        refined = torch.where(free, refined, geometry.coarse)
    agreement = iou(refined, geometry.coarse)
    kept = agreement >= REFINE_GUARD or not settings.guards
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
