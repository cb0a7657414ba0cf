"""Settings of every test process, made before anything is imported that reads them."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

# The suite runs in several processes (`pytest -n 2`), and the tensors in it are small. Thread pools that outnumber the
# cores spend their time spinning at barriers, which takes several times longer than the work itself.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

# Compiled modules are kept: each of the many processes that tests start would compile them anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

os.environ["HF_HUB_OFFLINE"] = "1"  # tests download nothing

pytest_plugins = ["tests.language.fixtures"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Under `-n`, the tests of a file stay together: what they share is made once, in one process.

    Files go out as they were collected, and the last ones are short: no process is left with a long one.
    """
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)
