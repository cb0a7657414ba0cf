"""How optional dependencies are installed, one command per extra of `pyproject.toml`."""

TRELLIS, MATTING, CUDA = (f'python3 -m pip install -e ".[{extra}]"' for extra in ("trellis", "matting", "cuda"))
