"""The one table of stages: names, order, titles and captions, for progress, reports, `--from` and evaluation.

The search for a reading is a stage, too (`stages.search`), but none of Fig. 3: it runs some of these in turn.
"""

from __future__ import annotations

from ..run.staging import Stage
from . import pauses
from .appearance import Appearance, composed_appearance
from .candidates import CANDIDATES, CHOICE
from .existing import Source, encoded_model, existing_model
from .geometry import Geometry, composed_geometry
from .halves import ALONE, EXISTING, GENERATION, HINTING
from .hints import Hints, extract_hints
from .layout import (
    Layout,
    MainGeometry,
    Slat,
    imagined_geometry,
    layout_appearance,
    main_geometry,
    propose_layout,
)
from .outlines import lifted_geometry
from .own_cube import OwnCube, own_cubes
from .painted import PAINTED_HINTS
from .parts import PartGeometry, imagined_appearance, lifted_appearance, part_appearances, part_geometries
from .placed import PLACED_HINTS
from .refit import Refit, refit_colors, refit_lifted
from .regions import Regions, found_regions, joined_hints
from .rest import Rest, rest_appearance, rest_of_model
from .standing import STANDING

MAIN = Stage(
    "main", 1, MainGeometry, main_geometry,
    "Main geometry", "The main asset's structure, generated from its picture (Eq. 10).", HINTING,
)  # fmt: skip
LAYOUT = Stage(
    "layout", 2, Layout, propose_layout,
    "Layout", "The main geometry carried over to the whole prompt by STM (Eq. 10).", HINTING,
)  # fmt: skip
LAYOUT_APPEARANCE = Stage(
    "layout_appearance", 3, Slat, layout_appearance,
    "Layout appearance", "The layout painted, so that its views can be segmented (Eq. 11).", HINTING,
)  # fmt: skip
HINTS = Stage(
    pauses.HINTS, 4, Hints, extract_hints,
    "Hints", "Masks of each accessory in every view, voted back onto the layout (Eq. 12).", HINTING,
)  # fmt: skip
PART = Stage(
    "part", 5, PartGeometry, part_geometries,
    "Part", "Its structure, from its hint and its picture by STM (Eq. 13); grey: hint that it left.", GENERATION,
    per_term=True,
)  # fmt: skip
GEOMETRY = Stage(
    "geometry", 6, Geometry, composed_geometry,
    "Geometry", "Parts anchored, pruned, put together (coarse, Eq. 14) and refined.", GENERATION,
)  # fmt: skip
SLAT = Stage(
    "slat", 7, Slat, part_appearances,
    "Painted part", "Its appearance, from its own picture.", GENERATION,
    per_term=True,
)  # fmt: skip
APPEARANCE = Stage(
    "appearance", 8, Appearance, composed_appearance,
    "Appearance", "The whole, held to the painted parts, the seams between them soft (Eq. 15).", GENERATION,
)  # fmt: skip

REFIT = Stage(
    "refit", 9, Refit, refit_colors,
    "Detail", "The pictures' colours and detail on the surface, from where each was taken (ours).", GENERATION,
)  # fmt: skip

# A model that exists takes the place of the first half.
SOURCE = Stage("source", 0, Source, existing_model, "Model", "Its surface, and the voxels that it passes.", EXISTING)
ENCODED = Stage(
    "encoded", 0, Slat, encoded_model,
    "Latents of the model", "How it looks, encoded as the backbone sees it.", EXISTING,
)  # fmt: skip
REGIONS = Stage(
    "regions", 1, Regions, found_regions,
    "Regions", "The parts that go, coloured: by their nodes, by text, or as given.", EXISTING,
)  # fmt: skip
REST = Stage(
    "rest", 1, Rest, rest_of_model,
    "Rest", "The model without these parts; what they hid is filled in.", EXISTING,
)  # fmt: skip
REST_APPEARANCE = Stage(
    "rest_appearance", 1, Slat, rest_appearance,
    "Painted rest", "The model's own colours, and made-up ones where something was filled in.", EXISTING,
)  # fmt: skip
PLACES = Stage(
    "places", 4, Hints, joined_hints,
    "Hints", "Where each new part goes: in place of an old one, or where the layout has it.", EXISTING,
)  # fmt: skip

OWN_CUBE = Stage(
    "own_cube", 10, OwnCube, own_cubes,
    "Own cube", "A new part once more, as fine as the backbone makes it, beside a model that stays as it is (ours).",
    EXISTING, per_term=True,
)  # fmt: skip

COMPOSITION = (MAIN, LAYOUT, LAYOUT_APPEARANCE, HINTS, PART, CANDIDATES, CHOICE, GEOMETRY, SLAT, APPEARANCE, REFIT)

EDITING = (
    STANDING, SOURCE, ENCODED, REGIONS, REST, REST_APPEARANCE, LAYOUT, LAYOUT_APPEARANCE, HINTS, PLACES, PART,
    CANDIDATES, CHOICE, GEOMETRY, SLAT, APPEARANCE, REFIT,
)  # fmt: skip

LAYOUT_STAGES = (LAYOUT, LAYOUT_APPEARANCE, HINTS)  # of an edit, only where something new is drawn

# One object without parts.
LIFTED = Stage("main", 1, MainGeometry, lifted_geometry, "Geometry", "Its structure, from noise.", ALONE)
LIFTED_APPEARANCE = Stage(
    "appearance", 2, Slat, lifted_appearance,
    "Appearance", "Its surface and colours, from noise on that structure.", ALONE,
)  # fmt: skip
IMAGINED = Stage("main", 1, MainGeometry, imagined_geometry, LIFTED.title, LIFTED.caption, ALONE)
IMAGINED_APPEARANCE = Stage(
    "appearance", 2, Slat, imagined_appearance, LIFTED_APPEARANCE.title, LIFTED_APPEARANCE.caption, ALONE
)
LIFTED_REFIT = Stage("refit", 3, Refit, refit_lifted, REFIT.title, REFIT.caption, ALONE)
LIFTING = (LIFTED, LIFTED_APPEARANCE, LIFTED_REFIT)
IMAGINING = (IMAGINED, IMAGINED_APPEARANCE)

_TASKS = {"compose": COMPOSITION, "edit": EDITING, "lift": LIFTING, "imagine": IMAGINING}


def stages_of(task: str, new: bool = True) -> tuple[Stage, ...]:
    """The stages of "compose", "edit", "lift" or "imagine"; an edit has a layout only where something `new` comes."""
    stages = _TASKS[task]
    return tuple(s for s in stages if s not in LAYOUT_STAGES) if task == "edit" and not new else stages


def stage_of(name: str, alone: bool = False) -> tuple[Stage, str] | None:
    """The stage that is kept under a name, and which term's it is ("" for those of the whole); None for others."""
    for stage in LIFTING if alone else (*COMPOSITION, PLACED_HINTS, PAINTED_HINTS, *EDITING, OWN_CUBE):
        if name == stage.name and not stage.per_term:
            return stage, ""
        if stage.per_term and name.startswith(f"{stage.name}-"):
            return stage, name.removeprefix(f"{stage.name}-")
    return None
