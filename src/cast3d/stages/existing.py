"""A model that exists as a source: its shell of voxels, and its latents."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..errors import InputError
from ..existing.seen import Surface
from ..voxels import cells_of, outer_shell, to_coords, to_grid
from .kit import Kit
from .layout import Slat


@dataclass(frozen=True)
class Source:
    """A model in the cube."""

    grid: Tensor  # [64, 64, 64] bool, its outer shell
    position: Tensor  # [P, 3] points all over its surface, also inside
    normal: Tensor  # [P, 3] unit
    color: Tensor  # [P, 3] sRGB
    piece: Tensor  # [P] int32, which of the model's pieces

    @property
    def surface(self) -> Surface:
        return Surface(self.position, self.normal, self.color, self.piece)

    def shell_of(self, chosen: Tensor) -> Tensor:
        """[64, 64, 64] the voxels that some of the points pass; `chosen` is [P] bool."""
        return to_grid(cells_of(self.position[chosen]))


def existing_model(kit: Kit) -> Source:
    """The model's surface as points, and V, the outer shell of the voxels that they pass."""
    surface = kit.model().surface()
    if not len(surface.position):
        raise InputError("nothing of the model can be seen: all of it is transparent, or outside the cube")
    shell = outer_shell(to_grid(cells_of(surface.position)))
    return Source(shell, surface.position, surface.normal, surface.color, surface.piece)


def encoded_model(kit: Kit, source: Source) -> Slat:
    """z_V: structured latents of the model on its shell."""
    coords = to_coords(source.grid)
    return Slat(coords.to(kit.device), kit.backbone.encode_model(coords, source.surface, kit.model()))
