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


def finished(mesh: Mesh | None, gaussians: Gaussians, smooth: int = 0) -> Mesh | None:
    """A decoded mesh, smoothed (`meshes.smoothing`), in the colours of the nearest Gaussians; None without faces."""
    from ..meshes.smoothing import smoothed
    from ..meshes.surface import color_from_points

    if mesh is None or not len(mesh.faces):
        return None
    if not len(gaussians):
        return mesh
    colors = gaussians.colors.clamp(0, 1)
    return color_from_points(smoothed(mesh, smooth), gaussians.positions, colors, 4, gaussians.opacities)
