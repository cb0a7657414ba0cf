"""The search for a layout that shows every term: over start levels n_max, and over names of things it does not show.

The paper chooses n_max "depending on the structural changes indicated by the prompt"; here the layout itself decides.
The search tries the starts in turn until every term has a hint, and all of them again with lookalikes of what is still
missing. Its result is a value: the reading of the sentence under which the layout holds. Where things that are missing
may be placed by rule (ours), a crumb of another thing's hint is no hint.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ..errors import TermNotFound
from ..following.color_words import NAMED, color_word
from ..run.staging import Stage, Staging
from ..scene.change import Change
from ..scene.grammar import counts
from ..scene.sentence import Sentence
from ..scene.terms import match_key
from ..voxels import to_coords
from .hints import Hints
from .kit import Kit
from .layout import MainGeometry
from .placed import standing, tie
from .reading import Reading, read, renamed, with_taught
from .several import twin
from .table import HINTS, LAYOUT, LAYOUT_APPEARANCE

Lookalikes = dict[str, tuple[str, ...]]


class LayoutShowsNot(TermNotFound):
    """Terms that no layout showed. `hints` are those of the last layout, None where it was empty."""

    def __init__(self, lost: Sequence[str], found: Sequence[str], tried: Lookalikes, hints: Hints | None):
        self.hints = hints
        names = "".join(f", nor for {term!r} any {' or '.join(map(repr, names))}" for term, names in tried.items())
        super().__init__(
            f"the layout shows no {' and no '.join(map(repr, lost))} (found: {', '.join(map(repr, found))}){names}. "
            "Try another seed, plainer words for the term, or further levels in layout_starts"
        )


def reading_that_shows_all(kit: Kit, run: Staging[Kit], sentence: Sentence, main: MainGeometry) -> Reading:
    """The reading whose layout has a hint for every term. Raises LayoutShowsNot where there is none.

    What stands on a table or the like is placed by rule in any case, so that no layout need show it.
    """
    stands = standing(kit, sentence)
    found = _reading_that_shows(kit, run, sentence, main, stands)
    return replace(found, absent=stands | dict(found.absent))


def _reading_that_shows(
    kit: Kit, run: Staging[Kit], sentence: Sentence, main: MainGeometry, stands: Collection[str]
) -> Reading:
    """The same for all terms but those that stand."""
    terms = sentence.terms
    lookalikes, taught = first_names(kit, sentence, but=stands)
    colors = colors_shown(kit, sentence)
    shown: Reading | None = None  # the first that lacks no term, but has crumbs
    while True:
        missing: list[list[str]] = []  # per try
        tries = readings(sentence, lookalikes, kit.settings.layout_starts, taught, colors)
        for done, reading in enumerate(tries, 1):
            hints = hints_of(run, main, reading)
            missing.append([term for term in lost_terms(kit, hints, sentence) if hints is None or term not in stands])
            if not missing[-1]:
                return reading
            if shown is None and not without_hint(kit, hints, sentence):
                shown = reading
            kit.retry(done, len(tries))
        lost = [term for term in missing[-1] if all(term in one for one in missing)] or missing[-1]
        # Of two that differ by their side, another name does not help where the layout shows one.
        more = other_names(kit, sentence, lookalikes, [term for term in lost if twin(term, lost) == twin(term, terms)])
        if more is None and hints is not None and all(kit.painted(term) is not None for term in missing[-1]):
            return reading  # what this layout lacks, a person painted into it
        if more is None and (told := placeable(kit, run, main, sentence, tries, missing)):
            return told
        if more is None and shown is not None:
            return shown
        if more is None:
            found = [term for term in sentence.terms if term not in missing[-1]]
            tried = {term: names for term, names in lookalikes.items() if term in missing[-1]}
            raise LayoutShowsNot(missing[-1], found, tried, hints)
        kit.retry(0, len(tries))
        lookalikes = more


def readings(
    sentence: Sentence, lookalikes: Lookalikes, starts: Sequence[int], taught: Sequence[str], colors: Mapping[str, str]
) -> list[Reading]:
    """What is tried in turn under these names: the starts, the first of them again in the colours of the pictures.

    To paint a layout again takes a third of the time of another one.
    """
    plain = [read(sentence, lookalikes, start, taught) for start in starts]
    if colors:
        plain.insert(1, read(sentence, lookalikes, plain[0].start, taught, colors))
    return plain


def placeable(
    kit: Kit,
    run: Staging[Kit],
    main: MainGeometry,
    sentence: Sentence,
    tries: Sequence[Reading],
    missing: Sequence[Sequence[str]],  # terms, per try
) -> Reading | None:
    """The reading that lacks the fewest terms, those for a rule to place; None where that is off or knows no relation.

    Not in the paper, whose layouts are chosen by hand.
    """
    if not kit.settings.place_missing:
        return None
    best = min(range(len(missing)), key=lambda i: len(missing[i]))
    if len(missing[best]) == len(sentence.accessories):
        best = len(missing) - 1  # none shows anything: the last is at hand
    absent = {term: tie(kit, sentence, term) for term in missing[best]}
    if not all(absent.values()):
        return None
    for reading in (tries[best], *tries):
        if hints_of(run, main, reading) is not None:  # an empty layout shows nothing of the others
            return replace(reading, absent=absent)
    return None


def first_names(kit: Kit, sentence: Sentence, but: Collection[str] = ()) -> tuple[Lookalikes, list[str]]:
    """Lookalikes of terms that the text model has no words for or knows in part; and which the latter are.

    None of the terms in `but`, which need no layout.
    """
    describer = kit.backbone.describer
    wordless = [term for term in sentence.terms if term not in but and not describer.reads(term)]
    lookalikes = other_names(kit, sentence, {}, wordless) or {}
    if not kit.settings.lookalikes:
        return lookalikes, []
    names = {
        term: describer.taught(term, kit.shown(term), sentence.relation(term), sentence.main)
        for term in sentence.accessories
        if term not in but
    }
    taught = {term: name for term, name in names.items() if name}
    return with_taught(sentence, lookalikes, taught), list(taught)


def colors_shown(kit: Kit, sentence: Sentence) -> dict[str, str]:
    """What the colours of accessories are called that the sentence does not tell; none where `layout_colors` is off.

    Not in the paper: a layout that is painted in any colours may have a cap in that of the head below it, and then no
    segmenter finds it. The pictures' own colours are no surer (a white helmet on a white horse), but fail elsewhere.
    """
    if not kit.settings.layout_colors:
        return {}
    plain = [term for term in sentence.accessories if not tells_color(sentence, term)]
    words = {term: color_word(kit.shown(term)) for term in plain}
    return {term: word for term, word in words.items() if word}


def tells_color(sentence: Sentence, term: str) -> bool:
    """Whether the sentence says of which colour a term is, or no colour can go before it: "two caps", "帽子"."""
    spans = sentence.spans
    words = (*match_key(term), *match_key(sentence.prompt[: spans[term].start])[-1:])
    return not term.isascii() or term in counts(sentence.prompt, spans) or any(word in NAMED for word in words)


def other_names(kit: Kit, sentence: Sentence, lookalikes: Lookalikes, terms: Sequence[str]) -> Lookalikes | None:
    """Lookalikes with `terms` under other names, as their pictures suggest; None where there are none left to try."""

    def resembling(term: str, relation: str) -> list[str]:
        return kit.backbone.describer.resembling(kit.shown(term), relation, sentence.main)

    return renamed(sentence, lookalikes, terms, resembling, kit.settings.lookalikes)


def hints_of(run: Staging[Kit], main: MainGeometry, reading: Reading) -> Hints | None:
    """The hints of one layout; None where it is empty."""
    layout = run(LAYOUT, main, reading.for_layout)
    if not len(to_coords(layout.grid)):
        return None
    return run(HINTS, main, run(LAYOUT_APPEARANCE, layout, reading.painted), reading.for_layout)


def lost_terms(kit: Kit, hints: Hints | None, sentence: Sentence) -> list[str]:
    """Terms without a hint, or with a crumb of another's that no person painted."""
    lost = without_hint(kit, hints, sentence)
    if hints is None or not kit.settings.place_missing:
        return lost
    crumbs = [sentence.terms[i] for i in hints.crumbs(sentence.base)]
    lost += [term for term in crumbs if term not in lost and kit.painted(term) is None]
    return [term for term in sentence.terms if term in lost]


def without_hint(kit: Kit, hints: Hints | None, sentence: Sentence) -> list[str]:
    """Terms that the layout does not show at all."""
    if hints is None:
        return list(sentence.accessories)
    return [sentence.terms[i] for i in hints.missing(kit.settings.minimum_hint, sentence.base)]


READING = Stage("reading", 1, Reading, reading_that_shows_all, nested=True)


@dataclass(frozen=True)
class Drawn:
    """Which new terms of an edit a layout is drawn for, and shows; none: there is no layout."""

    terms: tuple[str, ...]


def drawn_terms(kit: Kit, run: Staging[Kit], change: Change, rest: MainGeometry) -> Drawn:
    """What is added, and with `replace_hint` layout what replaces something, if a layout shows that.

    Raises LayoutShowsNot where something that is added is shown by no layout.
    """
    if change.replaced and kit.settings.replace_hint == "layout":
        terms = (*change.added, *change.replaced.values())
        with suppress(TermNotFound):  # what replaces something has a place anyway
            run(READING, change.layout(*terms), rest)
            return Drawn(terms)
    if change.added:
        run(READING, change.layout(*change.added), rest)
    return Drawn(change.added)


DRAWN = Stage("drawn", 1, Drawn, drawn_terms, nested=True)
