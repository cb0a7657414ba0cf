"""The commands by name."""

from __future__ import annotations

from typing import Annotated

import typer

from ..version import __version__
from .compose import compose, resume
from .doctor import doctor
from .settings_table import settings
from .single import imagine, lift

app = typer.Typer(
    help="Composes one 3D object with named parts from a sentence and one picture per named thing.",
    epilog="A first run: cast3d compose examples/01-cap-and-backpack/scene.yaml -o out",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (compose, resume, lift, imagine, doctor, settings):
    app.command()(command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cast3d {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None: ...


def main() -> None:
    """Entry point of the command `cast3d`. Exit codes: 0 done, 1 not everything would run (doctor), 2 unusable input
    or nothing found, 130 interrupted."""
    app(prog_name="cast3d")
