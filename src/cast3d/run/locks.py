"""One process per folder.

`filelock` was tried and not taken (4.3): its lock of the system does not tell who holds it, which our message needs;
text that we add to its file is lost at every attempt of a version before 4; and its file stays in the folder when the
lock ends.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from pathlib import Path

from ..errors import InputError
from ..files import write_error

_UNSUPPORTED = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


class FolderLock:
    """Holds `.lock` in a folder by an advisory lock of the system, which ends with its process, however that dies.

    The file names the holder for the message that others get; left behind by a dead process it means nothing. On file
    systems without such locks the folder is not guarded.
    """

    def __init__(self, folder: Path):
        self.path = folder / ".lock"
        self._handle = self._acquire()

    def _acquire(self) -> int:
        while True:
            try:
                handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            except OSError as error:
                raise write_error(error, self.path) from error
            try:
                if not _try_lock(handle):
                    raise InputError(
                        f"{self.path.parent} is in use by another run ({self._holder()}); "
                        f"wait for it, end it, or choose another folder"
                    )
                if _same_file(handle, self.path):  # else the holder removed the file between open and lock
                    os.ftruncate(handle, 0)
                    os.write(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
                    return handle
            except OSError as error:
                os.close(handle)
                raise write_error(error, self.path) from error
            except InputError:
                os.close(handle)
                raise
            os.close(handle)

    def _holder(self) -> str:
        text = self.path.read_text(errors="replace").strip()[:80]
        return text if text.isprintable() and text else "holder unknown"

    def release(self) -> None:
        """Removes the file and ends the lock; a second call does nothing."""
        if self._handle >= 0:
            if os.name != "nt":  # Windows cannot remove an open file
                self.path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = -1


def _try_lock(handle: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            os.lseek(handle, 1 << 30, os.SEEK_SET)  # far behind the text, which others may then read
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
            return True
        except OSError:
            return False
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return True
        raise


def _same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
