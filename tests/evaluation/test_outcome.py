"""What is kept of what a method made."""

from __future__ import annotations

import torch

from cast3d.evaluation.outcome import FACES, of_result, save
from cast3d.meshes.glb import read_glb
from cast3d.meshes.mesh import Mesh
from cast3d.result.part import Part
from cast3d.result.result import Result
from cast3d.splats import Gaussians
from cast3d.voxels import to_coords

from .scenes import BOXES, box


def sheet(count: int) -> Mesh:
    """A square of count x count cells, every vertex of another colour."""
    at = torch.stack(torch.meshgrid(*[torch.arange(count + 1)] * 2, indexing="ij"), -1).reshape(-1, 2)
    vertices = torch.cat([at / count - 0.5, torch.zeros(len(at), 1)], 1)
    corner = torch.arange(count * (count + 1)).reshape(count, count + 1)[:, :-1].reshape(-1, 1)
    quads = corner + torch.tensor([[0, count + 1, count + 2, 1]])
    colors = torch.cat([at / count, (at.sum(1, keepdim=True) % 2).float()], 1)
    return Mesh(vertices, torch.cat([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]), colors)


def test_looks_are_measured_on_the_mesh_as_made_and_a_light_one_is_kept(tmp_path):
    """A mesh of 3,000 triangles has colours four voxels apart, of one object without names all the more."""
    grid, mesh = box(*BOXES["figure"]), sheet(60)
    count = len(to_coords(grid))
    splat = Gaussians(*[torch.zeros(count, n) for n in (3, 3, 3, 4)], torch.ones(count), torch.arange(count))
    made = of_result(Result({"figure": Part("figure", mesh, splat, grid)}, splat), "figure")
    assert made.meshes["figure"] is mesh and len(mesh.faces) == 7200
    save(made, tmp_path)
    kept = read_glb(tmp_path / "model.glb")[0]["figure"]
    assert 1000 < len(getattr(kept, "mesh", kept).faces) <= FACES
