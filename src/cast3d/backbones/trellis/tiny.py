"""The released networks shrunk to what a test can afford: same classes, same stems, same calls."""

from __future__ import annotations

from typing import Any

from ...models.released import RELEASED

TRUNK = dict(model_channels=24, num_blocks=1, num_heads=2, mlp_ratio=2)
PICTURE_CHANNELS, TEXT_CHANNELS = 32, 24  # of the tiny encoders' tokens


def shrunk(stem: str) -> tuple[str, dict[str, Any]]:
    """The class and the arguments of a released network with less of everything."""
    name, arguments = RELEASED[stem]
    if name.startswith("SparseStructure") and "channels" in arguments:
        return name, dict(arguments, channels=[8] * len(arguments["channels"]), num_res_blocks=1)
    changes: dict[str, Any] = dict(TRUNK)
    if "cond_channels" in arguments:
        changes["cond_channels"] = PICTURE_CHANNELS if "_img_" in stem else TEXT_CHANNELS
    if name == "SparseStructureFlowModel":
        changes["patch_size"] = 4  # 64 tokens in place of 4096
    if "io_block_channels" in arguments:
        changes |= dict(io_block_channels=[8], num_io_res_blocks=1)
    if name == "ElasticSLatMeshDecoder":
        changes["model_channels"] = 256  # its norms have 32 groups at an eighth of the width
    if name == "ElasticSLatEncoder":
        changes["in_channels"] = PICTURE_CHANNELS
    if name == "ElasticSLatGaussianDecoder":
        changes["representation_config"] = arguments["representation_config"] | {"num_gaussians": 2}
    return name, arguments | changes


TINY = {stem: shrunk(stem) for stem in RELEASED}
