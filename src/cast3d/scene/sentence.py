"""What is asked for in words: the sentence c, the terms o_i in it, and which of them carries the others."""

from __future__ import annotations

from dataclasses import dataclass

from .terms import Span, find_terms, outside_terms, relations


@dataclass(frozen=True)
class Sentence:
    """c, o_1:N and o_B. Every term stands in the prompt as whole words, each on words of its own."""

    prompt: str
    terms: tuple[str, ...]
    main: str

    @property
    def base(self) -> int:
        """i_B."""
        return self.terms.index(self.main)

    @property
    def accessories(self) -> tuple[str, ...]:
        """Every term but the base's."""
        return tuple(term for term in self.terms if term != self.main)

    @property
    def spans(self) -> dict[str, Span]:
        """Where each term stands: `prompt[start:end]`."""
        return find_terms(self.prompt, self.terms)

    def relation(self, term: str) -> str:
        """The last word before the term that says how it is tied to the base, "" if there is none."""
        spans = self.spans
        before = outside_terms(self.prompt, spans)[: spans[term].start]
        return (relations(before) or [""])[-1]
