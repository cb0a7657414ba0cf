"""One thread per test process.

The suite runs in several processes (`pytest -n 2`), and the tensors in it are small. Thread pools that outnumber the
cores spend their time spinning at barriers: the same tests were measured several times slower. The pools are sized
when their libraries are first imported, so this must stand here, before any test module.
"""

import os

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"
