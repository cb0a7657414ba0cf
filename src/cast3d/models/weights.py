"""The file of weights beside a network's config: STEM.safetensors, or the same bytes deflated, STEM.safetensors.gz.

Matrices of 8 bits deflate by a tenth, which is what a repository with a limit gains from it.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from safetensors import SafetensorError, safe_open
from safetensors.torch import load as load_bytes
from torch import Tensor

PLAIN, DEFLATED = ".safetensors", ".safetensors.gz"
MOST = 1 << 30  # bytes that a deflated file may grow to


class Tensors(Protocol):
    """What is read of a file of weights."""

    def keys(self) -> list[str]: ...

    def shape(self, key: str) -> list[int]: ...

    def tensor(self, key: str) -> Tensor: ...


def weights_of(stem: str | Path) -> Path:
    """STEM.safetensors, or STEM.safetensors.gz where only that exists."""
    plain, deflated = Path(f"{stem}{PLAIN}"), Path(f"{stem}{DEFLATED}")
    return deflated if deflated.is_file() and not plain.is_file() else plain


def stem_of(path: Path) -> str:
    """The name of a file of weights without its suffixes."""
    return path.name.removesuffix(".gz").removesuffix(PLAIN)


def deflate(path: Path) -> Path:
    """Puts STEM.safetensors.gz in the place of STEM.safetensors; equal input gives equal bytes."""
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    path.unlink()
    return packed


@contextmanager
def opened(path: Path) -> Iterator[Tensors]:
    """The tensors of a file; raises FileNotFoundError, OSError or SafetensorError."""
    if path.name.endswith(DEFLATED):
        yield _InMemory(load_bytes(_inflated(path)))
        return
    with safe_open(path, "pt") as file:
        yield _OnDisk(file)


def _inflated(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            data = file.read(MOST + 1)
    except (EOFError, zlib.error) as error:
        raise SafetensorError(f"it ends early or is no gzip ({error})") from error
    if len(data) > MOST:
        raise SafetensorError(f"it inflates to more than {MOST >> 20} MB")
    return data


class _OnDisk:
    def __init__(self, file):
        self._file = file

    def keys(self) -> list[str]:
        return list(self._file.keys())

    def shape(self, key: str) -> list[int]:
        return list(self._file.get_slice(key).get_shape())

    def tensor(self, key: str) -> Tensor:
        return self._file.get_tensor(key)


class _InMemory:
    def __init__(self, tensors: dict[str, Tensor]):
        self._tensors = tensors

    def keys(self) -> list[str]:
        return list(self._tensors)

    def shape(self, key: str) -> list[int]:
        return list(self._tensors[key].shape)

    def tensor(self, key: str) -> Tensor:
        return self._tensors[key]
