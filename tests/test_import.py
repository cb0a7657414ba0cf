"""Importing the package costs nothing: everything heavy loads at first use."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"numba", "numpy", "scipy", "torch", "transformers"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, cast3d; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "cast3d" in loaded
    assert not HEAVY & set(loaded)
