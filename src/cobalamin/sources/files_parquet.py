"""Parquet through DuckDB, and the DuckDB session that CSV uses too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cobalamin.core.errors import SourceError

if TYPE_CHECKING:
    import duckdb


def session() -> duckdb.DuckDBPyConnection:
    """Open a private in-memory DuckDB that fetches nothing from a network.

    Returns
    -------
    DuckDBPyConnection
        To be closed by the caller (a context manager).
    """
    import duckdb

    return duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})


def literal_path(path: Path) -> str:
    """Write a path so that DuckDB takes it as one file.

    Parameters
    ----------
    path : Path
        Any local path.

    Returns
    -------
    str
        The absolute path with ``*``, ``?`` and ``[`` bracketed: DuckDB reads them as patterns otherwise, and would
        stack every file that matches.

    Examples
    --------
    >>> literal_path(Path("visits[1].csv")).endswith("visits[[]1].csv")
    True
    """
    return "".join(f"[{c}]" if c in "*?[" else c for c in str(path.resolve()))


def quote_name(name: str) -> str:
    """Quote a column name for SQL.

    Parameters
    ----------
    name : str
        Any text.

    Returns
    -------
    str
        The name as an identifier, whatever it contains.

    Examples
    --------
    >>> quote_name('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def parquet_columns(path: Path, encoding: str = "utf-8") -> tuple[str, ...]:
    """Return the column names of a Parquet file.

    Parameters
    ----------
    path : Path
        The file.
    encoding : str
        Not used: text in Parquet is UTF-8 by definition.

    Returns
    -------
    tuple of str
        Top-level column names in stored order.

    Raises
    ------
    SourceError
        Not a Parquet file, or cut off.
    """
    # parquet_schema lists a tree in pre-order; a node's children follow it, so nested fields are skipped by counting
    rows = _query(path, "SELECT name, num_children FROM parquet_schema(?)").itertuples(index=False)
    next(rows)
    names, pending = [], 0
    for name, children in rows:
        if pending == 0:
            names.append(str(name))
        else:
            pending -= 1
        pending += 0 if pd.isna(children) else int(children)
    return tuple(names)


def read_parquet(path: Path, columns: Sequence[str], encoding: str = "utf-8") -> pd.DataFrame:
    """Read columns of a Parquet file, with the types it stores.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of str
        Columns that exist, in the order wanted; the others are not read.
    encoding : str
        Not used.

    Returns
    -------
    DataFrame
        All rows in stored order.

    Raises
    ------
    SourceError
        Corrupt content.
    """
    chosen = ", ".join(quote_name(name) for name in columns)
    return _query(path, f"SELECT {chosen} FROM read_parquet(?, hive_partitioning=false)")


def _query(path: Path, sql: str) -> pd.DataFrame:
    import duckdb

    try:
        with session() as connection:
            return connection.execute(sql, [literal_path(path)]).df()
    except (duckdb.Error, MemoryError) as error:
        # the engine's text may quote content of the file, so only its class is passed on
        raise SourceError(
            f"'{path.name}' is not a whole Parquet file ({type(error).__name__}): it is cut off, damaged or of another kind. "
            "Copy it again and compare its checksum with the sender's."
        ) from None
