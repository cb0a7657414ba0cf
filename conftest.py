"""Settings of every test process, made before anything is imported that reads them."""

import os

# The suite runs in several processes (`pytest -n 2`), and the tensors in it are small. Thread pools that outnumber the
# cores spend their time spinning at barriers, which takes several times longer than the work itself.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

os.environ["HF_HUB_OFFLINE"] = "1"  # tests download nothing

pytest_plugins = ["tests.language.fixtures"]
