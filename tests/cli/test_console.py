"""The program as consoles, pipes and shells meet it: processes of their own.

Where another test has a process that starts from nothing, some are forks of one that has loaded all it needs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from cast3d import composer
from cast3d.cli import app
from cast3d.cli.output import print_json
from tests.jobs.program import forked
from tests.tiny_backbone import tiny_backbone

FULL = Path("/dev/full")
TINY = """
from cast3d import composer
from cast3d.cli import main
from tests.quick import small_pictures, unsynced
from tests.tiny_backbone import tiny_backbone

small_pictures()
unsynced()
composer.load = lambda *_, **__: composer.Composer(tiny_backbone())
main()
"""


def program(*arguments: object, code: str = "from cast3d.cli import main; main()", **options):
    environment = os.environ | options.pop("env", {})
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment, cwd=Path(__file__).parents[2], **options)


def drawn_cap(folder: Path) -> Path:
    image = Image.new("RGBA", (64, 64))
    image.paste((200, 30, 30, 255), (16, 12, 48, 50))
    image.save(folder / "cap.png")
    return folder / "cap.png"


@pytest.fixture
def picture(tmp_path) -> Path:
    return drawn_cap(tmp_path)


@pytest.fixture(scope="module")
def lifted(tmp_path_factory):
    """Where a cap was lifted under each of some encodings, and how those processes ended."""
    runs = {}
    for encoding, options in (("ascii", []), ("cp1252", ["--json"])):
        folder = tmp_path_factory.mktemp(encoding)
        given = ("lift", drawn_cap(folder), "--term=帽子", "-o", folder / "out", *options)
        runs[encoding, bool(options)] = (folder, program(*given, code=TINY, env={"PYTHONIOENCODING": encoding}))
    return runs


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_term_outside_the_console_s_encoding_is_shown_all_the_same(lifted, encoding, as_json):
    """While it is made, and of a run that goes on and finds all there."""
    if (encoding, as_json) in lifted:
        folder, done = lifted[encoding, as_json]
    else:
        folder, _ = lifted["ascii", False]
        options = ["--json"] if as_json else []
        done = forked("resume", folder / "out", *options, encoding=encoding)
    assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr
    assert (folder / "out" / "parts" / "帽子.glb").is_file()
    if as_json:
        assert json.loads(done.stdout)["parts"][0]["term"] == "帽子"
    else:
        assert "帽子".encode() in done.stdout or b"\\u5e3d\\u5b50: " in done.stdout


def test_json_escapes_what_cannot_be_encoded(capsys):
    print_json({"name": "caf\udce9 帽"})  # a byte of a file name that is no UTF-8
    assert json.loads(capsys.readouterr().out) == {"name": "caf\udce9 帽"}


@pytest.mark.parametrize(
    ("start", "arguments", "kind", "says"),
    [
        (program, ["compose", "a cap", "--asset=cap=nowhere.png"], "InputError", "no picture nowhere.png"),
        (forked, ["lift", "nowhere.png"], "InputError", "no picture nowhere.png"),
        (program, ["resume", "nowhere"], "InputError", "not the folder of a run"),
        (program, ["lift", "a.png", "--seed=-1"], "UsageError", "greater than or equal to 0"),
        (program, ["lift"], "UsageError", "Missing"),
    ],
)
def test_errors_under_json_are_json(tmp_path, start, arguments, kind, says):
    out = [] if arguments[0] == "resume" else ["-o", tmp_path / "out"]
    done = start(*arguments, *out, "--json")
    assert done.returncode == 2
    (line,) = done.stdout.decode().splitlines()
    error = json.loads(line)["error"]
    assert error["kind"] == kind and says in error["message"]
    assert says.split()[0] in done.stderr.decode() and not (tmp_path / "out").exists()


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["settings"], ["settings", "--markdown"], ["--version"]])
def test_a_full_disk_behind_stdout_is_a_plain_error(arguments):
    with FULL.open("w") as full:
        done = program(*arguments, stdout=full)
    assert done.returncode == 1
    assert done.stderr == b"error: the output cannot be written: No space left on device\n"


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
def test_messages_that_cannot_be_written_stop_nothing(tmp_path, picture):
    done = forked("lift", picture, "-o", tmp_path / "out", "--json", stderr=FULL)
    assert done.returncode == 0 and Path(json.loads(done.stdout)["files"]["scene.glb"]).is_file()
    with FULL.open("w") as full:
        assert program("resume", "nowhere", stderr=full).returncode == 2


def test_a_pipe_that_is_closed_early_is_no_traceback():
    reader, writer = os.pipe()
    os.close(reader)
    done = program("settings", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(os.name == "nt", reason="file names of Windows are no bytes")
def test_a_file_name_that_is_no_utf8_is_used_and_told(tmp_path, picture):
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.gif")
    try:
        Image.open(picture).save(odd, save_all=True, append_images=[Image.new("RGBA", (64, 64))])
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    out = os.fsdecode(os.fsencode(tmp_path) + b"/out\xff")
    runs = (
        (lambda: program("lift", odd, "-o", out, "--json", code=TINY), "caf?"),
        (lambda: forked("resume", out), "object"),
    )
    for run_it, name in runs:
        done = run_it()
        assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr
        run = json.loads((Path(out) / "run.json").read_text(encoding="utf-8"))
        assert run["notes"] == [f"object: {name}.gif holds 2 pictures; the first one is used"]  # then of the copy
    missing = program("lift", odd + "f", "-o", os.fsdecode(os.fsencode(tmp_path) + b"/\xff"), "--json")
    assert missing.returncode == 2 and "caf?.giff" in json.loads(missing.stdout)["error"]["message"]


def test_the_home_folder_within_options(tmp_path, picture, monkeypatch):
    (tmp_path / "with space.png").write_bytes(picture.read_bytes())
    (tmp_path / "scene.yaml").write_text("prompt: a cap\nassets: {cap: ~/cap.png}\n")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    prompt = ["compose", "a cap", "--main=cap=~/with space.png"]
    for given in (prompt, ["compose", "~/scene.yaml"], ["lift", "~/cap.png"]):
        done = CliRunner().invoke(app, [*given, "--out=~/out", "--device=tpu"])
        assert "not 'tpu'" in done.stderr  # the pictures, which are looked at first, are there
    monkeypatch.setattr(composer, "load", lambda *_, **__: composer.Composer(tiny_backbone()))
    done = CliRunner().invoke(app, ["lift", "~/cap.png", "--out=~/new run"])
    assert done.exit_code == 0 and (tmp_path / "new run" / "scene.glb").is_file(), done.stderr
    assert CliRunner().invoke(app, ["resume", "~/new run"]).exit_code == 0


def test_the_home_folder_is_not_guessed(tmp_path, monkeypatch):
    from cast3d.files import expanded

    assert expanded("~else/cap.png") == Path("~else/cap.png") and expanded("a/~/b") == Path("a/~/b")
