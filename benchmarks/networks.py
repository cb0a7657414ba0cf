"""Forward times and memory of every network, those of the bricks backbone that ships and the released ones.

    python -m benchmarks.networks                      # shipped networks timed, released ones counted
    python -m benchmarks.networks --full --dtype bfloat16 --json out.json
    python -m benchmarks.networks --device cuda        # everything timed

*memory* is what the weights take, in the precision of the config, counted on the meta device. Weights are random;
inputs are a shell of voxels, a latent grid, a picture of 112 pixels, 32 words and 1374 (bricks: 197) condition tokens,
batch 1. *first* is the first call, which also builds what is kept per set of voxels; *median* is of the calls after it.
On processors with bfloat16 units the library runs the flows of the bricks backbone in it: `--dtype bfloat16`.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import cast3d.backbones.bricks.loading  # registers the small classes
from cast3d.models import CLASSES, SparseTensor
from cast3d.models.released import RELEASED

from .timing import milliseconds

PIXELS, WORDS = 112, 32  # of a picture's side; of a sentence
TOKENS = {"bricks": (PIXELS // 8) ** 2 + 1, "released": 1374}  # of a picture

SHIPPED = Path(cast3d.__file__).parent / "weights" / "bricks" / "ckpts"


def shipped() -> dict[str, tuple[str, dict[str, Any]]]:
    """Class and arguments of every network of the bricks backbone, from the configs that it is loaded by."""
    configs = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(SHIPPED.glob("*.json"))}
    return {stem: (config["name"], config["args"]) for stem, config in configs.items()}


SMALL = shipped()


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
    words = torch.ones(1, WORDS, dtype=torch.int64, device=device)
    picture = torch.rand(1, 4, PIXELS, PIXELS, device=device)
    dense = {
        "PictureEncoder": (picture, words[:, 0]),
        "PictureNamer": (torch.randn(1, config.get("in_channels", 8), device=device),),
        "PromptedSegmenter": (picture, words),
        "WordEncoder": (words,),
    }
    if name in dense:
        return lambda: net(*dense[name])
    if name.endswith("StructureEncoder"):
        return lambda: net(torch.ones(1, 1, 64, 64, 64, device=device))
    if name.endswith("StructureDecoder"):
        return lambda: net(torch.ones(1, 8, 16, 16, 16, device=device))
    if name.endswith("FlowModel"):
        cond = torch.randn(1, tokens, config["cond_channels"], device=device)
        grid = torch.randn(1, 8, 16, 16, 16, device=device)
        return lambda: net(grid if name == "SparseStructureFlowModel" else sparse, t, cond)
    return lambda: (net.features if hasattr(net, "features") else net)(sparse)


def build(name: str, arguments: dict[str, Any], device: torch.device, dtype: torch.dtype | None) -> nn.Module:
    with torch.device(device):
        net = CLASSES[name](**arguments)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.02)  # nowhere zero, as after training
    if dtype is not None and hasattr(net, "convert_to"):
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
        call = example_call(net, coords, TOKENS["bricks" if stem in SMALL else "released"])
        first, *rest = milliseconds(call, 1 + repeats, device)
        torso = getattr(net, "dtype", torch.float32)  # the small dense networks have no torso of their own
        result |= {"dtype": str(torso), "first_ms": first, "median_ms": statistics.median(rest)}
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
