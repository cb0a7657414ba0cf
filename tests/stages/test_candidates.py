"""What else a part could be: which candidates are made, which is taken, and that a person may choose."""

from __future__ import annotations

import pytest
import torch

from cast3d.errors import InputError
from cast3d.following import Agreement
from cast3d.pictures.opening import open_picture
from cast3d.stages import candidates as module
from cast3d.stages.candidates import GUIDED, HINTED, LIFTED, Candidates, candidates, choices, preferred
from cast3d.stages.hints import Hints
from cast3d.stages.kit import Kit, Seeds
from cast3d.stages.parts import part_geometries
from tests.stages.test_refit import TERMS, striped
from tests.tiny_backbone import tiny_backbone


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([(0.1, 1.0)], 0),
        ([(0.7, 1.0), (0.9, 1.0)], 1),
        ([(0.7, 1.0), (0.705, 1.0)], 0),  # a tie
        ([(0.7, 1.0), (0.9, 0.55)], 0),  # it left its place
        ([(0.6, 1.0), (0.9, 0.55)], 1),  # and gains more than that
        ([(0.4, 1.0), (0.6, 1.0)], 0),  # nor does the other look like its picture
        ([(0.7, 1.0), (0.85, 1.0), (0.84, 1.0)], 1),
        ([(0.7, 1.0), (0.85, 1.0), (0.87, 1.0)], 2),
    ],
)
def test_the_hint_stays_unless_another_gains_more_in_outline_than_it_loses_of_the_hint(scores, best):
    assert preferred([Agreement(outline, kept=kept) for outline, kept in scores]) == best


@pytest.fixture(scope="module")
def made():
    """A hint, and what Eq. 13 makes of it, on the tiny backbone."""
    hint = torch.zeros(2, 64, 64, 64, dtype=torch.bool)
    hint[0, 20:44, 20:44, 4:40] = True
    hint[1, 20:44, 24:40, 44:58] = True
    hints = Hints(hint, torch.zeros(0, 1, 1, 3, dtype=torch.uint8), torch.zeros(0, 2, 1, 1, dtype=torch.bool), TERMS)
    return hints, part_geometries([kit()], ["cap"], [hints])[0]


def kit(choose: dict[str, int] | None = None, **settings) -> Kit:
    backbone = tiny_backbone(**settings)
    shown = dict.fromkeys(TERMS, (open_picture(striped()),))
    return Kit(backbone, backbone.defaults, shown, Seeds(0, dict.fromkeys(TERMS, 0)), choices=choose or {})


def tried(made, **settings) -> Candidates:
    hints, part = made
    (found,) = candidates([kit(**settings)], ["cap"], [hints], [part])
    return found


def test_the_first_is_what_eq_13_made(made):
    found = tried(made, candidates=3, outline=1.0)
    assert found.labels[0] == HINTED and torch.equal(found.grids[0], made[1].grid)
    assert len(found.labels) == len(found.grids) == len(found.outline) == len(found.kept) <= 3


def test_as_many_as_the_setting_says_and_none_more_where_the_first_is_good(made, monkeypatch):
    assert len(tried(made, candidates=2, outline=1.0).labels) <= 2
    monkeypatch.setattr(module, "GOOD", 0.0)
    monkeypatch.setattr(module, "main_geometry", lambda *_: pytest.fail("one was lifted"))
    assert tried(made, candidates=3, outline=1.0).labels == (HINTED,)


def test_what_does_not_look_like_its_picture_when_alone_is_no_candidate(made, monkeypatch):
    monkeypatch.setattr(module, "GOOD", 2.0)
    monkeypatch.setattr(module, "SURE", 1.1)
    assert tried(made, candidates=3, outline=1.0).labels == (HINTED, GUIDED)
    monkeypatch.setattr(module, "SURE", 0.0)
    assert tried(made, candidates=3, outline=1.0).labels == (HINTED, LIFTED, GUIDED)


def test_the_same_noise_gives_the_same_candidates(made):
    one, other = (tried(made, candidates=3, outline=1.0) for _ in range(2))
    assert torch.equal(one.grids, other.grids) and one.outline == other.outline and one.best == other.best


def test_a_person_may_choose_another(made):
    hints, part = made
    two = Candidates("cap", torch.stack([part.grid, hints.of("cap")]), (HINTED, LIFTED), (0.9, 0.5), (1.0, 1.0), 0)
    assert torch.equal(choices([kit()], ["cap"], [hints], [two])[0].grid, part.grid)
    assert torch.equal(choices([kit({"cap": 1})], ["cap"], [hints], [two])[0].grid, hints.of("cap"))
    with pytest.raises(InputError, match=r"no candidate 2 for 'cap'; there are 0 \(hint\), 1 \(lifted\)"):
        choices([kit({"cap": 2})], ["cap"], [hints], [two])
