"""The page: one HTML text without a single address of the network.

All text of users is escaped. A content security policy allows our own script and style by their hashes and nothing
else, so that even text that slipped through would not run.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from ...errors import InputError
from ...files import atomic_write
from ...scene.terms import find_terms
from ...stages.table import LIFTING
from ...version import __version__
from .content import InputPicture, Report, StageShots, glb_parts
from .figure import describe

PALETTE = 8  # colours in page.css
INPUT_SIDE = 448  # shown at 168 CSS pixels; enough for dense screens
PACKING = 6  # of gzip: numbers get no smaller at 9, which takes four times as long
STAGE_SIDE = 1024  # shown 160 CSS pixels high, and as wide as that makes them


def write_report(path: str | Path, report: Report) -> None:
    """Writes `report.html`, whole or not at all."""
    atomic_write(path, render(report))


def page_head(title: str, policy: str, style: str, more: str = "") -> str:
    """The beginning of a page that opens offline, up to its body; `more` are further lines of its head."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
{more}<title>{escape(title)}</title>
<style>{style}</style>
</head>"""


def render(report: Report) -> str:
    """The page as text."""
    style = asset("page.css")
    script = viewer()
    policy = f"default-src 'none'; img-src data: blob:; style-src {content_hash(style)}; {viewer_policy(script)}"
    generator = f'<meta name="generator" content="cast3d {escape(__version__)}">\n'
    return f"""{page_head(report.prompt, policy, style, generator)}
<body>
<header>
<h1>{_marked_prompt(report)}</h1>
{_links(report)}
</header>
<main>
{_warnings(report.warnings)}
{_turned(report.turned)}
{_viewer(report)}
{_inputs(report)}
{_stages(report.stages)}
{_notes(report.notes)}
<section class="tables">
{_costs(report.stages)}
{_meshes(report.meshes)}
{_table("Settings", report.settings)}
{_table("This run", report.facts)}
</section>
</main>
<footer class="soft">Made by cast3d {escape(__version__)}. This page needs no network.</footer>
{_data("model", report.glb)}
{_data("splats", report.splats)}
<script>{script}</script>
</body>
</html>
"""


def asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


@cache
def viewer() -> str:
    """The page's viewer as one script (`web/src/report/`): it draws what it finds, and offers `cast3dViewer.show`."""
    packed = resources.files(__package__).joinpath("assets", "viewer.js.gz").read_bytes()
    return gzip.decompress(packed).decode("utf-8")


def _data(id: str, content: bytes) -> str:
    """Bytes for the script, packed by gzip and as base64; equal bytes give equal text."""
    if not content:
        return ""
    text = base64.b64encode(gzip.compress(content, PACKING, mtime=0)).decode()
    return f'<script type="application/octet-stream" id="{id}">{text}</script>'


def viewer_policy(script: str, more: str = "") -> str:
    """What a page's policy lets a script with the viewer in it do; `more` are further sources of scripts.

    Splats are sorted by WebAssembly in a worker, both of which lie in the script itself (data: and blob:).
    """
    sources = f"{more} {content_hash(script)} 'wasm-unsafe-eval'".strip()
    return f"script-src {sources}; worker-src blob:; connect-src data:"


def content_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _color(report: Report, term: str) -> str:
    """The CSS class that carries the colour of a term or node."""
    known = (*report.terms, *(part.name for part in glb_parts(report.glb)))
    return f"p{known.index(term) % PALETTE}"


def _marked_prompt(report: Report) -> str:
    """The prompt with each term underlined in its part's colour."""
    try:
        spans = find_terms(report.prompt, report.terms)
    except InputError:  # the report of an edited run still opens
        return escape(report.prompt)
    nodes = [part.name for part in glb_parts(report.glb)]
    pieces, end = [], 0
    for term, span in sorted(spans.items(), key=lambda item: item[1]):
        index = nodes.index(term) if term in nodes else -1
        words = escape(report.prompt[span.start : span.end])
        pieces.append(escape(report.prompt[end : span.start]))
        pieces.append(f'<mark class="{_color(report, term)}" data-term="{index}">{words}</mark>')
        end = span.end
    return "".join(pieces) + escape(report.prompt[end:])


