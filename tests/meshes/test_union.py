"""One solid of several: exact volumes, no inner walls, and edges that stay apart in files that know only places."""

from __future__ import annotations

import pytest
import torch

from cast3d.errors import InputError
from cast3d.meshes.facts import facts
from cast3d.meshes.surface import simplify
from cast3d.meshes.union import united

from .checks import faults, read
from .shapes import tetrahedron, volume
from .test_solids import mesh_of, part_distances, two_boxes


def cuboid(low, high):
    """An exact box of 12 triangles."""
    from dataclasses import replace

    import trimesh

    box = trimesh.creation.box(bounds=[low, high])
    return replace(
        tetrahedron(),
        vertices=torch.from_numpy(box.vertices.copy()).float(),
        faces=torch.from_numpy(box.faces.copy()).long(),
    )


def test_boxes_that_share_a_face_become_one():
    mesh = united([cuboid([0, 0, 0], [1, 1, 1]), cuboid([1, 0, 0], [2, 1, 1])])
    assert faults(mesh) == {} and read(mesh).body_count == 1
    assert volume(mesh) == pytest.approx(2, abs=1e-4)


def test_parts_from_one_field_become_one():
    fields = part_distances(*two_boxes(), 2)
    parts = [mesh_of(field) for field in fields]
    mesh = united(parts)
    assert faults(mesh) == {} and read(mesh).body_count == 1
    assert volume(mesh) == pytest.approx(sum(map(volume, parts)), rel=1e-3)
    assert faults(simplify(mesh, 500)) == {}


def test_boxes_that_share_an_edge_only_stay_apart():
    """By place alone, the edge would have four triangles."""
    mesh = united([cuboid([0, 0, 0], [1, 1, 1]), cuboid([1, 1, 0], [2, 2, 1])])
    assert faults(mesh) == {} and volume(mesh) == pytest.approx(2, abs=1e-3)


def test_rooms_that_inexact_contact_leaves_are_filled():
    walls = [cuboid(low, high) for low, high in (([0, 0, 0], [1, 1, 1]), ([1.0001, 0, 0], [2, 1, 1]))]
    lid = [cuboid([0.9, -0.1, -0.1], [1.1, 1.1, 0.1]), cuboid([0.9, -0.1, 0.9], [1.1, 1.1, 1.1])]
    lid += [cuboid([0.9, -0.1, 0], [1.1, 0.1, 1]), cuboid([0.9, 0.9, 0], [1.1, 1.1, 1])]
    mesh = united(walls + lid)
    assert read(mesh).body_count == 1 and faults(mesh) == {}


def test_an_open_part_is_refused_in_words():
    from dataclasses import replace

    opened = replace(tetrahedron(), faces=tetrahedron().faces[1:])
    with pytest.raises(InputError, match="no closed solid"):
        united([opened, cuboid([0, 0, 0], [1, 1, 1])])


def test_facts_of_a_box_and_of_one_without_a_face():
    from dataclasses import replace

    box = cuboid([0, 0, 0], [1, 2, 3])
    assert facts(box).triangles == 12 and facts(box).watertight and facts(box).volume == pytest.approx(6)
    assert not facts(replace(box, faces=box.faces[1:])).watertight
    assert not facts(replace(box, faces=torch.cat([box.faces, box.faces[:1], box.faces[:1].flip(1)]))).watertight
    cut = replace(box, vertices=box.vertices[box.faces].reshape(-1, 3), faces=torch.arange(36).reshape(-1, 3))
    assert facts(cut).watertight  # seams are no holes
