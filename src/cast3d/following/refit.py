"""The picture itself on the surface: colours of Gaussians fitted to the pictures from the poses found.

With cameras known a render is linear in the colours, A c with A = alpha T. The change x of the colours is the least
squares fit of what the pictures show beyond the render, damped and kept alike between neighbours:

    sum over pictures |W^(1/2) (A (c_0 + x) - target)|^2 + damping |x|^2 + smoothing sum_edges |x_i - x_j|^2 -> min

solved by conjugate gradients. Nothing is clamped inside, so it stays linear. The target is the picture without its
light (a smooth function of the normals, fitted to picture over render) and at the render's level (its palette's colours
are matched to the render's), so that only detail changes and no seam shows where the picture's view ends. A large
colour that the render shows nowhere is detail, too: the arms of a chair that came out in the colour of its seat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.sparse import csr_array, diags_array
from scipy.spatial import cKDTree

from ..splats import Camera, Gaussians
from ..splats.gaussians import dc_of
from .sight import Array, sighted, surface_normals

SIZE = 192  # pixels of a fitted picture
PRODUCTS = 15  # of the conjugate gradients
DAMPING, SMOOTHING = 0.02, 0.05  # in typical squared weights of a seen Gaussian
NEIGHBOURS = 6  # joined to each Gaussian
TURNED = (0.0, 0.3)  # cosine of the view where a Gaussian begins to change, and changes freely
OFF = 0.22  # colour distance, blurred, at which picture and render have nothing in common
SHARE, GAIN = 0.04, (0.7, 1.4)  # least part of the picture that is a colour of its palette; how much its level may move
SHADES, TINT = (0.6, 1.6), 0.12  # brightness, and colour distance, within which a colour is a shade of another
SURE = 0.5  # trust from which a colour is taken that the render lacks
GRAIN, QUIET = 0.012, 0.12  # of the picture's side; of the logarithm: shade that is coarser or fainter is light


@dataclass(frozen=True)
class View:
    """What one picture says: pixels that count, and the colours they should have."""

    weights: csr_array  # [P, J]
    facing: Array  # [J] cosine of the view
    target: Array  # [P, 3] premultiplied by the render's alpha
    trust: Array  # [P]


def refitted(
    gaussians: Gaussians,  # of one thing, alone
    pictures: Sequence[Image.Image],
    cameras: Sequence[Camera],  # of their square crops
    trusts: Sequence[float] | None = None,  # 0 to 1 each; default 1
    *,
    size: int = SIZE,
    damping: float = DAMPING,
    smoothing: float = SMOOTHING,
    strength: float = 1.0,
) -> Gaussians:
    """The Gaussians with the pictures' detail in `features_dc`; everything else is as it was.

    `strength` 0 to 1 mixes old and new. Where no picture counts nothing changes.
    """
    trusts = [1.0] * len(pictures) if trusts is None else trusts
    old = gaussians.colors.detach().cpu().numpy().astype(np.float32)
    normals = surface_normals(gaussians)
    views = [
        view_of(gaussians, old, normals, picture, camera, trust, size)
        for picture, camera, trust in zip(pictures, cameras, trusts)
        if trust > 0
    ]
    if not views or not len(gaussians):
        return gaussians
    graph = neighbours(gaussians.positions.detach().cpu().numpy(), normals)
    change = solved(views, old, graph, damping, smoothing)
    colors = torch.from_numpy(np.clip(old + strength * change, 0, 1)).to(gaussians.features_dc)
    # What is brighter than 1 was so before: it stays where nothing changed.
    moved = torch.from_numpy(np.abs(change).max(1) > 1e-4).to(colors.device)
    dc = dc_of(colors)
    return replace(gaussians, features_dc=torch.where(moved[:, None], dc, gaussians.features_dc))


def solved(views: Sequence[View], old: Array, graph: csr_array, damping: float, smoothing: float) -> Array:
    """The change of colours [J, 3] by conjugate gradients, all channels at once."""
    diagonal = sum(view.weights.power(2).T @ view.trust for view in views)
    # What turns away from every picture does not change, though rays through gaps may reach it.
    open = np.max([np.clip((view.facing - TURNED[0]) / (TURNED[1] - TURNED[0]), 0, 1) for view in views], axis=0)
    open = open[:, None].astype(np.float32)
    diagonal = diagonal * open[:, 0] ** 2
    seen = diagonal[diagonal > 0]
    if not len(seen):
        return np.zeros_like(old)
    typical = float(np.quantile(seen, 0.9))
    laplacian = diags_array(np.asarray(graph.sum(1)).ravel()) - graph
    lead, joined = damping * typical, smoothing * typical

    def product(x: Array) -> Array:
        change = open * x
        total = joined * (laplacian @ change)
        for view in views:
            total = total + view.weights.T @ (view.trust[:, None] * (view.weights @ change))
        return lead * x + open * total

    # Jacobi's preconditioner: weights of Gaussians differ by orders of magnitude.
    inverse = 1 / (diagonal + lead + joined * np.asarray(graph.sum(1)).ravel())[:, None]
    residual = sum(view.weights.T @ (view.trust[:, None] * (view.target - view.weights @ old)) for view in views)
    residual = open * residual  # of x = 0
    x = np.zeros_like(old)
    z = inverse * residual
    direction, power = z, (residual * z).sum(0)
    for _ in range(PRODUCTS):
        image = product(direction)
        step = power / np.maximum((direction * image).sum(0), 1e-20)
        x, residual = x + step * direction, residual - step * image
        z = inverse * residual
        last, power = power, (residual * z).sum(0)
        direction = z + power / np.maximum(last, 1e-20) * direction
    return (open * x).astype(np.float32)


def view_of(
    gaussians: Gaussians, old: Array, normals: Array, picture: Image.Image, camera: Camera, trust: float, size: int
) -> View:
    """One picture's targets and which of its pixels count."""
    seen = sighted(gaussians, old, normals, picture, camera, size)
    level, lacking = leveled(seen.flat, seen.color, seen.counts)
    lacking = lacking * (trust >= SURE)
    apart = (level - seen.color) * (1 - lacking[..., None])
    off = np.linalg.norm(_blurred(apart, seen.counts, size / 40), axis=-1) / np.sqrt(3)
    pixels = seen.counts * np.exp(-((off / OFF) ** 2))
    target = level * seen.alpha[..., None]
    return View(
        seen.weights, seen.facing, target.reshape(-1, 3).astype(np.float32), (trust * pixels).ravel().astype(np.float32)
    )


