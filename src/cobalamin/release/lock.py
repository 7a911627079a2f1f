"""One run at a time in a results folder."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cobalamin.core.errors import StoreError

LOCK_FILE = ".cobalamin-lock"


@dataclass(frozen=True)
class Lock:
    """A held lock.

    Attributes
    ----------
    folder : Path
        The folder it guards.
    """

    folder: Path


@contextlib.contextmanager
def lock_results(folder: Path) -> Iterator[Lock]:
    """Hold the lock of a results folder.

    Parameters
    ----------
    folder : Path
        Results folder; made when absent.

    Yields
    ------
    Lock
        To hand to `store.write_results`.

    Raises
    ------
    StoreError
        Another living run holds it, or the folder cannot be written.

    Notes
    -----
    The operating system holds the lock and drops it when the process dies, so a lock left by a killed run is taken over
    without guessing. The file holds the process number for the message only.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = _open_locked(folder / LOCK_FILE)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"The results folder '{folder.name}' cannot be written: {error.strerror or error}. {remedy(error)}") from error
    try:
        yield Lock(folder)
    finally:
        # the name goes first: who waits for the lock finds that its file is gone and opens a new one
        with contextlib.suppress(OSError):
            (folder / LOCK_FILE).unlink()
        os.close(handle)


def _open_locked(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _claim(handle, path)
            same = os.path.samestat(os.fstat(handle), path.stat())
        except FileNotFoundError:
            same = False
        except BaseException:
            os.close(handle)
            raise
        if same:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()}\n".encode("ascii"), 0) if hasattr(os, "pwrite") else None
            return handle
        os.close(handle)


def _claim(handle: int, path: Path) -> None:
    try:
        _system_lock(handle)
    except (BlockingIOError, PermissionError) as error:
        holder = os.read(handle, 64).decode("ascii", "replace").strip() or "another process"
        raise StoreError(
            f"Another run is writing to '{path.parent.name}' ({holder} holds {path.parent.name}/{path.name}). "
            f"Wait until it ends, or give this run another results folder."
        ) from error


def _system_lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        # far behind the text, which stays readable for the message
        os.lseek(handle, 1024, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def remedy(error: OSError) -> str:
    """Return what to do about an operating system's refusal to write.

    Parameters
    ----------
    error : OSError
        As raised.

    Returns
    -------
    str
        One sentence.

    Examples
    --------
    >>> remedy(OSError(28, "No space left on device"))
    'Free some disk space or choose a results folder on another disk, then run again.'
    """
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Free some disk space or choose a results folder on another disk, then run again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Ask for the right to write there, or choose another results folder, then run again."
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return "A file stands where a folder is needed: move it away or choose another results folder, then run again."
    return "Choose another results folder, or mend this one, then run again."
