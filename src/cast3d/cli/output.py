"""What a command prints: errors on stderr, results as a summary or as one JSON object on stdout."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import Cast3dError
from ..files import printable
from .endings import INTERRUPTED, TERMINATED, Terminated

if TYPE_CHECKING:
    from rich.console import Console

    from ..result.result import Result
    from ..run.folder import RunFolder

FILES = ("scene.glb", "scene.ply", "scene.spz", "turntable.webp", "report.html", "run.json")


def messages() -> Console:
    """The console for people, which leaves stdout to results."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


@contextmanager
def plain_errors(out: Path | None = None, kept: str = "", as_json: bool = False) -> Iterator[None]:
    """Expected errors, Ctrl-C and SIGTERM as one line and an exit code; `as_json` puts an object on stdout, too.

    `out` is the run folder, if there is one; `kept` says what an interrupted command without one leaves behind.
    """
    try:
        yield
    except Cast3dError as error:
        typer.echo(f"error: {printable(str(error))}", err=True)
        if as_json:
            print_json(error_facts(type(error).__name__, str(error)))
        raise typer.Exit(2) from None
    except KeyboardInterrupt as signal:
        resumable = out is not None and (out / "run.json").is_file()
        advice = f"go on with: cast3d resume {shlex.quote(str(out))}" if resumable else kept or "nothing was kept"
        typer.echo(f"\ninterrupted; {printable(advice)}", err=True)
        if as_json:
            print_json(error_facts("Interrupted", f"interrupted; {advice}"))
        raise typer.Exit(TERMINATED if isinstance(signal, Terminated) else INTERRUPTED) from None


def error_facts(kind: str, message: str) -> dict[str, Any]:
    """What `--json` prints of an error."""
    return {"error": {"kind": kind, "message": message}}


def print_json(content: Any) -> None:
    """One line on stdout; letters that its encoding lacks are escaped as JSON does."""
    text = json.dumps(content, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        text = json.dumps(content)
    typer.echo(text)


def summary(result: Result, run: RunFolder, seconds: float) -> dict[str, Any]:
    """What came out, as plain data."""
    from ..result.edited import EditedResult
    from ..result.report.content import glb_parts
    from ..scene import unique_slugs
    from ..scene.change import EXACT

    slugs = unique_slugs(result.parts)
    written = {part.name: part.triangles for part in glb_parts((run.path / "scene.glb").read_bytes())}
    if isinstance(result, EditedResult) and result.keep == EXACT and result.change:  # names and levels are the model's
        made, whole = run.info["meshes"], sum(written.values())
        written = {term: made[term]["triangles"] for term in result.change.sentence.accessories if term in made}
        written[result.change.sentence.main] = whole - sum(written.values())

    def part(term: str) -> dict[str, Any]:
        one, alone = result.parts[term], run.path / "parts" / f"{slugs[term]}.glb"
        return {
            "term": term,
            "voxels": int(one.voxels.sum()),
            "triangles": written.get(term, 0),
            "gaussians": len(one.gaussians),
            "glb": str(alone) if one.mesh is not None and alone.is_file() else None,
        }

    return {
        "out": str(run.path),
        "files": {name: str(run.path / name) for name in FILES if (run.path / name).is_file()},
        "parts": [part(term) for term in result.parts],
        "notes": list(result.notes),
        "warnings": list(result.warnings),
        "seconds": round(seconds, 1),
        "stages": {name: costs["seconds"] for name, costs in run.info.get("stages", {}).items()},
    }


def show(facts: dict[str, Any], as_json: bool) -> None:
    """Prints a summary."""
    if as_json:
        print_json(facts)
        return
    for warning in facts["warnings"]:
        typer.echo(f"warning: {printable(warning)}", err=True)
    if count := len(facts["notes"]):
        typer.echo(f"{count} notes are in run.json" if count > 1 else "1 note is in run.json", err=True)
    for part in facts["parts"]:
        what = f"{part['triangles']:,} triangles" if part["triangles"] else "no voxel is left of it"
        typer.echo(f"  {part['term']}: {what}")
    page = printable(facts["files"].get("report.html", facts["out"]))
    typer.echo(f"{facts['seconds']:.0f} s; open {page} in a browser")
