"""Occupancy grids: bool tensors [X, Y, Z], usually 64^3, whose voxel i has its centre at (i + 0.5) / 64 - 0.5.

Symbols of Eq. 14: p_B main_geometry, h_i hints, h_C layout (the union of all hints), p_i parts, p̂_B anchor,
p̂_GC coarse geometry.
"""

from .anchor import Coarse, anchor, coarse_geometry, expand, remove_halo
from .frames import Similarity, canonical, resample
from .grid import cells_of, dilate, shift, to_coords, to_grid, to_world
from .metrics import f1, iou
from .prune import Pruned, Region, drop_crumbs, prune
from .smoothing import blur
from .topology import components, drop_small, fill, outer_shell, outside, seal, solid

__all__ = [
    "Coarse",
    "Pruned",
    "Region",
    "Similarity",
    "anchor",
    "blur",
    "canonical",
    "cells_of",
    "coarse_geometry",
    "components",
    "dilate",
    "drop_crumbs",
    "drop_small",
    "expand",
    "f1",
    "fill",
    "iou",
    "outer_shell",
    "outside",
    "prune",
    "remove_halo",
    "resample",
    "seal",
    "shift",
    "solid",
    "to_coords",
    "to_grid",
    "to_world",
]
