"""Starting weights for training: every residual branch of a flow model begins as the identity (DiT, adaLN-zero)."""

from __future__ import annotations

from torch import Tensor, nn

from .blocks import ModulatedBlock
from .embeddings import TimestepEmbedder


def zero(module: nn.Module) -> None:
    """Sets the weight and the bias of a layer to zero."""
    for tensor in (module.weight, module.bias):
        assert isinstance(tensor, Tensor)  # not a module
        nn.init.zeros_(tensor)


def initialise_transformer(net: nn.Module) -> None:
    """Xavier linear layers, small time embedding, closed gates, zero `out_layer`."""
    for module in net.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    for module in net.modules():
        if isinstance(module, TimestepEmbedder):
            for layer in (module.mlp[0], module.mlp[2]):
                assert isinstance(layer, nn.Linear)
                nn.init.normal_(layer.weight, std=0.02)
        if isinstance(module, ModulatedBlock) and isinstance(module.adaLN_modulation, nn.Sequential):
            zero(module.adaLN_modulation[1])
    if isinstance(shared := getattr(net, "adaLN_modulation", None), nn.Sequential):
        zero(shared[1])
    zero(net.get_submodule("out_layer"))
