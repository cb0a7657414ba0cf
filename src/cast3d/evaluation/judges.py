"""The paper's vision-language judge (its Table 1): every run is shown to a model that gives three scores.

out/judgements/<judge>/<hash of the question>.json   every answer, kept: asked once, paid once; another address of the
                                                     model, or other entries added to requests, is another <judge>
results.json, judges[<judge>]                        a row per run and sample
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import InputError
from ..files import atomic_write
from ..language.endpoints import Endpoint, address
from ..run.plain_data import canonical, digest, pretty
from ..scene import slug
from . import opinions
from .questions import LOWEST, SYSTEM, Question, read_scores
from .scores import NAMES
from .suite import Case

ATTEMPTS = 3  # at an answer that can be read
ANSWER = 200  # tokens that an answer takes, roughly; models that think take more
LETTERS = 4  # per token, roughly
TILE, PER_TILE = 768, 258  # pixels a side, tokens: how Gemini counts pictures; others differ by a factor of 3 or so
Row = dict[str, Any]


@dataclass(frozen=True)
class Estimate:
    """What judging will take. Tokens are rough: providers count pictures differently."""

    asked: int  # questions that are left to ask
    known: int  # answers that are kept from before
    tokens_in: int
    tokens_out: int

    def cost(self, price_in: float, price_out: float) -> float:
        """In the currency of prices per million tokens."""
        return (self.tokens_in * price_in + self.tokens_out * price_out) / 1e6


def questions(out: Path, content: Mapping[str, Any], cases: Sequence[Case], samples: int = 1) -> list[Question]:
    """One per run of results.json that made something, and sample."""
    known = {case.id: case for case in cases}
    if missing := {run["case"] for run in content["runs"]} - set(known):
        raise InputError(f"the suite has no case {min(missing)!r}; give the suite that the results are of")
    models = [(run, out / run["folder"] / "model.glb") for run in content["runs"]]
    return [
        Question(run["method"], known[run["case"]], run["seed"], model, sample)
        for run, model in models
        if model.is_file()
        for sample in range(samples)
    ]


def estimate(out: Path, judge: Endpoint | str, asked: Sequence[Question]) -> Estimate:
    """Of what is not known yet; sends nothing. A name stands for the provider's own address with nothing added."""
    at = address(judge) if isinstance(judge, str) else judge
    left = [question for question in asked if _kept(_file(out, at, question)) is None]
    return Estimate(len(left), len(asked) - len(left), sum(_tokens(question) for question in left), ANSWER * len(left))


def judge(
    out: Path,
    content: Mapping[str, Any],
    asked: Sequence[Question],
    endpoint: Endpoint,
    workers: int = 4,
    note: Callable[[Question], None] = lambda _: None,
) -> tuple[list[Row], list[str]]:
    """Asks all questions; the rows, kept in results.json too, and what could not be read.

    Answers that were paid for stay, whatever happens: after a failure, the same call goes on. A run that made nothing
    has the lowest scores without being shown to anybody.
    """

    def one(question: Question) -> Row | str:
        row = _answered(out, endpoint, question)
        note(question)
        return row

    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(one, question) for question in asked]
        try:
            answers = [future.result() for future in waiting]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    rows = [answer for answer in answers if isinstance(answer, dict)]
    shown = {(question.method, question.case.id, question.seed) for question in asked}
    rows += [_nothing(run) for run in content["runs"] if (run["method"], run["case"], run["seed"]) not in shown]
    opinions.keep(out, endpoint.name, rows)
    return rows, [answer for answer in answers if isinstance(answer, str)]


def _answered(out: Path, endpoint: Endpoint, question: Question) -> Row | str:
    """The row of a question from its kept answer, else from the model; text where no answer can be read."""
    file = _file(out, endpoint, question)
    scores = _kept(file) or _new(file, endpoint, question)
    if isinstance(scores, str):
        return f"{question.case.id} {question.seed} {question.method}: {scores}"
    where = {"method": question.method, "case": question.case.id, "seed": question.seed}
    return {**where, "sample": question.sample, **scores}


def _new(file: Path, endpoint: Endpoint, question: Question) -> dict[str, float] | str:
    """The scores of a new answer, which is kept; what was wrong with the last one where none can be read."""
    failure = ""
    for _ in range(ATTEMPTS):
        reply = endpoint.ask(SYSTEM, question.contents)
        try:
            scores = read_scores(reply.text)
        except InputError as error:
            failure = str(error)
            continue
        atomic_write(file, pretty({"judge": endpoint.name, "question": question.digest, **asdict(reply)}))
        return scores
    return failure


def _nothing(run: Mapping[str, Any]) -> Row:
    where = {name: run[name] for name in ("method", "case", "seed")}
    return {**where, "sample": 0, **dict.fromkeys(NAMES, float(LOWEST))}


def _file(out: Path, at: Endpoint, question: Question) -> Path:
    return out / "judgements" / f"{slug(at.name)}-{digest(_identity(at))[:6]}" / f"{question.digest[:32]}.json"


def _identity(at: Endpoint) -> str:
    """All that decides who answers, and not whose key it is; at the provider itself the name says it."""
    home = address(at.name)
    return at.name if (at.url, at.extra) == (home.url, home.extra) else canonical([at.name, at.url, at.extra])


def _kept(file: Path) -> dict[str, float] | None:
    """The scores of a kept answer; None where there is none, or none that can be read."""
    try:
        return read_scores(str(json.loads(file.read_text(encoding="utf-8"))["text"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _tokens(question: Question) -> int:
    """Roughly."""
    return round(sum(map(_weight, (SYSTEM, *question.contents))))


def _weight(one: str | bytes) -> float:
    if isinstance(one, str):
        return len(one) / LETTERS
    width, height = Image.open(io.BytesIO(one)).size
    return math.ceil(width / TILE) * math.ceil(height / TILE) * PER_TILE
