"""Uplift-then-Compose (UtC): every picture to 3D by itself, then put together (paper section 5.1)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ...composition import hint
from ...result.making import alone
from ...result.part import Part
from ...stages.table import LIFTED_REFIT
from ...voxels import Similarity, fill, outside, resample, to_coords, to_world
from ..bench import Bench, on_cpu
from ..outcome import Outcome, meshes_of
from .placing import places

CLOSED = 1.2  # a shell whose solid is this much larger encloses something


def utc(bench: Bench) -> Outcome:
    """Sharing our hints: each lifted asset takes the centre and the volume of its hint; no turning, no pruning."""
    hinted = hint(bench.staging(), bench.sentence)
    main, hints = hinted.main, hinted.hints
    base, parts = lifted_parts(bench)
    for term, grid in zip(bench.case.terms, hints.grids.cpu()):
        if term != bench.case.main:
            parts[term] = moved(parts[term], onto_hint(parts[term], grid))
    outcome = together(bench, base, parts)
    return replace(outcome, main_geometry=main.grid.cpu(), hints=dict(zip(bench.case.terms, hints.grids.cpu())))


def utc_free(bench: Bench) -> Outcome:
    """Without hints: size and place from the words of the sentence alone (`placing`)."""
    base, parts = lifted_parts(bench)
    box = to_world(to_coords(base.voxels))
    low, high = box.amin(0), box.amax(0)
    for term, place in places(bench.case).items():
        target = low + (high - low) * torch.tensor([place.x, place.y, place.z])
        parts[term] = moved(parts[term], into_place(parts[term], target, place.size * float((high - low).max())))
    return together(bench, base, parts)


def lifted_parts(bench: Bench) -> tuple[Part, dict[str, Part]]:
    """The base in its place, and every accessory filling the cube, as single objects are lifted."""
    main = bench.case.main
    base = bench.base()
    detail = base.run(LIFTED_REFIT, base.slat, main)
    whole = on_cpu(alone(base.run, main, base.slat, detail)).parts[main]
    lifted = {term: bench.lifted([bench.picture(term)], term, "filled") for term in bench.case.accessories}
    return whole, {term: result.parts[term] for term, result in lifted.items()}


def onto_hint(part: Part, hint: Tensor) -> Similarity:
    """Equal volumes, and the mean of the Gaussians' centres on the hint's centre of mass.

    Volumes are those of solids, with the third root, where both enclose something; else of shells, with the second.
    """
    mine, wanted = (int(grid.sum()) for grid in (part.voxels, hint))
    power = 1 / 2
    if _encloses(part.voxels) and _encloses(hint):
        mine, wanted, power = int(fill(part.voxels).sum()), int(fill(hint).sum()), 1 / 3
    scale = (wanted / max(mine, 1)) ** power
    center = part.gaussians.positions.mean(0).double()
    return _about(center, to_world(to_coords(hint)).double().mean(0), scale)


def into_place(part: Part, target: Tensor, longest: float) -> Similarity:
    """The longest side of the part's box becomes `longest` world units, its middle `target`."""
    box = to_world(to_coords(part.voxels)).double()
    low, high = box.amin(0), box.amax(0)
    return _about((low + high) / 2, target.double(), longest / max(float((high - low).max()), 1e-6))


def _about(center: Tensor, target: Tensor, scale: float) -> Similarity:
    return Similarity(scale, tuple((target - scale * center).tolist()))


def _encloses(grid: Tensor) -> bool:
    return float((~outside(grid)).sum()) > CLOSED * float(grid.sum())


def moved(part: Part, similarity: Similarity) -> Part:
    """The part in another place and size."""
    mesh = part.mesh and replace(part.mesh, vertices=similarity(part.mesh.vertices))
    return replace(part, mesh=mesh, voxels=resample(part.voxels, similarity))


def together(bench: Bench, base: Part, parts: dict[str, Part]) -> Outcome:
    """The union, each part as it is."""
    everything = {term: base if term == bench.case.main else parts[term] for term in bench.case.terms}
    grids = {term: part.voxels for term, part in everything.items()}
    return Outcome(grids, meshes_of(everything), bench.case.main)
