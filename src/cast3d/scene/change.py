"""What is asked for of a model that exists: which of its parts go, what takes their place, and what is added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .sentence import Sentence

AUTO, NAME, TEXT, FIELD = FINDS = ("auto", "name", "text", "field")  # how parts of the model are looked for
EXACT, RECOMPOSE = KEEPS = ("exact", "recompose")  # what becomes of the rest: it stays as it is, or is made anew


@dataclass(frozen=True)
class Change:
    """An edit in words. Parts of the model go by the names under which they are looked for."""

    sentence: Sentence  # of the whole as it will be; its terms are the rest of the model (the main thing) and new parts
    replaced: Mapping[str, str] = field(default_factory=dict)  # the part of the model -> the new term in its place
    added: tuple[str, ...] = ()  # terms
    removed: tuple[str, ...] = ()  # parts of the model

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the model that go."""
        return (*self.replaced, *self.removed)

    def layout(self, *terms: str) -> Sentence:
        """What a layout has to show: the rest of the model and some new terms."""
        return Sentence(self.sentence.prompt, (self.sentence.main, *terms), self.sentence.main)