def _links(report: Report) -> str:
    items = [f'<li><a href="./{quote(name)}">{escape(name)}</a></li>' for name in report.files]
    return f'<ul class="facts">{"".join(items)}</ul>' if items else ""


def _warnings(warnings: tuple[str, ...]) -> str:
    items = "".join(f"<li>{escape(warning)}</li>" for warning in warnings)
    return f'<ul class="warnings" role="note" aria-label="Warnings">{items}</ul>' if items else ""


def _notes(notes: tuple[str, ...]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<section><h2>Notes</h2><ul class="soft">{items}</ul></section>' if items else ""


def _turned(picture: bytes) -> str:
    """Before and after, turned together."""
    if not picture:
        return ""
    data = base64.b64encode(picture).decode()
    return (
        "<section><h2>Before and after</h2>"
        f'<img alt="The model before and after, turned together" src="data:image/webp;base64,{data}"></section>'
    )


def _viewer(report: Report) -> str:
    rows = "".join(
        f'<li class="{_color(report, part.name)}" data-part="{index}">'
        f'<label title="{part.triangles:,} triangles"><input type="checkbox" checked> {escape(part.name)}</label>'
        f'<button type="button" aria-label="Only {escape(part.name)}">only</button></li>'
        for index, part in enumerate(glb_parts(report.glb))
    )
    return f"""<section class="viewer" aria-label="3D view">
<div class="stage">
<canvas tabindex="0" role="application" aria-label="3D view of {escape(report.prompt)}. Arrow keys turn it,
plus and minus zoom, number keys show and hide parts, 0 goes back to the front."></canvas>
<span class="under-pointer" aria-hidden="true"></span>
<p class="failure" role="alert"><noscript>The 3D view needs JavaScript; open scene.glb in another viewer.</noscript></p>
</div>
<div class="panel">
<div><h3>Parts</h3><ul class="parts">{rows}</ul></div>
<label>Pull apart <input type="range" min="0" max="1" step="0.01" value="0" data-control="explode"></label>
{_kinds(report)}<label class="switch"><input type="checkbox" data-control="labels"> Colour by part</label>
<label class="switch"><input type="checkbox" data-control="wires"> Wires</label>
<div class="buttons"><button type="button" data-control="turn" aria-pressed="false">Turn</button>
<button type="button" data-control="reset">Reset view</button></div>
<p class="soft">Drag to turn, right-drag to move; press the view, then scroll to zoom.
Fingers: one turns, two zoom and move. Keys: arrows, + and −, 0, and 1–9 for parts.</p>
</div>
</section>"""


def _kinds(report: Report) -> str:
    """The choice between mesh and splat, where there is one."""
    if not report.splats:
        return ""
    return (
        '<div class="kinds" role="radiogroup" aria-label="Show as">'
        '<label><input type="radio" name="shown-as" checked> Mesh</label>'
        '<label><input type="radio" name="shown-as" data-control="splat"> Splat</label></div>\n'
    )


def _inputs(report: Report) -> str:
    if not report.inputs:
        return ""
    figures = "".join(_input(report, picture) for picture in report.inputs)
    return f'<section><h2>Made from</h2><div class="pictures">{figures}</div></section>'


def _input(report: Report, picture: InputPicture) -> str:
    color = _color(report, picture.term) if picture.term in report.terms else ""
    notes = "".join(f"<br>{escape(note)}" for note in picture.notes)
    notes += "".join(f"<br><strong>{escape(warning)}</strong>" for warning in picture.warnings)
    digest = f' title="sha256 {escape(picture.sha256)}"' if picture.sha256 else ""
    caption = f"<figcaption><b>{escape(picture.term)}</b>{notes}</figcaption>"
    return f'<figure class="input {color}"{digest}>{_img(picture.image, picture.term, INPUT_SIDE)}{caption}</figure>'


def _stages(stages: tuple[StageShots, ...]) -> str:
    """The two halves of the paper's Fig. 3, stage by stage."""
    halves: dict[str, list[str]] = {}
    for stage in stages:
        if not stage.pictures:
            continue
        step = describe(stage.name, _alone(stages))
        shots = "".join(_shot(step.title, label, image) for label, image in stage.pictures.items())
        halves.setdefault(step.half, []).append(
            f'<div class="step"><h3>{escape(step.title)}</h3><div class="pictures">{shots}</div>'
            f'<p class="soft">{escape(step.caption)}</p></div>'
        )
    return "\n".join(
        f'<section><h2>{escape(half)}</h2><div class="steps">{"".join(steps)}</div></section>'
        for half, steps in halves.items()
    )


def _shot(title: str, label: str, image: Image.Image) -> str:
    caption = f"<figcaption>{escape(label)}</figcaption>"
    return f"<figure>{_img(image, f'{title}: {label}', STAGE_SIDE)}{caption}</figure>"


def _alone(stages: tuple[StageShots, ...]) -> bool:
    """Whether they are those of one object without parts."""
    return {stage.name for stage in stages} <= {stage.name for stage in LIFTING} | {"export"}


def _img(image: Image.Image, alt: str, side: int) -> str:
    small = image.convert("RGBA")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=88, method=4)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{escape(alt)}" loading="lazy" src="data:image/webp;base64,{data}">'


