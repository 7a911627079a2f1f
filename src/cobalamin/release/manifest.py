"""The manifest: what went into a set of results and what came out, without dates, paths or names of machines."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from cobalamin.core.errors import StoreError
from cobalamin.core.fingerprint import fingerprint
from cobalamin.release.swap import sha256

FORMAT = 1
LIBRARIES = ("numpy", "pandas", "scipy", "statsmodels", "lifelines", "formulaic", "duckdb", "ibis-framework", "pyarrow", "matplotlib")


def build_manifest(
    *,
    inputs: Mapping[str, str],
    protocol_fingerprint: str,
    dictionary_fingerprint: str,
    seed: int | None = None,
    versions: Mapping[str, str] | None = None,
    outputs: Mapping[str, bytes] | None = None,
    **facts: Any,
) -> dict[str, Any]:
    """Return the manifest of a run.

    Parameters
    ----------
    inputs : mapping of str to str
        Input file (its name, no path of this machine) -> SHA-256.
    protocol_fingerprint, dictionary_fingerprint : str
        Of the protocol and the data dictionary.
    seed : int, optional
        Seed of the run's random numbers.
    versions : mapping of str to str, optional
        Program -> version; the package, Python and the libraries that compute when not given.
    outputs : mapping of str to bytes, optional
        Files written; `store.write_results` fills this in.
    **facts
        Anything else that belongs to the record, as plain JSON (``simulated=True``, ``policy="opensafely"``).

    Returns
    -------
    dict
        Plain JSON; the same run gives the same manifest on every day, in every folder, on every machine with the same versions.

    Raises
    ------
    StoreError
        An input is named by an absolute path, or a fact is not plain JSON.

    Examples
    --------
    >>> m = build_manifest(inputs={"persons.csv": "ab" * 32}, protocol_fingerprint="p", dictionary_fingerprint="d", versions={}, seed=1)
    >>> sorted(m)
    ['dictionary', 'format', 'inputs', 'outputs', 'protocol', 'seed', 'versions']
    """
    for name in inputs:
        if re.match(r"^([/\\~]|[A-Za-z]:)", name):
            raise StoreError("The manifest names inputs by file name; got an absolute path. Give the name relative to the data folder.")
    manifest = {
        "format": FORMAT,
        "inputs": dict(sorted(inputs.items())),
        "protocol": protocol_fingerprint,
        "dictionary": dictionary_fingerprint,
        "seed": seed,
        "versions": dict(sorted((current_versions() if versions is None else versions).items())),
        "outputs": {name: sha256(data) for name, data in sorted((outputs or {}).items())},
        **dict(sorted(facts.items())),
    }
    manifest_to_json(manifest)
    return manifest


def manifest_to_json(manifest: Mapping[str, Any]) -> bytes:
    """Write a manifest as JSON, with a fingerprint of itself.

    Parameters
    ----------
    manifest : mapping
        From `build_manifest`.

    Returns
    -------
    bytes
        Sorted keys, two blanks, LF.

    Raises
    ------
    StoreError
        Something in it is not plain JSON.
    """
    content = {key: value for key, value in manifest.items() if key != "fingerprint"}
    try:
        sealed = {**content, "fingerprint": fingerprint(content)}
        return (json.dumps(sealed, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")
    except (TypeError, ValueError) as error:
        raise StoreError(f"The manifest holds something that is not plain JSON: {error}.") from error


def manifest_from_json(data: bytes, *, name: str = "manifest.json") -> dict[str, Any]:
    """Read a manifest and check its own fingerprint.

    Parameters
    ----------
    data : bytes
        Made by `manifest_to_json`.
    name : str
        File name for messages.

    Returns
    -------
    dict
        The manifest, without the fingerprint.

    Raises
    ------
    StoreError
        Not a manifest, of another format, or changed by hand.
    """
    try:
        sealed = json.loads(data)
    except ValueError as error:
        raise StoreError(f"{name} is not JSON; run the study again.") from error
    if not isinstance(sealed, dict) or sealed.get("format") != FORMAT or not isinstance(sealed.get("outputs"), dict):
        raise StoreError(f"{name} is not a manifest of format {FORMAT}; run the study again with this version.")
    content = {key: value for key, value in sealed.items() if key != "fingerprint"}
    if sealed.get("fingerprint") != fingerprint(content):
        raise StoreError(f"{name} differs from what was written (its fingerprint does not match); run the study again.")
    return content


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return the package's version and a hash of its sources.

    Returns
    -------
    str
        ``version+first twelve digits of SHA-256``; the same for the same sources wherever they are installed.
    """
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*"), key=lambda p: p.relative_to(root).as_posix()):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            # line ends differ between check-outs of the same sources
            digest.update(path.relative_to(root).as_posix().encode("utf-8") + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return f"{_version('cobalamin')}+{digest.hexdigest()[:12]}"


def current_versions() -> dict[str, str]:
    """Return the versions of what computes: the package, Python and its libraries.

    Returns
    -------
    dict
        Program -> version.
    """
    return {"cobalamin": code_version(), "python": platform.python_version(), **{name: _version(name) for name in LIBRARIES}}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def verify_inputs(manifest: Mapping[str, Any], current: Mapping[str, str]) -> pd.DataFrame:
    """Return the inputs that are not what they were.

    Parameters
    ----------
    manifest : mapping
        Of the stored results.
    current : mapping of str to str
        Input -> SHA-256 now.

    Returns
    -------
    DataFrame
        ``[input, change, stored, current]``, change = ``changed``, ``absent`` or ``new``; no rows when all are the same.

    Examples
    --------
    >>> verify_inputs({"inputs": {"a.csv": "11", "b.csv": "22"}}, {"a.csv": "11", "b.csv": "23"})[["input", "change"]].values.tolist()
    [['b.csv', 'changed']]
    """
    stored = dict(manifest.get("inputs", {}))
    rows = []
    for name in sorted({*stored, *current}):
        before, now = stored.get(name, ""), current.get(name, "")
        if before != now:
            rows.append((name, "changed" if before and now else "absent" if before else "new", before, now))
    return pd.DataFrame(rows, columns=["input", "change", "stored", "current"])
