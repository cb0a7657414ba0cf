"""The sentence as the text model reads it: things that it has no words for go by the name of what they look like."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ..scene import Scene
from ..scene.terms import match_key, outside_terms, relations


@dataclass(frozen=True)
class Reading:
    """c and its terms with lookalikes in place of some terms; parts keep the terms' own names."""

    scene: Scene
    lookalikes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by term: all tried, the present one last

    def name(self, term: str) -> str:
        return self.lookalikes[term][-1] if term in self.lookalikes else term

    @property
    def names(self) -> tuple[str, ...]:
        """What the segmenter looks for, in the order of the terms."""
        return tuple(map(self.name, self.scene.terms))

    @property
    def prompt(self) -> str:
        text = self.scene.prompt
        spans = self.scene.spans
        for term in sorted(self.lookalikes, key=lambda term: -spans[term].start):
            text = text[: spans[term].start] + self.name(term) + text[spans[term].end :]
        return text

    def relation(self, term: str) -> str:
        """The last word before the term that says how it is tied to the base, "" if there is none."""
        spans = self.scene.spans
        before = outside_terms(self.scene.prompt, spans)[: spans[term].start]
        return (relations(before) or [""])[-1]

    def renamed(self, terms: Sequence[str], resembling: Callable[[str, str], list[str]], most: int) -> Reading | None:
        """`terms` under the next names that `resembling(term, relation)` lists; None where none of them has one left.

        A name is tried once, at most `most` per term, and none that the sentence has already.
        """
        lookalikes = dict(self.lookalikes)
        for term in terms:
            tried = lookalikes.get(term, ())
            if term == self.scene.main or len(tried) >= most:
                continue
            used = (*self.scene.terms, *tried, *(names[-1] for names in lookalikes.values()))
            taken = set(map(match_key, used))
            free = (name for name in resembling(term, self.relation(term)) if match_key(name) not in taken)
            if name := next(free, None):
                lookalikes[term] = (*tried, name)
        return Reading(self.scene, lookalikes) if lookalikes != self.lookalikes else None

    def taught(self, terms: Mapping[str, str]) -> Reading:
        """Terms under names that the text model was taught for them, but for those that the sentence has already."""
        taken = {match_key(name) for name in self.names}
        new = {
            term: (name,) for term, name in terms.items() if term != self.scene.main and match_key(name) not in taken
        }
        return Reading(self.scene, {**self.lookalikes, **new})

    def notes(self, reads: Callable[[str], bool], taught: Collection[str] = ()) -> list[str]:
        """What to tell people about each lookalike; `taught` are terms that had theirs from the start."""

        def why(term: str) -> str:
            if not reads(term):
                return "the text model has no word for it"
            return "the text model knows its noun only" if term in taught else "the layout showed none under that name"

        return [
            f"{term}: the layout was drawn with a {names[-1]!r}, which its picture resembles: {why(term)}"
            for term, names in self.lookalikes.items()
        ]
