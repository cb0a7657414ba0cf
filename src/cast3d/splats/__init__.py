"""Gaussians: the container, cameras, rasterisers, pictures and file formats. Importing this is free of compilers."""

from .cameras import Camera, orbit
from .gaussians import Gaussians
from .ply import read_ply, write_ply
from .preview import contact_sheet, turntable
from .rasterize import Rasterizer, accumulate, rasterizer, render
from .rendering import Rendering
from .spz import read_spz, write_spz
from .views import rings

__all__ = [
    "Camera",
    "Gaussians",
    "Rasterizer",
    "Rendering",
    "accumulate",
    "contact_sheet",
    "orbit",
    "rasterizer",
    "read_ply",
    "read_spz",
    "render",
    "rings",
    "turntable",
    "write_ply",
    "write_spz",
]
