"""Fingerprints: the same content gives the same short text on every machine, whatever the key order or the folder."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON form.

    Parameters
    ----------
    value : object
        Nested mappings, sequences, numbers, texts, dates, dataclasses, arrays and data frames.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    text = json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    Parameters
    ----------
    path : Path
        An existing file.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def frame_hash(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of a data frame's names, types and values; row order matters, the index does not.

    Parameters
    ----------
    frame : DataFrame
        Any table.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name in frame.columns:
        column = frame[name]
        digest.update(f"{name}\x1f{column.dtype}\x1f".encode())
        digest.update(np.asarray(pd.util.hash_pandas_object(column, index=False, categorize=True), dtype="<u8").tobytes())
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    simple = _plain_scalar(value)
    if simple is not NotImplemented:
        return simple
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"__class__": type(value).__name__, **fields}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(v) for v in value), key=str)
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return [_plain(v) for v in value.tolist()]
    if isinstance(value, pd.DataFrame):
        return {"__frame__": frame_hash(value)}
    raise TypeError(f"no canonical form for {type(value).__name__}")


def _plain_scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float | np.floating):
        return repr(float(value))
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, np.bool_):
        return bool(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, Path):
        return value.as_posix()
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump())
    return NotImplemented
