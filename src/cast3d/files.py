"""Files and folders that appear whole or not at all: written beside, flushed to the disk, renamed."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError

TEMPORARY = ".tmp-"  # prefix of everything unfinished; whoever owns the folder may delete what carries it

_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:/|data:")  # Path makes one slash of two

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS}


def printable(path: str | Path) -> str:
    """A path as text that can be printed and kept: bytes of a name that are no UTF-8 become question marks."""
    return str(path).encode("utf-8", "replace").decode("utf-8")


def expanded(path: str | Path) -> Path:
    """The path with a leading `~` as the home folder: shells leave it alone within a word, as in `cap=~/cap.png`."""
    path = Path(path)
    if path.parts[:1] == ("~",):
        try:
            return path.expanduser()
        except RuntimeError:  # nobody's home is known
            return path
    return path


def local_path(path: str | Path, what: str) -> Path:
    """`expanded`, for something that is read; raises InputError for an address, because nothing is fetched."""
    text = str(path)
    if _ADDRESS.match(text):
        shown = printable(text if len(text) < 100 else f"{text[:100]}...")
        fix = "give its path" if text.lower().startswith("file:") else "download it, and give the file"
        raise InputError(f"{what} is an address ({shown}); only files are read: {fix}")
    return expanded(path)


def write_error(error: OSError, path: Path) -> InputError:
    """The failure to write `path` in words that a user can act on."""
    if error.errno in _FULL:
        return InputError(f"no space left to write {path}; free some space or choose another folder, then run it again")
    if error.errno in _CLOSED:
        return InputError(f"{path} is not writable; choose another folder or change its permissions")
    return InputError(f"cannot write {path}: {error.strerror or error}")


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path in the same folder, with the same suffix; when the block ends well it becomes `path`.

    The folder is created if need be. After an error, or a kill at any moment, `path` is as it was before.
    """
    path = Path(path)
    temporary = _beside(path)
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _flush(temporary)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _flush(path.parent)


def atomic_write(path: str | Path, data: bytes | str) -> None:
    """Replaces the content of `path` by `data` (text as UTF-8), whole or not at all."""
    content = data.encode("utf-8") if isinstance(data, str) else data
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yields an empty temporary folder; when the block ends well it becomes `path`, replacing what was there.

    After an error `path` is as it was. A kill while an older folder is being replaced can leave no `path`, never a
    mixture.
    """
    path = Path(path)
    temporary, old = _beside(path), _beside(path)
    with _explained(path):
        try:
            temporary.mkdir(parents=True)
            yield temporary
            for inner in [*temporary.rglob("*"), temporary]:
                _flush(inner)
            if path.exists():  # a folder cannot be renamed onto a folder with files in it
                os.rename(path, old)
            os.rename(temporary, path)
        except BaseException:
            if old.exists() and not path.exists():
                os.rename(old, path)
            raise
        finally:
            _delete(temporary)
        _delete(old)
        _flush(path.parent)


def remove_temporaries(folder: Path) -> None:
    """Deletes what killed processes left unfinished in `folder` and the folders in it."""
    for parent in [folder, *(entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink())]:
        for path in parent.glob(f"{TEMPORARY}*"):
            _delete(path)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # Errors about other files (say, a picture that the block reads) keep their own words.
        other = None if error.filename is None else Path(os.fsdecode(error.filename))
        if other is None or other.is_relative_to(path.parent) or path.is_relative_to(other):
            raise write_error(error, path) from error
        raise


def _beside(path: Path) -> Path:
    return path.with_name(f"{TEMPORARY}{secrets.token_hex(4)}-{path.name[-100:]}")


def _flush(path: Path) -> None:
    """Forces a file, or the entries of a folder, to the disk."""
    if os.name == "nt" and path.is_dir():  # Windows has no handle for a folder
        return
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
