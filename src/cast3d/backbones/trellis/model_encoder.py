"""Structured latents of models that exist, as TRELLIS's own data were made: DINOv2 features of many views, lifted.

Every voxel takes the mean, over all views, of the patch features at the place where the view shows its centre, seen or
hidden; the released encoder makes latents of them (Xiang et al. 2025, section 3.1, and the released toolkit).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn

from ...existing.seen import Existing, Surface
from ...segmentation.lifting import lifted, patch_maps
from ...splats import Camera
from ...splats.views import multiview
from ...voxels import to_world
from ..batching import sparse_batch
from .dinov2 import PICTURE_SIZE, Dinov2

VIEWS = 150  # of the released toolkit
AT_ONCE = 8  # views in one forward pass


class TrellisModelEncoder:
    """The released encoder, loaded at the first question: composing asks none."""

    def __init__(self, load: Callable[[], nn.Module], pictures: Dinov2, device: torch.device, views: int = VIEWS):
        self.load, self.pictures, self.device, self.views = load, pictures, device, views

    @cached_property
    def encoder(self) -> nn.Module:
        return self.load()

    @property
    def networks(self) -> Sequence[nn.Module]:
        return self.encoder, self.pictures

    def __call__(self, coords: Tensor, surface: Surface, model: Existing) -> Tensor:
        """[N, C] latents as the decoders take them."""
        cameras = multiview(self.views)
        features = lifted(to_world(coords.to(self.device).float()), cameras, self._maps(model, cameras))
        rounded = features.half().float()  # as the toolkit stores them
        return self.encoder(sparse_batch([coords.to(self.device)], rounded))[0].float()

    def _maps(self, model: Existing, cameras: Sequence[Camera]) -> Iterable[Tensor]:
        """Per view the patch features [C, P, P]; colours on black, which is premultiplied by alpha."""
        for start in range(0, len(cameras), AT_ONCE):
            shown = [model.picture(camera, PICTURE_SIZE)[0] for camera in cameras[start : start + AT_ONCE]]
            with torch.inference_mode():
                tokens = self.pictures.features(torch.stack(shown).permute(0, 3, 1, 2).to(self.device)).float()
            yield from patch_maps(tokens)
