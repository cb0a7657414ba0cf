"""Meshes: extraction from networks' outputs, simplification, colour, and GLB with named parts."""

from .mesh import Mesh

__all__ = ["Mesh"]
