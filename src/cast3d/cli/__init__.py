"""The command line. Each command imports what it needs when it runs, so that `cast3d --help` answers at once."""

from .app import app, main

__all__ = ["app", "main"]
