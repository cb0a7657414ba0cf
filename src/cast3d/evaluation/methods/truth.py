"""The true parts themselves: the best that measures of shape and place can give, and what outlines make of them.

No method, but a ceiling. Truth is voxels without colours, so its parts are grey: columns of colour say nothing.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ...meshes.mesh import Mesh
from ...meshes.surface import from_sdf
from ..bench import Bench
from ..outcome import Outcome

BLUR = 0.6  # standard deviation in voxels: takes the edges off the cubes
GREY = 0.5


def truth(bench: Bench) -> Outcome:
    """The true voxels by term, and a grey surface around each."""
    grids = {term: bench.case.truth[term].voxels for term in bench.case.terms}
    return Outcome(grids, {term: around(grid) for term, grid in grids.items()}, bench.case.main)


def around(grid: Tensor) -> Mesh:
    """The closed surface of a shell [R, R, R] bool and of what it encloses, half a voxel outside of its centres."""
    solid = ndimage.binary_fill_holes(grid.cpu().numpy()).astype(np.float32)
    level = ndimage.gaussian_filter(solid, BLUR, mode="constant")
    mesh = from_sdf(torch.from_numpy(0.5 - level))
    return Mesh(mesh.vertices, mesh.faces, torch.full_like(mesh.vertices, GREY), mesh.normals)
