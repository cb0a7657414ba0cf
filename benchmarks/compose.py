"""Seconds and peak memory of a whole composition, stage by stage, in a cold process.

python -m benchmarks.compose examples/01-cap-and-backpack/scene.yaml --json compose.json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scene", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "cast3d", "compose", str(args.scene), "-o", f"{folder}/out", "--json"]
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wall = time.perf_counter() - begin
        stages = json.loads(Path(folder, "out", "run.json").read_text())["stages"]
    rows = {name: (costs["seconds"], costs.get("peak_bytes", 0) / 2**30) for name, costs in stages.items()}
    rows["whole process"] = wall, max(peak for _, peak in rows.values())
    print(f"{args.scene}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'stage':<28}{'seconds':>9}{'peak GiB':>10}")
    for name, (seconds, peak) in rows.items():
        print(f"{name:<28}{seconds:>9.1f}{peak:>10.2f}")
    if args.json:
        table = {name: {"seconds": seconds, "peak_gib": peak} for name, (seconds, peak) in rows.items()}
        args.json.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
