"""The commands by name."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from ..jobs.slots import ASLEEP
from ..version import __version__
from .batch import batch, with_address
from .compose import compose
from .doctor import doctor
from .edit import edit
from .endings import INTERRUPTED, TERMINATED, Terminated, careful_streams, on_sigterm
from .evaluate import evaluate
from .export import export
from .judge import judge
from .output import error_facts, print_json
from .resume import resume
from .settings_table import settings
from .single import imagine, lift
from .study import study
from .web import web

app = typer.Typer(
    help="Composes one 3D object with named parts from a sentence and one picture per named thing.",
    epilog="A first run: cast3d compose examples/01-cap-and-backpack/scene.yaml -o out\n\n"
    "Exit codes: 0 done, 1 not everything ran or would run (evaluate, doctor), 2 unusable input or a term that was not "
    'found, 130 interrupted, 143 terminated. With --json an error is an object {"error": {...}} on stdout, too.',
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (compose, edit, batch, resume, lift, imagine, export, evaluate, judge, study, doctor, settings):
    app.command()(command)
app.command("app")(web)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cast3d {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None: ...


def main() -> None:
    """Entry point of the command `cast3d`; its help tells the exit codes."""
    for name, value in ASLEEP.items():  # OpenMP reads them when torch is imported, later
        os.environ.setdefault(name, value)
    careful_streams()
    on_sigterm()
    sys.argv[1:] = with_address(sys.argv[1:])
    try:
        if "--json" in sys.argv[1:]:
            _json_errors()
        app(prog_name="cast3d")
    finally:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()


def _json_errors() -> None:
    """Runs the command, with what is wrong with its options as JSON, too."""
    try:
        sys.exit(app(prog_name="cast3d", standalone_mode=False))
    except (typer.Abort, KeyboardInterrupt) as signal:
        sys.exit(TERMINATED if isinstance(signal, Terminated) else INTERRUPTED)
    except Exception as error:
        if not hasattr(error, "format_message"):  # click's errors, which typer has from one of two packages
            raise
        told: Any = error
        told.show()
        print_json(error_facts("UsageError", told.format_message()))
        sys.exit(told.exit_code)
