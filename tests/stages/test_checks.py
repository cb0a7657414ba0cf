"""Made compositions with one thing wrong, and one with nothing."""

from __future__ import annotations

import torch

from cast3d.stages.appearance import Appearance
from cast3d.stages.checks import what_may_be_wrong
from cast3d.stages.geometry import Geometry
from cast3d.stages.hints import Hints
from cast3d.stages.layout import MainGeometry
from cast3d.stages.parts import PartGeometry
from cast3d.stages.reading import Reading
from cast3d.voxels import to_coords

NONE = torch.zeros(0)


def box(*ranges: tuple[int, int]) -> torch.Tensor:
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[tuple(slice(a, b) for a, b in ranges)] = True
    return grid


BODY = box((20, 44), (24, 40), (4, 40))
CAP = box((24, 40), (26, 38), (40, 48))
PACK = box((24, 40), (40, 46), (16, 34))


def told(parts=None, hints=None, body=BODY, seen=None, prompt="a figure wearing a cap and a pack", report=()):
    """What is said of a composition of a figure, a cap and a pack."""
    parts = {"cap": CAP, "pack": PACK, **(parts or {})}
    hints = {**parts, **(hints or {})}
    seen = {"figure": body & ~parts["cap"] & ~parts["pack"], **parts, **(seen or {})}
    terms = ("figure", "cap", "pack")
    coords = [to_coords(seen[term]) for term in terms]
    owner = torch.cat([torch.full((len(one),), i) for i, one in enumerate(coords)])
    appearance = Appearance(torch.cat(coords), torch.zeros(len(owner), 8), owner)
    grids = torch.stack([body, hints["cap"], hints["pack"]])
    return what_may_be_wrong(
        MainGeometry(NONE, NONE, body),
        Hints(grids, NONE, NONE, terms),
        {term: PartGeometry(term, grid, "composite") for term, grid in parts.items()},
        Geometry(body, body, body, report),
        appearance,
        Reading(prompt, terms, terms, "figure", 1),
    )


def test_nothing_is_wrong():
    assert told() == []


def test_two_hints_in_one_place():
    halves = {"cap": box((24, 32), (26, 38), (40, 44)), "pack": box((24, 32), (26, 38), (44, 48))}
    (said,) = told(parts=halves)
    assert said.startswith("'cap' and 'pack' stand in one place")


def test_a_scrap_of_its_hint():
    (said,) = told(parts={"cap": box((24, 28), (26, 30), (40, 44))}, hints={"cap": CAP})
    assert said.startswith("cap: it came out as a scrap (64 voxels where the layout shows 1536)")


def test_a_part_that_others_hide():
    (said,) = told(seen={"cap": box((24, 26), (26, 28), (40, 42))})
    assert said.startswith("cap: hardly anything of it is to be seen")


def test_a_part_cut_flat_by_the_cube():
    (said,) = told(parts={"cap": box((24, 40), (26, 38), (40, 64))})
    assert said.startswith("cap: it reaches the side of the space")


def test_a_main_thing_that_is_swallowed():
    (said,) = told(parts={"cap": box((18, 46), (22, 40), (12, 50))}, seen={"pack": PACK})
    assert said.startswith("figure: only ") and "'cap' may have swallowed it" in said


def test_a_part_that_touches_nothing():
    (said,) = told(parts={"cap": box((24, 40), (26, 38), (46, 54))})
    assert said.startswith("cap: it touches nothing")
    assert told(parts={"cap": box((24, 40), (26, 38), (46, 54))}, prompt="a figure with a pack next to a cap") == []


def test_a_refinement_that_was_dropped_is_told_in_plain_words():
    (said,) = told(report=("refinement dropped: IoU 0.373 with the coarse geometry",))
    assert "IoU" not in said and "joints" in said
