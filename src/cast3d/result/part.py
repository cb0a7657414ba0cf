"""One named thing of a composition."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..meshes.mesh import Mesh
from ..splats import Gaussians


@dataclass(frozen=True)
class Part:
    """One named thing of the composition, in the world frame."""

    term: str
    mesh: Mesh | None  # None where the part has no voxel left
    gaussians: Gaussians
    voxels: Tensor  # [64, 64, 64] bool
