"""The stages of the paper's Fig. 3 in words."""

from __future__ import annotations

from typing import NamedTuple

HINTING, GENERATION = "3D layout hinting", "Compositional generation"


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
    "parts": Step(GENERATION, "Parts", "Each part's structure from its hint and its picture by STM (Eq. 13)."),
    "geometry": Step(GENERATION, "Geometry", "Parts anchored, pruned, put together and refined (Eq. 14)."),
    "appearance": Step(GENERATION, "Appearance", "Each part painted from its picture, the seams left free (Eq. 15)."),
}


def describe(stage: str) -> Step:
    """Title and caption of a stage; one that the figure does not know keeps its name."""
    plain = stage.replace("-", "_")
    for prefix, whole, verb in (("part_", "parts", "Part"), ("slat_", "appearance", "Painted part")):
        if plain.startswith(prefix):
            return STEPS[whole]._replace(title=f"{verb}: {plain.removeprefix(prefix).replace('_', ' ')}")
    return STEPS.get(plain, Step("More stages", plain.replace("_", " ").capitalize(), ""))
