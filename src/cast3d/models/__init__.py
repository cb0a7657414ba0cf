"""The networks of the released family and their files, in plain PyTorch: any device, no compiled extension."""

from __future__ import annotations

from .checkpoints import load, save
from .gaussian_decoder import RawGaussians, SLatGaussianDecoder
from .mesh_decoder import SLatMeshDecoder
from .radiance_field import RadianceField, SLatRadianceFieldDecoder
from .registry import CLASSES, register
from .slat_flow import SLatFlowModel
from .slat_vae import SLatEncoder
from .sparse.tensor import SparseTensor
from .structure_flow import SparseStructureFlowModel
from .structure_vae import SparseStructureDecoder, SparseStructureEncoder

for _cls in (SparseStructureEncoder, SparseStructureDecoder, SparseStructureFlowModel):
    register(_cls.__name__, _cls)
for _elastic in (SLatEncoder, SLatFlowModel, SLatGaussianDecoder, SLatRadianceFieldDecoder, SLatMeshDecoder):
    register(_elastic.__name__, _elastic)
    register(f"Elastic{_elastic.__name__}", _elastic)  # released name: same weights, same mathematics

__all__ = [
    "CLASSES",
    "RadianceField",
    "RawGaussians",
    "SLatEncoder",
    "SLatFlowModel",
    "SLatGaussianDecoder",
    "SLatMeshDecoder",
    "SLatRadianceFieldDecoder",
    "SparseStructureDecoder",
    "SparseStructureEncoder",
    "SparseStructureFlowModel",
    "SparseTensor",
    "load",
    "register",
    "save",
]
