"""Sampled objects: roles and terms, what fits together, splits."""

import numpy as np
import pytest

from cast3d.errors import InputError
from tests.training.tiny_ldraw import real_pack, tiny, tiny_bank
from training.bricks import captions, catalog, objects, splits
from training.bricks.objects import FAMILIES, SLOTS, sample
from training.bricks.recipes import RECIPES


def draw(n=400, seed=0, split="train", **mix):
    return sample(tiny_bank(), tiny()[1], n, seed, split, mix or None)


def ids(o, i, role=None):
    parts = tiny()[1]
    used = [m for m in range(12) if o.placement[i, m] >= 0 and (role is None or o.role[i, m] == role)]
    return [parts[o.part_class[i, m]].id for m in used]


def test_roles_terms_and_padding_agree():
    o = draw(figure=1, filled=1, in_place=1, bare=1, rider=1, creature=1)
    for i in range(len(o)):
        used = o.placement[i] >= 0
        assert (o.part_class[i] >= 0).tolist() == used.tolist()
        assert not used[used.sum() :].any() and (np.diff(o.role[i, used].astype(int)) >= 0).all()
        roles = set(o.role[i, used].tolist())
        assert roles == set(range(len(o.terms[i]))) and o.terms[i][0]
        assert all(term in o.caption[i] for term in o.terms[i])
        assert len(captions.words(o.caption[i])) <= captions.MAX_WORDS


def test_pieces_are_the_placements_of_their_parts_and_slots():
    b, o, parts = tiny_bank(), draw(figure=1, rider=1), tiny()[1]
    for i in range(len(o)):
        frames = set()
        for m in np.flatnonzero(o.placement[i] >= 0):
            row = o.placement[i, m]
            assert b.part[row] == parts[o.part_class[i, m]].id
            assert b.slot[row].removeprefix("rider ") == SLOTS[o.slot[i, m]]
            frames.add(str(b.frame[row]))
        assert len(frames) == 1  # one frame per object
        assert frames == {"figure"} or FAMILIES[o.family[i]] == "rider"


def test_figures_wear_what_goes_together():
    b, o = tiny_bank(), draw(800, figure=1)
    seen = set()
    for i in range(len(o)):
        used = ids(o, i)
        seen |= set(used)
        assert max(o.role[i]) >= 1 and used[0] == "76382"
        assert not ("alien" in used and {"hat", "helmet", "costume"} & set(used))  # hats need a standard head
        assert not ("costume" in used and "pack" in used)  # covers the neck
        assert "visor" not in used or "helmet" in used
        variant = str(b.variant[o.placement[i, 0]])
        held = {
            SLOTS[s]: str(b.variant[p])
            for s, p in zip(o.slot[i], o.placement[i])
            if p >= 0 and SLOTS[s] in ("right", "left")
        }
        assert variant == f"{held.get('right', '45.0')} {held.get('left', '0.0')}"  # the arms hold what is held
    assert {"hat", "helmet", "visor", "costume", "pack", "sword", "case", "ski", "alien"} <= seen


def test_hands_take_the_colour_of_the_head():
    o = draw(figure=1)
    for i in range(len(o)):
        head = next(m for m in range(12) if SLOTS[o.slot[i, m]] == "head")
        assert np.array_equal(o.skin_rgb[i, 0], o.main_rgb[i, head])


def test_bare_figures_have_no_accessory():
    o = draw(bare=1)
    assert not o.role.any() and all(len(terms) == 1 for terms in o.terms)


def test_the_same_seed_gives_the_same_objects():
    one, two, other = draw(seed=3), draw(seed=3), draw(seed=4)
    assert one.caption == two.caption and np.array_equal(one.placement, two.placement)
    assert one.caption != other.caption


@pytest.fixture
def divided(monkeypatch):
    """helmet and sword are test parts, pack is a dev part."""
    monkeypatch.setattr(splits, "load", lambda: {"helmet": "test", "sword": "test", "pack": "dev"})


def test_splits_keep_unseen_parts_out_of_training(divided):
    mix = {"figure": 1, "filled": 1, "in_place": 1}
    accessories = {p.id for p in tiny()[1].family(*catalog.ACCESSORY_FAMILIES)}
    for split, own, others in (
        ("train", set(), {"helmet", "sword", "pack"}),
        ("dev", {"pack"}, {"helmet", "sword"}),
        ("test", {"helmet", "sword"}, {"pack"}),
    ):
        o = draw(200, split=split, **mix)
        for i in range(len(o)):
            used = set(ids(o, i)) & accessories
            assert not used & others
            assert split == "train" or used & own


def test_combinations_held_out_are_never_trained():
    accessories = {p.id for p in tiny()[1].family(*catalog.ACCESSORY_FAMILIES)}
    sets = {}
    for split in ("train", "combos"):
        o = draw(300, split=split, figure=1)
        sets[split] = {tuple(sorted(a for a in ids(o, i) if a in accessories)) for i in range(len(o))}
    assert sets["combos"] and not sets["train"] & sets["combos"]
    assert all(len(used) > 1 for used in sets["combos"])


def test_a_tenth_of_the_combinations_is_held_out_whatever_their_order():
    pairs = [(str(i), str(j)) for i in range(80) for j in range(i)]
    held = [splits.held_out_combination(pair) for pair in pairs]
    assert np.mean(held) == pytest.approx(0.1, abs=0.02)
    assert held == [splits.held_out_combination(pair[::-1]) for pair in pairs]
    assert not splits.held_out_combination(["single"])


def test_mistakes_are_named():
    with pytest.raises(InputError, match="did you mean 'figure'"):
        draw(figur=1)
    with pytest.raises(InputError, match="did you mean 'train'"):
        draw(split="trian")
    with pytest.raises(InputError, match="next to no objects"):
        draw(1, split="combos", bare=1)


def test_committed_splits_are_what_the_rule_gives():
    parts = catalog.load(real_pack() / "catalog.csv")
    committed = splits.load()
    assert committed == splits.assign(parts)
    for family in catalog.ACCESSORY_FAMILIES:
        shares = [committed[p.id] for p in parts.family(family)]
        expected = max(1, round(0.05 * len(shares)))
        assert shares.count("dev") == shares.count("test") == expected


def test_the_default_mix_names_known_families():
    assert set(objects.MIX) == set(RECIPES) and sum(objects.MIX.values()) == pytest.approx(1)
