"""Rasterisation on a CUDA card by gsplat (Apache-2.0): the same rules as `reference`, differentiable.

gsplat compiles its kernels at the first use and keeps them. That takes minutes and needs the CUDA toolkit. gsplat
limits alpha to 0.999, the released renderer and our rasterisers to 0.99. So opacities are limited to 0.99 on the way
in, and only the flanks of more opaque Gaussians differ.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from ..errors import INSTALL_CUDA, InputError
from .cameras import Camera
from .gaussians import Gaussians
from .project import ALPHA_MAX, SCREEN_FILTER
from .rendering import Rendering, finish


def available() -> bool:
    """Whether gsplat is installed, its kernels are compiled (here and now, if need be), and there is a card."""
    return problem() is None


@cache
def problem() -> str | None:
    """Why gsplat cannot draw on this machine, and what to do; None if it can."""
    if not torch.cuda.is_available():
        return "there is no CUDA device"
    if find_spec("gsplat") is None:
        return f"gsplat is not installed; install it with: {INSTALL_CUDA}"
    try:
        from gsplat.cuda import _backend
    except Exception as error:  # compilers fail in their own ways
        return f"gsplat's kernels cannot be compiled ({str(error).strip().splitlines()[0]})"
    if _backend._C is None:
        return "gsplat's kernels cannot be compiled: the CUDA toolkit (nvcc) that torch was built with is missing"
    return None


def render(
    gaussians: Gaussians,
    camera: Camera,
    size: int | tuple[int, int],
    background: Tensor | float = 0.0,
    screen_filter: float = SCREEN_FILTER,
) -> Rendering:
    """Colour, alpha and depth; see `Rasterizer.render`."""
    size = (size, size) if isinstance(size, int) else size
    depths = camera.to_camera(gaussians.positions)[:, 2:]
    features = torch.cat([gaussians.colors, depths, torch.ones_like(depths)], dim=1)
    return finish(blend(gaussians, camera, features, size, screen_filter), background)


def accumulate(
    gaussians: Gaussians,
    camera: Camera,
    masks: Tensor,  # [N, H, W] bool
    screen_filter: float = SCREEN_FILTER,
) -> Tensor:
    """[J, N + 1] sums of alpha T per mask and over the picture, as a gradient; see `Rasterizer.accumulate`."""
    weights = torch.cat([masks, torch.ones_like(masks[:1])]).to(gaussians.opacities).permute(1, 2, 0)
    with torch.enable_grad():
        features = weights.new_zeros(len(gaussians), weights.shape[-1], requires_grad=True)
        drawn = blend(gaussians, camera, features, (masks.shape[1], masks.shape[2]), screen_filter)
        (sums,) = torch.autograd.grad((drawn * weights).sum(), features)
    return sums


def blend(
    gaussians: Gaussians, camera: Camera, features: Tensor, size: tuple[int, int], screen_filter: float = SCREEN_FILTER
) -> Tensor:
    """Any features [J, C] of the Gaussians -> picture [H, W, C]: F(p) = sum_j alpha_j(p) T_j(p) f_j."""
    draw = rasterization(gaussians.positions.device)
    height, width = size
    scale = torch.diag(torch.tensor([width, height, 1.0])).to(gaussians.positions)
    picture, _, _ = draw(
        means=gaussians.positions,
        quats=gaussians.rotations,
        scales=gaussians.scales,
        opacities=gaussians.opacities.clamp_max(ALPHA_MAX),
        colors=features,
        viewmats=camera.extrinsics.to(gaussians.positions)[None],
        Ks=(scale @ camera.intrinsics.to(gaussians.positions))[None],
        width=width,
        height=height,
        near_plane=camera.near,
        eps2d=screen_filter,
        rasterize_mode="antialiased",
        camera_model="ortho" if camera.orthographic else "pinhole",
    )
    return picture[0]


def rasterization(device: torch.device) -> Callable[..., tuple[Tensor, Tensor, dict]]:
    """gsplat's function, if it works on `device`."""
    if device.type != "cuda":
        raise InputError(f"gsplat draws Gaussians on a CUDA device, not on {device}; take the rasteriser 'fast' there")
    if reason := problem():
        raise InputError(f"{reason}; the rasteriser 'fast' draws on the CPU")
    import gsplat

    return gsplat.rasterization
