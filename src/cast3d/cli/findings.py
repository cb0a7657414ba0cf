"""What `cast3d doctor` looks at: the machine, then the backbone. Each finding stands alone: one hides no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Cast3dError, Finding
from .inputs import is_small
from .machine import machine

if TYPE_CHECKING:
    from ..backbones import Backbone


def findings(
    backbone: str, device: str = "cpu", loading: Mapping[str, Any] | None = None, front: Path | None = None
) -> Iterator[Finding]:
    """The findings that need torch, as they are made; the verdict comes last."""
    yield from machine()
    yield from _weights(backbone)
    yield from _verdict(backbone, device, loading or {}, front)


def _weights(backbone: str) -> Iterator[Finding]:
    """Every network's files."""
    from ..backbones.bricks.loading import constants_hash, weight_files, weight_hashes
    from ..backbones.sources import sources_of

    try:
        sources = sources_of(backbone)
        names = " + ".join(source.place for source in sources)
        if not is_small(backbone):
            from ..backbones.trellis.verify import inspect

            yield Finding("backbone", f"{names}, TRELLIS models", True)
            yield from inspect(sources)
            return
    except Cast3dError as error:
        yield Finding("backbone", str(error), False, "leave --backbone out for the shipped one, or name its folder")
        return
    folder = sources[0].folder
    assert folder is not None  # the small backbone lies in one
    files = weight_files(folder)
    size = sum(file.stat().st_size for file in files)
    yield Finding("backbone", f"{folder}, {len(files)} weight files, {size / 1e6:.1f} MB", bool(files))
    for name, digest in (weight_hashes(folder) | {"pipeline": constants_hash(sources[0].pipeline)}).items():
        yield Finding("", f"{name:<20} sha256 {digest[:16]}")


def _verdict(backbone: str, device: str, loading: Mapping[str, Any], front: Path | None) -> Iterator[Finding]:
    """Loads the networks and tries them: the one sure way to know."""
    import torch

    from ..backbones import Loading, load_backbone

    failed = []
    try:
        loaded = load_backbone(backbone, device, Loading(**loading))
        for one in _tried(loaded, front) if loaded.name == "trellis" else _untried(loaded, front):
            failed += [one.name] if one.ok is False else []
            yield one
    except Cast3dError as error:
        fix = "run with bricks, the shipped backbone" if backbone != "bricks" else "install cast3d again"
        yield Finding("compose", f"would not run: {error}", False, fix)
        return
    except torch.OutOfMemoryError:
        text = f"would not run: the memory of {device} is full; other programs may hold some of it"
        less = "--with batch=2" if is_small(backbone) else "--with memory=offload --with batch=2"
        yield Finding("compose", text, False, less)
        return
    lacking = {"image", "text"} - loaded.structure_flows.keys()
    if failed:
        yield Finding("compose", f"would not run as it should: see {', '.join(failed)}", False)
    elif lacking:
        yield Finding("compose", f"needs a {lacking.pop()} model, too", False, "--backbone IMAGE_FOLDER+TEXT_FOLDER")
    else:
        yield Finding("compose", f"runs with {backbone} on {device}; so do resume, lift and imagine", True)
    if loaded.about.get("knows"):
        yield Finding("knows", loaded.about["knows"])


def _untried(loaded: Backbone, front: Path | None) -> Iterator[Finding]:
    if front:
        text = f"{front} was not looked at: --front is for TRELLIS models; the front of {loaded.name} is known"
        yield Finding("front", text)


def _tried(loaded: Backbone, front: Path | None) -> Iterator[Finding]:
    """Networks run once each; with a picture, from which side an object resembles it."""
    import torch

    from ..backbones.trellis import verify
    from . import facing

    yield from verify.exercise(loaded)
    if front:
        from ..pictures.cutout import open_cut_out

        yield facing.front(loaded, open_cut_out(front).rgba)
    if loaded.device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(loaded.device)
        yield Finding("peak memory", f"{peak / 2**30:.1f} GiB of tensors on the device")
