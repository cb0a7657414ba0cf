"""Gaussians: the container, cameras, rasterisers and file formats."""

from .gaussians import Gaussians

__all__ = ["Gaussians"]
