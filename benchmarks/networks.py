"""Forward times and memory of every network, at the small backbone's size and as released.

    python -m benchmarks.networks                      # small networks timed, released ones counted
    python -m benchmarks.networks --full --dtype bfloat16 --json out.json
    python -m benchmarks.networks --device cuda        # everything timed

*memory* is what the weights take, in the precision of the config, counted on the meta device. Weights are random;
inputs are a shell of voxels, a latent grid and 1374 (small networks: 196) condition tokens, batch 1. *first* is the
first call, which also builds what is kept per set of voxels; *median* is of the calls after it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cast3d.models import CLASSES, SparseTensor
from cast3d.models.released import GAUSSIANS, RELEASED

FLOW = dict(in_channels=8, out_channels=8, qk_rms_norm=True)
TRUNK = dict(resolution=64, model_channels=192, latent_channels=8, num_blocks=6, num_heads=3)
SMALL: dict[str, tuple[str, dict[str, Any]]] = {
    "structure encoder 16-128": (
        "SparseStructureEncoder",
        dict(in_channels=1, latent_channels=8, num_res_blocks=1, channels=[16, 64, 128]),
    ),
    "structure decoder 128-16": (
        "SparseStructureDecoder",
        dict(out_channels=1, latent_channels=8, num_res_blocks=1, channels=[128, 64, 16]),
    ),
    "structure flow 320 x 8": (
        "SparseStructureFlowModel",
        dict(FLOW, resolution=16, model_channels=320, cond_channels=256, num_blocks=8, num_heads=5, patch_size=2),
    ),
    "latent flow 192 x 8": (
        "SLatFlowModel",
        dict(
            FLOW,
            resolution=64,
            model_channels=192,
            cond_channels=256,
            num_blocks=8,
            num_heads=3,
            io_block_channels=[64],
        ),
    ),
    "gaussian decoder 192 x 6": (
        "SLatGaussianDecoder",
        dict(TRUNK, representation_config=GAUSSIANS | {"num_gaussians": 8}),
    ),
    "radiance field decoder 192 x 6": (
        "SLatRadianceFieldDecoder",
        dict(TRUNK, representation_config={"rank": 4, "dim": 4}),
    ),
    "mesh decoder 256 x 2": (
        "SLatMeshDecoder",
        dict(TRUNK, model_channels=256, num_blocks=2, num_heads=4, representation_config={"use_color": True}),
    ),
    "latent encoder 192 x 6": ("SLatEncoder", dict(TRUNK, in_channels=8)),
}


def shell(radius: float, thickness: float, device: torch.device) -> Tensor:
    """[N, 4] voxels of a spherical shell in a 64^3 cube."""
    axis = torch.arange(64, device=device) - 31.5
    distance = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).norm(dim=0)
    xyz = ((distance < radius) & (distance > radius - thickness)).nonzero()
    return torch.cat([torch.zeros_like(xyz[:, :1]), xyz], dim=1).int()


def example_call(net: nn.Module, coords: Tensor, tokens: int) -> Callable[[], Any]:
    """A call of the network on inputs of its usual size."""
    config, device = net.config, coords.device
    name = type(net).__name__
    sparse = SparseTensor(torch.randn(len(coords), config.get("in_channels", 8), device=device), coords)
    t = torch.full((1,), 500.0, device=device)
    if name == "SparseStructureEncoder":
        return lambda: net(torch.ones(1, 1, 64, 64, 64, device=device))
    if name == "SparseStructureDecoder":
        return lambda: net(torch.ones(1, 8, 16, 16, 16, device=device))
    if name.endswith("FlowModel"):
        cond = torch.randn(1, tokens, config["cond_channels"], device=device)
        grid = torch.randn(1, 8, 16, 16, 16, device=device)
        return lambda: net(grid if name == "SparseStructureFlowModel" else sparse, t, cond)
    return lambda: (net.features if hasattr(net, "features") else net)(sparse)


def milliseconds(call: Callable[[], Any], repeats: int, device: torch.device) -> tuple[float, float]:
    """(first call, median of the rest): the first one also builds what is cached per coordinate set."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(1000 * (time.perf_counter() - start))
    return times[0], statistics.median(times[1:])


def build(name: str, arguments: dict[str, Any], device: torch.device, dtype: torch.dtype | None) -> nn.Module:
    with torch.device(device):
        net = CLASSES[name](**arguments)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.02)  # nowhere zero, as after training
    if dtype is not None:
        net.convert_to(dtype)
    return net.eval().requires_grad_(False)


@torch.inference_mode()
def measure(stem: str, timed: bool, device: torch.device, dtype: torch.dtype | None, repeats: int) -> dict[str, Any]:
    name, arguments = (SMALL | RELEASED)[stem]
    with torch.device("meta"):
        counted = CLASSES[name](**arguments)
    result = {
        "network": stem,
        "class": name,
        "parameters": sum(p.numel() for p in counted.parameters()),
        "weight_bytes": sum(x.numel() * x.element_size() for x in counted.state_dict().values()),
    }
    if timed:
        net = build(name, arguments, device, dtype)
        coords = shell(23, 1, device) if stem in SMALL else shell(30, 1.8, device)
        call = example_call(net, coords, 196 if stem in SMALL else 1374)
        first, median = milliseconds(call, repeats, device)
        result |= {"dtype": str(net.dtype), "first_ms": first, "median_ms": median}
        if name.removeprefix("Elastic").startswith("SLat"):
            result["voxels"] = len(coords)
        if device.type == "cuda":
            result["peak_gb"] = torch.cuda.max_memory_allocated(device) / 1e9
            torch.cuda.reset_peak_memory_stats(device)
    return result


HEADER = f"{'network':38s}  parameters     memory  voxels     torso      first     median"


def row(result: dict[str, Any]) -> str:
    text = f"{result['network']:38s} {result['parameters'] / 1e6:9.1f} M {result['weight_bytes'] / 1e6:7.1f} MB"
    if "median_ms" not in result:
        return text
    times = f"{result['first_ms']:7.1f} ms {result['median_ms']:7.1f} ms"
    text += f" {result.get('voxels', ''):>7} {result['dtype'].removeprefix('torch.'):>9s} {times}"
    return text + (f" {result['peak_gb']:6.2f} GB peak" if "peak_gb" in result else "")


def machine(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    return f"torch {torch.__version__}, {name}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=["float32", "float16", "bfloat16"], help="torso; default: as configured")
    parser.add_argument("--full", action="store_true", help="time the released sizes too (always on CUDA)")
    parser.add_argument("--only", default="", metavar="TEXT", help="networks with TEXT in their name")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the results here too")
    options = parser.parse_args()
    device = torch.device(options.device)
    dtype = getattr(torch, options.dtype) if options.dtype else None
    print(machine(device), HEADER, sep="\n")
    results = []
    for stem in filter(lambda stem: options.only in stem, SMALL | RELEASED):
        timed = stem in SMALL or options.full or device.type == "cuda"
        results.append(measure(stem, timed, device, dtype, options.repeats))
        print(row(results[-1]), flush=True)
    if options.json:
        report = {"machine": machine(device), "networks": results}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
