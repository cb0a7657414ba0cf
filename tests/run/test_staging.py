"""Running stages: computed once, found again only if nothing that they took has changed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from cast3d.run.folder import RunFolder
from cast3d.run.staging import Stage, Staging, named, pack, unpack


@dataclass(frozen=True)
class Thing:
    values: Tensor
    mask: Tensor
    label: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Words:
    """What holds no tensor is plain data."""

    text: str
    level: int = 1


def thing(value: float = 1.0) -> Thing:
    return Thing(torch.full((2, 3), value), torch.tensor([True, False]), "a", ("x", "y"))


@dataclass(frozen=True)
class Box:
    """A kit: values by key, which it tells when they are read."""

    values: dict[str, Any] = field(default_factory=dict)
    device: Any = "cpu"
    at_once: bool = False
    own: Any = None
    shared: Any = None
    on_step: Any = None
    retry: Any = None

    def recording(self, own, shared, on_step, retry) -> Box:
        return replace(self, own=own, shared=shared, on_step=on_step, retry=retry)

    def now(self, key: str) -> Any:
        return self.values[key]

    def read(self, key: str) -> Any:
        self.own(key, self.values[key])
        return self.values[key]

    def read_together(self, key: str) -> Any:
        self.shared(key, self.values[key])
        return self.values[key]


@pytest.fixture
def run(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        yield folder


@pytest.fixture
def calls():
    return []


@pytest.fixture
def first(calls):
    def make_first(kit: Box) -> Thing:
        calls.append("first")
        assert not torch.is_grad_enabled()
        kit.on_step(1, 2)
        return thing(kit.read("loudness"))

    return Stage("first", 1, Thing, make_first)


@pytest.fixture
def second(calls):
    def make_second(kit: Box, before: Thing, words: Words) -> Thing:
        calls.append("second")
        return thing(float(before.values.sum()) + kit.read("offset"))

    return Stage("second", 2, Thing, make_second)


def two(run: Staging, first: Stage, second: Stage, words: Words = Words("hello")) -> Thing:
    return run(second, run(first), words)


VALUES = {"loudness": 1.0, "offset": 2.0, "unread": 3.0}


def same(a: Thing, b: Thing) -> bool:
    return torch.equal(a.values, b.values) and torch.equal(a.mask, b.mask) and (a.label, a.notes) == (b.label, b.notes)


def test_packing_there_and_back():
    tensors, meta = pack(thing())
    assert set(tensors) == {"values", "mask"} and meta == {"label": "a", "notes": ("x", "y")}
    assert same(unpack(Thing, tensors, {"label": "a", "notes": ["x", "y"]}), thing())
    assert unpack(Words, {}, {"text": {"a": [["b"]]}}).text == {"a": (("b",),)}


def test_without_a_folder_everything_is_computed_once_per_run(first, second, calls):
    for _ in range(2):
        staging = Staging(Box(VALUES))
        assert two(staging, first, second) is two(staging, first, second)
        assert staging.reused == []
    assert calls == ["first", "second"] * 2


def test_a_second_pass_finds_what_the_first_saved(run, first, second, calls):
    fresh = two(Staging(Box(VALUES), run), first, second)
    staging = Staging(Box(VALUES), run)
    found = two(staging, first, second)
    assert staging.reused == ["first", "second"] and same(fresh, found) and calls == ["first", "second"]


def test_what_a_stage_read_makes_it_run_again_when_it_changes(run, first, second):
    two(Staging(Box(VALUES), run), first, second)
    two(staging := Staging(Box({**VALUES, "offset": 5.0}), run), first, second)
    assert staging.reused == ["first"]


def test_what_no_stage_read_changes_nothing(run, first, second):
    two(Staging(Box(VALUES), run), first, second)
    two(staging := Staging(Box({**VALUES, "unread": 5.0}), run), first, second)
    assert staging.reused == ["first", "second"]


def test_what_is_not_there_any_more_has_changed(run, first, second):
    two(Staging(Box(VALUES), run), first, second)
    staging = Staging(Box({"loudness": 1.0}), run)
    with pytest.raises(KeyError):
        two(staging, first, second)  # it is computed anew, and reads what is not there
    assert staging.reused == ["first"]


def test_plain_data_that_a_stage_is_given_counts(run, first, second):
    two(Staging(Box(VALUES), run), first, second)
    two(staging := Staging(Box(VALUES), run), first, second, Words("hello", 2))
    assert staging.reused == ["first"]


def test_a_changed_result_makes_later_stages_run_again(run, first, second):
    two(Staging(Box(VALUES), run), first, second)
    two(staging := Staging(Box({**VALUES, "loudness": 4.0}), run), first, second)
    assert staging.reused == []


def test_an_equal_result_does_not(run, first, second):
    two(Staging(Box(VALUES), run), first, second)
    quieter = replace(first, function=lambda kit: thing(kit.read("offset") / 2))  # computed anew, to the same tensors
    two(staging := Staging(Box(VALUES), run), quieter, second)
    assert staging.reused == ["second"]


def test_plain_data_in_a_result_counts_too(run, first, second):
    two(Staging(Box(VALUES), run), first, second)
    renamed = replace(first, function=lambda kit: replace(thing(), label="b"))
    two(staging := Staging(Box(VALUES), run), renamed, second)
    assert staging.reused == []


def test_another_function_is_another_stage(run, first):
    Staging(Box(VALUES), run)(first)
    for function in (partial(first.function), lambda kit: thing(7.0)):
        staging = Staging(Box(VALUES), run, swapped={"first": function})
        staging(first)
        assert staging.reused == []


def test_functions_are_told_apart_by_what_is_bound():
    assert named(partial(thing, value=1.0)) == {"name": f"{__name__}.thing", "bound": {"value": 1.0}}
    assert named(partial(thing, value=1.0)) != named(partial(thing, value=2.0))
    with pytest.raises(TypeError, match="by keyword"):
        named(partial(thing, 1.0))


def test_only_results_and_plain_data_are_given(first, second):
    with pytest.raises(TypeError, match="not Tensor"):
        Staging(Box(VALUES))(second, torch.ones(1), Words(""))


# --- a stage per term -------------------------------------------------------------------------------------------------


@pytest.fixture
def per_term(calls):
    def make(kits, terms, numbers):
        calls.append(list(terms))
        loud = kits[0].read_together("loudness")
        return [thing(loud + kit.read(f"seed:{term}") + number) for kit, term, number in zip(kits, terms, numbers)]

    return Stage("part", 5, Thing, make, per_term=True)


SEEDS = {"loudness": 1.0, "seed:cap": 10.0, "seed:bag": 20.0}
GIVEN = {"cap": (1,), "bag": (2,)}


@pytest.mark.parametrize("at_once", [False, True])
def test_terms_depend_on_their_own_reads_and_on_those_of_the_group(run, per_term, calls, at_once):
    def made(values):
        staging = Staging(Box(values, at_once=at_once), run, slugs={"cap": "a-cap"})
        return staging, staging.each(per_term, GIVEN)

    _, found = made(SEEDS)
    assert calls == ([["cap", "bag"]] if at_once else [["cap"], ["bag"]])
    assert [float(one.values[0, 0]) for one in found.values()] == [12.0, 23.0]
    staging, found = made({**SEEDS, "seed:bag": 30.0})
    assert staging.reused == ["part-a-cap"] and float(found["bag"].values[0, 0]) == 33.0
    staging, _ = made({**SEEDS, "loudness": 2.0, "seed:bag": 30.0})
    assert staging.reused == []


# --- stages in stages -------------------------------------------------------------------------------------------------


@pytest.fixture
def search(first, calls):
    def look(kit, run, most: int) -> Words:
        calls.append("search")
        found = run(first)
        return Words(found.label, most)

    return Stage("search", 1, Words, look, nested=True)


def test_a_nested_stage_depends_on_what_the_stages_in_it_read(run, search, first, calls):
    for values, again in ((VALUES, True), (VALUES, False), ({**VALUES, "loudness": 3.0}, True)):
        calls.clear()
        staging = Staging(Box(values), run)
        words = staging(search, 3)
        staging(first)
        assert words == Words("a", 3) and calls == (["search", "first"] if again else [])
    assert "search" not in run.info["stages"] and "first" in run.info["stages"]  # its cost is that of the stages in it


def test_a_nested_stage_whose_stages_are_found_still_knows_what_they_read(run, search, first):
    Staging(Box(VALUES), run)(first)
    Staging(Box(VALUES), run)(search, 3)
    staging = Staging(Box({**VALUES, "loudness": 3.0}), run)
    staging(search, 3)
    assert staging.reused == []


# --- around -----------------------------------------------------------------------------------------------------------


def test_progress_tells_found_from_computed(run, first):
    told = []
    tell = lambda *call: told.append(call)  # noqa: E731
    Staging(Box(VALUES), run, tell)(first)
    assert told == [("first", 0, 1), ("first", 1, 2), ("first", 1, 1)]
    told.clear()
    Staging(Box(VALUES), run, tell)(first)
    assert told == [("first", 1, 1)]


def test_a_stage_that_fails_leaves_nothing(run, first):
    def fail(kit):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        Staging(Box(VALUES), run)(replace(first, function=fail))
    assert not run.has_stage("first")


def test_previews_are_saved_beside_and_ask_for_no_gradients(run, first):
    seen = []

    def look(name, given, made):
        seen.append((name, given, torch.is_grad_enabled()))
        return {"look": Image.new("L", (2, int(made.values.sum())))}

    Staging(Box(VALUES), run, previews=look)(first)
    with Image.open(run.stages.previews("first")["look"]) as image:
        assert image.size == (2, 6)
    assert seen == [("first", (), False)]


def test_saved_results_come_back_on_the_device(run, first):
    Staging(Box(VALUES), run)(first)
    found = Staging(Box(VALUES, device="meta"), run)(first)  # stands for a GPU
    assert found.values.is_meta and found.mask.is_meta
