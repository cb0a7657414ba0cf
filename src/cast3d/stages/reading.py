"""The sentence as the text model reads it: things that it has no words for go by the name of what they look like."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..scene.grammar import indefinite
from ..scene.sentence import Sentence
from ..scene.terms import Span, match_key
from .places import STANDING

_ARTICLE = re.compile(r"\b([aA])n? $")


@dataclass(frozen=True)
class Reading:
    """c and its terms with lookalikes in place of some terms, and the start level of the layout.

    Parts keep the terms' own names.
    """

    prompt: str
    terms: tuple[str, ...]
    names: tuple[str, ...]  # what the segmenter looks for, in the order of the terms
    main: str
    start: int  # n_max of the layout's STM
    lookalikes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by term: all tried, the present one last
    taught: tuple[str, ...] = ()  # terms that have theirs because the text model knows their noun only
    absent: Mapping[str, str] = field(default_factory=dict)  # terms for a rule to place, and their relations
    colored: str = ""  # the prompt with colours of the pictures, for the layout's appearance; "": as it is

    @property
    def base(self) -> int:
        """i_B."""
        return self.terms.index(self.main)

    @property
    def for_layout(self) -> Reading:
        """What its layout is drawn after: neither what a rule places afterwards nor colours change anything there."""
        return replace(self, absent={}, colored="")

    @property
    def painted(self) -> str:
        """What the layout is painted after."""
        return self.colored or self.prompt

    def keeping(self, terms: Collection[str]) -> Reading:
        """For an edit: those of `terms` that would stand on the main thing take the place of what they replace."""
        kept = {term: tie for term, tie in self.absent.items() if tie != STANDING or term not in terms}
        return replace(self, absent=kept)


def read(
    sentence: Sentence,
    lookalikes: Mapping[str, tuple[str, ...]],
    start: int,
    taught: Collection[str] = (),
    colors: Mapping[str, str] | None = None,
) -> Reading:
    """The sentence with the last of each term's lookalikes in its place, and with the words of `colors` by term."""
    names = {term: lookalikes[term][-1] if term in lookalikes else term for term in sentence.terms}
    text = colored = sentence.prompt
    spans = sentence.spans
    for term in sorted(spans, key=lambda term: -spans[term].start):
        said = sentence.prompt[spans[term].start : spans[term].end]
        name, color = lookalikes[term][-1] if term in lookalikes else said, (colors or {}).get(term, "")
        text = _with(text, spans[term], said, name)
        colored = _with(colored, spans[term], said, f"{color} {name}" if color else name)
    return Reading(
        text, sentence.terms, tuple(names.values()), sentence.main, start, dict(lookalikes), tuple(taught),
        colored=colored if colors else "",
    )  # fmt: skip


def _with(text: str, span: Span, said: str, name: str) -> str:
    """The text with `name` in place of what is `said` there, under the article that fits it."""
    before = text[: span.start]
    if name != said:
        before = _ARTICLE.sub(rf"\1{indefinite(name)[1:]} ", before)
    return before + name + text[span.end :]


def renamed(
    sentence: Sentence,
    lookalikes: Mapping[str, tuple[str, ...]],
    terms: Sequence[str],
    resembling: Callable[[str, str], list[str]],
    most: int,
) -> dict[str, tuple[str, ...]] | None:
    """Lookalikes with `terms` under the next names that `resembling(term, relation)` lists; None where none has one.

    A name is tried once, at most `most` per term, and none that the sentence has already.
    """
    more = dict(lookalikes)
    for term in terms:
        tried = more.get(term, ())
        if term == sentence.main or len(tried) >= most:
            continue
        used = (*sentence.terms, *tried, *(names[-1] for names in more.values()))
        taken = set(map(match_key, used))
        free = (name for name in resembling(term, sentence.relation(term)) if match_key(name) not in taken)
        if name := next(free, None):
            more[term] = (*tried, name)
    return more if more != dict(lookalikes) else None


def with_taught(
    sentence: Sentence, lookalikes: Mapping[str, tuple[str, ...]], taught: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Lookalikes with the names that the text model was taught for some terms, but for those that are there already."""
    taken = {match_key(name) for name in read(sentence, lookalikes, 1).names}
    new = {term: (name,) for term, name in taught.items() if term != sentence.main and match_key(name) not in taken}
    return {**lookalikes, **new}


def notes(
    reading: Reading, reads: Callable[[str], bool], likened: Callable[[str], Mapping[str, str]] = lambda text: {}
) -> list[str]:
    """What to tell people about each lookalike."""

    def why(term: str) -> str:
        if not reads(term):
            return "the text model has no word for it"
        if term in reading.taught and (own := likened(term)):
            return f"the text model takes it for a {', '.join(own.values())}, having no word for it"
        return (
            "the text model knows its noun only" if term in reading.taught else "the layout showed none under that name"
        )

    said = [
        f"{term}: the layout was drawn with a {names[-1]!r}, which its picture resembles: {why(term)}"
        for term, names in reading.lookalikes.items()
    ]
    return said + [
        f"{term}: no layout showed it, so it was placed by rule where {relation!r} says; look whether it fits, and try "
        "another seed or plainer words if it does not"
        for term, relation in reading.absent.items()
        if relation != STANDING  # that is how things on tables are always placed
    ]
