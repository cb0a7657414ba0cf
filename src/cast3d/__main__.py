"""`python -m cast3d` is the command `cast3d`."""

from .cli import main

main()
