import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from cast3d import InputError, Scene
from cast3d.files import atomic_file, atomic_folder, atomic_write
from cast3d.pictures.opening import open_picture
from cast3d.run import folder as runs_module
from cast3d.run.cost import measured
from cast3d.run.folder import RunFolder
from cast3d.run.plain_data import canonical

TENSORS = {"b": torch.arange(6.0).view(2, 3).T, "a": torch.tensor([True, False]), "c": torch.ones(1).expand(4)}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def in_process(code: str, *arguments: Path) -> subprocess.Popen:
    """Runs code that prints one line when it got where the test wants it."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(runs_module.__file__).parents[2])},
    )
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.fixture
def no_space():
    """Files may not grow beyond 10 kB: the system refuses longer writes as it does on a full disk."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int | None) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft if size is None else size, hard))

    yield limit
    limit(None)


# --- files ----------------------------------------------------------------------------------------------------------


def test_atomic_files_replace_whole_or_not_at_all(tmp_path):
    target = tmp_path / "new" / "a.txt"
    atomic_write(target, "äöü")
    assert target.read_bytes() == "äöü".encode()
    with pytest.raises(RuntimeError), atomic_file(target) as temporary:
        assert temporary.suffix == ".txt" and temporary.parent == target.parent
        temporary.write_text("half")
        raise RuntimeError
    assert contents(tmp_path) == {"new/a.txt": "äöü".encode()}


def test_atomic_folders_replace_whole_or_not_at_all(tmp_path):
    target = tmp_path / "folder"
    for text in ("one", "two"):
        with atomic_folder(target) as temporary:
            (temporary / "deep").mkdir()
            (temporary / "deep" / text).write_text(text)
    assert contents(tmp_path) == {"folder/deep/two": b"two"}
    with pytest.raises(RuntimeError), atomic_folder(target) as temporary:
        (temporary / "three").write_text("half")
        raise RuntimeError
    assert contents(tmp_path) == {"folder/deep/two": b"two"}


def test_a_full_disk_is_a_plain_error_and_leaves_nothing(tmp_path, no_space):
    atomic_write(tmp_path / "a", b"old")
    no_space(10_000)
    with pytest.raises(InputError, match=r"no space left to write .*a; free some space"):
        atomic_write(tmp_path / "a", b"x" * 20_000)
    with pytest.raises(InputError, match="no space left"), atomic_folder(tmp_path / "b") as temporary:
        (temporary / "c").write_bytes(b"x" * 20_000)
    assert contents(tmp_path) == {"a": b"old"} and os.listdir(tmp_path) == ["a"]


def test_other_errors_inside_the_block_keep_their_own_words(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "out" / "a"):
        Path("/nonexistent/picture.png").read_bytes()


# --- the folder -----------------------------------------------------------------------------------------------------


def test_a_new_folder_is_created_and_an_old_run_is_opened(tmp_path):
    with RunFolder(tmp_path / "a" / "out") as run:
        run.record(seeds={"default": 3})
    with RunFolder(tmp_path / "a" / "out", must_exist=True) as run:
        assert run.info["seeds"] == {"default": 3}
        assert run.info["versions"]["torch"] == torch.__version__
    assert sorted(os.listdir(tmp_path / "a" / "out")) == ["run.json"]


