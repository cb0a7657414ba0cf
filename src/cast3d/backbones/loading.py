"""How a backbone is loaded; nothing of it changes what comes out, beyond rounding and the segmenter's masks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, cast

import torch
from torch import nn

from ..errors import InputError, nearest
from ..segmentation.open_vocabulary import places_of
from .residency import MODES

BATCH = 8  # predictions in one pass on a GPU
TRELLIS_ONLY = ("memory", "segmenter")  # ways to load that other backbones have not


@dataclass(frozen=True)
class Loading:
    """On the command line `--with NAME=VALUE`."""

    memory: str = "auto"  # "resident": all networks stay on the device; "offload": those in use; "auto": what fits
    batch: int = 0  # most predictions in one forward pass; 0: 1 on a CPU, 8 elsewhere
    compiled: bool = False  # compile the blocks of the structure flow: a minute once, faster steps
    segmenter: str = "grounded-sam2"  # of TRELLIS models, see `cast3d.segmentation`

    def __post_init__(self) -> None:
        if self.memory not in MODES:
            raise InputError(f"memory is one of {', '.join(MODES)}, not {self.memory!r}{nearest(self.memory, MODES)}")
        places_of(self.segmenter)
        if self.batch < 0:
            raise InputError(f"batch is at least 1 (or 0 for the device's own), not {self.batch}")

    @classmethod
    def read(cls, texts: Mapping[str, str]) -> Loading:
        """From names and values as typed."""
        known: dict[str, type] = {f.name: type(f.default) for f in fields(cls)}
        values: dict[str, Any] = {}
        for name, text in texts.items():
            if name not in known:
                raise InputError(f"cannot load with {name!r}{nearest(name, known)}; known: {', '.join(known)}")
            read = {"true": True, "false": False}.__getitem__ if known[name] is bool else known[name]
            try:
                values[name] = read(text)
            except (ValueError, KeyError):
                kind = "true or false" if known[name] is bool else "a whole number"
                raise InputError(f"{name} is {kind}, not {text!r}") from None
        return cls(**values)

    def require_small(self, backbone: str, given: Collection[str] = ()) -> None:
        """Raises InputError if an option, `given` or not the default, is one that only TRELLIS models have."""
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name in TRELLIS_ONLY and (f.name in given or value != f.default):
                known = ", ".join(one.name for one in fields(self) if one.name not in TRELLIS_ONLY)
                raise InputError(
                    f"{f.name}={value}: the backbone {backbone} has no {f.name} to choose, it takes {known}; leave it "
                    'out, or choose TRELLIS models with the backbone "trellis"'
                )

    def rows(self, device: torch.device) -> int:
        """Predictions in one forward pass."""
        return self.batch or (1 if device.type == "cpu" else BATCH)


def compile_blocks(nets: Iterable[nn.Module]) -> None:
    """Compiles the repeated blocks of networks, in place; whole networks would take minutes."""
    for net in nets:
        for block in cast(nn.ModuleList, net.blocks):
            block.compile()
