"""What a job is told to have before it: the stages that the command line shows for the same edit."""

from __future__ import annotations

import pytest

from cast3d.jobs.job import Job
from cast3d.jobs.narrator import _plan
from cast3d.stages.table import LAYOUT_STAGES

CAP = {"cap": ["cap.png"]}


@pytest.mark.parametrize(
    ("asked", "drawn"),
    [({"add": CAP}, True), ({"replace": {"hat": CAP}}, True), ({"remove": ["hat"]}, False)],
    ids=["add", "replace", "remove"],
)
def test_an_edit_has_a_layout_before_it_where_something_new_comes(asked, drawn):
    plan = _plan(Job("one", "edit", "a figure wearing a cap", "figure", **asked), {"cap": "cap"})
    assert all((stage.name in plan) == drawn for stage in LAYOUT_STAGES if not stage.per_term)


def test_lift_and_imagine_have_their_own_stages():
    for kind, refit in (("lift", True), ("imagine", False)):
        assert ("refit" in _plan(Job("one", kind, "a cap", "cap"), {})) == refit
