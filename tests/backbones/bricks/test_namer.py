"""Names for pictures: the nearest thing of every kind."""

from __future__ import annotations

import pytest
import torch

from cast3d.backbones.bricks.loading import BricksDescriber
from cast3d.backbones.bricks.namer import PictureNamer, pool
from cast3d.backbones.bricks.words import Vocabulary

NAMES = ("cap", "hat", "sword", "knife", "cape")
KINDS = ("hat", "hat", "blade", "blade", "cloth")


@pytest.fixture
def namer():
    """Things along the axes; "hat" lies near "cap"."""
    net = PictureNamer(NAMES, KINDS, [False, False, True, True, False], in_channels=4, channels=4)
    with torch.no_grad():
        net.project.weight.copy_(torch.eye(4))
        net.project.bias.zero_()
        net.centers.copy_(torch.tensor([[1, 0, 0, 0], [1, 0.2, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0.2], [0, 0, 0, 1.0]]))
    return net.requires_grad_(False)


def test_likeness_is_a_cosine(namer):
    torch.testing.assert_close(namer(torch.tensor([[5.0, 0, 0, 0]]))[0, [0, 2]], torch.tensor([1.0, 0.0]))


def test_the_likest_of_each_kind_comes_first(namer):
    assert namer.ranked(torch.tensor([[1.0, 0.4, 0.5, 0.2]])) == ["hat", "knife", "cape"]


def test_a_kind_is_as_likely_as_all_of_its_things():
    """Three swords at a cosine of .8 together say more than a cape at .84, and less than one at .9."""
    net = PictureNamer(("cape", "sword", "knife", "sabre"), ("cloth", "blade", "blade", "blade"), [False] * 4, 2, 2)
    with torch.no_grad():
        net.project.weight.copy_(torch.eye(2))
        net.project.bias.zero_()
        net.centers.copy_(torch.tensor([[0.9, 0.19**0.5], [0.8, 0.6], [0.8, 0.6], [0.8, 0.6]]))
        assert net.ranked(torch.tensor([[1.0, 0.0]])) == ["cape", "sword"]
        net.centers[0] = torch.tensor([0.84, (1 - 0.84**2) ** 0.5])
        assert net.ranked(torch.tensor([[1.0, 0.0]])) == ["sword", "cape"]


def test_only_what_is_alike_is_listed(namer):
    assert namer.alike(torch.tensor([[1.0, 0.0, 0.3, 0.0]])) == ["cap", "hat", "sword", "knife"]
    assert namer.alike(torch.tensor([[1.0, 0.0, 0.3, 0.0]]), "holding") == ["sword", "knife"]
    assert namer.alike(torch.tensor([[0.0, -1.0, 0.0, 0.0]])) == []


def test_names_that_are_to_go_first_do(namer):
    shown = torch.tensor([[1.0, 0.4, 0.5, 0.2]])  # likest: hat, knife, cape
    assert namer.ranked(shown, first=("cape",)) == ["cape", "hat", "knife"]
    assert namer.ranked(shown, first=("cap", "sword")) == ["cap", "sword", "cape"]  # of their kinds they stand first
    assert namer.ranked(shown, "holding", first=("cape",)) == ["knife"]
    assert namer.alike(torch.tensor([[1.0, 0.0, 0.3, 0.0]]), first=("knife",)) == ["knife", "cap", "hat", "sword"]


def test_tokens_are_pooled():
    tokens = torch.arange(12.0).view(1, 3, 4)
    assert pool(tokens).tolist() == [[0, 1, 2, 3, 6, 7, 8, 9]]


@pytest.mark.parametrize(
    "relation, names",
    [("holding", ["knife"]), ("wearing", ["hat", "cape"]), ("with", ["hat", "knife", "cape"])],
)
def test_the_relation_tells_what_is_held(namer, relation, names):
    assert namer.ranked(torch.tensor([[1.0, 0.4, 0.5, 0.2]]), relation) == names


def test_several_pictures_are_one_thing(namer):
    views = torch.tensor([[1.0, 0, 0, 0], [0, 0, 0.2, 1.0], [0, 0, 0.2, 1.0]])
    assert namer.ranked(views)[0] == "cape"


def test_of_words_that_stand_for_a_noun_the_nearest_that_the_picture_allows(namer, monkeypatch):
    """The table says knife, then sword; the picture says which of the known names of that kind."""
    words = Vocabulary(["a", "long", *NAMES], likened={"dirk": ("knife", "sword"), "stiletto": ("shoe", "sword")})
    describer = BricksDescriber(None, None, words, namer)
    monkeypatch.setattr(describer, "_pooled", lambda rgba: torch.tensor([[0.9, 0.0, 1.0, 0.0]]))  # sword, cap, knife
    assert describer.reads("dirk") and describer.taught("dirk", [], "holding", "a") == "knife"
    assert describer.taught("stiletto", [], "holding", "a") == "sword"
    assert describer.taught("sword", [], "holding", "a") is None  # it is known
    assert describer.taught("rusty sword", [], "holding", "a") == "sword"
    monkeypatch.setattr(describer, "_pooled", lambda rgba: torch.tensor([[0.0, 0.0, 0.0, 1.0]]))  # a cape
    assert describer.taught("dirk", [], "holding", "a") is None  # then the word is read as it is
    assert describer.likened("a long dirk") == {"dirk": "knife"}


def test_an_animal_by_another_name_wears_what_animals_wear(namer):
    words = Vocabulary(["a", "dog", *NAMES], likened={"whelp": ("dog",)})
    describer = BricksDescriber(None, None, words, namer, {"nouns": ["dog"], "wear": ["cape"]})
    assert describer._worn("a whelp") == ["cape"] and describer._worn("a cap") == ()
