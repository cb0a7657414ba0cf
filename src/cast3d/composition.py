"""The method, read along Fig. 3 of the paper: 3D layout hinting, then compositional generation; Fig. 8: edits.

Every line is a stage: `run(STAGE, given, ...)` computes it, or finds it where the run has made it of just the same
before. `stages.table` says what each is, `stages.operators` how the backbone is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .run.staging import Staging
from .scene.change import Change
from .scene.sentence import Sentence
from .stages.appearance import Appearance
from .stages.candidates import followed
from .stages.existing import Source
from .stages.geometry import Geometry
from .stages.hints import Hints
from .stages.kit import Kit
from .stages.layout import MainGeometry, Slat
from .stages.own_cube import OwnCube
from .stages.painted import as_painted
from .stages.parts import PartGeometry
from .stages.placed import as_placed
from .stages.reading import Reading, read
from .stages.refit import Refit
from .stages.regions import Regions
from .stages.search import DRAWN, READING
from .stages.table import (
    APPEARANCE,
    ENCODED,
    GEOMETRY,
    HINTS,
    IMAGINED,
    IMAGINED_APPEARANCE,
    LAYOUT,
    LAYOUT_APPEARANCE,
    LIFTED,
    LIFTED_APPEARANCE,
    LIFTED_REFIT,
    MAIN,
    OWN_CUBE,
    PART,
    PLACES,
    REFIT,
    REGIONS,
    REST,
    REST_APPEARANCE,
    SLAT,
    SOURCE,
)


@dataclass(frozen=True)
class Hinted:
    """What the first half gives to the second."""

    main: MainGeometry  # p_B; of an edit a `stages.rest.Rest`
    reading: Reading  # of c, under which the layout shows every term
    hints: Hints  # h_i
    slat: Slat | None = None  # z_B of a model that exists; else it is made from the main picture
    regions: Regions | None = None  # where the parts were that an edit takes away


@dataclass(frozen=True)
class Composition:
    """A composed object, and what it was composed of."""

    hinted: Hinted
    parts: Mapping[str, PartGeometry]  # p_i
    geometry: Geometry  # p̂_B, p̂_GC, p_GC
    slats: Mapping[str, Slat]  # z_i
    appearance: Appearance  # z_o
    detail: Refit  # ours: its colours with the pictures' detail


def compose(run: Staging[Kit], sentence: Sentence) -> Composition:
    """Fig. 3. Raises TermNotFound where the layout shows no part for a term."""
    return generate(run, sentence, hint(run, sentence))


def edit(run: Staging[Kit], change: Change) -> Composition:
    """Fig. 8 right: hints from a model that exists. Raises InputError where it has no such part."""
    return generate(run, change.sentence, known(run, change))


def known(run: Staging[Kit], change: Change) -> Hinted:
    """In place of the first half: p_B is the model without the parts that go, h_i where they were."""
    source, encoded, regions = locate(run, change)
    rest = run(REST, source, regions, change)  # p_B = V - h_r, filled
    slat = run(REST_APPEARANCE, rest, source, encoded, regions, change)  # z_B
    reading, shown = read(change.sentence, {}, 1), None
    if terms := run(DRAWN, change, rest).terms:  # what is new has a place in a layout only
        new = run(READING, change.layout(*terms), rest).keeping(change.replaced.values())
        layout = run(LAYOUT, rest, new.for_layout)  # p_C, Eq. 10
        voted = run(HINTS, rest, run(LAYOUT_APPEARANCE, layout, new.painted), new.for_layout)  # Eq. 11, 12
        shown = as_placed(run, rest, voted, new)
        reading = replace(read(change.sentence, new.lookalikes, new.start), absent=new.absent)
    hints = run(PLACES, rest, regions, shown, change)  # h_i
    return Hinted(rest, reading, hints, slat, regions)


def locate(run: Staging[Kit], change: Change) -> tuple[Source, Slat, Regions]:
    """V, z_V, and where in V the parts are that go (h_r)."""
    source = run(SOURCE)
    encoded = run(ENCODED, source)
    return source, encoded, run(REGIONS, source, encoded, change)


def hint(run: Staging[Kit], sentence: Sentence) -> Hinted:
    """3D layout hinting."""
    main = run(MAIN, sentence.main)  # p_B, Eq. 10
    reading = run(READING, sentence, main)  # n_max, and names that the layout shows
    layout = run(LAYOUT, main, reading.for_layout)  # p_C, Eq. 10
    painted = run(LAYOUT_APPEARANCE, layout, reading.painted)  # z_C, Eq. 11
    voted = run(HINTS, main, painted, reading.for_layout)  # h_i, Eq. 12
    hints = as_painted(run, as_placed(run, main, voted, reading), reading)  # ours: by rule, by a person
    run.pass_by(HINTS.name)
    return Hinted(main, reading, hints)


def generate(run: Staging[Kit], sentence: Sentence, hinted: Hinted) -> Composition:
    """Compositional generation."""
    main, reading, hints = hinted.main, hinted.reading, hinted.hints
    made = run.each(PART, {term: (hints,) for term in sentence.accessories})  # p_i, Eq. 13
    parts = followed(run, hints, made)  # ours: what looks more like the picture
    geometry = run(GEOMETRY, main, hints, parts, reading)  # p̂_B, p̂_GC, p_GC, Eq. 14
    own = {} if hinted.slat is None else {sentence.main: hinted.slat}
    slats = own | run.each(SLAT, {term: (parts.get(term, main),) for term in sentence.terms if term not in own})  # z_i
    appearance = run(APPEARANCE, geometry, slats, reading)  # z_o, Eq. 15
    detail = run(REFIT, appearance, slats, reading)  # ours, after Eq. 15
    return Composition(hinted, parts, geometry, slats, appearance, detail)


def apart(run: Staging[Kit], made: Composition) -> dict[str, OwnCube]:
    """Ours, where the rest stays as it is: the new parts of an edit once more, each in a cube of its own."""
    return run.each(OWN_CUBE, {term: (part, made.hinted.hints) for term, part in made.parts.items()})


def lift(run: Staging[Kit], term: str, frame: str) -> tuple[Slat, Refit]:
    """One thing alone from its pictures: structure, then appearance, both from noise; ours: its colours after them."""
    slat = run(LIFTED_APPEARANCE, run(LIFTED, term, frame), term, frame)
    return slat, run(LIFTED_REFIT, slat, term)


def imagine(run: Staging[Kit], text: str) -> Slat:
    """One thing alone from words."""
    return run(IMAGINED_APPEARANCE, run(IMAGINED, text), text)
