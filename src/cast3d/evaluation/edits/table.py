"""Results of edits as tables: a set per form of the model, the goals beside what was found, every run as a row of CSV.

In each form the methods are compared with the first of it, by the same cases. Edits that a method gave up count in F1,
likeness and seconds, the part being absent; the means of all other columns leave them out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..statistics import FEWEST, Estimate, difference, estimate
from ..table import Column, case_means, markdown

INSIDE = (
    Column("new_f1_1", "new part F1@1"),
    Column("new_f1_2", "new part F1@2"),
    Column("seen_f1_2", "seen F1@2"),
    Column("unseen_f1_2", "unseen F1@2"),
    Column("inside_likeness", "likeness"),
    Column("contact_error", "contact err", -1),
    Column("touches", "touches"),
    Column("removed_f1_2", "removal F1@2"),
    Column("left_over", "left over", -1),
    Column("region_iou", "region IoU"),
)
OUTSIDE = (
    Column("outside_chamfer", "Chamfer", -1),
    Column("outside_color", "colour err", -1, 4),
    Column("untouched", "untouched", digits=4),
    Column("fragments", "fragments", -1, 2),
    Column("gave_up", "gave up", -1, 2),
    Column("seconds", "seconds", -1, 1),
)
TABLES = {"Inside": INSIDE, "Outside, and the whole": OUTSIDE}
SEEN, UNSEEN, REGION, SECONDS = 0.90, 0.75, 0.80, 25.0  # the goals
AHEAD = (("inside_likeness", "inside likeness", 1), ("outside_chamfer", "outside Chamfer", -1))


def by_form(results: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(form, the results of its methods alone), in the order of the forms."""
    for form, about in results["forms"].items():
        methods = [method for method in results["methods"] if method["form"] == form]
        if methods:
            runs = [_counted(run) for run in results["runs"] if run["form"] == form]
            yield about, {**results, "methods": methods, "runs": runs}


def _counted(run: Mapping[str, Any]) -> dict[str, Any]:
    return {**run, "object": {**run["object"], "gave_up": float(bool(run["failure"]))}}


@dataclass(frozen=True)
class Goal:
    """What was aimed at, and what came out; `met` None: these results cannot tell."""

    what: str
    wanted: str
    method: str
    found: str
    met: bool | None


def goals(results: Mapping[str, Any]) -> list[Goal]:
    """The goals on `suites/edits-24` (three seeds), against these results, whatever suite they are of."""
    found = []
    for _, part in by_form(results):
        first, *others = part["methods"]
        for method in part["methods"]:
            if method["exact"] and not method["oracle"]:
                found += _exact(part, method["name"])
        if not first["exact"] or first["oracle"]:
            continue
        for metric, what, bound in (("seen_f1_2", "seen", SEEN), ("unseen_f1_2", "unseen", UNSEEN)):
            found.append(_bound(part, first["name"], metric, f"inside F1@2, {what} parts", bound, 1))
        if first["form"] != "named":
            found.append(_bound(part, first["name"], "region_iou", "region found by text, IoU", REGION, 1))
        found.append(_bound(part, first["name"], "seconds", "seconds an edit, two cores", SECONDS, -1))
        for other in others:
            if not other["oracle"] and not other["name"].startswith("cast3d"):
                found += [_ahead(part, first["name"], other["name"], *aim) for aim in AHEAD]
    return found


def _exact(part: Mapping[str, Any], method: str) -> list[Goal]:
    values = [run["object"]["untouched"] for run in part["runs"] if run["method"] == method and not run["failure"]]
    if not values:
        return []
    least = min(values)
    return [Goal("vertices outside untouched, least of all edits", "1", method, f"{least:.6g}", least == 1)]


def _bound(part: Mapping[str, Any], method: str, metric: str, what: str, bound: float, better: int) -> Goal:
    value = estimate(case_means(part, method, metric))
    wanted = f"{'>=' if better > 0 else '<='} {bound:g}"
    if value is None:
        return Goal(what, wanted, method, "-", None)
    return Goal(what, wanted, method, _with_interval(value), better * value.mean >= better * bound)


def _ahead(part: Mapping[str, Any], ours: str, theirs: str, metric: str, what: str, better: int) -> Goal:
    change = difference(case_means(part, ours, metric), case_means(part, theirs, metric))
    what, wanted = f"{what} against {theirs}", f"{'above' if better > 0 else 'below'} 0 at 95%"
    if change is None:
        return Goal(what, wanted, ours, "-", None)
    return Goal(what, wanted, ours, _with_interval(change), None if change.cases < FEWEST else change.sign == better)


def _with_interval(value: Estimate) -> str:
    return f"{value.mean:.3f} [{value.low:.3f}, {value.high:.3f}], {value.cases} cases"


def goals_markdown(found: Sequence[Goal]) -> str:
    """A line per goal."""
    lines = ["| goal | wanted | method | found | met |", "|" + " --- |" * 5]
    told = {True: "yes", False: "no", None: "cannot tell"}
    return "\n".join([*lines, *(f"| {g.what} | {g.wanted} | {g.method} | {g.found} | {told[g.met]} |" for g in found)])


def document(results: Mapping[str, Any]) -> str:
    """All tables as one Markdown page."""
    seeds = ", ".join(map(str, results["seeds"]))
    pages = [
        f"{results['suite']}: {len(results['cases'])} edits, seeds {seeds}. Mean ± half of the 95% interval over "
        "cases; * told apart from the first method of its form at 95% (paired bootstrap). Edits that were given up "
        "count in F1, likeness and seconds, and in no other column."
    ]
    for about, part in by_form(results):
        pages.append(f"## Models: {about}")
        pages += [f"### {title}\n\n{markdown(part, columns)}" for title, columns in TABLES.items()]
    pages.append(f"## Goals\n\nOf `suites/edits-24` with three seeds.\n\n{goals_markdown(goals(results))}")
    return "\n\n".join(pages) + "\n"


def rows(results: Mapping[str, Any]) -> str:
    """CSV, one line per run; empty: has none."""
    cases = {case["id"]: case for case in results["cases"]}
    names = [name for columns in TABLES.values() for name in (c.metric for c in columns) if name != "gave_up"]
    names = list(dict.fromkeys([*names, *(name for run in results["runs"] for name in run["object"])]))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["form", "method", "case", "kind", "unseen", "seed", "gave_up", *names])
    for run in results["runs"]:
        case = cases[run["case"]]
        found = {**run["object"], "seconds": run["seconds"]}
        values = ("" if found.get(name) is None else f"{found[name]:.6g}" for name in names)
        about = [run["form"], run["method"], run["case"], case["kind"], int(case["unseen"]), run["seed"]]
        writer.writerow([*about, int(bool(run["failure"])), *values])
    return out.getvalue()
