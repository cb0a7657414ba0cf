"""Loading a backbone by name."""

from __future__ import annotations

import torch

from ..errors import InputError
from ..settings import Settings
from .backbone import Backbone
from .loading import Loading, compile_blocks
from .sources import sources_of


def load_backbone(
    name: str = "bricks",
    device: str | torch.device = "cpu",
    loading: Loading | None = None,
) -> Backbone:
    """The backbone `name`: "bricks"; "trellis"; or a folder or hub id, or two of them as IMAGE+TEXT."""
    device, loading, sources = torch.device(device), loading or Loading(), sources_of(name)
    if "cast3d" in sources[0].pipeline:
        from .bricks.loading import load_bricks

        if len(sources) > 1:
            raise InputError(f"{sources[0].place} reads pictures and text; leave {sources[1].place} out of --backbone")

        loading.require_small(name)
        backbone = load_bricks(sources[0], device)
    else:
        from .trellis.loading import load_trellis

        backbone = load_trellis(sources, device, loading)
    backbone.batch = loading.rows(device)
    if loading.compiled:
        compile_blocks(backbone.structure_flows.values())
    return backbone


def backbone_defaults(name: str) -> Settings:
    """The settings that a backbone brings, without loading its networks."""
    return Settings().changed(sources_of(name)[0].pipeline.get("cast3d", {}).get("defaults", {}))
