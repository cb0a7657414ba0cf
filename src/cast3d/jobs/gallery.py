"""What a batch came to: a table, and a page with a picture of each scene. Opens offline, without any script."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..errors import InputError
from .job import DONE, FILE, Job, read_job

COLUMNS = ("id", "state", "seconds", "parts", "triangles", "solid", "prompt", "warnings", "error")
STYLE = """
:root{color-scheme:light dark;font:16px/1.4 system-ui,sans-serif}
body{max-width:75rem;margin:2rem auto;padding:0 1rem}
ul{list-style:none;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:1rem}
li{border:1px solid #8886;border-radius:.5rem;padding:.75rem;overflow-wrap:anywhere}
img{width:100%;background:#fff;border-radius:.25rem}
h2{font-size:1rem;margin:.5rem 0 .25rem}
p{margin:.25rem 0;font-size:.875rem}
.failed{border-color:#c33}
"""


def rows_of(out: Path) -> list[dict[str, Any]]:
    """One per scene in the folder, by id."""
    rows = []
    for folder in sorted(out.iterdir()):
        if (folder / FILE).is_file():
            try:
                rows.append(_row(folder, read_job(folder)))
            except InputError as error:
                rows.append({**dict.fromkeys(COLUMNS), "id": folder.name, "state": "damaged", "error": str(error)})
    return rows


def _row(folder: Path, job: Job) -> dict[str, Any]:
    meshes: dict[str, Any] = {}
    if job.state == DONE:
        try:
            meshes = json.loads((folder / "run.json").read_text(encoding="utf-8")).get("meshes", {})
        except (OSError, ValueError):
            meshes = {}
    spent = round(job.finished - job.started, 1) if job.finished and job.started else None
    return {
        "id": job.id,
        "state": job.state,
        "seconds": spent,
        "parts": list(meshes),
        "triangles": sum(one["triangles"] for one in meshes.values()),
        "solid": all(one["watertight"] for one in meshes.values()) if meshes else None,
        "prompt": job.prompt,
        "warnings": job.warnings,
        "error": job.error,
    }


def summary_json(rows: Sequence[dict[str, Any]]) -> str:
    return json.dumps({"scenes": list(rows)}, ensure_ascii=False, indent=1) + "\n"


def summary_csv(rows: Sequence[dict[str, Any]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: "; ".join(value) if isinstance(value, list) else value for key, value in row.items()})
    return file.getvalue()


def page(rows: Sequence[dict[str, Any]]) -> str:
    """index.html beside the scenes' folders."""
    done = sum(row["state"] == DONE for row in rows)
    items = "\n".join(map(_item, rows))
    title = f"{done} of {len(rows)} scenes"
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>cast3d: {title}</title><style>{STYLE}</style>\n<h1>{title}</h1>\n"
        f'<p><a href="summary.csv">summary.csv</a> · <a href="summary.json">summary.json</a></p>\n'
        f"<ul>\n{items}\n</ul>\n</html>\n"
    )


def _item(row: dict[str, Any]) -> str:
    place, prompt = quote(row["id"]), html.escape(row["prompt"] or "")
    if row["state"] != DONE:
        why = html.escape(row["error"] or "")
        return f'<li class="failed"><h2>{html.escape(row["id"])}: {row["state"]}</h2><p>{prompt}</p><p>{why}</p></li>'
    seconds = f" · {row['seconds']:.0f} s" if row["seconds"] is not None else ""
    solid = "closed" if row["solid"] else "not closed"
    warned = "".join(f"<p>{html.escape(line)}</p>" for line in row["warnings"] or ())
    return (
        f'<li><a href="{place}/report.html"><img src="{place}/turntable.webp" alt="{prompt}" loading="lazy"></a>'
        f"<h2>{html.escape(row['id'])}</h2><p>{prompt}</p>"
        f"<p>{len(row['parts'])} parts, {row['triangles']:,} triangles, {solid}{seconds}</p>{warned}"
        f'<p><a href="{place}/scene.glb">scene.glb</a> · <a href="{place}/report.html">report</a></p></li>'
    )
