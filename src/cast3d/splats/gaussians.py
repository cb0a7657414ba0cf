"""A set of 3D Gaussians, as decoded from structured latents."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

SH0 = 0.28209479177387814  # the spherical harmonic of degree 0, 1 / (2 sqrt(pi))


def dc_of(colors: Tensor) -> Tensor:
    """`features_dc` of RGB colours, the same shape: the inverse of `Gaussians.colors` where that is not clamped."""
    return (colors - 0.5) / SH0


@dataclass(frozen=True)
class Gaussians:
    """J Gaussians in the world frame (z up, objects face -y, the unit cube is [-0.5, 0.5]^3), all values activated.

    The world-space smoothing filter is already part of `scales`; the screen-space filter (0.1 px^2) belongs to the
    renderer. Colour is `max(0, 0.28209479 * features_dc + 0.5)` (degree-0 spherical harmonics).
    """

    positions: Tensor  # [J, 3] world units
    features_dc: Tensor  # [J, 3]
    scales: Tensor  # [J, 3] standard deviations along the local axes, world units
    rotations: Tensor  # [J, 4] unit quaternions, wxyz, local to world
    opacities: Tensor  # [J] in (0, 1)
    voxel: Tensor | None = None  # [J] int64, row of the voxel that a Gaussian was decoded from
    part: Tensor | None = None  # [J] int64, index into the scene's terms, -1 = none

    def __len__(self) -> int:
        return self.positions.shape[0]

    @property
    def colors(self) -> Tensor:
        """[J, 3] RGB, at least 0."""
        return (SH0 * self.features_dc + 0.5).clamp_min(0)

    def _map(self, function) -> Gaussians:
        changed = {f.name: function(getattr(self, f.name)) for f in fields(self) if getattr(self, f.name) is not None}
        return replace(self, **changed)

    def __getitem__(self, index: Tensor | slice) -> Gaussians:
        """The Gaussians selected by a boolean mask, an index tensor or a slice."""
        return self._map(lambda tensor: tensor[index])

    def to(self, device: torch.device | str) -> Gaussians:
        return self._map(lambda tensor: tensor.to(device))
