"""The results folder: written all or nothing, read back only if it is what its manifest says."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from cobalamin.core.errors import StoreError
from cobalamin.core.estimates import Estimates
from cobalamin.release.compare import compare
from cobalamin.release.csvtext import decisions_from_csv, decisions_to_csv, estimates_from_csv, estimates_to_csv
from cobalamin.release.draft import DECISION_COLUMNS
from cobalamin.release.lock import LOCK_FILE, Lock, lock_results
from cobalamin.release.manifest import build_manifest, code_version, manifest_from_json, manifest_to_json, verify_inputs
from cobalamin.release.swap import JOURNAL, STAGING, pending, recover, sha256, swap_in

__all__ = [
    "DECISIONS_FILE", "ESTIMATES_FILE", "FACTS_FILE", "MANIFEST_FILE", "REPORT_FILE", "Lock", "StoredResults", "build_manifest",
    "code_version", "compare", "decisions_from_csv", "decisions_to_csv", "estimates_from_csv", "estimates_to_csv", "lock_results",
    "read_results", "verify_inputs", "write_results",
]  # fmt: skip

ESTIMATES_FILE = "estimates.csv"
DECISIONS_FILE = "disclosure.csv"
FACTS_FILE = "facts.json"
REPORT_FILE = "report.html"
MANIFEST_FILE = "manifest.json"
_RESERVED = (MANIFEST_FILE, LOCK_FILE, JOURNAL, STAGING)


@dataclass(frozen=True, eq=False)
class StoredResults:
    """What a results folder holds.

    Attributes
    ----------
    estimates : Estimates
        The protected rows.
    facts_json : bytes
        The report's texts and labels (``facts.json``); empty when absent.
    decisions : DataFrame
        The disclosure record.
    manifest : dict
        Inputs, protocol, versions, seed and output hashes.
    report : bytes
        The HTML report; empty when absent.
    files : mapping of str to bytes
        All files of the manifest.
    """

    estimates: Estimates
    facts_json: bytes
    decisions: pd.DataFrame
    manifest: dict[str, Any]
    report: bytes
    files: Mapping[str, bytes]


def write_results(folder: Path, files: Mapping[str, bytes], manifest: Mapping[str, Any], *, lock: Lock | None = None) -> dict[str, Any]:
    """Write a set of results all or nothing.

    Parameters
    ----------
    folder : Path
        Results folder; made when absent. Files in it that no manifest of ours names are the user's and stay.
    files : mapping of str to bytes
        Relative name (``/`` between folders) -> content.
    manifest : mapping
        From `build_manifest`; the hashes of ``files`` are filled in and it is written as ``manifest.json``.
    lock : Lock, optional
        From `lock_results`, when the caller holds it for the whole run.

    Returns
    -------
    dict
        The manifest as written.

    Raises
    ------
    StoreError
        The folder cannot be written, the disk is full, another run holds the lock, or a name leads out of the folder.

    Notes
    -----
    A run killed at any moment leaves the earlier results, or the new ones (completed at the next opening); see ``swap``.
    """
    folder = Path(folder)
    for name in files:
        _check_name(folder, name)
    full = {**manifest, "outputs": {name: sha256(data) for name, data in sorted(files.items())}}
    contents = {**files, MANIFEST_FILE: manifest_to_json(full)}
    with contextlib.nullcontext(lock) if lock is not None else lock_results(folder) as held:
        if held is None or held.folder.resolve() != folder.resolve():
            raise StoreError(f"The lock held is for another folder than '{folder.name}'; take the lock of the folder you write to.")
        recover(folder)
        swap_in(folder, contents, _stale(folder, contents))
    return full


def _check_name(folder: Path, name: str) -> None:
    path = PurePosixPath(name)
    odd = not path.parts or path.is_absolute() or ".." in path.parts or str(path) != name or re.search(r'[\\:\x00-\x1f<>"|?*]', name)
    if odd or path.parts[0] in _RESERVED:
        raise StoreError(f"'{name[:80]!a}' is not a name for a results file: expected a relative name inside the results folder.")
    for parent in list(path.parents)[:-1]:
        if (folder / parent).is_symlink():
            raise StoreError(f"'{parent}' in the results folder is a link to elsewhere; results are written inside the folder only.")


def _stale(folder: Path, contents: Mapping[str, bytes]) -> dict[str, str]:
    path = folder / MANIFEST_FILE
    if not path.is_file():
        return {}
    try:
        earlier = manifest_from_json(path.read_bytes())["outputs"]
    except StoreError:
        # a manifest we cannot trust names no file to delete
        return {}
    stale = {}
    for name, known in earlier.items():
        with contextlib.suppress(StoreError):
            _check_name(folder, name)
            if name not in contents:
                stale[name] = str(known)
    return stale


def read_results(folder: Path) -> StoredResults:
    """Read a set of results and check every file against the manifest.

    Parameters
    ----------
    folder : Path
        Results folder.

    Returns
    -------
    StoredResults
        Its contents.

    Raises
    ------
    StoreError
        No results there, a file that is absent or differs (named), or another run is writing.
    """
    folder = Path(folder)
    if pending(folder):
        with lock_results(folder):
            recover(folder)
    if not (folder / MANIFEST_FILE).is_file():
        raise StoreError(f"'{folder.name}' holds no results (no {MANIFEST_FILE}). Run the study first.")
    for last in (False, False, True):
        before = (folder / MANIFEST_FILE).read_bytes()
        try:
            return _read(folder, before)
        except StoreError:
            # a run that ended while we read is no damage: read again what it wrote
            if last or (folder / MANIFEST_FILE).read_bytes() == before:
                raise
    raise AssertionError("unreachable")


def _read(folder: Path, sealed: bytes) -> StoredResults:
    manifest = manifest_from_json(sealed)
    files = {name: _checked_bytes(folder, name, str(known)) for name, known in manifest["outputs"].items()}
    nothing = pd.DataFrame(columns=list(DECISION_COLUMNS))
    return StoredResults(
        estimates=estimates_from_csv(files[ESTIMATES_FILE]) if ESTIMATES_FILE in files else Estimates.from_rows([]),
        facts_json=files.get(FACTS_FILE, b""),
        decisions=decisions_from_csv(files[DECISIONS_FILE]) if DECISIONS_FILE in files else nothing,
        manifest=manifest,
        report=files.get(REPORT_FILE, b""),
        files=files,
    )


def _checked_bytes(folder: Path, name: str, known: str) -> bytes:
    _check_name(folder, name)
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise StoreError(f"'{name}' is named in the manifest but cannot be read: {error.strerror}. Run the study again.") from error
    if sha256(data) != known:
        raise StoreError(f"'{name}' differs from what the run wrote (SHA-256 does not match the manifest). Run the study again.")
    return data
