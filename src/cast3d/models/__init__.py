"""The networks of the released family and their files, in plain PyTorch: any device, no compiled extension."""

from __future__ import annotations

from .checkpoints import load, save
from .registry import CLASSES, register
from .sparse.tensor import SparseTensor
from .structure_flow import SparseStructureFlowModel
from .structure_vae import SparseStructureDecoder, SparseStructureEncoder

for _cls in (SparseStructureEncoder, SparseStructureDecoder, SparseStructureFlowModel):
    register(_cls.__name__, _cls)

__all__ = [
    "CLASSES",
    "SparseStructureDecoder",
    "SparseStructureEncoder",
    "SparseStructureFlowModel",
    "SparseTensor",
    "load",
    "register",
    "save",
]
