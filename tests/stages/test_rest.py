"""The rest of a model without the parts that go: how it looks, and when it has a hole."""

from __future__ import annotations

import pytest
import torch

from cast3d.existing.frame import frame_of
from cast3d.existing.opening import open_model
from cast3d.existing.seen import Existing
from cast3d.stages.existing import encoded_model, existing_model
from cast3d.stages.kit import Kit
from cast3d.stages.layout import MainGeometry
from cast3d.stages.regions import NODE, Regions
from cast3d.stages.rest import closed, encoded_rest, leaks
from cast3d.voxels import cells_of, dilate, fill, outer_shell
from tests.evaluation.scenes import box, filled
from tests.existing.made import man
from tests.tiny_backbone import tiny_backbone


def test_a_part_that_goes_leaves_no_trace_in_the_latents_of_the_rest(tmp_path):
    """Without its cap, the man is encoded as if it had never had one, also where the cap hid him."""
    model = open_model(man().write(tmp_path / "man.glb"))
    frame, backbone = frame_of(model), tiny_backbone()
    cap = next(index for index, piece in enumerate(model.pieces) if "Cap" in piece.names[0])
    kit = Kit(backbone, backbone.defaults, existing=Existing(model, frame))
    source = existing_model(kit)
    grid = outer_shell(source.shell_of(source.piece != cap))
    regions = Regions(("cap",), source.shell_of(source.piece == cap)[None], ((cap,),), (NODE,), ("",))
    nothing = torch.zeros(0)
    found = encoded_rest(kit, MainGeometry(nothing, nothing, grid), source, regions)

    bare = Kit(backbone, backbone.defaults, existing=Existing(model, frame).without([cap]))
    wanted = encoded_model(bare, existing_model(bare))
    assert torch.equal(found.coords, wanted.coords)
    torch.testing.assert_close(found.feats, wanted.feats, rtol=0, atol=1e-5)
    before = encoded_model(kit, source)
    top = source.position[source.piece != cap][:, 2].max()
    hidden = found.coords[found.coords[:, 2] == cells_of(top[None, None].expand(1, 3))[0, 2]]
    known = {tuple(row) for row in before.coords.tolist()}
    assert not all(tuple(row) in known for row in hidden.tolist())  # what the cap hid


def lid(low, high):
    """The top layer of a box's shell."""
    shell = box(low, high)
    top = torch.zeros_like(shell)
    top[:, :, high[2] - 1] = shell[:, :, high[2] - 1]
    return top, shell & ~top


def test_a_lid_leaves_a_hole():
    top, pot = lid((16, 16, 8), (48, 48, 48))
    assert leaks(pot, pot | top, top)


def test_a_small_opening_leaves_a_hole_where_it_is_asked_strictly():
    """Two voxels wide, as a tail leaves in a rump that is cut by a box."""
    whole = box((16, 16, 8), (48, 48, 48))
    tail = torch.zeros_like(whole)
    tail[30:32, 30:32, 47] = True
    assert not leaks(whole & ~tail, whole, tail)
    assert leaks(whole & ~tail, whole, tail, fill)
    assert not leaks(closed(whole & ~tail, dilate(tail, 3)), whole, tail, fill)


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
