"""What is asked for in words: the sentence c, the terms o_i in it, and which of them carries the others."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .terms import PLACING, Span, find_terms, outside_terms, relations

_AFTER = re.compile(rf"\s+({'|'.join(PLACING)})\s+(?:it|him|her|them|top)\b")


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
        """How the term is tied to the base: what is said after it ("with a lamp on it"), else the last word before it
        that says so, else what stands between it and the base ("a cup on a table"), else "".
        """
        spans = self.spans
        told = outside_terms(self.prompt, spans)
        if after := _AFTER.match(told, spans[term].end):
            return after[1]
        before = _AFTER.sub(" ", told[: spans[term].start])
        if found := relations(before):
            return found[-1]
        between = relations(told[spans[term].end : spans[self.main].start])
        return between[-1] if between and between[-1] in PLACING else ""
