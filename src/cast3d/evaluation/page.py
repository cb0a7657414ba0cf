"""index.html: a row per case, a column per method; pictures, models to turn, numbers, sortable, without a network.

Pictures are linked. Browsers do not let a page on the disk read other files except scripts and pictures, so each model
lies in `page/` as a script that hands it over when it is asked for.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from ..files import atomic_write
from ..pictures.opening import open_picture
from ..result.report import asset, content_hash, page_head, viewer, viewer_policy
from .cells import folder_of
from .suite import Case
from .table import TABLES, Column, case_means, entries, text

THUMBNAIL = 96
COLUMNS: tuple[Column, ...] = tuple(column for columns in TABLES.values() for column in columns)


def write_page(out: Path, results: Mapping[str, Any], cases: Sequence[Case]) -> Path:
    """Writes index.html and the models of the first seed; returns the page's path."""
    rows = {(run["method"], run["case"]): run for run in results["runs"] if run["seed"] == results["seeds"][0]}
    for key, run in rows.items():
        glb = out / run["folder"] / "model.glb"
        if glb.is_file():
            data = base64.b64encode(glb.read_bytes()).decode()
            atomic_write(out / _script(*key), f"modelIsHere({json.dumps(data)});\n")
    path = out / "index.html"
    atomic_write(path, render(out, results, cases, rows))
    return path


def render(out: Path, results: Mapping[str, Any], cases: Sequence[Case], rows: Mapping[tuple[str, str], Any]) -> str:
    """The page as text; all text of users is escaped, scripts run only with the hashes given or from this folder."""
    style = asset("page.css") + _own("grid.css")
    script = viewer() + "\n" + _own("grid.js")
    policy = f"default-src 'none'; img-src 'self' file: data: blob:; style-src {content_hash(style)}; " + viewer_policy(
        script, "'self' file:"
    )
    names = [method["name"] for method in results["methods"]]
    head = "".join(_head(name, name) for name in names)
    body = "\n".join(_row(out, case, names, rows) for case in cases)
    options = "".join(map(_option, COLUMNS))
    title = f"{results['suite']}: {len(cases)} cases, {len(names)} methods"
    return f"""{page_head(title, policy, style)}
<body class="wide">
<header><h1>{escape(str(results["suite"]))}</h1>
<p class="soft">{len(cases)} cases, {len(names)} methods, {len(results["seeds"])} seeds; pictures and models show seed
{results["seeds"][0]}, numbers are means over seeds. Click a picture to turn the model, a method to sort by it.</p>
<label>Sort and show by <select data-control="metric">{options}</select></label></header>
<main>
{_summary(results)}
<table class="grid"><thead><tr>{_head("", "case")}{head}</tr></thead>
<tbody>
{body}
</tbody></table>
</main>
<dialog><form method="dialog"><button>Close</button></form><h2></h2><div class="stage"></div>
<div class="soft numbers"></div></dialog>
<script type="application/json" id="data">{_data(results, cases)}</script>
<script>{script}</script>
</body>
</html>
"""


def _head(method: str, text: str) -> str:
    return f'<th data-method="{escape(method)}"><button type="button">{escape(text)}</button></th>'


def _option(column: Column) -> str:
    return f'<option value="{column.metric}" data-better="{column.better}">{escape(column.title)}</option>'


def _row(out: Path, case: Case, names: Sequence[str], rows: Mapping[tuple[str, str], Any]) -> str:
    given = "".join(_given(term, path) for term, path in case.images.items())
    given += "".join(_given("true view", view.image) for view in case.views[1:2])
    first = f'<td><b>{escape(case.id)}</b><p>{escape(case.prompt)}</p><div class="given">{given}</div></td>'
    cells = "".join(_cell(out, case, rows.get((name, case.id)), name) for name in names)
    return f'<tr data-case="{escape(case.id)}">{first}{cells}</tr>'


def _given(what: str, path: Path) -> str:
    return f'<img alt="{escape(what)}" title="{escape(what)}" src="{_thumbnail(path)}">'


def _cell(out: Path, case: Case, run: Mapping[str, Any] | None, name: str) -> str:
    mark = f'data-method="{escape(name)}"'
    if run is None:
        return f"<td {mark}></td>"
    views = f"{run['folder']}/views.webp"
    inside = f'<p class="soft">{escape(run["failure"] or "no picture")}</p>'
    if (out / views).is_file():
        what, model = f"{name}: {case.id}", _script(name, case.id).as_posix()
        inside = f'<img loading="lazy" alt="{escape(what)}" src="{quote(views)}" data-model="{quote(model)}">'
    return f'<td {mark}>{inside}<p class="value"></p></td>'


def _script(method: str, case: str) -> Path:
    return Path("page") / folder_of(Path(), method, case, 0).parent.parent.name / f"{case}.js"


def _summary(results: Mapping[str, Any]) -> str:
    """The tables of means."""
    return "\n".join(_means(results, title, columns) for title, columns in TABLES.items())


def _means(results: Mapping[str, Any], heading: str, columns: Sequence[Column]) -> str:
    found = {column: entries(results, column.metric) for column in columns}
    shown = [column for column in columns if any(entry.value for entry in found[column].values())]
    head = "".join(f"<th>{escape(column.title)}</th>" for column in shown)
    lines = []
    for method in results["methods"]:
        name = method["name"]
        numbers = []
        for column in shown:
            entry = found[column][name]
            kind = {1: "better", -1: "worse"}.get(entry.verdict * column.better, "")
            numbers.append(f'<td class="number {kind}">{escape(text(entry, column))}</td>')
        lines.append(
            f'<tr><th scope="row" title="{escape(method["about"])}">{escape(name)}</th>{"".join(numbers)}</tr>'
        )
    return (
        f"<details open><summary>{escape(heading)}</summary><table><thead><tr><th></th>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></details>"
    )


def _data(results: Mapping[str, Any], cases: Sequence[Case]) -> str:
    """{metric: {method: {case: mean over seeds}}} for the script."""
    values = {
        column.metric: {m["name"]: case_means(results, m["name"], column.metric) for m in results["methods"]}
        for column in COLUMNS
    }
    return json.dumps(values).replace("<", "\\u003c")


def _thumbnail(path: Path) -> str:
    small = open_picture(path).rgba
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _own(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")
