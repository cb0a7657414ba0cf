"""The paper's user study (its Table 2): a page that opens offline, and the answers that come back.

out/study/study.html   to hand out: sentence, pictures, and every method's object, blinded and shuffled anew for
                       every person, with a slider from 1 to 10 for each question; answers are saved as a file
out/study-key.json     to keep: which mark on the page is which method's; without it answers mean nothing
"""

from __future__ import annotations

import base64
import io
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any
from warnings import warn

from PIL import Image

from ..errors import InputError
from ..files import atomic_write
from ..result.report import asset, content_hash, page_head
from ..run.plain_data import canonical, digest, pretty
from .questions import HIGHEST, LOWEST, reference, views
from .suite import Case

KEY = "study-key.json"
ASKED = {
    "faithfulness": "Do the things look like the reference pictures?",
    "rationality": "Do they form one plausible object, as the sentence says?",
}
MOST = 8 << 20  # bytes of a file with answers


def write_study(out: Path, content: Mapping[str, Any], cases: Sequence[Case]) -> Path:
    """Writes page and key of the results' first seed; returns the page's path.

    Objects that stay the same keep their marks when the study is written again, so that earlier answers count.
    """
    known = {case.id: case for case in cases}
    salt = _salt(out)
    runs = [run for run in content["runs"] if run["seed"] == content["seeds"][0] and run["case"] in known]
    objects = [Shown(run, out / run["folder"] / "model.glb", salt) for run in runs]
    if len({one.run["method"] for one in objects if one.made}) < 2:
        raise InputError("a study compares methods; run at least two of them first")
    rounds = [_round(case, [one for one in objects if one.run["case"] == case.id and one.made]) for case in cases]
    rounds = [one for one in rounds if one["objects"]]
    study = digest(f"study {salt}")[:12]
    marks = {one.mark: one.where | {"made": one.made} for one in objects}
    page = out / "study" / "study.html"
    atomic_write(out / KEY, pretty({"salt": salt, "study": study, "marks": marks}))
    atomic_write(page, _page({"study": study, "version": digest(" ".join(sorted(marks)))[:12], "rounds": rounds}))
    return page


@dataclass(frozen=True)
class Shown:
    """A run of results.json as a study knows it."""

    run: Mapping[str, Any]
    model: Path
    salt: str

    @property
    def made(self) -> bool:
        return self.model.is_file()

    @property
    def where(self) -> dict[str, Any]:
        return {name: self.run[name] for name in ("method", "case", "seed")}

    @cached_property
    def mark(self) -> str:
        """Tells nothing to those who do not know the salt; another object has another mark."""
        content = digest(self.model.read_bytes()) if self.made else ""
        return digest(canonical([self.salt, self.where, content]))[:12]


def read_ratings(out: Path, files: Sequence[Path], note: Callable[[str], None] = warn) -> list[dict[str, Any]]:
    """Rows {rater, method, case, seed, faithfulness, rationality} of answers that were saved from the page.

    What a method did not make, which nobody was shown, has the lowest scores from whoever rated the case. Answers about
    objects that have changed since are left out, and `note` is told how many. Raises InputError for files of another
    study, files with nothing else, damaged ones, and answers that are given twice.
    """
    key = _read(out / KEY)
    marks, rows = key["marks"], []
    raters: set[str] = set()
    for file in files:
        rater, answers = _answers(file, key["study"])
        if rater in raters:
            raise InputError(f"{file} is of a person whose answers are there already; give the last file of each")
        raters.add(rater)
        found = _known(file, marks, rater, answers)
        if lost := len(answers) - len(found):
            since = "their objects have changed since the page was handed out"
            note(f"{file}: {lost} of {len(answers)} answers left out; {since}")
        rows += found + _unmade(marks, {row["case"] for row in found}, rater)
    return rows


def _answers(file: Path, study: str) -> tuple[str, list[Mapping[str, Any]]]:
    """Who answered, and the answers; nothing else in the file has been looked at."""
    content = _read(file)
    try:
        rater, answers = str(content["rater"]), list(content["answers"])
        marks = [answer["mark"] for answer in answers]
        if content["study"] != study:
            raise InputError(f"{file} answers another study than that of these results")
        if len(set(marks)) < len(marks):
            raise InputError(f"{file} rates objects twice")
    except (KeyError, TypeError) as error:
        raise InputError(f"{file} holds no answers of a study ({type(error).__name__}: {error})") from error
    return rater, answers


def _known(
    file: Path, marks: Mapping[str, Any], rater: str, answers: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Rows of the answers about objects that are still what they were."""
    try:
        found = [_row(marks, rater, answer) for answer in answers if answer["mark"] in marks]
    except (KeyError, ValueError) as error:
        raise InputError(f"{file} holds no answers of a study ({type(error).__name__}: {error})") from error
    if answers and not found:
        raise InputError(f"none of the objects that {file} rates is still there as it was; leave the file out")
    return found


def _row(marks: Mapping[str, Any], rater: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    scores = {name: answer[name] for name in ASKED}
    for name, value in scores.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not LOWEST <= value <= HIGHEST:
            raise ValueError(f"{name} is a number from {LOWEST} to {HIGHEST}, not {value!r}")
    return {"rater": rater, **_where(marks[answer["mark"]]), **scores}


def _unmade(marks: Mapping[str, Any], cases: set[str], rater: str) -> list[dict[str, Any]]:
    missing = [run for run in marks.values() if not run["made"] and run["case"] in cases]
    return [{"rater": rater, **_where(run), **dict.fromkeys(ASKED, LOWEST)} for run in missing]


def _where(run: Mapping[str, Any]) -> dict[str, Any]:
    return {name: run[name] for name in ("method", "case", "seed")}


def _round(case: Case, objects: Sequence[Shown]) -> dict[str, Any]:
    """What is shown of a case: plain data for the page's script."""
    return {
        "prompt": case.prompt,
        "pictures": [{"term": term, "image": _webp(reference(path))} for term, path in case.images.items()],
        # In the order of their marks, which tells nothing; the script shuffles them for every person.
        "objects": [
            {"mark": one.mark, "image": _webp(views(one.model))} for one in sorted(objects, key=lambda one: one.mark)
        ],
    }


def _salt(out: Path) -> str:
    return _read(out / KEY)["salt"] if (out / KEY).is_file() else secrets.token_hex(16)


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST:
            raise InputError(f"{path} is too large for a file of answers")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no answers of a study")
    return content


def _webp(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=85)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _page(data: Mapping[str, Any]) -> str:
    style = asset("page.css") + _own("study.css")
    script = '"use strict";\n' + _own("study.js")
    policy = f"default-src 'none'; img-src data:; style-src {content_hash(style)}; script-src {content_hash(script)}"
    legend = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in ASKED.items())
    content = json.dumps({**data, "asked": ASKED, "lowest": LOWEST, "highest": HIGHEST}).replace("<", "\\u003c")
    return f"""{page_head("Which objects are right?", policy, style)}
<body>
<header><h1>Which objects are right?</h1>
<p>Each round shows a sentence, one picture per thing, and objects that programs made of them, each from four sides.
Rate every object from {LOWEST} (worst) to {HIGHEST} (best); there is no right answer, and the order is random.</p>
<dl class="legend">{legend}</dl></header>
<main aria-live="polite"></main>
<footer class="soft">Nothing is sent anywhere; your answers stay in this browser until you save them.</footer>
<script type="application/json" id="study">{content}</script>
<script>{script}</script>
</body>
</html>
"""


def _own(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")
