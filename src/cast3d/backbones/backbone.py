"""What the method needs of a pretrained two-stage rectified-flow model, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor, nn

from .. import flow
from ..meshes.mesh import Mesh
from ..models import SparseTensor
from ..settings import Settings
from ..splats import Gaussians


@dataclass(frozen=True)
class Condition:
    """What a flow is told: tokens of one or several pictures of a thing, or of a sentence, and their negative."""

    kind: str  # "image" or "text"
    tokens: tuple[Tensor, ...]  # each [1, L, C]
    negative: Tensor  # [1, L, C]

    @property
    def unconditional(self) -> Condition:
        """The negative condition itself: no picture, or the empty sentence."""
        return Condition(self.kind, (self.negative,), self.negative)


class Segmenter(Protocol):
    """Text-prompted 2D segmentation."""

    def __call__(self, image: Tensor, alpha: Tensor, term: str) -> Tensor:
        """`image` [3, H, W] in [0, 1] on white, `alpha` [H, W] -> bool mask [H, W], empty where nothing is found."""
        ...


class Describer(Protocol):
    """Turns pictures or words into tokens."""

    def pictures(self, rgba: Sequence[Image.Image], frame: str) -> tuple[Tensor, ...]: ...

    def text(self, text: str) -> Tensor: ...

    def unknown_words(self, text: str) -> dict[str, str | None]: ...


@dataclass
class Backbone:
    """Networks behind the call contracts of `cast3d.models`, and how to speak to them.

    Grids are bool [64, 64, 64] indexed [x, y, z]; structure latents [1, C, r, r, r]; structured latents are normalised
    features [N, C] beside coords [N, 3].
    """

    name: str
    device: torch.device
    structure_encoder: nn.Module
    structure_decoder: nn.Module
    structure_flows: dict[str, nn.Module]  # by kind of condition
    slat_flows: dict[str, nn.Module]
    gaussian_decoder: nn.Module
    mesh_decoder: nn.Module
    slat_mean: Tensor  # [C]
    slat_std: Tensor  # [C]
    describer: Describer
    segmenter: Segmenter
    defaults: Settings = field(default_factory=Settings)
    hashes: dict[str, str] = field(default_factory=dict)  # of the weight files
    about: dict[str, Any] = field(default_factory=dict)  # licence and limits, for people
    structure_shape: tuple[int, ...] = (8, 16, 16, 16)
    slat_channels: int = 8
    orthographic: bool = False  # the pictures it was trained on

    def of_pictures(self, rgba: Sequence[Image.Image], frame: str = "in_place") -> Condition:
        """A thing as its cut-out pictures show it; `frame` "in_place" or "filled" (see the small backbone)."""
        tokens = self.describer.pictures(rgba, frame)
        return Condition("image", tokens, torch.zeros_like(tokens[0]))

    def of_text(self, text: str) -> Condition:
        return Condition("text", (self.describer.text(text),), self.describer.text(""))

    def structure_velocity(self, condition: Condition, guidance: float) -> flow.Velocity:
        """Guided velocity over structure latents."""
        net = self.structure_flows[condition.kind]

        def towards(tokens: Tensor) -> flow.Velocity:
            return lambda x, t: net(x, self._time(t, x), tokens)

        return self._guided(condition, guidance, towards)

    def slat_velocity(self, condition: Condition, coords: Tensor, guidance: float) -> flow.Velocity:
        """Guided velocity over normalised features [N, C] of the voxels `coords` [N, 3]."""
        net = self.slat_flows[condition.kind]
        voxels = self.sparse(coords, torch.zeros(len(coords), self.slat_channels, device=self.device))

        def towards(tokens: Tensor) -> flow.Velocity:
            return lambda x, t: net(voxels.replace(x), self._time(t, x), tokens).feats

        return self._guided(condition, guidance, towards)

    def _guided(self, condition: Condition, guidance: float, towards) -> flow.Velocity:
        views = [towards(tokens) for tokens in condition.tokens]
        positive = views[0] if len(views) == 1 else flow.mean_of(views)
        return flow.guided(positive, towards(condition.negative), guidance)

    def _time(self, t: float, x: Tensor) -> Tensor:
        return torch.full((1,), 1000 * t, dtype=torch.float32, device=x.device)

    def sparse(self, coords: Tensor, feats: Tensor) -> SparseTensor:
        """One batch item."""
        item = torch.zeros(len(coords), 1, dtype=torch.int32, device=coords.device)
        return SparseTensor(feats, torch.cat([item, coords.int()], dim=1), 1)

    def encode_structure(self, grid: Tensor) -> Tensor:
        """Occupancy [64, 64, 64] -> mean latent [1, C, r, r, r]."""
        return self.structure_encoder(grid[None, None].float().to(self.device))[0].float()

    def decode_structure(self, latent: Tensor) -> Tensor:
        """Latent -> occupancy [64, 64, 64] where the logit is positive."""
        return self.structure_decoder(latent)[0, 0] > 0

    def denormalised(self, coords: Tensor, feats: Tensor) -> SparseTensor:
        return self.sparse(coords, feats * self.slat_std + self.slat_mean)

    def gaussians(self, coords: Tensor, feats: Tensor) -> Gaussians:
        """Normalised latents -> Gaussians; `voxel` is the row of `coords`."""
        return self.gaussian_decoder(self.denormalised(coords, feats))[0]

    def meshes(self, coords: Tensor, feats: Tensor, owner: Tensor, count: int) -> list[Mesh | None]:
        """One mesh per part (`owner` [N] in 0 .. count - 1), None for a part without voxels; without colours."""
        slat = self.denormalised(coords, feats)
        distances = self.mesh_decoder.features(slat).feats
        parts = (owner == part for part in range(count))
        return [self.mesh_decoder.mesh(coords[mine], distances[mine]) if mine.any() else None for mine in parts]
