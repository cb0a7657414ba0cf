"""Networks on disk in the released layout: STEM.json {"name", "args"} beside STEM.safetensors."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import Cast3dError, CheckpointError, nearest
from ..files import atomic_file, atomic_write
from . import eight_bit
from .registry import CLASSES, HARMLESS_ARGUMENTS, name_of
from .shapes import shapes_only
from .weights import opened, stem_of, weights_of


def load(stem: str | Path, device: torch.device | str = "cpu", dtype: torch.dtype | None = None) -> nn.Module:
    """The network of STEM.json with the weights of STEM.safetensors (or .safetensors.gz), in eval mode, gradients off.

    `dtype` sets the precision of the torso; None keeps what the config says (`use_fp16`). Weights are read once,
    straight into the precision and onto the device where they are used. Anything that does not fit raises
    `CheckpointError`.
    """
    with shapes_only():
        net = build(Path(f"{stem}.json"))
    if dtype is not None:
        getattr(net, "convert_to", net.to)(dtype)
    fill(net, weights_of(stem), torch.device(device))
    return net.eval().requires_grad_(False)


def save(net: nn.Module, stem: str | Path) -> None:
    """Writes STEM.json and STEM.safetensors; each file appears whole or not at all."""
    name = name_of(type(net))
    if name is None:
        raise CheckpointError(
            f"{type(net).__name__} has no name in cast3d.models.CLASSES; call register(name, cls) first"
        )
    weights = {key: tensor.detach().cpu().contiguous() for key, tensor in net.state_dict().items()}
    config = json.dumps({"name": name, "args": net.config}, indent=4)
    with atomic_file(f"{stem}.safetensors") as path:
        path.touch()
        mode = path.stat().st_mode
        save_file(weights, path)
        path.chmod(mode)  # safetensors makes files that only their owner may read
    atomic_write(f"{stem}.json", config + "\n")


def build(config: Path) -> nn.Module:
    """The network a model json describes, with starting weights (none at all within `shapes_only`)."""
    name, arguments = read_config(config)
    if name not in CLASSES:
        raise CheckpointError(
            f"{config}: unknown network {name!r}{nearest(name, CLASSES)}; known: {', '.join(CLASSES)}"
        )
    cls = CLASSES[name]
    accepted = inspect.signature(cls).parameters
    for argument in sorted(set(arguments) - set(accepted)):
        if argument not in HARMLESS_ARGUMENTS:
            raise CheckpointError(
                f"{config}: {name} has no argument {argument!r}{nearest(argument, accepted)}; "
                f"accepted: {', '.join(accepted)}"
            )
    try:
        return cls(**{key: value for key, value in arguments.items() if key in accepted})
    except (Cast3dError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RuntimeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise CheckpointError(f"{config}: {name} cannot be built from its args: {reason}") from error


def read_config(path: Path) -> tuple[str, dict[str, Any]]:
    """(name, args) of a model json."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist; a network is a pair STEM.json, STEM.safetensors") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is not a readable JSON file: {error}") from error
    if not isinstance(config, dict) or not isinstance(config.get("name"), str):
        raise CheckpointError(f'{path} is not a model config; expected {{"name": ..., "args": {{...}}}}')
    arguments = config.get("args", {})
    if not isinstance(arguments, dict):
        raise CheckpointError(f"{path}: args must be an object, not {type(arguments).__name__}")
    return config["name"], arguments


def fill(net: nn.Module, path: Path, device: torch.device) -> None:
    """Moves a network from the meta device to `device` with the tensors of a file, each cast to its own dtype."""
    expected = net.state_dict()
    constants = constant_buffers(net)
    tensors: dict[str, Tensor] = {}
    try:
        with opened(path) as file:
            stored = set(file.keys())
            scales = {key for key in stored if key.removesuffix(eight_bit.SUFFIX) in stored - {key}}
            check_keys(path, stored - scales, set(expected), set(constants))
            for key in sorted(stored - scales):
                check_shape(path, key, file.shape(key), list(expected[key].shape))
                tensor = file.tensor(key)
                if (scale := key + eight_bit.SUFFIX) in scales:
                    tensor = eight_bit.unpack(tensor, file.tensor(scale))
                check_kind(path, key, tensor.dtype, expected[key].dtype)
                tensors[key] = tensor.to(device, expected[key].dtype)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist; a network is a pair STEM.json, STEM.safetensors") from error
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged or incomplete, fetch it again: {error}") from error
    for key in expected.keys() - tensors.keys():
        tensors[key] = constants[key].to(device, expected[key].dtype)
    net.load_state_dict(tensors, assign=True)
    fill_unsaved_buffers(net, constants, device, path)


def constant_buffers(net: nn.Module) -> dict[str, Tensor]:
    """Buffers that modules build from their arguments (`constants()`), by full name."""
    return {
        f"{prefix}.{name}" if prefix else name: value
        for prefix, module in net.named_modules()
        if hasattr(module, "constants")
        for name, value in module.constants().items()
    }


def fill_unsaved_buffers(net: nn.Module, constants: dict[str, Tensor], device: torch.device, path: Path) -> None:
    """Puts real values into the non-persistent buffers, which no file holds."""
    for full_name, buffer in list(net.named_buffers()):
        if buffer.is_meta:
            if full_name not in constants:
                raise CheckpointError(
                    f"{path}: buffer {full_name!r} is not in the file, and constants() does not build it"
                )
            owner, _, name = full_name.rpartition(".")
            net.get_submodule(owner).register_buffer(name, constants[full_name].to(device), persistent=False)


def check_keys(path: Path, found: set[str], expected: set[str], optional: set[str]) -> None:
    """Raises unless the file has every parameter and no more; buffers that follow from the arguments may be absent."""
    if unexpected := sorted(found - expected):
        hint = nearest(unexpected[0], expected - found)
        raise CheckpointError(
            f"{path}: unexpected tensor {unexpected[0]!r}{hint} ({len(unexpected)} unexpected in all){another(path)}"
        )
    if missing := sorted(expected - found - optional):
        raise CheckpointError(
            f"{path}: tensor {missing[0]!r} is missing ({len(missing)} missing in all){another(path)}"
        )


def check_shape(path: Path, key: str, found: list[int], expected: list[int]) -> None:
    if found != expected:
        raise CheckpointError(
            f"{path}: tensor {key!r} has shape {found}, the config asks for {expected}{another(path)}"
        )


def another(path: Path) -> str:
    """What to do about whole files that do not fit."""
    return f"; {stem_of(path)}.json describes another network than this file holds, fetch both again"


def check_kind(path: Path, key: str, found: torch.dtype, expected: torch.dtype) -> None:
    """Raises if the kind of number differs (precision may): 8-bit weights without their scales are no weights."""
    if found.is_floating_point != expected.is_floating_point:
        raise CheckpointError(f"{path}: tensor {key!r} holds {found}, the network needs {expected}")
