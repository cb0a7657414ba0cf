"""A feature field: what views see is lifted, voxels are clustered, clusters are numbered on pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cast3d.existing.frame import frame_of
from cast3d.existing.opening import open_model
from cast3d.existing.seen import Existing
from cast3d.segmentation import marks
from cast3d.segmentation.clusters import clusters, neighbours
from cast3d.segmentation.lifting import in_sight, lifted
from cast3d.splats import orbit
from cast3d.stages.existing import existing_model
from cast3d.stages.field import clustered, looked_at
from cast3d.stages.kit import Kit
from tests.existing.made import man
from tests.tiny_backbone import tiny_backbone

FRONT, BACK = orbit(0, 0, fov=None, width=1.0), orbit(180, 0, fov=None, width=1.0)


# --- lifting --------------------------------------------------------------------------------------------------------


def test_only_the_views_that_see_a_point_count():
    at = torch.tensor([[0.0, -0.2, 0.0], [0.0, 0.2, 0.0], [0.1, 0.0, 0.1]])
    maps = [torch.full((1, 4, 4), 1.0), torch.full((1, 4, 4), 5.0)]
    shown = [torch.tensor([True, False, False]), torch.tensor([True, True, False])]
    assert lifted(at, [FRONT, BACK], maps, shown).flatten().tolist() == [3.0, 5.0, 0.0]


@pytest.mark.parametrize("camera", [FRONT, orbit(0, 0)], ids=["orthographic", "perspective"])
def test_what_lies_behind_what_is_seen_is_not_in_sight(camera):
    """A wall at y = 0, seen from -y; the middle of the picture, and its left half open."""
    wall = camera.to_camera(torch.zeros(1, 3))[0, 2]
    depth = torch.full((8, 8), float(wall))
    depth[:, :4] = torch.inf
    at = torch.tensor([[0.1, -0.3, 0.0], [0.1, 0.01, 0.0], [0.1, 0.3, 0.0], [-0.1, 0.3, 0.0], [3.0, 0.0, 0.0]])
    assert in_sight(at, camera, depth, 0.02).tolist() == [True, True, False, True, False]


@pytest.mark.parametrize("camera", [orbit(30, 20, fov=None, width=1.5), orbit(30, 20)], ids=["flat", "pinhole"])
def test_pictures_are_undone(camera):
    at = torch.rand(20, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    again = camera.to_world(camera.to_picture(at), camera.to_camera(at)[:, 2])
    torch.testing.assert_close(again, at, rtol=0, atol=1e-5)


# --- clusters -------------------------------------------------------------------------------------------------------


def line(*values: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Voxels side by side, each with one feature."""
    coords = torch.zeros(len(values), 3, dtype=torch.int64)
    coords[:, 0] = torch.arange(len(values))
    return coords, torch.tensor(values)[:, None]


def test_alike_neighbours_are_joined_first():
    coords, values = line(0, 0, 1, 1, 1, 9, 9)
    assert clusters(coords, values, 3).tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert clusters(coords, values, 2).tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert clusters(coords, values, 1).tolist() == [0] * 7
    assert clusters(coords, values, 50).tolist() == list(range(7))


def test_the_cheapest_joining_is_ward_s():
    """0 and 1 beside 2: joining {0, 1} costs 1/2; after it {0, 1} and {2.2}: 2/3 1.7^2 = 1.93; {2.2} and {4}: 1.62."""
    coords, values = line(0, 1, 2.2, 4)
    assert clusters(coords, values, 2).tolist() == [0, 0, 1, 1]


def test_what_does_not_touch_is_one_cluster_only_by_what_lies_between():
    coords, values = line(0, 0, 5, 5, 0, 0)
    assert clusters(coords, values, 3).tolist() == [0, 0, 1, 1, 2, 2]


def test_pieces_are_joined_where_they_are_nearest():
    coords = torch.tensor([[0, 0, 0], [1, 0, 0], [5, 0, 0], [6, 0, 0], [40, 0, 0]])
    assert neighbours(coords.numpy()).tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]


def test_specks_go_to_the_neighbour_that_they_are_most_like():
    coords, values = line(0, 0, 0, 7, 9, 9, 9)
    assert clusters(coords, values, 3).tolist() == [0, 0, 0, 1, 2, 2, 2]
    assert clusters(coords, values, 3, least=2).tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert clusters(coords, values, 3, least=100).tolist() == [0] * 7


def test_the_same_voxels_in_another_order_are_in_the_same_clusters():
    generator = torch.Generator().manual_seed(3)
    coords = torch.cartesian_prod(*[torch.arange(6)] * 3)
    values = torch.randn(len(coords), 4, generator=generator)
    order = torch.randperm(len(coords), generator=generator)
    once, again = clusters(coords, values, 9), clusters(coords[order], values[order], 9)
    assert len(set(zip(once[order].tolist(), again.tolist()))) == 9
    assert once[0] == 0 and len(once.unique()) == 9


def test_nothing_has_no_clusters():
    assert clusters(torch.zeros(0, 3), torch.zeros(0, 2), 4).tolist() == []


# --- a whole model --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kit(tmp_path_factory) -> Kit:
    model = open_model(man().write(tmp_path_factory.mktemp("model") / "man.glb"))
    backbone = tiny_backbone()
    return Kit(backbone, backbone.defaults, existing=Existing(model, frame_of(model)))


def labels_of(kit):
    """The model, and its clusters as a grid."""
    source = existing_model(kit)
    sights = looked_at(kit, source)
    grid = torch.zeros(64, 64, 64, dtype=torch.int64)
    grid[tuple(sights.coords.unbind(1))] = clustered(kit, source, sights, 6)
    return source, grid


@pytest.fixture(scope="module")
def field(kit):
    return labels_of(kit)


def test_clusters_of_a_model_keep_to_its_parts(field):
    """Body, cap and pack differ in colour: whatever the drawn encoder sees, hardly a cluster has two of them."""
    source, labels = field
    assert torch.equal(labels > 0, source.grid) and labels.max() <= 6
    parts = torch.stack([source.shell_of(source.piece == piece) for piece in range(3)]) & source.grid
    votes = torch.stack([(parts & (labels == one)).flatten(1).sum(1) for one in range(1, int(labels.max()) + 1)])
    assert votes.amax(1).sum() / votes.sum() > 0.9 and votes.argmax(1).unique().numel() == 3


def test_clusters_are_the_same_each_time(kit, field):
    assert torch.equal(labels_of(kit)[1], field[1])


def test_numbers_stand_on_the_model_in_every_view(kit, field):
    _, labels = field
    cameras = marks.sides(orthographic=True)
    pictures = marks.marked(kit.existing, labels, cameras, 96)
    assert [picture.size for picture in pictures] == [(192, 96)] * 6
    colors = np.round(255 * marks.palette(int(labels.max())))
    left, right = np.split(np.asarray(pictures[0]).astype(float), 2, axis=1)
    ground = (left == marks.GROUND).all(2)
    assert ground.any() and not ground.all()
    assert (right[ground] == left[ground]).mean() > 0.97  # but for numbers that stand out over the edge
    hue = right[~ground] - (1 - marks.TINT) * left[~ground]
    near = np.abs(hue[:, None] - marks.TINT * colors).max(2).min(1) < 3
    assert near.mean() > 0.5  # all but numbers and edges
    assert (right > 230).all(2).sum() > 10  # numbers are white


def test_colours_of_clusters_differ():
    colors = marks.palette(40)
    apart = np.abs(colors[:, None] - colors).max(2) + np.eye(40)
    assert apart.min() > 0.04 and colors.min() >= 0 and colors.max() <= 1
