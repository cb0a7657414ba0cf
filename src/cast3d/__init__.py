"""cast3d composes one 3D object with named parts from a sentence and one picture per named thing.

    import cast3d
    composer = cast3d.load("bricks", device="cpu")
    pictures = {"figure": "figure.png", "cap": "cap.png"}
    result = composer.compose("a figure wearing a cap", pictures, main="figure", seed=0)
    result.save("out/")

Importing this package is free: torch and everything heavy load at first use.
"""

from __future__ import annotations

import importlib
from typing import Any

from .version import __version__

__all__ = ["Asset", "Cast3dError", "Composer", "InputError", "Result", "Scene", "__version__", "load"]

_HOMES = {
    "Asset": ".scene",
    "Cast3dError": ".errors",
    "Composer": ".composer",
    "InputError": ".errors",
    "Result": ".composer",
    "Scene": ".scene",
    "load": ".composer",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name], __name__), name)
    if name in {"flow", "models", "splats", "meshes", "voxels", "segmentation", "evaluation", "stages"}:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module 'cast3d' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
