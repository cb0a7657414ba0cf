"""Noise with an address: every draw depends on (seed, key, level) and on nothing else.

A new part, another start level or a longer grid therefore never moves the noise of what was there before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..errors import InputError

Key = str | Sequence[str | int]  # e.g. "layout" or ("geometry", "baseball cap")
Draws = Callable[[int], Tensor] | Tensor  # noise by level: a function of the level index, or a tensor [levels, ...]


def noise(shape: Sequence[int], seed: int, key: Key) -> Callable[[int], Tensor]:
    """A function of the level i giving ε_i ~ N(0, I), float32 on the CPU, always the same for the same address."""
    shape = tuple(shape)

    def at_level(level: int) -> Tensor:
        generator = torch.Generator("cpu").manual_seed(_digest(seed, key, level))
        return torch.randn(shape, generator=generator, dtype=torch.float32)

    _digest(seed, key, 0)  # a bad key fails here, not deep inside a loop
    return at_level


def draw(noise: Draws, level: int, like: Tensor, *lead: int) -> Tensor:
    """The noise of one level, [*lead, *like.shape], on the device and in the dtype of `like`."""
    if not callable(noise) and level >= len(noise):
        raise InputError(f"noise has {len(noise)} rows, but level {level} was asked for; give one row per level of t")
    eps = noise(level) if callable(noise) else noise[level]
    if eps.shape != (*lead, *like.shape):
        raise InputError(
            f"noise of level {level} has shape {list(eps.shape)}, expected {[*lead, *like.shape]}; "
            "give a function of the level or a tensor with the level as its first axis"
        )
    return eps.to(like)


def drawn(noise: Draws, levels: int, device: torch.device | str) -> Tensor:
    """The noise of levels 0 ... `levels` as one tensor [levels + 1, ...] on `device`.

    Draw it before a loop: then nothing is copied from the host inside the loop.
    """
    return torch.stack([noise(i) if callable(noise) else noise[i] for i in range(levels + 1)]).to(device)


def side_by_side(noises: Sequence[Draws]) -> Callable[[int], Tensor]:
    """The noise of several items, each [1, ...] by level, as one batch [items, ...] by level."""
    return lambda level: torch.cat([noise(level) if callable(noise) else noise[level] for noise in noises])


def _digest(seed: int, key: Key, level: int) -> int:
    """64 bits of SHA-256 over the JSON of the address (JSON, so that ("a", "b") and "ab" differ)."""
    try:
        address = json.dumps([int(seed), key if isinstance(key, str) else list(key), int(level)])
    except (TypeError, ValueError):
        raise InputError(f"noise is keyed by an integer seed and words, got seed={seed!r}, key={key!r}") from None
    # Little-endian low words first: the CPU generator seeds itself from the low 32 bits alone.
    return int.from_bytes(hashlib.sha256(address.encode()).digest()[:8], "little")
