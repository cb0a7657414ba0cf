"""The fixed table from class names in model configs to classes; nothing outside it is ever looked up."""

from __future__ import annotations

from torch import nn

CLASSES: dict[str, type[nn.Module]] = {}

# Arguments that released configs may carry and that change nothing here.
HARMLESS_ARGUMENTS = frozenset({"use_checkpoint"})


def register(name: str, cls: type[nn.Module]) -> None:
    """Makes `load` know `cls` under `name`. The class keeps its constructor arguments in a dict `config`.

    It may have `constants() -> dict[str, Tensor]` for buffers that follow from the arguments, and
    `convert_to(dtype)` for the precision of its torso. The first name registered for a class is the one `save` writes.
    """
    CLASSES[name] = cls


def name_of(cls: type[nn.Module]) -> str | None:
    """The name `save` writes for a class."""
    return next((name for name, known in CLASSES.items() if known is cls), None)