@dataclass(frozen=True)
class Palette:
    """The large colours of a picture, and what the render has there."""

    picture: Array  # [K, 3] without light
    render: Array  # [K, 3]
    lacking: NDArray[np.bool_]  # [K] large ones that the render shows nowhere

    @staticmethod
    def of(flat: Array, color: Array, pixels: Array) -> Palette:
        """Colours that cover at least `SHARE` of the pixels that count; shades of one colour are one."""
        counts = pixels > 0.3
        mine, own, weight = flat[counts], color[counts], pixels[counts]
        kept: list[tuple[float, Array, Array]] = []
        if len(mine):
            cells = np.round(mine * 6).astype(int)
            _, cell, size = np.unique(cells @ (1, 100, 10_000), return_inverse=True, return_counts=True)
            for one in np.argsort(-size):
                rows = cell == one
                centre = np.average(mine[rows], axis=0, weights=weight[rows])
                like = [_shade(centre, other)[1] < TINT and SHADES[0] < _shade(centre, other)[0] < SHADES[1]
                        for _, other, _ in kept]  # fmt: skip
                if size[one] >= SHARE * len(mine) and not any(like):
                    kept.append((size[one], centre, np.median(own[rows], axis=0)))
        sizes = np.array([one[0] for one in kept], np.float64)
        picture, render = (np.array([one[i] for one in kept], np.float32).reshape(-1, 3) for i in (1, 2))
        gain = (render + 0.02) / (picture + 0.02)
        shade, off = _shade(render, picture)
        shown = (_shade(own[:, None], picture)[1] < TINT).sum(0)
        lacking = (off > TINT) & (shown < sizes / 2)
        if lacking.any() and sizes[~lacking].sum() >= sizes.sum() / 2:
            gain[lacking] = np.average(shade[~lacking], weights=sizes[~lacking])
        else:  # of a thing that is of another colour altogether, a seam would show where the picture's view ends
            lacking[:] = False
        gain = np.clip(gain, *GAIN)
        return Palette(picture, np.clip(picture * gain + 0.02 * (gain - 1), 0, 1), lacking)


