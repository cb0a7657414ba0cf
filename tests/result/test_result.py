"""Saved results: a file per part whatever the terms are called, none left from an earlier one, textures, SPZ."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from cast3d.cli.output import summary
from cast3d.errors import InputError
from cast3d.meshes import Mesh
from cast3d.meshes.glb import read_glb
from cast3d.meshes.surface import color_from_points, from_sdf
from cast3d.meshes.texture import Textured
from cast3d.result import export
from cast3d.result.export import surface
from cast3d.result.result import Part, Result
from cast3d.run.folder import RunFolder
from cast3d.settings import Settings
from cast3d.splats import Gaussians, read_spz
from cast3d.stages.appearance import Appearance
from tests.meshes.shapes import ball, tetrahedron
from tests.splats.scenes import balls


def made(*terms: str, without_mesh: tuple[str, ...] = ()) -> Result:
    """One ball and one tetrahedron per term; the tetrahedron's size tells the parts apart."""
    splat = balls([[0.1 * i, 0.0, 0.0] for i in range(len(terms))])
    parts = {}
    for i, term in enumerate(terms):
        mesh = None if term in without_mesh else replace(tetrahedron(), vertices=(i + 1) * tetrahedron().vertices)
        parts[term] = Part(term, mesh, splat[i : i + 1], torch.zeros(64, 64, 64, dtype=torch.bool))
    return Result(parts, splat, prompt=" and ".join(terms))


def part_files(folder) -> list[str]:
    return sorted(file.name for file in (folder / "parts").iterdir())


def test_terms_with_the_same_slug_have_a_file_each(tmp_path):
    result = made("red cap", "red-cap", "帽子", "椅子")
    result.save(tmp_path / "run")
    names = ["red-cap.glb", "red-cap-2.glb", "帽子.glb", "椅子.glb"]
    assert part_files(tmp_path / "run") == sorted(names)
    told = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["part_files"]
    assert told == dict(zip(result.parts, names))
    with RunFolder(tmp_path / "run", must_exist=True) as run:
        told = {part["term"]: part["glb"] for part in summary(result, run, 0.0)["parts"]}
    for i, (term, file) in enumerate(told.items()):
        parts, _ = read_glb(file)
        assert list(parts) == [term] and parts[term].vertices.max() == i + 1


def test_files_of_parts_that_are_gone_are_removed(tmp_path):
    made("figure", "cap", "cape").save(tmp_path)
    (tmp_path / "parts" / "mine.glb").touch()  # not ours
    made("figure", "cap", without_mesh=("cap",)).save(tmp_path)
    assert part_files(tmp_path) == ["figure.glb", "mine.glb"]


def test_no_file_outside_parts_is_removed(tmp_path):
    (tmp_path / "else.glb").touch()
    with RunFolder(tmp_path / "run") as run:
        run.record(part_files={"a": "../../else.glb", "b": "else.glb", "c": ""})
    made("cap").save(tmp_path / "run")
    assert (tmp_path / "else.glb").is_file() and part_files(tmp_path / "run") == ["cap.glb"]


def test_run_json_and_the_report_tell_triangles_volume_and_closedness(tmp_path):
    result = made("cap", "hat")
    opened = result.parts["hat"]
    result.parts["hat"] = replace(opened, mesh=replace(opened.mesh, faces=opened.mesh.faces[1:]))
    result.save(tmp_path)
    told = json.loads((tmp_path / "run.json").read_text())["meshes"]
    assert told["cap"] == {
        "file": "parts/cap.glb", "triangles": 4, "volume": pytest.approx(1 / 6, abs=1e-6), "watertight": True
    }  # fmt: skip
    assert told["hat"]["triangles"] == 3 and not told["hat"]["watertight"]
    page = (tmp_path / "report.html").read_text()
    assert "16.67 % of the cube" in page and "<td>closed</td>" in page and "<td>open</td>" in page
    made("cap").save(tmp_path)
    assert list(json.loads((tmp_path / "run.json").read_text())["meshes"]) == ["cap"]


def test_the_turntable_shows_the_meshes_and_not_the_cube(tmp_path):
    """The part fills the frame, however small it is in the cube."""
    result = made("cap")
    small = replace(result.parts["cap"].mesh, vertices=0.02 * result.parts["cap"].mesh.vertices)
    result.parts["cap"] = replace(result.parts["cap"], mesh=small)
    result.save(tmp_path)
    with Image.open(tmp_path / "turntable.webp") as turntable:
        assert turntable.n_frames == 24 and turntable.size == (256, 256)
        drawn = np.asarray(turntable.convert("L")) < 180
    assert drawn.any(axis=0).sum() > 150 or drawn.any(axis=1).sum() > 150


def test_what_is_not_seen_gives_a_mesh_no_colour():
    """Nearly transparent Gaussians, such as trained weights make many of, beside one that shows."""
    faint, clear = balls([[0.0, 0.0, 0.01 * i] for i in range(1, 6)], opacity=0.02), balls([[0.0, 0.0, 0.2]])
    clear = replace(clear, features_dc=(torch.tensor([RED]) - 0.5) / 0.28209479177387814)
    names = ("positions", "features_dc", "scales", "rotations", "opacities")
    splat = Gaussians(*(torch.cat([getattr(one, name) for one in (faint, clear)]) for name in names))

    class Decoding:
        def gaussians(self, coords, feats):
            return replace(splat, voxel=torch.zeros(6, dtype=torch.long))

        def meshes(self, *_):
            return [replace(tetrahedron(), vertices=0.01 * tetrahedron().vertices)]

    made = Appearance(torch.tensor([[32, 32, 32]]), torch.zeros(1, 8), torch.zeros(1, dtype=torch.long))
    mesh = Result.decode(Decoding(), ["a"], 0, made).parts["a"].mesh
    assert torch.allclose(mesh.colors, torch.tensor([RED]).expand_as(mesh.colors), atol=1e-3)


