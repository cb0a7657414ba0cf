"""Running stages: computed once, found again only if nothing they depend on has changed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from PIL import Image
from torch import Tensor

from cast3d.run.folder import RunFolder
from cast3d.run.staging import Staging, pack, unpack


@dataclass(frozen=True)
class Thing:
    values: Tensor
    mask: Tensor
    label: str
    notes: tuple[str, ...] = ()


def thing(value: float = 1.0) -> Thing:
    return Thing(torch.full((2, 3), value), torch.tensor([True, False]), "a", ("x", "y"))


@pytest.fixture
def run(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        yield folder


class Maker:
    """Counts how often a stage is computed."""

    def __init__(self, value: float = 1.0):
        self.value, self.count = value, 0

    def __call__(self, on_step) -> Thing:
        self.count += 1
        assert not torch.is_grad_enabled()
        on_step(1, 2)
        return thing(self.value)


def two(staging: Staging, first: Maker, second: Maker, depends_first=None, depends_second=None) -> Thing:
    staging.stage("first", 1, Thing, first, depends_first or {})
    return staging.stage("second", 2, Thing, second, depends_second or {}, after=("first",))


def same(a: Thing, b: Thing) -> bool:
    return torch.equal(a.values, b.values) and torch.equal(a.mask, b.mask) and (a.label, a.notes) == (b.label, b.notes)


def test_packing_there_and_back():
    tensors, meta = pack(thing())
    assert set(tensors) == {"values", "mask"} and meta == {"label": "a", "notes": ("x", "y")}
    assert same(unpack(Thing, tensors, {"label": "a", "notes": ["x", "y"]}), thing())


def test_without_a_folder_everything_is_computed():
    makers = Maker(), Maker()
    for _ in range(2):
        staging = Staging()
        two(staging, *makers)
        assert staging.reused == []
    assert [maker.count for maker in makers] == [2, 2]


def test_a_second_pass_finds_what_the_first_saved(run):
    makers = Maker(), Maker(2.0)
    fresh = two(Staging(run), *makers)
    staging = Staging(run)
    found = two(staging, *makers)
    assert staging.reused == ["first", "second"] and same(fresh, found)
    assert [maker.count for maker in makers] == [1, 1]


def test_what_a_stage_depends_on_makes_it_run_again(run):
    makers = Maker(), Maker()
    two(Staging(run), *makers, {"seed": 0}, {"level": 1})
    two(staging := Staging(run), *makers, {"seed": 0}, {"level": 2})
    assert staging.reused == ["first"] and [maker.count for maker in makers] == [1, 2]


def test_a_changed_result_makes_later_stages_run_again(run):
    second = Maker()
    two(Staging(run), Maker(1.0), second, {"seed": 0})
    two(staging := Staging(run), Maker(5.0), second, {"seed": 1})
    assert staging.reused == [] and second.count == 2


def test_an_equal_result_does_not(run):
    second = Maker()
    two(Staging(run), Maker(1.0), second, {"seed": 0})
    two(staging := Staging(run), Maker(1.0), second, {"seed": 1})  # recomputed, to the same tensors
    assert staging.reused == ["second"] and second.count == 1


def test_progress_tells_found_from_computed(run):
    calls = []
    tell = lambda *call: calls.append(call)  # noqa: E731
    Staging(run, tell).stage("first", 1, Thing, Maker(), {})
    assert calls == [("first", 0, 1), ("first", 1, 2), ("first", 1, 1)]
    calls.clear()
    Staging(run, tell).stage("first", 1, Thing, Maker(), {})
    assert calls == [("first", 1, 1)]


def test_a_stage_that_fails_leaves_nothing(run):
    def fail(on_step):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        Staging(run).stage("first", 1, Thing, fail, {})
    assert not run.has_stage("first")


def test_previews_are_saved_beside(run):
    Staging(run).stage(
        "first", 1, Thing, Maker(), {}, previews=lambda made: {"look": Image.new("L", (2, int(made.values.sum())))}
    )
    with Image.open(run.stages.previews("first")["look"]) as image:
        assert image.size == (2, 6)


def test_previews_ask_for_no_gradients(run):
    seen = []

    def look(_):
        seen.append(torch.is_grad_enabled())
        return {}

    Staging(run).stage("first", 1, Thing, Maker(), {}, previews=look)
    assert seen == [False]


def test_saved_results_come_back_on_the_device(run):
    Staging(run).stage("first", 1, Thing, Maker(), {})
    found = Staging(run, device="meta").stage("first", 1, Thing, Maker(), {})  # stands for a GPU
    assert found.values.is_meta and found.mask.is_meta
