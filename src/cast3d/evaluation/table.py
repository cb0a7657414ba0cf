"""Results as tables: on the terminal, as Markdown, and every run as a row of CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .scores import NAMES
from .statistics import Estimate, by_case, difference, estimate


@dataclass(frozen=True)
class Column:
    """A metric; `better` 1 = larger is better, -1 = smaller is."""

    metric: str
    title: str
    better: int = 1
    digits: int = 3


SCORES = tuple(Column(name, name, digits=2) for name in (*NAMES, "average"))
PARTS = (
    Column("part_present", "present"),
    Column("part_f1_1", "part F1@1"),
    Column("part_f1_2", "part F1@2"),
    Column("seen_f1_2", "seen F1@2"),
    Column("unseen_f1_2", "unseen F1@2"),
    Column("part_iou", "part IoU"),
    Column("part_chamfer", "Chamfer", -1, 4),
    Column("part_offset", "offset", -1),
    Column("part_scale_error", "scale err", -1),
    Column("part_yaw_error", "yaw err", -1, 1),
    Column("part_likeness", "likeness"),
    Column("part_detail", "detail"),
    Column("part_hint_f1_2", "hint F1@2"),
)
WHOLE = (
    Column("base_f1_1", "base F1@1"),
    Column("drift_iou", "base drift IoU"),
    Column("base_likeness", "base likeness"),
    Column("base_detail", "base detail"),
    Column("interpenetration_excess", "overlap excess", -1),
    Column("fragments", "fragments", -1, 2),
    Column("part_contact_iou", "contact IoU"),
    Column("roughness", "roughness", -1),
    Column("text", "text"),
    Column("seconds", "seconds", -1, 1),
)
TABLES = {"Scores (0 to 10)": SCORES, "Parts": PARTS, "Whole": WHOLE}


@dataclass(frozen=True)
class Entry:
    """A method's estimate of a metric, and its difference from the first method's."""

    value: Estimate | None
    change: Estimate | None = None

    @property
    def verdict(self) -> int:
        """-1 below the first method, 1 above, 0 not told apart at 95%."""
        return self.change.sign if self.change else 0


def entries(results: Mapping[str, Any], metric: str) -> dict[str, Entry]:
    """Per method."""
    names = [method["name"] for method in results["methods"]]
    values = {name: case_means(results, name, metric) for name in names}
    first = values[names[0]] if names else {}
    return {
        name: Entry(estimate(found), difference(found, first) if i else None)
        for i, (name, found) in enumerate(values.items())
    }


Entries = Callable[[Mapping[str, Any], str], dict[str, Entry]]  # (results, metric) -> per method


def case_means(results: Mapping[str, Any], method: str, metric: str) -> dict[str, float]:
    """Per case, the mean over seeds."""
    rows = [row for row in results["runs"] if row["method"] == method]
    of = (lambda row: row["seconds"]) if metric == "seconds" else (lambda row: row["object"].get(metric))
    return by_case((row["case"], of(row)) for row in rows if of(row) is not None)


def text(entry: Entry, column: Column) -> str:
    """ "0.871 ±.012*"; the star says: told apart from the first method at 95%."""
    if entry.value is None:
        return "-"
    mean = f"{entry.value.mean:.{column.digits}f}"
    if entry.value.cases == 1:
        return mean
    half = (entry.value.high - entry.value.low) / 2
    return f"{mean} ±{half:.{column.digits}f}{'*' if entry.verdict else ''}"


def markdown(results: Mapping[str, Any], columns: Sequence[Column]) -> str:
    """A table in Markdown, one line per method; columns that nobody has are left out."""
    found = {column: entries(results, column.metric) for column in columns}
    shown = [column for column in columns if any(entry.value for entry in found[column].values())]
    lines = ["| method | " + " | ".join(column.title for column in shown) + " |", "|" + " --- |" * (len(shown) + 1)]
    for method in results["methods"]:
        name = method["name"]
        lines.append(f"| {name} | " + " | ".join(text(found[c][name], c) for c in shown) + " |")
    return "\n".join(lines)


def document(results: Mapping[str, Any]) -> str:
    """All tables as one Markdown page."""
    seeds, first = ", ".join(map(str, results["seeds"])), results["methods"][0]["name"]
    head = (
        f"{results['suite']}: {len(results['cases'])} cases, seeds {seeds}. Mean ± half of the 95% interval over cases;"
    )
    head += f" * told apart from {first} at 95% (paired bootstrap)."
    tables = (f"## {title}\n\n{markdown(results, columns)}" for title, columns in TABLES.items())
    return "\n\n".join([head, *tables]) + "\n"


def rows(results: Mapping[str, Any]) -> str:
    """CSV, one line per run: method, case, seed, gave_up (0 or 1), then every metric of the tables; empty: has none."""
    names = [column.metric for columns in TABLES.values() for column in columns]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["method", "case", "seed", "gave_up", *names])
    for run in results["runs"]:
        found = {**run["object"], "seconds": run["seconds"]}
        values = ("" if found.get(name) is None else f"{found[name]:.4g}" for name in names)
        writer.writerow([run["method"], run["case"], run["seed"], int(bool(run["failure"])), *values])
    return out.getvalue()


def rich_table(results: Mapping[str, Any], title: str, columns: Sequence[Column], source: Entries = entries):
    """The same for a terminal, coloured where a method differs from the first."""
    from rich.table import Table

    found = {column: source(results, column.metric) for column in columns}
    shown = [column for column in columns if any(entry.value for entry in found[column].values())]
    table = Table(title=title, title_justify="left")
    table.add_column("method", no_wrap=True)
    for column in shown:
        table.add_column(column.title, justify="right")
    for method in results["methods"]:
        row = []
        for column in shown:
            entry = found[column][method["name"]]
            color = {1: "green", -1: "red"}.get(entry.verdict * column.better)
            row.append(f"[{color}]{text(entry, column)}[/{color}]" if color else text(entry, column))
        table.add_row(method["name"], *row)
    return table
