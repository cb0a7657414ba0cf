"""What tells one small backbone from another."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import cast3d
from cast3d.backbones.bricks.loading import constants_hash

PIPELINE = json.loads((Path(cast3d.__file__).parent / "weights/bricks/pipeline.json").read_text(encoding="utf-8"))


def changed(*way: str, value: object) -> str:
    content = copy.deepcopy(PIPELINE)
    place = content
    for key in way[:-1]:
        place = place[key]
    assert place[way[-1]] != value
    place[way[-1]] = value
    return constants_hash(content)


def test_another_default_setting_leaves_the_stages_of_a_run_as_they_are():
    """A run that goes on under a version with another default of its last stage made everything anew."""
    own = constants_hash(PIPELINE)
    assert changed("cast3d", "defaults", "refit", value=0.5) == own
    assert changed("cast3d", "about", "knows", value="other things") == own


def test_what_networks_take_counts():
    own = constants_hash(PIPELINE)
    for way, value in {
        ("cast3d", "words"): [*PIPELINE["cast3d"]["words"], "more"],
        ("args", "slat_normalization", "std"): [2.0] * 8,
        ("args", "models"): {},
    }.items():
        assert changed(*way, value=value) != own, way
