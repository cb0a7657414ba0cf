"""Runs that end early: killed at any moment, interrupted, out of disk space. What is left is whole, and goes on."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cast3d import files
from cast3d.composer import Composer
from cast3d.errors import InputError
from cast3d.files import TEMPORARY
from tests.killing import MOMENTS, RESULTS, STAGES
from tests.tiny_backbone import PROMPT, pictures, tiny_backbone

ROOT = Path(__file__).parents[2]
DIFFERS = {"run.json", "report.html"}  # they tell seconds


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def unfinished(folder: Path) -> list[Path]:
    return list(folder.rglob(f"{TEMPORARY}*"))


def compose(out: Path) -> None:
    Composer(tiny_backbone()).compose(PROMPT, pictures(), out=out)


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> dict[str, bytes]:
    """The files of a run that nothing stopped."""
    out = tmp_path_factory.mktemp("straight") / "out"
    compose(out)
    return contents(out)


def same(left: dict[str, bytes], right: dict[str, bytes]) -> bool:
    return left.keys() == right.keys() and all(left[name] == right[name] for name in left.keys() - DIFFERS)


# --- killed ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that fork")
def test_a_run_killed_at_every_moment_of_every_stage_ends_in_the_same_bytes(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.killing", tmp_path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *log, finished = json.loads(done.stdout)
    assert [entry["code"] for entry in log] == [-signal.SIGKILL] * len(MOMENTS)  # every moment came
    assert finished["code"] == 0
    for entry in log:
        reached = STAGES.index(entry["name"]) if entry["name"] in STAGES else len(STAGES) * (entry["name"] in RESULTS)
        assert {name for name in entry["there"] if name in STAGES} == set(STAGES[:reached])
        assert entry["name"] not in entry["there"]
    assert same(contents(tmp_path / "killed"), contents(tmp_path / "straight"))
    assert not unfinished(tmp_path)


# --- interrupted ----------------------------------------------------------------------------------------------------

WAITS = """
import signal, sys, time
from dataclasses import replace
from cast3d import composer
from cast3d.stages import search
from cast3d.cli import main
from tests.quick import small_pictures, unsynced
from tests.tiny_backbone import tiny_backbone

def wait(*_):
    print("ready", flush=True)
    time.sleep(60)

small_pictures()
unsynced()
composer.load = lambda *_, **__: composer.Composer(tiny_backbone())
search.HINTS = replace(search.HINTS, function=wait)
"""
AS_IN_A_TERMINAL = "signal.signal(signal.SIGINT, signal.default_int_handler)\nmain()"  # CI may ignore it
IN_THE_BACKGROUND = "signal.signal(signal.SIGINT, signal.SIG_IGN)\nmain()"  # of a shell, or under nohup


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize(
    ("start", "sent", "code"),
    [
        (AS_IN_A_TERMINAL, signal.SIGINT, 130),
        (AS_IN_A_TERMINAL, signal.SIGTERM, 143),
        (IN_THE_BACKGROUND, signal.SIGTERM, 143),
    ],
)
def test_a_run_that_is_ended_goes_on(tmp_path, straight, start, sent, code):
    for term, picture in pictures().items():
        picture.save(tmp_path / f"{term}.png")
    given = [f"--asset={term}={tmp_path / term}.png" for term in pictures()]
    out = tmp_path / "out"
    command = [sys.executable, "-c", WAITS + start, "compose", PROMPT, *given, "-o", str(out)]
    process = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    if start is IN_THE_BACKGROUND:
        process.send_signal(signal.SIGINT)  # means nothing there
    process.send_signal(sent)
    _, told = process.communicate(timeout=30)
    assert process.returncode == code
    assert f"interrupted; go on with: cast3d resume {out}" in told and "Traceback" not in told
    assert not unfinished(out) and not (out / ".lock").exists()
    assert sorted(os.listdir(out / "stages")) == list(STAGES[:3])
    compose(out)
    stages = {name: data for name, data in straight.items() if name.startswith("stages")}
    assert {name: data for name, data in contents(out).items() if name.startswith("stages")} == stages


WORKERS = """
import multiprocessing, sys, time, typer
from concurrent.futures import ProcessPoolExecutor
from cast3d.cli.endings import Terminated, on_sigterm
from cast3d.cli.output import plain_errors

if __name__ == "__main__":
    on_sigterm()
    context = multiprocessing.get_context("spawn")
    try:
        with plain_errors(kept="what was finished is kept"), ProcessPoolExecutor(2, context) as pool:
            waiting = [pool.submit(time.sleep, 60) for _ in range(2)]
            while not all(future.running() for future in waiting):
                time.sleep(0.1)
            print("ready", flush=True)
            waiting[0].result()
    except typer.Exit as end:
        sys.exit(end.exit_code)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows ends processes without a signal")
def test_sigterm_reaches_the_workers_of_an_evaluation(tmp_path):
    (tmp_path / "program.py").write_text(WORKERS)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, tmp_path / "program.py"], env=environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    _, told = process.communicate(timeout=20)
    assert process.returncode == 143 and "interrupted; what was finished is kept" in told


# --- out of space ---------------------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_at_any_file_is_a_plain_error(tmp_path, monkeypatch, straight):
    """One folder all along: every failure leaves what was there, and the next attempt gets one file further."""
    flush, out = files._flush, tmp_path / "out"
    for name in ("inputs", *STAGES, *RESULTS):

        def full(path: Path, name: str = name) -> None:
            if path.name.startswith(TEMPORARY) and path.name.endswith(f"-{name}"):
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
            flush(path)

        monkeypatch.setattr(files, "_flush", full)
        with pytest.raises(InputError, match=rf"no space left to write .*{name}; free some space"):
            compose(out)
        left = contents(out)
        assert not unfinished(out) and not any(Path(path).name == name or f"/{name}/" in path for path in left)
        assert all(straight[path] == data for path, data in left.items() if path not in DIFFERS)
    monkeypatch.setattr(files, "_flush", flush)
    compose(out)
    assert same(contents(out), straight)
