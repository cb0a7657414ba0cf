"""Weighted means of networks from several calls of a step: flatter than the end of any one of them.

    python -m training.bricks.blend structure_flow calls/a=0.4 calls/b=0.4 calls/c=0.2 --networks flow words

Folders are checkpoints, each with its share; networks that are not named are those of the first. The mean of weights is
a good network only where one call went on from another's weights, or both from the same (Izmailov et al. 2018,
Wortsman et al. 2022): measure it. Vectors of words that only the first call knows stay as they are.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor


def blend(calls: Mapping[Path, float], step: str, networks: list[str]) -> dict[str, dict[str, Tensor]]:
    """By file name, what the first call's files hold, with the `networks` of all calls averaged."""
    if abs(sum(calls.values()) - 1) > 1e-6:
        raise SystemExit(f"shares must sum to 1, not {sum(calls.values()):g}")
    files = {call: read(call, step) for call in calls}
    weights = {call: {n: t for part in parts.values() for n, t in part.items()} for call, parts in files.items()}
    first = next(iter(calls))
    known = sorted({name.split(".")[0] for name in weights[first]})
    if missing := sorted(set(networks) - set(known)):
        raise SystemExit(f"no {' and no '.join(missing)} in {step}; it has {', '.join(known)}")

    def mean(name: str, tensor: Tensor) -> Tensor:
        if name.split(".")[0] not in networks or not tensor.is_floating_point():
            return tensor
        return sum(share * _as_long(weights[call][name], tensor) for call, share in calls.items()).to(tensor.dtype)

    return {file: {n: mean(n, t) for n, t in part.items()} for file, part in files[first].items()}


def _as_long(weight: Tensor, first: Tensor) -> Tensor:
    """In float32, with the rows of `first` that it lacks."""
    return torch.cat([weight.float(), first[len(weight) :].float()]) if weight.ndim else weight.float()


def read(folder: Path, step: str) -> dict[str, dict[str, Tensor]]:
    """A step's checkpoint files by name."""
    files = sorted(folder.glob(f"{step}-*.safetensors"))
    if not files:
        raise SystemExit(f"no {step} weights in {folder}")
    return {file.name: load_file(file) for file in files}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", help="such as structure_flow")
    parser.add_argument("calls", nargs="+", metavar="FOLDER=SHARE")
    parser.add_argument("--networks", nargs="+", required=True, help="what is averaged, such as flow words")
    parser.add_argument("--out", type=Path, default=Path("checkpoints"))
    args = parser.parse_args()
    calls = {Path(folder): float(share) for folder, _, share in (call.rpartition("=") for call in args.calls)}
    args.out.mkdir(parents=True, exist_ok=True)
    for name, tensors in blend(calls, args.step, args.networks).items():
        save_file(tensors, args.out / f"{name}.partial")
        (args.out / f"{name}.partial").rename(args.out / name)


if __name__ == "__main__":
    main()
