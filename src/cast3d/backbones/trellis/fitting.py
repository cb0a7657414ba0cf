"""Whether what a released pipeline names fits together, told from its json files before gigabytes are read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ... import models
from ...errors import CheckpointError
from ...models.checkpoints import read_config
from ...models.released import RELEASED
from ..sources import KINDS, Source, shown

# The class that a pipeline's key takes.
TAKES: dict[str, type[nn.Module]] = {
    "sparse_structure_encoder": models.SparseStructureEncoder,
    "sparse_structure_decoder": models.SparseStructureDecoder,
    "sparse_structure_flow_model": models.SparseStructureFlowModel,
    "slat_flow_model": models.SLatFlowModel,
    "slat_decoder_gs": models.SLatGaussianDecoder,
    "slat_decoder_mesh": models.SLatMeshDecoder,
}
FAMILY = {models.CLASSES[name] for name, _ in RELEASED.values()}


def check_classes(named: Iterable[tuple[Source, str, Path]]) -> None:
    """Raises if a network of the family stands under the key of another; a registered class may stand under any."""
    for source, key, stem in named:
        name, _ = read_config(Path(f"{stem}.json"))
        cls = models.CLASSES.get(name)
        if cls in FAMILY and cls is not TAKES[key]:
            raise CheckpointError(
                f"{source.place}/pipeline.json: {key} leads to {stem}.json, which is a {name}, "
                f"and not a {TAKES[key].__name__}; name the one that belongs there"
            )


def normalization(by_kind: Mapping[str, Source]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of the structured latents, which all repositories must share."""
    found = {}
    for source in by_kind.values():
        values = source.args.get("slat_normalization")
        if not isinstance(values, dict) or not {"mean", "std"} <= values.keys():
            raise CheckpointError(f"{source.place}/pipeline.json has no slat_normalization with mean and std")
        found[source.place] = numbers(source, "mean", values["mean"]), numbers(source, "std", values["std"])
    first, *rest = found.values()
    if any(values != first for values in rest):
        raise CheckpointError(f"{' and '.join(found)} have different slat_normalization: their latents do not fit")
    return first


def numbers(source: Source, key: str, values: Any) -> list[float]:
    """A list of finite numbers; true and false are none."""
    if not isinstance(values, list) or not all(type(one) in (int, float) and math.isfinite(one) for one in values):
        raise CheckpointError(
            f"{source.place}/pipeline.json: slat_normalization.{key} is a list of numbers, not {shown(values)}"
        )
    return [float(one) for one in values]


def check_latents(source: Source, flow: Path, mean: list[float], std: list[float]) -> None:
    """Raises unless the normalization has a number for each channel of the flow of structured latents."""
    channels = argument(flow, "in_channels")
    for key, values in {"mean": mean, "std": std}.items():
        if channels not in (None, len(values)):
            raise CheckpointError(
                f"{source.place}/pipeline.json: slat_normalization.{key} has {len(values)} numbers, one for each "
                f"channel is needed, and {flow}.json has in_channels {channels}"
            )


def check_conditions(source: Source, flow: Path, width: int) -> None:
    """Raises unless a flow takes tokens as wide as those of the source's encoder."""
    channels = argument(flow, "cond_channels")
    if channels not in (None, width):
        key = next(key for key, kind in KINDS.items() if kind == source.kind)
        raise CheckpointError(
            f"{flow}.json: cond_channels is {channels}, but the tokens of the {key} {source.args[key]!r} that "
            f"{source.place}/pipeline.json names have {width} channels; name the encoder that the flow was trained with"
        )


def argument(stem: Path, name: str) -> Any:
    """An argument of a network; None if its json leaves it out, which `load` reports."""
    return read_config(Path(f"{stem}.json"))[1].get(name)
