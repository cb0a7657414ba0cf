"""The rasteriser protocol, and the choice of one.

On a CUDA device gsplat draws, if it works there. If not, the compiled rasteriser draws on the CPU: Gaussians are copied
there, the picture is copied back. The torch rasteriser works on the card too, but it visits every Gaussian at every
pixel of the rows that the Gaussian touches.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Protocol
from warnings import warn

import torch
from torch import Tensor

from ..errors import InputError, nearest
from . import cuda, fast, reference
from .cameras import Camera
from .gaussians import Gaussians
from .project import SCREEN_FILTER
from .rendering import Rendering


class Rasterizer(Protocol):
    """Draws Gaussians, and tells how much each one contributes to masks: `fast`, `reference`, `cuda`."""

    def render(
        self,
        gaussians: Gaussians,
        camera: Camera,
        size: int | tuple[int, int],
        background: Tensor | float = 0.0,
        screen_filter: float = SCREEN_FILTER,
    ) -> Rendering:
        """The picture of `size` (side, or height and width) over `background` (number, [3] or [H, W, 3]).

        Front to back, a Gaussian adds alpha T c to a pixel, T being the product of (1 - alpha) before it; alpha is at
        most 0.99, dropped below 1/255, and the pixel is finished before T gets below 1e-4.
        """
        ...

    def accumulate(
        self, gaussians: Gaussians, camera: Camera, masks: Tensor, screen_filter: float = SCREEN_FILTER
    ) -> Tensor:
        """Eq. 12's sums [J, N + 1]: alpha T of each Gaussian over the pixels of each mask [N, H, W], and over all.

        Equal to the gradient of sum(mask * F) with respect to a feature f_j, F being the rendered feature picture.
        """
        ...


_RASTERIZERS: dict[str, Rasterizer] = {"fast": fast, "reference": reference, "gsplat": cuda}


def rasterizer(name: str) -> Rasterizer:
    """By name: "fast" (compiled, CPU, forward only), "reference" (torch, differentiable), "gsplat" (CUDA, both)."""
    if name not in _RASTERIZERS:
        raise InputError(f"no rasteriser {name!r}; known are {', '.join(_RASTERIZERS)}{nearest(name, _RASTERIZERS)}")
    return _RASTERIZERS[name]


def render(
    gaussians: Gaussians,
    camera: Camera,
    size: int | tuple[int, int],
    background: Tensor | float = 0.0,
    screen_filter: float = SCREEN_FILTER,
) -> Rendering:
    """`Rasterizer.render` by the best rasteriser for the Gaussians' device, and for a gradient if one is asked for."""
    return best(gaussians).render(gaussians, camera, size, background, screen_filter)


def accumulate(gaussians: Gaussians, camera: Camera, masks: Tensor, screen_filter: float = SCREEN_FILTER) -> Tensor:
    """`Rasterizer.accumulate` by the best rasteriser for the Gaussians' device."""
    return best(gaussians, forward_only=True).accumulate(gaussians, camera, masks, screen_filter)


def best(gaussians: Gaussians, forward_only: bool = False) -> Rasterizer:
    """gsplat for Gaussians on a card that it is installed for, `reference` where a gradient is wanted, else `fast`."""
    if gaussians.positions.is_cuda:
        if (reason := cuda.problem()) is None:
            return cuda
        warn(f"Gaussians on the card are drawn on the CPU, many times slower: {reason}", stacklevel=3)
    return reference if _wants_gradient(gaussians) and not forward_only else fast


def _wants_gradient(gaussians: Gaussians) -> bool:
    values = (getattr(gaussians, field.name) for field in fields(gaussians))
    return torch.is_grad_enabled() and any(value is not None and value.requires_grad for value in values)
