"""Compiled loops: kept between processes, and compiled anew where nothing can be written."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cast3d.splats.compiling import compiled

WITHOUT_CACHE = """
from numba.core import caching
caching.CacheImpl._locator_classes = []  # as with an unwritable home and a read-only package
import torch
from cast3d.cli.machine import _kernels
from cast3d.splats.compiling import compiled, kept

@compiled()
def double(x):
    return 2 * x

assert double(4) == 8 and not kept()
finding = _kernels()
print(finding.ok, finding.text, finding.fix)
"""


def test_without_a_cache_loops_are_compiled_anew():
    done = subprocess.run([sys.executable, "-c", WITHOUT_CACHE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("True run, after") and "no cache can be written" in done.stdout
    assert "NUMBA_CACHE_DIR" in done.stdout


def test_what_would_never_be_found_again_is_refused():
    """Two files had such functions: every process compiled them, which took seconds, and left another copy."""

    @compiled()
    def double(x):
        return 2 * x

    with pytest.raises(TypeError, match="to a module's top"):

        @compiled()
        def fourfold(x):
            return double(double(x))
