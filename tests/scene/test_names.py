"""Names of nodes as modellers write them."""

from __future__ import annotations

import pytest

from cast3d.scene.names import EQUAL, HELD, NOT, SAME, alike


@pytest.mark.parametrize(
    "name, term, wanted",
    [
        ("Wings", "wings", SAME),
        ("Wings_L", "wings", EQUAL),
        ("wing.001", "wings", EQUAL),
        ("BaseballCap", "baseball cap", EQUAL),
        ("baseball_cap_mesh.003", "baseball cap", EQUAL),
        ("LeftWing", "wing", EQUAL),
        ("LeftWing", "left wing", EQUAL),
        ("Wing.L", "left wing", EQUAL),
        ("Wing.R", "left wing", NOT),
        ("red cap", "cap", HELD),
        ("cap", "red cap", NOT),
        ("capsule", "cap", NOT),
        ("Torches", "torch", EQUAL),
        ("Node", "cap", NOT),
        ("", "cap", NOT),
        ("002", "cap", NOT),
        ("Крылья_L", "крылья", EQUAL),
        ("GLASSES_01", "glasses", EQUAL),
        ("metal_shelf_5_board", "metal shelf 5", HELD),
        ("metal_shelf_4_board", "metal shelf 5", NOT),
        ("Torus_Material", "Torus_Material.003", NOT),
        ("Torus_Material.003", "torus_material.003", SAME),
        ("Shelf.005", "shelf 5", EQUAL),
    ],
)
def test_alike(name, term, wanted):
    assert alike(name, term) == wanted
