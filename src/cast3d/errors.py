"""Errors that a user can act on: each says what was given, what is accepted and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Cast3dError(Exception):
    """Base of every error that cast3d raises on purpose; the command line prints it without a traceback."""


class InputError(Cast3dError, ValueError):
    """Something the user gave (text, picture, file, setting) cannot be used."""


class CheckpointError(Cast3dError, ValueError):
    """A model folder, config or weight file is missing, damaged or does not match its network."""


class TermNotFound(Cast3dError):
    """The layout contains no voxels for a named term, on every rung of the retry ladder."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`"; did you mean 'cap'?"` for the known word closest to `word`, or an empty string."""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {match[0]!r}?" if match else ""