def leveled(flat: Array, color: Array, pixels: Array) -> tuple[Array, Array]:
    """The picture [S, S, 3] without light at the render's level: detail on the palette's colours; and how far a pixel
    [S, S] is of a colour that the render lacks.

    What differs from a colour of the palette by brightness alone is shade that the light did not explain (facets,
    hollows): of that only what is finer than `GRAIN` stays. Everything else is print and stays as it is.
    """
    palette = Palette.of(flat, color, pixels)
    if not len(palette.picture):
        return np.clip(flat, 0, 1), np.zeros_like(pixels)
    ratio, off = _shade(flat[..., None, :], palette.picture)  # [S, S, K]
    outside = np.maximum(np.maximum(SHADES[0] / np.maximum(ratio, 1e-3), ratio / SHADES[1]), 1) - 1
    cost = (off / TINT) ** 2 + (outside / 0.25) ** 2
    nearest = cost.argmin(-1)
    like = np.take_along_axis(cost, nearest[..., None], -1)
    like = np.exp(-2 * np.maximum(like - 0.5, 0)).astype(np.float32)
    own, theirs = palette.render[nearest], palette.picture[nearest]
    shade = np.log(np.clip(np.take_along_axis(ratio, nearest[..., None], -1), *SHADES))
    sigma = GRAIN * len(flat)
    fine = shade - _blurred(shade, like[..., 0] * (pixels > 0), sigma)
    fine = np.sign(fine) * np.maximum(np.abs(fine) - QUIET, 0)
    gain = (own + 0.02) / (theirs + 0.02)
    level = np.clip(like * own * np.exp(fine) + (1 - like) * np.clip(flat, 0, 1) * np.clip(gain, *GAIN), 0, 1)
    return level, like[..., 0] * palette.lacking[nearest]


def _shade(colors: Array, reference: Array) -> tuple[Array, Array]:
    """How bright [...] colours [..., 3] are as shades of a reference, and how far from any shade of it."""
    # Black has every shade: a little light is added to both, so that it is told from nothing but dark grey.
    colors, reference = colors + 0.03, reference + 0.03
    ratio = (colors * reference).sum(-1) / (reference * reference).sum(-1)
    return ratio, np.linalg.norm(colors - ratio[..., None] * reference, axis=-1)


def neighbours(positions: Array, normals: Array) -> csr_array:
    """[J, J] symmetric, how much neighbours should change alike: near, and on the same side of the thing."""
    count = min(NEIGHBOURS + 1, len(positions))
    distance, other = cKDTree(positions).query(positions, k=count)
    if count == 1:
        return csr_array((len(positions), len(positions)), dtype=np.float32)
    row = np.repeat(np.arange(len(positions)), count - 1)
    column, apart = other[:, 1:].ravel(), distance[:, 1:].ravel()
    same = np.clip((normals[row] * normals[column]).sum(1), 0, 1)
    near = np.exp(-((apart * 64) ** 2)) * same
    graph = csr_array((near.astype(np.float32), (row, column)), shape=(len(positions), len(positions)))
    return (graph + graph.T) / 2


def _blurred(values: Array, weights: Array, sigma: float) -> Array:
    """Blurred over the pixels that count."""
    share = ndimage.gaussian_filter(weights, sigma)
    return (
        np.stack([ndimage.gaussian_filter(values[..., i] * weights, sigma) for i in range(values.shape[-1])], -1)
        / np.maximum(share, 1e-3)[..., None]
    )