def test_folders_that_are_no_run_are_left_alone(tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("x")
    with pytest.raises(InputError, match=r"holds other files \(dear\.txt"):
        RunFolder(tmp_path / "letters")
    with pytest.raises(InputError, match="is a file"):
        RunFolder(tmp_path / "letters" / "dear.txt")
    RunFolder(tmp_path / "figure").close()
    with pytest.raises(InputError, match="not the folder of a run; did you mean 'figure'"):
        RunFolder(tmp_path / "figur", must_exist=True)
    assert sorted(os.listdir(tmp_path)) == ["figure", "letters"]
    for damaged in ("{", "[]", '{"format": 99}'):
        (tmp_path / "figure" / "run.json").write_text(damaged)
        with pytest.raises(InputError, match=r"run\.json is"):
            RunFolder(tmp_path / "figure")
        assert os.listdir(tmp_path / "figure") == ["run.json"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_an_unwritable_parent_is_a_plain_error(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(InputError, match="is not writable"):
        RunFolder(tmp_path / "a" / "out")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody can write to")
def test_a_folder_that_cannot_be_made_is_a_plain_error():
    with pytest.raises(InputError, match="/proc/out"):
        RunFolder("/proc/out/a")


def test_too_little_space_is_said_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(runs_module, "SPACE", 1 << 62)
    with pytest.raises(InputError, match="MB are free"):
        RunFolder(tmp_path / "a" / "out")
    assert os.listdir(tmp_path) == []


def test_a_run_can_ask_for_more_space(tmp_path):
    with RunFolder(tmp_path / "out") as run:
        run.require_space(1 << 20)
        with pytest.raises(InputError, match=r"less than [0-9]+ MB are free for .*out"):
            run.require_space(1 << 62)


def test_a_disk_that_fills_up_at_the_first_file_leaves_no_folder(tmp_path, no_space):
    no_space(60)  # the lock file fits, run.json does not
    with pytest.raises(InputError, match="no space left"):
        RunFolder(tmp_path / "a" / "out")
    assert os.listdir(tmp_path) == []


# --- one run at a time ----------------------------------------------------------------------------------------------

HOLD = """
import sys, time
from cast3d.run.folder import RunFolder
run = RunFolder(sys.argv[1])
print("ready", flush=True)
time.sleep(60)
"""


def test_two_runs_in_one_folder_are_refused_until_the_first_ends(tmp_path):
    with RunFolder(tmp_path), pytest.raises(InputError, match=rf"in use by another run \(process {os.getpid()} on"):
        RunFolder(tmp_path)
    RunFolder(tmp_path).close()


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path):
    process = in_process(HOLD, tmp_path)
    try:
        with pytest.raises(InputError, match=rf"in use by another run \(process {process.pid} on"):
            RunFolder(tmp_path)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert (tmp_path / ".lock").exists()
    RunFolder(tmp_path).close()
    assert not (tmp_path / ".lock").exists()


# --- stages ---------------------------------------------------------------------------------------------------------


def test_stages_come_back_as_they_were(tmp_path):
    meta = {"start": 21, "found": {"cap": 0.5}, "views": (1, 2)}
    with RunFolder(tmp_path) as run:
        saved = run.save_stage("layout", 1, TENSORS, meta, {"of": "f"}, {"front": Image.new("RGB", (4, 4), "red")})
    with RunFolder(tmp_path) as run:
        loaded = run.load_stage("layout", of("f"))
        assert run.stages.names == ("layout",)
        assert Image.open(run.stages.previews("layout")["front"]).getpixel((0, 0)) == (255, 0, 0)
    assert loaded.meta == saved.meta == {"start": 21, "found": {"cap": 0.5}, "views": [1, 2]}
    assert loaded.content == saved.content
    assert list(loaded.tensors) == list(saved.tensors) == ["a", "b", "c"]
    for key, tensor in TENSORS.items():
        assert loaded.tensors[key].dtype == tensor.dtype and torch.equal(loaded.tensors[key], tensor)


def test_equal_stages_are_equal_bytes(tmp_path):
    for name, tensors in (("one", TENSORS), ("two", dict(reversed(TENSORS.items())))):
        with RunFolder(tmp_path / name) as run:
            run.save_stage("hints", 2, tensors, {"b": 1, "a": 2}, {"of": "f"}, {"x": Image.new("L", (9, 9), 7)})
    assert contents(tmp_path / "one" / "stages") == contents(tmp_path / "two" / "stages")
    assert str(tmp_path).encode() not in b"".join(contents(tmp_path / "one" / "stages").values())


def of(letter: str):
    return lambda made_of: made_of == {"of": letter}


def test_a_stage_is_found_for_what_it_was_made_of_only(tmp_path):
    with RunFolder(tmp_path) as run:
        run.save_stage("layout", 1, TENSORS, made_of={"of": "f"})
        assert run.has_stage("layout") and run.load_stage("layout", of("f"))
        assert not run.load_stage("layout", of("g")) and not run.has_stage("hints")


def test_equal_plain_data_has_one_text():
    assert canonical({"a": 1, "b": [1.5, None]}) == canonical({"b": (1.5, None), "a": 1})
    for wrong in (float("nan"), Path("x"), {1: 2, "a": 3}, {3}):
        with pytest.raises(InputError, match="plain data"):
            canonical({"a": wrong})


def test_a_new_version_of_a_stage_replaces_the_old_even_under_another_index(tmp_path):
    with RunFolder(tmp_path) as run:
        run.save_stage("layout", 1, TENSORS, previews={"old": Image.new("L", (4, 4))})
        changed = run.save_stage("layout", 3, {"a": torch.zeros(2)})
        assert os.listdir(tmp_path / "stages") == ["03-layout"]
        assert run.load_stage("layout").content == changed.content and run.stages.previews("layout") == {}


def test_edited_tensors_are_taken_with_a_new_hash(tmp_path):
    from safetensors.torch import save_file

    with RunFolder(tmp_path) as run:
        before = run.save_stage("hints", 2, {"a": torch.zeros(2)}, made_of={"of": "f"})
        save_file({"a": torch.ones(2)}, tmp_path / "stages" / "02-hints" / "tensors.safetensors")
        after = run.load_stage("hints", of("f"))
        assert torch.equal(after.tensors["a"], torch.ones(2)) and after.content != before.content


@pytest.mark.parametrize("file", ["tensors.safetensors", "stage.json"])
@pytest.mark.parametrize("keep", [None, 0, 20])
def test_a_damaged_stage_counts_as_missing(tmp_path, file, keep):
    with RunFolder(tmp_path) as run:
        run.save_stage("layout", 1, TENSORS, made_of={"of": "f"})
        target = tmp_path / "stages" / "01-layout" / file
        whole = target.read_bytes()
        target.unlink()
        if keep is not None:
            target.write_bytes(whole[:keep])
        assert not run.load_stage("layout", of("f"))


def test_a_stage_that_does_not_fit_on_the_disk_leaves_the_older_one(tmp_path, no_space):
    with RunFolder(tmp_path) as run:
        run.save_stage("layout", 1, TENSORS, made_of={"of": "f"})
        before = contents(tmp_path / "stages")
        no_space(10_000)
        with pytest.raises(InputError, match="no space left"):
            run.save_stage("layout", 2, {"a": torch.zeros(20_000)}, made_of={"of": "g"})
        assert contents(tmp_path / "stages") == before


@pytest.mark.parametrize("name", ["../x", "a/b", "", "Ä", "a b", "-a", "."])
def test_names_cannot_leave_the_folder(tmp_path, name):
    with RunFolder(tmp_path / "out") as run:
        with pytest.raises(InputError, match="names of a-z"):
            run.save_stage(name, 1, TENSORS)
        with pytest.raises(InputError, match="names of a-z"):
            run.save_stage("layout", 1, TENSORS, previews={name: Image.new("L", (4, 4))})
        assert not (tmp_path / "out" / "stages").exists()


def test_stages_from_a_name_on_are_dropped(tmp_path):
    with RunFolder(tmp_path) as run:
        for index, name in enumerate(("main", "layout", "hints", "parts")):
            run.save_stage(name, index, {})
        with pytest.raises(InputError, match="no stage 'hint'; did you mean 'hints'"):
            run.stages.drop_from("hint")
        run.stages.drop_from("hints")
        assert run.stages.names == ("main", "layout")


# --- killed at any moment -------------------------------------------------------------------------------------------

HALF = """
import sys, time
from cast3d.run.folder import RunFolder
from cast3d.files import atomic_folder
run = RunFolder(sys.argv[1])
with run.file("parts/cap.glb") as part, atomic_folder(run.path / "stages" / "02-hints") as stage:
    part.write_bytes(b"half")
    (stage / "tensors.safetensors").write_bytes(b"half")
    print("ready", flush=True)
    time.sleep(60)
"""


def test_a_run_killed_while_writing_opens_clean_and_goes_on(tmp_path):
    with RunFolder(tmp_path) as run:
        run.save_stage("layout", 1, TENSORS, made_of={"of": "f"})
    before = contents(tmp_path)
    process = in_process(HALF, tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len([path for path in tmp_path.rglob(".tmp-*")]) == 2
    with RunFolder(tmp_path) as run:
        assert run.load_stage("layout", of("f")) and not run.has_stage("hints")
        assert {name: data for name, data in contents(tmp_path).items() if name != ".lock"} == before
        run.save_stage("hints", 2, TENSORS)
        assert run.stages.names == ("layout", "hints")


# --- inputs and run.json --------------------------------------------------------------------------------------------


def test_inputs_are_kept_so_that_the_originals_may_vanish(tmp_path):
    photo, views = tmp_path / "boy.jpg", [tmp_path / "a.png", Image.new("RGBA", (20, 20), (1, 2, 3, 4))]
    Image.new("RGB", (30, 20), "red").save(photo)
    Image.new("L", (20, 20), 9).save(views[0])
    scene = Scene.make("a boy in a Red Cap", {"boy": photo, "Red Cap": views}, seed=5, settings={"steps": 3})
    pictures = {asset.term: tuple(open_picture(image) for image in asset.images) for asset in scene.assets}
    original = photo.read_bytes()
    with RunFolder(tmp_path / "out") as run:
        run.keep_inputs(scene, pictures)
        run.keep_inputs(scene, pictures)
    photo.unlink()
    with RunFolder(tmp_path / "out") as run:
        again, info = run.scene(), run.info
    assert contents(tmp_path / "out" / "inputs")["boy.jpg"] == original
    assert (again.prompt, again.terms, again.main, again.seed, again.settings) == (
        "a boy in a Red Cap",
        ("boy", "Red Cap"),
        "boy",
        5,
        {"steps": 3},
    )
    reopened = {asset.term: tuple(open_picture(image) for image in asset.images) for asset in again.assets}
    for term, views in pictures.items():
        assert [view.sha256 for view in reopened[term]] == [view.sha256 for view in views]
        assert [entry["sha256"] for entry in info["images"][term]] == [view.sha256 for view in views]
    assert info["terms"] == ["boy", "Red Cap"]
    assert info["images"]["boy"][0]["sha256"] == hashlib.sha256(original).hexdigest()


def test_run_json_merges_mappings_and_keeps_plain_data_only(tmp_path):
    with RunFolder(tmp_path) as run:
        run.record(stages={"layout": {"seconds": 1.5}}, models={"flow": "abc"})
        run.record(stages={"layout": {"reused": True}, "hints": {}}, models={"flow": "def"})
        run.warn("dim picture")
        run.warn("dim picture")
        before = (tmp_path / "run.json").read_bytes()
        with pytest.raises(InputError, match="plain data"):
            run.record(settings={"path": Path("x")})
        assert (tmp_path / "run.json").read_bytes() == before
        assert json.loads(before)["stages"] == {"layout": {"seconds": 1.5, "reused": True}, "hints": {}}
        assert run.info["warnings"] == ["dim picture"] and run.info["models"] == {"flow": "def"}
        run.info["warnings"].clear()
        assert run.info["warnings"] == ["dim picture"]
        run.note("cut out")
        run.note("cut out")
        assert run.info["notes"] == ["cut out"] and run.info["warnings"] == ["dim picture"]


def test_seconds_and_peak_memory_of_a_stage_are_recorded(tmp_path):
    with RunFolder(tmp_path) as run:
        with run.timed("layout"):
            bytearray(64 << 20)
        costs = run.info["stages"]["layout"]
        assert costs["seconds"] > 0
        with pytest.raises(RuntimeError), run.timed("hints"):
            raise RuntimeError
        assert "hints" not in run.info["stages"]


@pytest.mark.parametrize("name", ["Thumbs.db", "thumbs.db", "desktop.ini", ".DS_Store", "ehthumbs.db"])
def test_what_file_managers_leave_is_no_other_file(tmp_path, name):
    (tmp_path / name).write_bytes(b"theirs")
    with RunFolder(tmp_path):
        pass
    assert (tmp_path / name).read_bytes() == b"theirs"
    (tmp_path / "run.json").unlink()
    (tmp_path / "mine.txt").touch()
    with pytest.raises(InputError, match=r"holds other files \(mine\.txt"):
        RunFolder(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak of a block")
def test_the_peak_is_that_of_the_block():
    def peak(megabytes: int) -> int:
        with measured() as usage:
            bytes(bytearray(b"x") * (megabytes << 20))
        return usage.peak_bytes

    assert peak(300) - peak(1) > 200 << 20