def _costs(stages: tuple[StageShots, ...]) -> str:
    timed = [(stage, stage.seconds) for stage in stages if stage.seconds is not None]
    if not timed:
        return ""
    total, longest = sum(seconds for _, seconds in timed), max(seconds for _, seconds in timed) or 1.0
    rows = "".join(
        f'<tr><th scope="row">{escape(describe(stage.name, _alone(stages)).title)}</th>'
        f'<td class="bar"><svg viewBox="0 0 100 18" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect y="4" height="10" rx="1" width="{100 * seconds / longest:.2f}"/></svg></td>'
        f'<td class="number">{seconds:.1f} s</td><td class="number">{_size(stage.peak_bytes)}</td></tr>'
        for stage, seconds in timed
    )
    peak = max((stage.peak_bytes for stage, _ in timed if stage.peak_bytes is not None), default=None)
    return f"""<div><h2>Time and memory</h2><table>
<thead><tr><th>Stage</th><th></th><th></th><th>peak memory</th></tr></thead>
<tbody>{rows}</tbody>
<tfoot><tr><th scope="row">Together</th><td></td><td class="number">{total:.1f} s</td>
<td class="number">{_size(peak)}</td></tr></tfoot></table></div>"""


def _meshes(meshes: Mapping[str, Mapping[str, Any]]) -> str:
    """Triangles and volume of each part, and whether it is a closed solid."""
    rows = "".join(
        f'<tr><th scope="row">{escape(term)}</th><td class="number">{int(one["triangles"]):,}</td>'
        f'<td class="number">{_share(one)}</td><td>{"closed" if one["watertight"] else "open"}</td></tr>'
        for term, one in meshes.items()
    )
    head = "<thead><tr><th>Part</th><th>triangles</th><th>volume</th><th></th></tr></thead>"
    return f"<div><h2>Meshes</h2><table>{head}<tbody>{rows}</tbody></table></div>" if rows else ""


def _share(mesh: Mapping[str, Any]) -> str:
    """A volume as a share of the cube that the object was made in."""
    return f"{100 * float(mesh['volume']):.2f} % of the cube" if mesh["watertight"] else ""


def _size(size: int | None) -> str:
    return "" if size is None else f"{size / (1 << 30):.2f} GB"


def _table(title: str, content: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(key)}</th><td><code>{escape(value)}</code></td></tr>'
        for key, value in _flat(content)
    )
    return f"<div><h2>{escape(title)}</h2><table><tbody>{rows}</tbody></table></div>" if rows else ""


def _flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """("layout.start", "21") for nested settings."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
