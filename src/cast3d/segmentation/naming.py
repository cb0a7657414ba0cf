"""A language model says which of a model's numbered clusters a part is: the paper's other way to find one."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

from PIL import Image

from ..errors import InputError
from ..language.answers import objects
from ..language.endpoints import Content, Endpoint

TRIES = 2  # at an answer that can be used: a bad one is asked again once
SYSTEM = (
    "You look at pictures of one 3D model. Its surface is divided into numbered regions. You say which regions make up "
    "a named part. You answer with one JSON object and nothing else."
)


def question(what: str, parts: Sequence[str], count: int, pictures: Sequence[Image.Image]) -> list[Content]:
    """What is asked of a model of `what`: the words, then the pictures."""
    example = json.dumps({part: [2 * row + 1, 2 * row + 2] for row, part in enumerate(parts)}, ensure_ascii=False)
    words = (
        f"The model shows: {what}. Each picture shows it from another side: on the left as it looks, on the right with "
        f"its {count} regions, each in a colour of its own with its number on it. A number means the same region in "
        "all pictures; a region without a number in one picture may have it in another.\n"
        f"Parts: {json.dumps(list(parts), ensure_ascii=False)}.\n"
        "For each part list the numbers of all regions that belong to it, and of none that belong to something else. "
        "List no number for two parts. Give an empty list for a part that the model does not have.\n"
        f"Answer in this form, with your own numbers: {example}"
    )
    return [words, *map(_png, pictures)]


def named(
    endpoint: Endpoint, what: str, parts: Sequence[str], count: int, pictures: Sequence[Image.Image]
) -> dict[str, tuple[int, ...]]:
    """The numbers, from 1 to `count`, of each part; none for a part that is not there.

    Raises InputError where the endpoint fails, or answers twice in a way that cannot be used.
    """
    contents, complaint = question(what, parts, count, pictures), ""
    for _ in range(TRIES):
        again = [f"Your last answer could not be used: {complaint}. Answer again."] if complaint else []
        said = endpoint.ask(SYSTEM, [*contents, *again]).text
        try:
            return read_numbers(said, parts, count)
        except InputError as error:
            complaint = str(error)
    raise InputError(
        f"{endpoint.name} at {endpoint.url} did not say which regions {_listed(parts)} are: {complaint}; ask another "
        "model, or give the region: --region PART=FILE.npz"
    )


def read_numbers(text: str, parts: Sequence[str], count: int) -> dict[str, tuple[int, ...]]:
    """The numbers of each part in the last JSON object that has all parts. Raises InputError for any other answer."""
    found = [one for one in objects(text) if set(parts) <= set(one)]
    if not found:
        raise InputError(f"it holds no JSON object with {_listed(parts)}: {text.strip()[-200:]!r}")
    numbers = {part: _numbers(part, found[-1][part], count) for part in parts}
    taken: dict[int, str] = {}
    for part, own in numbers.items():
        for one in own:
            if one in taken:
                raise InputError(f"it gives region {one} to both {taken[one]!r} and {part!r}")
            taken[one] = part
    if len(taken) == count:
        raise InputError("it gives every region away, so nothing of the model would be left")
    return numbers


def _numbers(part: str, given: object, count: int) -> tuple[int, ...]:
    if not isinstance(given, list) or any(isinstance(one, bool) or not isinstance(one, int) for one in given):
        raise InputError(f"for {part!r} it gives {str(given)[:100]!r}, not a list of whole numbers")
    if wrong := [one for one in given if not 1 <= one <= count]:
        raise InputError(f"for {part!r} it gives region {wrong[0]}; they are 1 to {count}")
    return tuple(sorted(set(given)))


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(map(repr, parts))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
