"""The stages of the paper's Fig. 3 in words."""

from __future__ import annotations

from typing import NamedTuple

HINTING, GENERATION, SINGLE = "3D layout hinting", "Compositional generation", "Stages"


class Step(NamedTuple):
    half: str
    title: str
    caption: str


STEPS = {
    "main": Step(HINTING, "Main geometry", "The main asset's structure, generated from its picture (Eq. 10)."),
    "layout": Step(HINTING, "Layout", "The main geometry carried over to the whole prompt by STM (Eq. 10)."),
    "layout_appearance": Step(
        HINTING, "Layout appearance", "The layout painted, so that its views can be segmented (Eq. 11)."
    ),
    "hints": Step(HINTING, "Hints", "Masks of each term in every view, voted back onto the layout (Eq. 12)."),
    "part": Step(
        GENERATION, "Part", "Its structure, from its hint and its picture by STM (Eq. 13); grey: hint that it left."
    ),
    "geometry": Step(GENERATION, "Geometry", "Parts anchored, pruned, put together (coarse, Eq. 14) and refined."),
    "slat": Step(GENERATION, "Painted part", "Its appearance, from its own picture."),
    "appearance": Step(GENERATION, "Appearance", "The whole, held to the painted parts, the seams left free (Eq. 15)."),
}
ALONE = {  # of one object without parts
    "main": Step(SINGLE, "Geometry", "Its structure, from noise."),
    "appearance": Step(SINGLE, "Appearance", "Its surface and colours, from noise on that structure."),
}


def describe(stage: str, alone: bool = False) -> Step:
    """Title and caption of a stage, `alone` of `lift` or `imagine`; one that is not known keeps its name."""
    if alone and stage in ALONE:
        return ALONE[stage]
    plain = stage.replace("-", "_")
    for prefix in ("part", "slat"):
        if plain.startswith(f"{prefix}_"):
            step = STEPS[prefix]
            return step._replace(title=f"{step.title}: {plain.removeprefix(f'{prefix}_').replace('_', ' ')}")
    return STEPS.get(plain, Step("More stages", plain.replace("_", " ").capitalize(), ""))
