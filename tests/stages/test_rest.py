"""How the rest of a model looks without the parts that go."""

from __future__ import annotations

import torch

from cast3d.existing.frame import frame_of
from cast3d.existing.opening import open_model
from cast3d.existing.seen import Existing
from cast3d.stages.existing import encoded_model, existing_model
from cast3d.stages.kit import Kit
from cast3d.stages.layout import MainGeometry
from cast3d.stages.regions import NODE, Regions
from cast3d.stages.rest import encoded_rest
from cast3d.voxels import cells_of, outer_shell
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
