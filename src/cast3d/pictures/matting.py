"""Cuts the most striking object out of any background with a network: optional, through `onnxruntime`.

| name | network | licence of the weights | file |
|---|---|---|---|
| u2net | U²-Net (Qin et al. 2020), what TRELLIS's own preprocessing uses | Apache-2.0 | about 180 MB |
| isnet | IS-Net, general use (Qin et al. 2022) | Apache-2.0 | about 180 MB |
| birefnet | BiRefNet, general (Zheng et al. 2024); needs about 5 GB of memory | MIT | about 1 GB |

The files are the ONNX exports that rembg publishes; one that rembg has fetched before is used where it lies. ONNX files
hold a graph of known operations, no code.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image

from ..errors import INSTALL_MATTING, CheckpointError, InputError, nearest
from ..files import atomic_file

SOURCE = "https://github.com/danielgatis/rembg/releases/download/v0.0.0/"
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ADVICE = "give a PNG with a transparent background"


@dataclass(frozen=True)
class Release:
    """A published file and what its network expects."""

    file: str
    md5: str  # the digest that is published with it
    side: int  # of its square input
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    logits: bool = False  # whether its output still needs a sigmoid


RELEASES = {
    "u2net": Release("u2net.onnx", "60024c5c889badc19c04ad937298a77b", 320, *IMAGENET),
    "isnet": Release("isnet-general-use.onnx", "fc16ebd8b0c10d971d3513d564d01e29", 1024, (0.5,) * 3, (1.0,) * 3),
    "birefnet": Release(
        "BiRefNet-general-epoch_244.onnx", "7a35a0141cbbc80de11d9c9a28f52697", 1024, *IMAGENET, logits=True
    ),
}
KEPT_BY_REMBG = {"birefnet": "birefnet-general.onnx"}  # its own names where they differ from the published ones


class Matting:
    """An open network: RGB picture -> alpha."""

    def __init__(self, file: Path, release: Release):
        try:
            self.session = runtime().InferenceSession(str(file), providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises its own kinds, which depend on how it was built
            raise CheckpointError(f"{file} is no network that onnxruntime can run: {error}") from error
        self.release = release

    def __call__(self, image: Image.Image) -> Image.Image:
        """Alpha, mode L, of the picture's size: 0 and 255 at the least and the most certain pixel."""
        release = self.release
        small = image.convert("RGB").resize((release.side, release.side), Image.Resampling.LANCZOS)
        pixels = np.asarray(small, np.float32)
        mean, std = np.array(release.mean, np.float32), np.array(release.std, np.float32)
        pixels = (pixels / max(pixels.max(), 1e-6) - mean) / std
        name = self.session.get_inputs()[0].name
        out = self.session.run(None, {name: pixels.transpose(2, 0, 1)[None]})[0][0, 0].astype(np.float64)
        if release.logits:
            out = 1 / (1 + np.exp(-out))
        low, high = out.min(), out.max()
        if not high > low:
            return Image.new("L", image.size)
        alpha = Image.fromarray(((out - low) / (high - low) * 255).astype(np.uint8))
        return alpha.resize(image.size, Image.Resampling.LANCZOS)


def runtime() -> ModuleType:
    """`onnxruntime`; raises InputError where it is missing or broken."""
    try:
        import onnxruntime
    except (ImportError, OSError) as error:
        raise InputError(
            f"cutting out with a network needs onnxruntime; install it with: {INSTALL_MATTING}; or {ADVICE}"
        ) from error
    return onnxruntime


def available() -> bool:
    """Whether networks can run here: `onnxruntime` is installed."""
    return importlib.util.find_spec("onnxruntime") is not None


@lru_cache(maxsize=1)
def load_matting(name: str) -> Matting:
    """The network `name`; its file is fetched at the first use."""
    if name not in RELEASES:
        raise InputError(
            f"no network {name!r} cuts out pictures{nearest(name, RELEASES)}; known: {', '.join(RELEASES)}"
        )
    runtime()  # before a file of hundreds of megabytes is fetched for it
    return Matting(weights(name), RELEASES[name])


def weights(name: str, fetch: Callable[[str, Path], None] | None = None) -> Path:
    """The file of a network: rembg's, or the one in our cache, which is fetched if need be and checked."""
    release = RELEASES[name]
    rembg = Path(os.environ.get("U2NET_HOME") or Path.home() / ".u2net") / KEPT_BY_REMBG.get(name, release.file)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cast3d" / release.file
    if rembg.is_file() and _md5(rembg) == release.md5:
        return rembg
    if not cache.is_file() or _md5(cache) != release.md5:
        with atomic_file(cache) as temporary:
            (fetch or _download)(SOURCE + release.file, temporary)
            if (found := _md5(temporary)) != release.md5:
                raise CheckpointError(f"{SOURCE}{release.file} has MD5 {found}, not {release.md5}; it was not kept")
    return cache


def _download(url: str, path: Path) -> None:
    try:
        with urllib.request.urlopen(url, timeout=60) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    except OSError as error:
        raise CheckpointError(f"{url} cannot be fetched ({error}); {ADVICE}") from error


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
