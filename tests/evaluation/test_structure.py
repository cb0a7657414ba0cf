"""Metrics of the whole: overlaps, crumbs, contact, drift, roughness."""

import pytest
import torch

from cast3d import voxels
from cast3d.evaluation import structure
from cast3d.evaluation.alignment import IDENTITY, Alignment, turned
from tests.evaluation.scenes import BOXES, box, filled, truths

FIGURE, CAP = (truths()[term].voxels for term in ("figure", "cap"))


def test_overlap_is_the_shared_share_of_the_smaller_solid():
    a, b = box((10, 10, 10), (20, 20, 20)), box((15, 10, 10), (35, 20, 20))
    touching, nothing = box((20, 10, 10), (30, 20, 20)), torch.zeros_like(a)
    found = structure.interpenetration({"a": a, "b": b, "touching": touching, "same": a, "nothing": nothing})
    assert found["a", "b"] == pytest.approx(0.5)  # 5 of 10 layers, though the shells share less
    assert found["a", "touching"] == found["a", "nothing"] == 0 and found["a", "same"] == 1


def test_pinholes_do_not_empty_a_solid():
    holed = box((10, 10, 10), (30, 30, 30))
    holed[10, 20, 20:22] = False
    assert not (voxels.fill(holed) != holed).any()  # the plain fill leaks
    assert voxels.solid(holed).sum() == 20**3


def test_every_pair_of_parts_is_looked_at():
    found = structure.interpenetration({term: truth.voxels for term, truth in truths().items()})
    assert found == {("figure", "cap"): 0, ("figure", "backpack"): 0, ("cap", "backpack"): 0}


def test_floating_crumbs_are_counted_unless_the_truth_has_them():
    whole = FIGURE | CAP
    crumbs = whole.clone()
    crumbs[60, 60, 60] = crumbs[2:4, 2, 60] = True
    assert structure.floating(whole, whole, IDENTITY) == (0, 0)
    count, share = structure.floating(crumbs, whole, IDENTITY)
    assert count == 2 and share == pytest.approx(3 / int(crumbs.sum()))
    assert structure.floating(crumbs, crumbs, IDENTITY)[0] == 0
    moved = Alignment(1.0, turned(0), torch.tensor([10.0, 0, 0]).numpy())
    assert structure.floating(crumbs, voxels.shift(crumbs, (3, 0, 0)), moved)[0] == 2  # not where the truth has them


def test_pieces_that_touch_by_a_corner_are_one():
    whole = FIGURE.clone()
    _, high = BOXES["figure"]
    whole[high] = True  # beside the last corner
    assert structure.floating(whole, FIGURE, IDENTITY)[0] == 0
    whole[high], whole[tuple(side + 1 for side in high)] = False, True  # a voxel of air between
    assert structure.floating(whole, FIGURE, IDENTITY)[0] == 1


def test_contact_of_the_truth_with_itself_is_full_and_a_lifted_part_has_none():
    visible = {term: truth.visible for term, truth in truths().items()}
    share, true_share, patch = structure.contact(visible, visible, "cap", IDENTITY)
    assert share == true_share > 0 and patch == 1
    lifted = visible | {"cap": voxels.shift(visible["cap"], (0, 0, 4))}
    assert structure.contact(lifted, visible, "cap", IDENTITY)[::2] == (0, 0)


def test_contact_is_counted_in_voxels_that_touch():
    def floor(stop: int) -> torch.Tensor:
        grid = torch.zeros(64, 64, 64, dtype=torch.bool)
        grid[10:stop, 20, 19] = True
        return grid

    part = torch.zeros(64, 64, 64, dtype=torch.bool)
    part[10:20, 20, 20] = True
    mine, wanted = ({"part": part, "floor": floor(stop)} for stop in (18, 12))
    share, true_share, patch = structure.contact(mine, wanted, "part", IDENTITY)
    assert (share, true_share) == (0.9, 0.3)  # above the floor and one beside it
    # 10 to 12 are found; of 10 to 18, those from 15 on are more than 2 voxels off.
    assert patch == pytest.approx(3 / (3 + 0 + 4))


def test_contact_in_the_wrong_place_is_no_contact():
    visible = {term: truth.visible for term, truth in truths().items()}
    wrong = visible | {"backpack": box((24, 14, 16), (40, 24, 34))}  # worn in front
    share, _, patch = structure.contact(wrong, visible, "backpack", IDENTITY)
    assert share > 0 and patch == 0


def test_drift_looks_only_away_from_the_parts():
    accessories = [CAP]
    assert structure.drift(FIGURE | CAP, accessories, FIGURE) == 1
    near = FIGURE.clone()
    near[20:44, 24:40, 42:44] = False  # below the cap
    assert structure.drift(near | CAP, accessories, FIGURE) == 1
    far = FIGURE.clone()
    far[20:44, 24:40, 4:12] = False
    # Of 40 layers of the base, of 24 x 16 voxels, the highest 3 are near the cap. The lowest is full, the others are
    # rings of 76 voxels; the lowest 8 are gone.
    kept, lost = 29 * 76, 24 * 16 + 7 * 76
    assert structure.drift(far | CAP, accessories, FIGURE) == pytest.approx(kept / (kept + lost))
    grown = FIGURE.clone()
    grown[30:32, 30:32, 0:4] = True  # 16 voxels more
    assert structure.drift(grown | CAP, accessories, FIGURE) == pytest.approx((kept + lost) / (kept + lost + 16))


def test_roughness_rises_with_pits_and_spikes():
    smooth = box((16, 16, 16), (40, 40, 40))
    pits, spikes = smooth.clone(), smooth.clone()
    pits[16, 20:36:4, 20:36:4] = False
    spikes[12:16, 20:36:4, 20:36:4] = True
    assert structure.roughness(smooth) == 0
    assert structure.roughness(pits) == pytest.approx(16 / int(smooth.sum()))
    # 16 spikes of 4 voxels; each hides the voxel below it.
    assert structure.roughness(spikes) == pytest.approx(64 / (int(smooth.sum()) - 16 + 64))
    opened = filled((16, 16, 16), (40, 40, 40)) & smooth
    opened[16:17, 18:38, 18:38] = False  # a side is missing: all of it is thin
    assert structure.roughness(opened) > 0.5
