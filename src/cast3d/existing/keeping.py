"""A model, and regions of it, as files of a run folder: enough to go on without the files that were given."""

from __future__ import annotations

import io

import numpy as np
from torch import Tensor

from .container import encode
from .model import Model


def as_file(model: Model) -> tuple[str, bytes]:
    """A name and the content: meshes of any kind as .glb, splats as they were."""
    if model.document is not None:
        return "model.glb", encode(model.document.tables, model.document.binary)
    assert model.path is not None
    return f"model.{model.kind}", model.path.read_bytes()


def packed(grid: Tensor) -> bytes:
    """An npz with `voxels`, bool [64, 64, 64]."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, voxels=grid.cpu().numpy())
    return buffer.getvalue()
