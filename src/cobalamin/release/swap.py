"""Replace a set of files as one: whoever is killed at whatever moment leaves the old set or the new one, never a mixture.

The new files are written and flushed to a staging folder. Then a journal is written: from that moment the new set is the
truth, and whoever opens the folder next carries out what is left of the journal. Before that moment the old set is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cobalamin.core.errors import StoreError
from cobalamin.release.lock import remedy

STAGING = ".cobalamin-staging"
JOURNAL = ".cobalamin-journal.json"


def swap_in(folder: Path, files: Mapping[str, bytes], stale: Mapping[str, str]) -> None:
    """Write files into a folder all or nothing.

    Parameters
    ----------
    folder : Path
        Existing folder, locked by the caller.
    files : mapping of str to bytes
        Relative names (checked by the caller) and contents.
    stale : mapping of str to str
        Name -> SHA-256 of earlier files of ours to remove; one that was changed since is the user's now and stays.

    Raises
    ------
    StoreError
        The disk refused; the earlier files are whole, or the next opening of the folder completes the new ones.
    """
    _discard(folder)
    plan = {"files": {name: sha256(data) for name, data in files.items()}, "stale": dict(stale)}
    try:
        for name, data in files.items():
            _write_synced(folder / STAGING / name, data)
        _sync_folder(folder / STAGING)
        _write_journal(folder, plan)
    except OSError as error:
        _discard(folder)
        raise StoreError(
            f"Results could not be written to '{folder.name}': {error.strerror or error}. {remedy(error)} "
            f"The earlier results are untouched."
        ) from error
    _carry_out(folder, plan)


def pending(folder: Path) -> bool:
    """Return whether a killed run left a swap to complete.

    Parameters
    ----------
    folder : Path
        Results folder.

    Returns
    -------
    bool
        True when there is a journal.
    """
    return (folder / JOURNAL).exists()


def recover(folder: Path) -> None:
    """Complete the swap of a killed run, or clear away what it had not finished writing.

    Parameters
    ----------
    folder : Path
        Existing folder, locked by the caller.

    Raises
    ------
    StoreError
        The staged files are gone, or the disk refuses.
    """
    if not pending(folder):
        _discard(folder)
        return
    try:
        plan = json.loads((folder / JOURNAL).read_bytes())
    except (OSError, ValueError) as error:
        raise StoreError(f"'{folder.name}/{JOURNAL}' of a killed run cannot be read; delete it and run the study again.") from error
    _carry_out(folder, plan)


def _carry_out(folder: Path, plan: Mapping[str, Any]) -> None:
    try:
        for name, wanted in plan["files"].items():
            _move(folder, name, wanted)
        for name, known in plan["stale"].items():
            _remove_ours(folder, name, known)
        _sync_folder(folder)
        (folder / JOURNAL).unlink()
        _sync_folder(folder)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(
            f"The new results in '{folder.name}' are written but not all in place: {error.strerror or error}. {remedy(error)} "
            f"The next run, report or verify of this folder completes them."
        ) from error
    _discard(folder)


def _move(folder: Path, name: str, wanted: str) -> None:
    staged, target = folder / STAGING / name, folder / name
    if staged.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        staged.replace(target)
        _sync_folder(target.parent)
    elif not target.exists() or sha256(target.read_bytes()) != wanted:
        raise StoreError(f"'{folder.name}/{name}' of a killed run is lost; delete '{folder.name}/{JOURNAL}' and run the study again.")


def _remove_ours(folder: Path, name: str, known: str) -> None:
    path = folder / name
    if path.is_file() and not path.is_symlink() and sha256(path.read_bytes()) == known:
        path.unlink()
        parent = path.parent
        while parent != folder and not any(parent.iterdir()):
            parent.rmdir()
            parent = parent.parent


def _write_journal(folder: Path, plan: Mapping[str, Any]) -> None:
    # written aside and renamed: a journal is there whole or not at all
    draft = folder / STAGING / JOURNAL
    _write_synced(draft, json.dumps(plan, sort_keys=True).encode("utf-8"))
    draft.replace(folder / JOURNAL)
    _sync_folder(folder)


def _write_synced(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # folders cannot be opened on Windows, where a rename is durable without it
    if os.name == "posix" and folder.is_dir():
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _discard(folder: Path) -> None:
    with contextlib.suppress(OSError):
        shutil.rmtree(folder / STAGING)


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes.

    Parameters
    ----------
    data : bytes
        Any.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    return hashlib.sha256(data).hexdigest()
