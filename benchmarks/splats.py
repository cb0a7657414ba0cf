"""How long drawing, accumulating and voting take on this machine.

    python -m benchmarks.splats [--json FILE] [--counts 60000 300000] [--sizes 256 512] [--repeats 5] [--device cuda]

Gaussians lie on a sphere's surface, about 2 px wide at 256 px. Prints a table; `--json` also writes the rows. On a CUDA
device gsplat is measured where it is installed, and the CPU rasteriser with the way there and back.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics

import torch
from torch.nn import functional as F

from cast3d.segmentation.voting import vote
from cast3d.splats import Gaussians, cuda, fast, orbit, reference, rings

from .timing import milliseconds

REFERENCE_LIMIT = {"cpu": 10_000, "cuda": 300_000}  # Gaussians; the readable twin is not made for more


def sphere(count: int) -> Gaussians:
    generator = torch.Generator().manual_seed(0)
    return Gaussians(
        positions=0.4 * F.normalize(torch.randn(count, 3, generator=generator), dim=1),
        features_dc=torch.randn(count, 3, generator=generator),
        scales=0.004 * (0.3 + torch.rand(count, 3, generator=generator)),
        rotations=F.normalize(torch.randn(count, 4, generator=generator), dim=1),
        opacities=0.1 + 0.85 * torch.rand(count, generator=generator),
    )


def measure(count: int, size: int, repeats: int, device: str) -> list[dict]:
    gaussians, camera = sphere(count).to(device), orbit(20, 10)
    masks = (torch.rand(3, size, size, generator=torch.Generator().manual_seed(1)) > 0.5).to(device)
    views = rings(8)
    tasks = {
        "fast.render": lambda: fast.render(gaussians, camera, size),
        "fast.accumulate (3 masks)": lambda: fast.accumulate(gaussians, camera, masks),
        "vote (24 views, 3 terms)": lambda: vote(gaussians, views, masks.expand(len(views), -1, -1, -1)),
    }
    if count <= REFERENCE_LIMIT[device]:
        tasks["reference.render"] = lambda: reference.render(gaussians, camera, size)
        tasks["reference.accumulate (3 masks)"] = lambda: reference.accumulate(gaussians, camera, masks)
    if device == "cuda" and cuda.available():
        tasks["gsplat.render"] = lambda: cuda.render(gaussians, camera, size)
        tasks["gsplat.accumulate (3 masks)"] = lambda: cuda.accumulate(gaussians, camera, masks)
    rows = []
    for name, task in tasks.items():
        ms = statistics.median(milliseconds(task, 1 + repeats, device)[1:])  # the first call compiles
        rows.append({"task": name, "gaussians": count, "size": size, "ms": round(ms, 1)})
        print(f"{name:30} {count:>10,} {size:>6} {rows[-1]['ms']:>10.1f}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="file for the rows and the machine")
    parser.add_argument("--counts", type=int, nargs="+", default=[5_000, 60_000, 300_000])
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    print(f"{'task':30} {'Gaussians':>10} {'px':>6} {'ms':>10}")
    rows = [
        row
        for count in arguments.counts
        for size in arguments.sizes
        for row in measure(count, size, arguments.repeats, arguments.device)
    ]
    if arguments.json:
        machine = {"processor": platform.processor(), "threads": torch.get_num_threads(), "torch": torch.__version__}
        if arguments.device == "cuda":
            machine["card"] = torch.cuda.get_device_name()
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"machine": machine, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
