"""From cells in the engine back to a data frame: the valid rows in the canonical form of the dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from cobalamin.dictionary.staging import Staged
from cobalamin.dictionary.variable import Variable

if TYPE_CHECKING:
    import duckdb

CENSORED_LABELS = ("", "left", "right")


def harvest(connection: duckdb.DuckDBPyConnection, staged: Staged, *, rows: str) -> pd.DataFrame:
    """Read the rows that broke no rule.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The engine.
    staged : Staged
        The table, harmonised.
    rows : str
        SQL condition of the rows to read.

    Returns
    -------
    DataFrame
        Declared columns that are there, in declared order: numbers as float64, dates as datetime64[ns], coded columns as Categorical of
        labels (the reference first), ``<name>_censored`` after each laboratory column.
    """
    cells = [part for name, i in staged.fields.items() for part in _cells(staged.variable(name), i)]
    table = connection.execute(f"SELECT {', '.join(cells)} FROM {staged.name} WHERE {rows} ORDER BY row").to_arrow_table()
    columns: dict[str, Any] = {}
    for name, i in staged.fields.items():
        variable = staged.variable(name)
        columns[name] = _column(variable, table.column(f"v{i}"))
        if variable.censorable:
            sign = table.column(f"c{i}").to_numpy()
            place = np.where(sign < 0, 1, np.where(sign > 0, 2, 0))
            columns[f"{name}_censored"] = _from_codes(place, CENSORED_LABELS)
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows))


def _cells(variable: Variable, i: int) -> list[str]:
    value = f"CAST(v{i} AS INTEGER) AS v{i}" if variable.categories else f"v{i}"
    return [value, f"c{i}"] if variable.censorable else [value]


def _column(variable: Variable, cells: pa.ChunkedArray) -> Any:
    if variable.categories:
        return _categorical(variable, cells)
    if variable.type in ("integer", "number"):
        return cells.to_numpy().astype(np.float64)
    if variable.type == "date":
        return cells.cast(pa.timestamp("ns")).to_pandas()
    if variable.type == "boolean":
        whole = cells.to_pandas()
        return whole.astype(bool) if not cells.null_count else whole.astype("boolean")
    text = cells.to_pandas().astype(object)
    return text.where(text.notna(), np.nan)


def _categorical(variable: Variable, cells: pa.ChunkedArray) -> pd.Categorical:
    # place in the declared list (from 1, null = missing) -> place among the labels with the reference first
    labels = list(variable.labels)
    place = np.array([-1, *(labels.index(c.label) for c in variable.categories)])
    number = cells.fill_null(0).to_numpy()
    return _from_codes(place[number], labels, ordered=variable.is_ordered)


def _from_codes(codes: npt.NDArray[np.int64], labels: Sequence[str], *, ordered: bool = False) -> pd.Categorical:
    # the stubs of pandas know lists only; an array of codes is what it takes without copying
    return pd.Categorical.from_codes(codes, categories=pd.Index(labels), ordered=ordered)  # type: ignore[arg-type]
