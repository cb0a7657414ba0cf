"""Pictures followed within a composition: things that no layout shows are placed, candidates are kept and chosen."""

from __future__ import annotations

import pytest
import torch

from cast3d.composer import Composer
from cast3d.errors import InputError, TermNotFound
from cast3d.jobs.facts import candidates_of, hints_of, parts_of
from cast3d.run.folder import RunFolder
from cast3d.settings import Settings
from tests.test_composer import CAP_ONLY, Watch, compose, contents
from tests.tiny_backbone import BANDS, PROMPT, Bands, pictures, tiny_backbone

BLIND = Bands({"figure": (0, 1), "backpack": BANDS["backpack"]})  # to caps
CRUMB = Bands({"figure": (0, 1), "backpack": (0.3, 1), "cap": (0.24, 0.3)})  # a little of the pack
OURS = {"candidates": 2, "outline": 1.0}


def test_a_term_that_never_shows_is_placed_where_its_relation_says(tmp_path):
    result, _ = compose(tmp_path / "run", segmenter=BLIND, settings={"place_missing": True})
    assert list(result.parts) == ["figure", "cap", "backpack"]
    (told,) = (line for line in result.warnings if line.startswith("cap:") and "placed by rule" in line)
    assert "'wearing'" in told
    with RunFolder(tmp_path / "run", must_exist=True) as run:
        before, after = (run.load_stage(name) for name in ("hints", "placed_hints"))
    hidden, shown = (dict(zip(one.meta["terms"], one.tensors["grids"])) for one in (before, after))
    assert not hidden["cap"].any() and shown["cap"].any()
    assert torch.equal(hidden["backpack"], shown["backpack"])  # what others have stays with them
    assert not (shown["figure"] & shown["cap"]).any()
    assert (hints_of(tmp_path / "run").grids[1] == shown["cap"].numpy()).all()  # what a person is shown
    _, again = compose(tmp_path / "run", segmenter=Bands({}), settings={"place_missing": True})
    assert again.computed == []


def test_no_layout_is_drawn_again_for_what_a_rule_places(tmp_path):
    _, watch = compose(tmp_path / "run", segmenter=Bands({}), settings={"place_missing": True, "layout_starts": [2, 5]})
    assert watch.computed.count("layout") == 2


@pytest.mark.parametrize("prompt", ["a table with a cap", "a cap on a table"])
def test_a_table_has_its_things_on_it_by_rule_after_one_layout(tmp_path, prompt):
    watch, shown = Watch(), pictures()
    terms = {"table": shown["figure"], "cap": shown["cap"]}
    settings = {"place_missing": True, "layout_starts": [2, 5], "lookalikes": 3}
    backbone = tiny_backbone(Bands({}))
    result = Composer(backbone).compose(
        prompt, terms, main="table", settings=settings, progress=watch, out=tmp_path / "run"
    )
    assert watch.computed.count("layout") == 1 and not any("no layout" in line for line in result.warnings)
    with RunFolder(tmp_path / "run", must_exist=True) as run:
        placed = run.load_stage("placed_hints")
    assert placed.meta["report"][-1] == "cap: placed by rule, on its surface"


def test_a_crumb_of_another_hint_is_no_hint(tmp_path):
    """Nothing shows the cap better, so a rule places it; without rules the crumb is all there is."""
    result, _ = compose(tmp_path / "run", segmenter=CRUMB, settings={"place_missing": True})
    assert any(line.startswith("cap:") and "placed by rule" in line for line in result.warnings)
    with RunFolder(tmp_path / "run", must_exist=True) as run:
        hints = run.load_stage("hints")
        crumb = hints.tensors["grids"][hints.meta["terms"].index("cap")]
        assert 0 < crumb.sum() < 0.2 * hints.tensors["grids"][hints.meta["terms"].index("backpack")].sum()
    plain, _ = compose(tmp_path / "plain", segmenter=CRUMB, settings={"place_missing": False})
    assert any("'cap' is a crumb of 'backpack'" in line for line in plain.warnings)


def test_a_crumb_is_better_than_nothing_where_no_rule_knows_a_place():
    terms = {term: picture for term, picture in pictures().items()}
    sentence = "a figure and a cap and a backpack"
    result = Composer(tiny_backbone(CRUMB)).compose(sentence, terms, main="figure", settings={"place_missing": True})
    assert list(result.parts) == ["figure", "cap", "backpack"]
    assert not any("placed by rule" in line for line in result.warnings)


def test_without_a_relation_in_the_sentence_a_missing_term_is_still_an_error():
    terms = {term: picture for term, picture in pictures().items() if term != "backpack"}
    composer = Composer(tiny_backbone(BLIND))
    with pytest.raises(TermNotFound, match="no 'cap'"):
        composer.compose("a figure and a cap", terms, main="figure", settings={"place_missing": True})


def test_candidates_are_kept_and_a_person_may_choose_another(tmp_path, monkeypatch):
    monkeypatch.setattr("cast3d.stages.candidates.GOOD", 2.0)  # no candidate of noise is good,
    monkeypatch.setattr("cast3d.stages.candidates.SURE", 0.0)  # and what is lifted looks like nothing
    out = tmp_path / "run"
    compose(out, CAP_ONLY, settings=OURS)
    with RunFolder(out, must_exist=True) as run:
        kept = run.load_stage("part_candidates-cap")
        assert run.info["choices"] == {}
    assert len(kept.tensors["grids"]) == len(kept.meta["labels"]) == 2
    told = candidates_of(out, "cap", None)
    assert [one["chosen"] for one in told] == [i == kept.meta["best"] for i in range(2)]
    assert all((out / one["file"]).is_file() for one in told) and candidates_of(out, "figure", None) == []
    before = contents(out / "stages" / next(p.name for p in (out / "stages").iterdir() if "candidates" in p.name))
    other = 1 - kept.meta["best"]
    watch = Watch()
    terms = {term: picture for term, picture in pictures().items() if term in CAP_ONLY}
    Composer(tiny_backbone()).compose(CAP_ONLY, terms, out=out, settings=OURS, choose={"cap": other}, progress=watch)
    assert "main" not in watch.computed and "part-cap" not in watch.computed
    with RunFolder(out, must_exist=True) as run:
        chosen = run.load_stage("part_choice-cap")
        assert torch.equal(chosen.tensors["grid"], kept.tensors["grids"][other])
        assert run.info["choices"] == {"cap": other}
    (part,) = (one for one in parts_of(out) if one["term"] == "cap")
    assert [one["index"] for one in part["candidates"] if one["chosen"]] == [other]
    folder = next(p for p in (out / "stages").iterdir() if "candidates" in p.name)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("choose", "message"),
    [
        ({"figure": 0}, "no candidate is chosen for 'figure'"),
        ({"hat": 0}, "no candidate is chosen for 'hat'"),
        ({"cap": -1}, "a whole number from 0"),
        ({"cap": True}, "a whole number from 0"),
    ],
)
def test_choices_are_checked_before_any_work(choose, message, tmp_path):
    with pytest.raises(InputError, match=message):
        compose(tmp_path / "run", choose=choose)
    assert not (tmp_path / "run").exists()


def test_the_paper_alone_has_no_candidates(tmp_path):
    assert Settings.paper().candidates == 1 and not Settings.paper().place_missing
    compose(tmp_path / "run", PROMPT, settings={"candidates": 1})
    assert not any("candidates" in path.name or "choice" in path.name for path in (tmp_path / "run/stages").iterdir())
