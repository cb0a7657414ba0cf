"""What `cast3d doctor` says of the machine: the interpreter, devices, memory, compiled loops, optional packages."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path

from ..errors import INSTALL_CUDA, INSTALL_MATTING, INSTALL_TRELLIS, Finding
from ..version import __version__

MEMORY_NEEDED = 2 << 30  # bytes of memory that a composition with bricks may take
EXTRAS = {
    "transformers": ("encoders of the released TRELLIS weights", INSTALL_TRELLIS),
    "huggingface-hub": ("downloads of released weights", INSTALL_TRELLIS),
    "onnxruntime": ("cutting objects out of any background", INSTALL_MATTING),
    "gsplat": ("fast splats on a CUDA card", INSTALL_CUDA),
}


def basics() -> Iterator[Finding]:
    """What can be said even if nothing can be imported; torch comes last."""
    yield Finding("cast3d", __version__, True)
    yield _python()
    yield _torch()


def machine() -> Iterator[Finding]:
    """The findings that need torch, as they are made."""
    yield from (_processor(), _cuda(), _memory(), _kernels())
    yield from _extras()


def _python() -> Finding:
    fine = sys.version_info >= (3, 11)
    return Finding("python", platform.python_version(), fine, "" if fine else "install Python 3.11 or newer")


def _torch() -> Finding:
    try:
        import torch
    except (ImportError, OSError) as error:  # a library that it needs is missing or not for this system
        return Finding("torch", f"cannot be imported: {error}", False, "python3 -m pip install -e .")
    return Finding("torch", torch.__version__, True)


def _processor() -> Finding:
    import torch

    from ..models.precision import fast_bfloat16

    form = "bfloat16 at full speed" if fast_bfloat16() else "no fast bfloat16, the flows run in float32"
    return Finding("processor", f"{os.cpu_count()} cores, threads in use: {torch.get_num_threads()}, {form}")


def _cuda() -> Finding:
    import torch

    if not torch.cuda.is_available():
        return Finding("cuda", "no device; everything runs on the CPU")
    cards = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    names = ", ".join(f"{card.name} ({card.total_memory / 2**30:.0f} GiB)" for card in cards)
    return Finding("cuda", f"{names}; used with --device cuda")


def _kernels() -> Finding:
    """Compiles the loops that draw, or loads them compiled, and draws one Gaussian and one triangle."""
    import time

    import torch

    start = time.perf_counter()
    try:
        from ..meshes import Mesh
        from ..meshes.raster import shoot
        from ..splats import Gaussians, fast, orbit
        from ..splats.compiling import kept

        camera, corners = orbit(0, 0, fov=None, width=1.0), torch.tensor([[0.0, 0, 0], [0.3, 0, 0], [0, 0, 0.3]])
        upright = torch.tensor([[1.0, 0, 0, 0]])
        dot = Gaussians(torch.zeros(1, 3), torch.zeros(1, 3), torch.full((1, 3), 0.1), upright, torch.ones(1) / 2)
        fast.render(dot, camera, 16)
        shoot([Mesh(corners, torch.tensor([[0, 1, 2]]))], camera, 16)
    except Exception as error:  # numba, LLVM and torch raise their own kinds
        text = f"the compiled loops do not run: {type(error).__name__}: {error}"
        return Finding("kernels", text, False, "python3 -m pip install --force-reinstall numba")
    seconds = time.perf_counter() - start
    if kept():
        return Finding("kernels", f"run, after {seconds:.1f} s; compiled code is kept", True)
    text = f"run, after {seconds:.1f} s; every process compiles anew, as no cache can be written"
    return Finding("kernels", text, True, "set NUMBA_CACHE_DIR to a folder that may be written, by nobody else")


def _memory() -> Finding:
    free = _free_memory()
    if free is None:
        return Finding("memory", "this system does not say how much is free")
    fine = free >= MEMORY_NEEDED
    fix = "" if fine else f"close other programs until {MEMORY_NEEDED / 2**30:.0f} GiB are free"
    return Finding("memory", f"{free / 2**30:.1f} GiB free", True if fine else None, fix)


def _free_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return None


def _extras() -> Iterator[Finding]:
    for package, (use, fix) in EXTRAS.items():
        if util.find_spec(package.replace("-", "_")) and package == "gsplat":
            yield _gsplat(use)
        elif util.find_spec(package.replace("-", "_")):
            yield Finding(package, f"{_version(package)}, for {use}")
        else:
            yield Finding(package, f"not installed; only for {use}", fix=fix)


def _gsplat(use: str) -> Finding:
    """Whether it draws here; at its first use it compiles its kernels, which takes minutes."""
    import torch

    from ..splats import cuda

    said = f"{_version('gsplat')}, for {use}"
    if not torch.cuda.is_available():
        return Finding("gsplat", f"{said}; there is no CUDA device")
    if reason := cuda.problem():
        fix = "install the CUDA toolkit (nvcc) of the version in torch.version.cuda, and a C++ compiler"
        return Finding("gsplat", f"{said}, but does not draw, so the CPU does, slowly: {reason}", None, fix)
    return Finding("gsplat", f"{said}; it draws", True)


def _version(package: str) -> str:
    """Of an importable package; another distribution may bring it, as onnxruntime-gpu does."""
    owners = metadata.packages_distributions().get(package.replace("-", "_"), [package])
    return metadata.version(package if package in owners else owners[0])
