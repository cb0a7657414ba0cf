"""When a part that goes leaves a hole in what stays."""

import pytest
import torch

from cast3d.stages.rest import leaks
from tests.evaluation.scenes import box, filled


def lid(low, high):
    """The top layer of a box's shell."""
    shell = box(low, high)
    top = torch.zeros_like(shell)
    top[:, :, high[2] - 1] = shell[:, :, high[2] - 1]
    return top, shell & ~top


def test_a_lid_leaves_a_hole():
    top, pot = lid((16, 16, 8), (48, 48, 48))
    assert leaks(pot, pot | top, top)


def test_a_thing_beside_leaves_none():
    body, bag = box((16, 16, 8), (48, 48, 48)), box((48, 24, 20), (58, 40, 40))
    assert not leaks(body, body | bag, bag)


@pytest.mark.parametrize("inner", [((28, 28, 20), (36, 36, 44)), ((20, 30, 12), (44, 34, 44))])
def test_the_inside_of_what_goes_is_no_hole_in_what_stays(inner):
    """A cage around a fan: blades and all stand open when it goes."""
    cage, blades = box((16, 16, 8), (48, 48, 48)), filled(*inner)
    assert not leaks(blades, cage | blades, cage)


def test_a_pot_under_a_plant_leaves_no_hole():
    """The pot's open top is closed by the earth, which stays."""
    earth, pot = lid((16, 16, 8), (48, 48, 30))
    plant = box((28, 28, 30), (36, 36, 56)) | earth
    assert not leaks(plant, plant | pot, pot)
