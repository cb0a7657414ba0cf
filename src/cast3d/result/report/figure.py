"""The stages of the paper's Fig. 3 in words, for the report."""

from __future__ import annotations

from typing import NamedTuple

from ...stages.table import stage_of


class Step(NamedTuple):
    half: str
    title: str
    caption: str


def describe(name: str, alone: bool = False) -> Step:
    """Title and caption of a kept stage, `alone` of `lift` or `imagine`; one that is not known keeps its name."""
    if (found := stage_of(name, alone) or stage_of(name)) is None:
        return Step("More stages", name.replace("_", " ").replace("-", " ").capitalize(), "")
    stage, term = found
    title = f"{stage.title}: {term.replace('-', ' ')}" if term else stage.title
    return Step(stage.half, title, stage.caption)