# --- textures ---------------------------------------------------------------------------------------------------------

RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def banded(positions: torch.Tensor) -> torch.Tensor:
    """Red and blue rings, too narrow for the vertices of a coarse mesh."""
    ring = (positions[:, 2] * 8).floor().long() % 2
    return torch.tensor([RED, BLUE])[ring]


@pytest.fixture(scope="module")
def striped() -> Part:
    """A fine ball and its Gaussians: one row of rings under its surface, colourless ones inside."""
    directions = F.normalize(torch.randn(8000, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    outer = balls((0.3 * directions).tolist(), opacity=0.95, size=0.01)
    outer = replace(outer, features_dc=(banded(outer.positions) - 0.5) / 0.28209479177387814)
    inner = balls((0.27 * directions[:3000]).tolist(), size=0.008)  # white, and hidden
    names = ("positions", "features_dc", "scales", "rotations", "opacities")
    both = Gaussians(*(torch.cat([getattr(one, name) for one in (outer, inner)]) for name in names))
    mesh = from_sdf(ball(40))
    mesh = color_from_points(mesh, outer.positions, banded(outer.positions))
    return Part("ball", mesh, both, torch.zeros(64, 64, 64, dtype=torch.bool))


@pytest.fixture(autouse=True)
def few_views(monkeypatch):
    monkeypatch.setattr(export, "BAKING_VIEWS", 24)


def shown(one: Textured | Mesh, count: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Points on the ball's surface, and the colour that a viewer shows there."""
    mesh = one.mesh if isinstance(one, Textured) else one
    generator = torch.Generator().manual_seed(1)
    faces = mesh.faces[torch.randint(len(mesh.faces), (count,), generator=generator)]
    weights = torch.rand(count, 3, generator=generator)
    weights = (weights / weights.sum(1, keepdim=True))[..., None]
    points = 0.3 * F.normalize((mesh.vertices[faces] * weights).sum(1), dim=1)  # a coarse mesh cuts corners
    if mesh is one:
        return points, (mesh.colors[faces] * weights).sum(1)
    uv = (one.uv[faces] * weights).sum(1)
    image = one.image.permute(2, 0, 1)[None].float() / 255
    return points, F.grid_sample(image, uv[None, None] * 2 - 1, align_corners=False)[0, :, 0].T


def right(one: Textured | Mesh) -> float:
    """Share of the surface that shows the rings' colour, away from their borders."""
    points, colors = shown(one)
    clear = ((points[:, 2] * 8) % 1 - 0.5).abs() < 0.35
    return ((colors - banded(points)).abs().amax(1) < 0.3)[clear].float().mean().item()


def test_a_texture_keeps_what_a_coarse_mesh_loses(striped):
    one = surface(striped, Settings(texture_size=256, mesh_faces=150))
    assert isinstance(one, Textured) and len(one.mesh.faces) <= 150 and max(one.image.shape[:2]) == 256
    assert right(one) > 0.97
    assert right(striped.mesh) > 0.97
    assert right(surface(striped, Settings(mesh_faces=150))) < 0.8


def test_hidden_gaussians_do_not_colour_the_texture(striped):
    _, colors = shown(surface(striped, Settings(texture_size=256, mesh_faces=150)))
    assert (colors[:, 1] < 0.1).float().mean() > 0.99  # nothing white shines through


def test_by_default_colours_stand_at_the_vertices(striped):
    assert surface(striped, Settings()) is striped.mesh


def test_saved_parts_carry_their_texture(tmp_path, striped):
    result = Result({"ball": striped}, striped.gaussians)
    result.save(tmp_path, {"texture_size": 64, "mesh_faces": 200})
    for file in ("scene.glb", "parts/ball.glb"):
        parts, _ = read_glb(tmp_path / file)
        assert isinstance(parts["ball"], Textured) and max(parts["ball"].image.shape[:2]) == 64
    assert json.loads((tmp_path / "run.json").read_text())["settings"]["texture_size"] == 64
    with RunFolder(tmp_path, must_exist=True) as run:
        (told,) = summary(result, run, 0.0)["parts"]
    assert 100 < told["triangles"] <= 200 < len(striped.mesh.faces)
    with pytest.raises(InputError, match="texture_size is 9000"):
        result.save(tmp_path, {"texture_size": 9000})


# --- SPZ --------------------------------------------------------------------------------------------------------------


def test_spz_comes_and_goes_with_its_setting(tmp_path):
    result = made("cap")
    result.save(tmp_path, {"spz": True})
    assert len(read_spz(tmp_path / "scene.spz")) == 1
    assert "scene.spz" in (tmp_path / "report.html").read_text()
    result.save(tmp_path)
    assert not (tmp_path / "scene.spz").exists()
