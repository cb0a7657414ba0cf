"""Where a backbone knows a thing to stand: a model is laid over what the structure flow lifts from its picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cast3d.backbones import load_backbone
from cast3d.composer import in_cube
from cast3d.evaluation.edits.measure import SAME
from cast3d.evaluation.edits.suite import load_edits
from cast3d.existing.frame import Frame, Stand
from cast3d.existing.opening import open_model
from cast3d.existing.seen import Existing
from cast3d.run.staging import Staging
from cast3d.scene.edits import EditScene
from cast3d.stages import standing
from cast3d.stages.kit import Kit, Seeds
from cast3d.voxels import cells_of, to_grid
from tests.existing.made import Gltf, man
from tests.stages.boxes import box
from tests.tiny_backbone import picture, tiny_backbone

LIFTED = Stand(lifted=True)
SCENE = {"prompt": "a body with a hat", "add": {"hat": picture("red")}}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return man().write(tmp_path_factory.mktemp("model") / "man.glb")


@pytest.fixture
def run(path, monkeypatch):
    """`run(lifted)`: an edit of the man's stages, of a backbone that lifts just that."""

    def made(lifted: torch.Tensor, stand: Stand = LIFTED) -> Staging[Kit]:
        monkeypatch.setattr(standing, "decoded", lambda kit, latents: [lifted])
        backbone = replace(tiny_backbone(), stand=stand)
        scene = EditScene.make(path, **SCENE)
        kit = Kit(
            backbone,
            backbone.defaults,
            existing=in_cube(scene, open_model(path), backbone),
        )
        return Staging(kit)

    return made


def body_of(existing: Existing, scale: float = 1.0, shift: tuple[float, ...] = (0.0, 0.0, 0.0)) -> torch.Tensor:
    """The voxels of the man's body, moved."""
    surface = existing.surface()
    return to_grid(cells_of(surface.position[surface.piece == 0] * scale + torch.tensor(shift)))


def test_the_model_is_laid_over_what_is_lifted(run, path):
    """Of a man with a cap and a backpack the body alone is compared: it is what the prompt calls the main thing."""
    scene = EditScene.make(path, **SCENE)
    rule = run(torch.ones(1, 1, 1) > 0).kit.existing
    shift = (0.03, -0.06, -0.1)
    after = standing.stood(run(body_of(rule, 0.8, shift)), scene)
    cube = after.frame.to_cube(open_model(path).points())
    wanted = 0.8 * rule.frame.to_cube(open_model(path).points()) + np.array(shift)
    np.testing.assert_allclose(cube, wanted, atol=1 / 64)  # flat sides, which voxels tell to one of them
    assert after.frame.turn == rule.frame.turn


def test_it_stays_where_what_is_lifted_is_another_thing(run, path):
    scene = EditScene.make(path, **SCENE)
    for lifted in (box((0, 64), (30, 34), (0, 4)), torch.zeros(64, 64, 64, dtype=torch.bool)):
        staging = run(lifted)
        assert standing.stood(staging, scene).frame == staging.kit.existing.frame


def test_nothing_of_the_model_is_pushed_out_of_the_cube(run, path):
    """The body fits where the flow has it, far up; the cap on it would not."""
    scene = EditScene.make(path, **SCENE)
    rule = run(torch.ones(1, 1, 1) > 0).kit.existing
    high = body_of(rule)
    top = 63 - int(high.nonzero()[:, 2].max())
    staging = run(high.roll(top, 2))
    assert standing.standing(staging.kit, [0]).agreement > 0.9
    assert standing.stood(staging, scene).frame == rule.frame


def test_it_depends_on_no_seed(path):
    """Regions that are given lie in the model's cube, whatever the seed of the edit."""
    backbone = replace(tiny_backbone(), stand=LIFTED)
    scene = EditScene.make(path, **SCENE)
    existing = in_cube(scene, open_model(path), backbone)
    lifted = [
        standing.standing(Kit(backbone, backbone.defaults, seeds=Seeds(s), existing=existing), [0]) for s in (0, 7)
    ]
    assert torch.equal(lifted[0].lifted, lifted[1].lifted) and lifted[0].lifted.any()
    assert lifted[0].shift == lifted[1].shift


def test_other_backbones_and_files_of_cast3d_are_not_asked(run, path):
    scene = EditScene.make(path, **SCENE)
    staging = run(box((0, 4), (0, 4), (0, 4)), Stand())
    assert standing.stood(staging, scene) is staging.kit.existing
    staging = run(box((0, 4), (0, 4), (0, 4)))
    own = replace(staging.kit.existing, model=replace(staging.kit.existing.model, own=True))
    staging.kit = replace(staging.kit, existing=own)
    assert standing.stood(staging, scene) is own


def test_the_main_pieces_are_the_nodes_that_are_called_so(tmp_path):
    made = Gltf()
    knight = made.node({"name": "Knight_01"})
    made.box("Legs", parent=knight)
    made.box("Lance", (0.1, 9, 0.1))
    made.box("Shield")
    model = open_model(made.write(tmp_path / "knight.glb"))
    for prompt, pieces in {"a knight": [0], "a lance": [1], "a rider": [0, 1]}.items():
        scene = EditScene.make(tmp_path / "knight.glb", prompt, remove=["shield"])
        assert standing.main_pieces(scene, model) == pieces


def test_a_frame_moved():
    frame = Frame(((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)), 0.5, (0.1, 0.2, 0.3))
    points = np.array([[0.3, -0.2, 0.7], [1.0, 2.0, 3.0]])
    np.testing.assert_allclose(
        frame.moved(2.0, (0.01, 0.02, 0.03)).to_cube(points), 2 * frame.to_cube(points) + [0.01, 0.02, 0.03]
    )


def test_the_shipped_backbone_finds_the_frame_of_a_figure_to_half_a_voxel(tmp_path):
    """Its hands reach out to the front, so that the middle of its box is five voxels before its feet."""
    case = next(case for case in load_edits("suites/edits-dev") if case.id == "cap-sombrero")
    case.write_named(tmp_path / "figure.glb")
    backbone = load_backbone("bricks")
    scene = EditScene.make(tmp_path / "figure.glb", **case.arguments())
    model = open_model(tmp_path / "figure.glb")
    staging = Staging(Kit(backbone, backbone.defaults, existing=in_cube(scene, model, backbone)))
    off = [
        np.abs(64 * (existing.frame.to_cube(model.points()) - SAME.to_cube(model.points()))).max()
        for existing in (staging.kit.existing, standing.stood(staging, scene))
    ]
    assert off[0] > 4 and off[1] < 0.6
