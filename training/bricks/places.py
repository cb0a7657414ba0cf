"""Where on an object each piece of its picture lies: the densest question that a picture encoder can be asked.

A picture encoder that only serves a flow learns to recognise parts. One that must say for every patch where its nearest
and its farthest surface are in the object's own frame has to find the view, the scale and the depth, for any shape.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .assemble import Points, R, Views, pixels, projected


def places(points: Points, views: Views, side: int, finer: int = 2) -> Tensor:
    """float16 [B, 7, side, side]: x, y, z of the nearest and of the farthest surface, and how much of a cell they fill.

    Positions are in [-0.5, 0.5] of the grid, averaged over the `finer`^2 samples of a cell that meet the object; zero
    where none does. A sample is a square: the nearest (farthest) of the points in it counts.
    """
    b, fine = len(points.role), side * finer
    item, index, x, y = pixels(points, views, fine)
    seen = (x >= 0) & (x < fine) & (y >= 0) & (y < fine)
    item, index, pixel = item[seen], index[seen], ((item * fine + y) * fine + x)[seen]
    height = (projected(points, views, "back")[item, index] * 4096).long() + 2**20  # positive for all of the grid
    layers = []
    for towards in (height, 2**21 - height):
        key = torch.full((b * fine * fine,), -1, dtype=torch.int64, device=pixel.device)
        key.scatter_reduce_(0, pixel, (towards << 32) | index, "amax")
        hit = (key >= 0).view(b, 1, fine, fine)
        pick = (key.clamp_min(0) & 0xFFFFFFFF).view(b, -1, 1).expand(-1, -1, 3)
        position = (points.position.gather(1, pick) / R - 0.5).transpose(1, 2).reshape(b, 3, fine, fine)
        share = F.avg_pool2d(hit.float(), finer)
        layers.append(F.avg_pool2d(position * hit, finer) / share.clamp_min(1e-6))
    return torch.cat([*layers, share], 1).half()
