"""The promised command on folders in the released layout: `cast3d compose scene.yaml --backbone IMAGE+TEXT`.

The networks are the released classes at toy size with random weights, so what the structure decoder says and where the
masks are is forced; everything else is the command that people type.
"""

from __future__ import annotations

import json

import pytest
import torch
import yaml
from pygltflib import GLTF2
from typer.testing import CliRunner

from benchmarks.forced import outline, read_case
from benchmarks.full_size import SUITE
from cast3d.backbones import Backbone
from cast3d.backbones.trellis.random_folder import IMAGE, TEXT, write_random_folder
from cast3d.cli.app import app
from cast3d.segmentation.detections import Detections
from cast3d.splats import rings
from cast3d.stages.hints import YAWS
from tests.segmentation.tiny_networks import save_grounding_dino, save_sam2

pytest.importorskip("transformers", reason="TRELLIS needs the extra 'trellis'")

SHORT = dict(
    structure_steps=3, slat_steps=2, layout_starts=2, part_start=2, refine_start=2, view_pitches=0,
    view_size=200,
)  # fmt: skip


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    write_random_folder(tmp_path, tiny=True)
    save_grounding_dino(tmp_path / "detector")
    save_sam2(tmp_path / "masks")
    return tmp_path


@pytest.fixture
def case(monkeypatch):
    """A known composition: its voxels come out of the decoder, its outlines out of the segmenter."""
    case = read_case(SUITE, "cap", 0.4)
    answers = iter(case.decoded())
    views = iter(rings(YAWS, [0.0]))
    decode, detect = Backbone.decode_structure, Backbone.detect

    def decoded(self, latent):
        assert torch.is_tensor(decode(self, latent))
        return next(answers)

    def detected(self, images, alphas, terms):
        for alpha, those in zip(alphas, detect(self, images, alphas, terms)):
            assert len(those) == len(terms)
            camera = next(views)
            yield [Detections(outline(case.grids[term], camera, len(alpha))) for term in terms]

    monkeypatch.setattr(Backbone, "decode_structure", decoded)
    monkeypatch.setattr(Backbone, "detect", detected)
    return case


def test_compose_from_released_folders(folders, case):
    pictures = {asset.term: [str(image) for image in asset.images] for asset in case.scene.assets}
    pictures["baseball cap"] *= 2  # two views of the cap
    scene = dict(prompt=case.scene.prompt, main=case.scene.main, assets=pictures, settings=SHORT)
    (folders / "scene.yaml").write_text(yaml.safe_dump(scene, sort_keys=False))  # terms in the order of `views`
    out = folders / "out"
    done = CliRunner().invoke(app, [
        "compose", str(folders / "scene.yaml"), "--backbone", f"{folders / IMAGE}+{folders / TEXT}",
        "--with", f"segmenter=grounded-sam2:{folders / 'detector'}+{folders / 'masks'}", "-o", str(out),
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    glb = GLTF2().load(out / "scene.glb")
    assert set(case.scene.terms) <= {node.name for node in glb.nodes}
    record = json.loads((out / "run.json").read_text())
    assert record["backbone"] == "trellis" and "grounded-sam2" in record["models"]["segmenter"]
    assert (out / "report.html").exists() and (out / "scene.ply").exists()
