"""Colours of a thing moved to those of its pictures, on all of its sides.

The networks give what they never met the colours of what they know: an orange helmet comes out yellow. Where pixels of
picture and render are of one surface, each pair (a, b) of their Lab colours says how a colour of the render should
move. A robust kernel regression turns the pairs into a map of colours,

    m(c) = sum_p r_p K(c - a_p) (b_p - a_p) / sum_p r_p K(c - a_p),    K(d) = exp(-|d|^2 / (2 WIDTH^2)),

with weights r_p = w_p / (1 + |b_p - a_p - m(a_p)|^2 / SPREAD^2)^2 that are worked out again a few times, so that prints
and what does not fit do not count. Since the map is one of colours, the sides that no picture shows move as well. Where
the pairs of a colour do not agree it stays.

How bright a colour is cannot be told from how bright it is lit: the map meets the render half way (`BELIEF`) from what
light usually is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from skimage.color import lab2rgb, rgb2lab

from ..splats import Camera, Gaussians
from ..splats.gaussians import dc_of
from .sight import LIGHTS, Array, Sight, sighted, surface_normals

SIZE = 96  # pixels of a picture
MOST, BLOCK = 1500, 4096  # pairs of the regression; colours that are looked up at once
WIDTH, SPREAD = 12.0, 12.0  # Lab: colours that move alike; pairs that agree
ROUNDS = 6  # of the robust weights
AGREED = (0.2, 0.4)  # mean agreement of a colour's pairs where it begins to move, and moves fully
FEW = 0.02  # share of all pairs that a colour needs near it to move half way
COUNTED, LEAST = 0.05, 30  # a pixel counts from here on; so many must
LIGHT, BELIEF = 0.72, 0.5  # of a usual picture, as a factor; how far the render's brightness is believed instead


@dataclass(frozen=True)
class ColorMap:
    """How colours move: pairs, and how far each counts."""

    source: Array  # [P, 3] Lab, of the render
    shift: Array  # [P, 3] Lab, to the picture
    weights: Array  # [P], of sum 1
    robust: Array  # [P] in 0..1, how well the pair agrees with the others near its colour

    @staticmethod
    def of(source: Array, wanted: Array, weights: Array) -> ColorMap:
        """The map that pairs of Lab colours [P, 3] tell."""
        weights = (weights / weights.sum()).astype(np.float32)
        shift, near, robust = wanted - source, _kernel(source, source), np.ones_like(weights)
        for _ in range(ROUNDS):
            lead = weights * robust
            off = np.linalg.norm(shift - near @ (lead[:, None] * shift) / (near @ lead)[:, None], axis=1)
            robust = (1 / (1 + (off / SPREAD) ** 2) ** 2).astype(np.float32)
        return ColorMap(source, shift, weights, robust)

    def __call__(self, colors: Array) -> Array:
        """[N, 3] the change of Lab colours [N, 3]: m, as far as pairs near a colour are many and agree."""
        near = _kernel(colors, self.source)
        lead = self.weights * self.robust
        mass, total = near @ lead, near @ self.weights
        move = near @ (lead[:, None] * self.shift) / np.maximum(mass, 1e-12)[:, None]
        agreed = np.clip((mass / np.maximum(total, 1e-12) - AGREED[0]) / (AGREED[1] - AGREED[0]), 0, 1)
        return (agreed * mass / (mass + FEW))[:, None] * move


def recolored(
    gaussians: Gaussians,  # of one thing, alone
    pictures: Sequence[Image.Image],
    cameras: Sequence[Camera],  # of their square crops
    *,
    strength: float = 1.0,
    size: int = SIZE,
) -> Gaussians:
    """The Gaussians with colours moved to the pictures', `strength` 0 to 1 of the way; the rest is as it was.

    Cameras need not be sure: from a wrong one, pairs of a thing of several colours do not agree, and those of a thing
    of one colour are right all the same.
    """
    if not len(gaussians) or not strength:
        return gaussians
    old = gaussians.colors.detach().cpu().numpy().astype(np.float32)
    normals = surface_normals(gaussians)
    seen = [sighted(gaussians, old, normals, *pair, size) for pair in zip(pictures, cameras)]
    pairs = [_pairs(one) for one in seen if (one.counts > COUNTED).sum() >= LEAST]
    if not pairs:
        return gaussians
    render, picture, weights = (np.concatenate(column) for column in zip(*pairs))
    kept = np.unique(np.linspace(0, len(weights) - 1, MOST).round().astype(int))
    change = ColorMap.of(_lab(render[kept]), _lab(picture[kept]), weights[kept])
    # Many Gaussians are of one colour: each cell of Lab's grid of side 1 is looked up once.
    lab = _lab(old)
    _, first, cell = np.unique(np.round(lab), axis=0, return_index=True, return_inverse=True)
    looked_up = np.concatenate([change(lab[rows]) for rows in np.array_split(first, 1 + len(first) // BLOCK)])
    move = (strength * looked_up[cell.reshape(-1)]).astype(np.float32)
    moved = np.linalg.norm(move, axis=1) > 1e-3
    # As a difference, so that the way through Lab and back rounds nothing off.
    new = old + np.where(moved[:, None], _rgb(lab + move) - _rgb(lab), 0)
    dc = dc_of(torch.from_numpy(new.clip(0, 1)).to(gaussians.features_dc))
    changed = torch.from_numpy(moved).to(dc.device)[:, None]
    return replace(gaussians, features_dc=torch.where(changed, dc, gaussians.features_dc))


def _pairs(seen: Sight) -> tuple[Array, Array, Array]:
    """Colours of the render and of the picture without light [P, 3], and weights [P]."""
    counts = seen.counts > COUNTED
    light = seen.light[counts]
    if (light == 1).all():  # too dark or too small for the light to be told: how bright the whole is, instead
        ratio = (seen.rgb[counts].mean(1) + 0.02) / (seen.color[counts].mean(1) + 0.02)
        light = np.full_like(light, np.clip(np.median(ratio), *LIGHTS))
    usual = (LIGHT / float(np.median(light))) ** (1 - BELIEF)
    return seen.color[counts], seen.rgb[counts] / (usual * light[:, None]), seen.counts[counts]


def _kernel(colors: Array, others: Array) -> Array:
    """[N, P] K of differences of Lab colours."""
    apart = (colors**2).sum(1)[:, None] + (others**2).sum(1) - 2 * colors @ others.T
    return np.exp(-np.maximum(apart, 0) / (2 * WIDTH**2)).astype(np.float32)


def _lab(rgb: Array) -> Array:
    return rgb2lab(rgb.clip(0, 1)).astype(np.float32)


def _rgb(lab: Array) -> Array:
    return lab2rgb(lab).astype(np.float32)
