"""All metrics of an outcome. docs/evaluation.md says of each what it can and cannot see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import mean

import numpy as np
from PIL import Image
from torch import Tensor

from ..segmentation.detections import Segmenter
from . import structure
from .alignment import Alignment, align
from .components import Placed, agreement, lend_labels, placed, placement, points, shape
from .detail import detail
from .likeness import NONE, Reference, likeness, palette, sides
from .outcome import Outcome
from .scores import FAILED, scores
from .suite import Case, Truth
from .wording import text_agreement

Numbers = dict[str, float]
Measured = dict[str, Numbers | dict[str, Numbers]]


def measure(
    outcome: Outcome,
    case: Case,
    pictures: Mapping[str, Image.Image],
    segmenter: Segmenter | None = None,
    main_geometry: Tensor | None = None,
) -> Measured:
    """{"object": metrics and scores of the whole, "parts": {term: metrics}}; what cannot be measured is left out.

    `pictures` are the case's, cut out, by term. `main_geometry` is p_B for methods on the same backbone that keep none
    of their own.
    """
    truth = case.truth
    whole_truth = _union(one.voxels for one in truth.values())
    shown = _union(one.visible for one in truth.values())
    reference = truth[case.main] if outcome.labelled else Truth(whole_truth, shown)
    base = outcome.grids[case.main]
    to_truth = align(points(base), points(reference.voxels), points(reference.visible))
    if not outcome.labelled:
        outcome = lend_labels(outcome, truth, to_truth)
    found = placed(outcome, truth, to_truth)
    diagonal = _diagonal(truth[case.main].voxels)
    parts = {term: _part(found[term], diagonal) | _looks(outcome, pictures[term], term) for term in case.terms}
    for term in case.accessories:
        parts[term] |= _touching(outcome, truth, term, to_truth)
        if term in outcome.hints:
            parts[term] |= _hint(outcome.hints[term], truth[term], to_truth)
    whole = _whole(outcome, truth, whole_truth, to_truth)
    if (kept := outcome.main_geometry if outcome.main_geometry is not None else main_geometry) is not None:
        accessories = [grid for term, grid in outcome.grids.items() if term != case.main]
        whole["drift_iou"] = structure.drift(outcome.whole, accessories, kept)
    if segmenter is not None:
        whole["text"] = text_agreement(outcome.meshes, case.accessories, segmenter)
    whole |= summary(case, parts)
    return {"object": whole | scores(whole, list(parts.values())), "parts": parts}


def failed(case: Case) -> Measured:
    """What counts for a run that made nothing: every part missing, the scores 0."""
    parts = {term: {"present": 0.0, "f1_1": 0.0, "f1_2": 0.0, "iou": 0.0} for term in case.terms}
    return {"object": summary(case, parts) | FAILED, "parts": parts}


def summary(case: Case, parts: Mapping[str, Numbers]) -> Numbers:
    """Means over accessories (`part_...`), over the trained and the unseen ones, and the base's own (`base_...`)."""
    accessories = [parts[term] for term in case.accessories]
    known = [parts[term] for term in case.accessories if term not in case.unseen]
    unseen = [parts[term] for term in case.accessories if term in case.unseen]
    means = {f"part_{name}": value for name, value in _means(accessories).items()}
    means |= {f"seen_{name}": value for name, value in _means(known).items() if name in ("f1_1", "f1_2")}
    means |= {f"unseen_{name}": value for name, value in _means(unseen).items() if name in ("f1_1", "f1_2")}
    return means | {f"base_{name}": value for name, value in parts[case.main].items()}


def _means(rows: list[Numbers]) -> Numbers:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: mean(row[name] for row in rows if name in row) for name in names}


def _part(part: Placed, diagonal: float) -> Numbers:
    values = {"present": float(part.present), **agreement(part), "shape": shape(part), **placement(part)}
    return {name: value / diagonal if name in ("chamfer", "offset") else value for name, value in values.items()}


def _looks(outcome: Outcome, picture: Image.Image, term: str) -> Numbers:
    seen, share, fine = NONE, 0.0, None
    if term in outcome.meshes:
        reference = Reference.of(picture)
        others = [mesh for other, mesh in outcome.meshes.items() if other != term]
        part = sides(outcome.meshes[term], others)
        seen, share = likeness(part, reference), palette(part, reference)
        fine = detail(outcome.meshes[term], picture, others)
    looks = {"likeness": seen.value, "outline": seen.outline, "color": seen.color, "palette": share}
    return looks if fine is None else {**looks, "detail": fine}


def _touching(outcome: Outcome, truth: Mapping[str, Truth], term: str, to_truth: Alignment) -> Numbers:
    wanted = {other: one.visible for other, one in truth.items()}
    share, true_share, patch = structure.contact(outcome.visible(), wanted, term, to_truth)
    return {"contact": share, "contact_error": abs(share - true_share), "contact_iou": patch}


def _hint(hint: Tensor, truth: Truth, to_truth: Alignment) -> Numbers:
    at = to_truth(points(hint))
    compared = agreement(Placed(at, at, points(truth.voxels), points(truth.visible)))
    return {f"hint_{name}": compared[name] for name in ("iou", "f1_1", "f1_2")}


def _whole(outcome: Outcome, truth: Mapping[str, Truth], whole_truth: Tensor, to_truth: Alignment) -> Numbers:
    overlaps = structure.interpenetration(outcome.grids)
    true_overlaps = structure.interpenetration({term: one.voxels for term, one in truth.items()})
    count, share = structure.floating(outcome.whole, whole_truth, to_truth)
    # A pair that misses its overlap (a cap beside the head) does not pay for one that has too much.
    excess = [max(0.0, overlaps[pair] - true_overlaps[pair]) for pair in true_overlaps]
    return {
        "interpenetration": mean(overlaps.values()) if overlaps else 0.0,
        "interpenetration_excess": mean(excess) if excess else 0.0,
        "fragments": float(count),
        "fragment_share": share,
        "roughness": structure.roughness(outcome.whole),
        "roughness_truth": structure.roughness(whole_truth),
    }


def _union(grids: Iterable[Tensor]) -> Tensor:
    first, *rest = grids
    for grid in rest:
        first = first | grid
    return first


def _diagonal(grid: Tensor) -> float:
    """Of the box around the base, in voxels."""
    at = points(grid)
    return float(np.linalg.norm(np.ptp(at, axis=0) + 1))
