"""results.json: everything measured, in one file.

format, version, suite, backbone, settings, seeds
methods   [{name, about}], in the order asked for
cases     [{id, prompt, main, terms, unseen}]
runs      [{method, case, seed, object: {metric: number}, parts: {term: {metric: number}}, seconds, models,
          labelled, failure, notes, folder}]; `folder` holds the run's files, relative to results.json
judges    {judge: [{method, case, seed, faithfulness, aesthetic, rationality, ...}]}: what language models and people
          said, a row per run; kept when results are written again
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import atomic_write
from ..run.plain_data import pretty
from ..version import __version__
from .cells import Cell, folder_of
from .methods import Method
from .suite import Case

FORMAT = 1
FILE = "results.json"


def write(
    out: Path,
    suite: str,
    methods: Sequence[Method],
    cases: Sequence[Case],
    cells: Sequence[Cell],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Writes the file and returns what it holds."""
    content = {
        "format": FORMAT,
        "version": __version__,
        "suite": suite,
        **facts,
        "methods": [{"name": method.name, "about": method.about} for method in methods],
        "cases": [
            {"id": c.id, "prompt": c.prompt, "main": c.main, "terms": list(c.terms), "unseen": list(c.unseen)}
            for c in cases
        ],
        "runs": [_run(out, cell) for cell in cells],
        "judges": judged(out),
    }
    atomic_write(out / FILE, pretty(content))
    return content


def _run(out: Path, cell: Cell) -> dict[str, Any]:
    row = asdict(cell)
    del row["fingerprint"]
    folder = folder_of(out, cell.method, cell.case, cell.seed)
    return row | {"folder": folder.relative_to(out).as_posix()}


def judged(out: Path) -> dict[str, Any]:
    """What judges said before."""
    try:
        return json.loads((out / FILE).read_text(encoding="utf-8")).get("judges", {})
    except (OSError, ValueError):
        return {}


def read(out: Path) -> dict[str, Any]:
    """The content of a folder's results.json."""
    path = out / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] == FORMAT:
            return content
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no results ({type(error).__name__}: {error})") from error
    raise InputError(f"{path} is of format {content['format']}, this version reads {FORMAT}")
