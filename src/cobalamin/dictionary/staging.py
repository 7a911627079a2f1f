"""From a stored table to typed cells: every cell becomes a value, a missing code with its reason, or a counted fault.

The work is done by one DuckDB query per table. Columns of the data never reach SQL by name: field number i is ``v{i}`` (value),
``m{i}`` (index of the missing code, -1 for an empty cell without a declared code), ``b{i}`` (cannot be read as its type),
``c{i}`` (-1 below, 1 above a measuring limit), ``x{i}`` (number as stored, before any conversion).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cobalamin.dictionary.cells import Cell, cells_query
from cobalamin.dictionary.dictionary import Table
from cobalamin.dictionary.variable import Variable

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Staged:
    """One table in the engine.

    Attributes
    ----------
    table : Table
        Its description.
    name : str
        Name of the table of cells in the engine.
    n_rows : int
        Rows as stored.
    fields : mapping of str to int
        Declared columns that are there, with their number in the engine.
    kinds : mapping of str to str
        How each is stored: ``text``, ``number``, ``boolean`` or ``date``.
    """

    table: Table
    name: str
    n_rows: int
    fields: dict[str, int]
    kinds: dict[str, str]

    def variable(self, column: str) -> Variable:
        """Return the description of a column.

        Parameters
        ----------
        column : str
            Its name.

        Returns
        -------
        Variable
            The description.
        """
        return self.table.variables[column]


def stage(connection: duckdb.DuckDBPyConnection, table: Table, frame: pd.DataFrame, *, number: int) -> Staged:
    """Bring one table into the engine as typed cells.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The engine.
    table : Table
        The description.
    frame : DataFrame
        The table as stored; columns that are not declared are left out.
    number : int
        Makes the name of the table of cells.

    Returns
    -------
    Staged
        Where the cells are.
    """
    fields = {name: i for i, name in enumerate(table.variables) if name in frame.columns}
    columns: dict[str, pa.Array] = {"row": pa.array(np.arange(len(frame), dtype=np.int64))}
    kinds: dict[str, str] = {}
    for name, i in fields.items():
        columns[f"r{i}"], kinds[name] = arrow_column(frame[name])
    layers = [Cell(table.variables[name], i, kinds[name]) for name, i in fields.items()]
    cells = f"cells_{number}"
    connection.register("stored", pa.table(columns))
    connection.execute(f"CREATE TEMP TABLE {cells} AS {cells_query(layers, 'stored')}")
    connection.unregister("stored")
    return Staged(table, cells, len(frame), fields, kinds)


def arrow_column(column: pd.Series[Any]) -> tuple[pa.Array, str]:
    """Bring a column of any kind into one of four stored kinds.

    Parameters
    ----------
    column : Series
        As stored.

    Returns
    -------
    tuple of (Array, str)
        The column, and ``text`` (trimmed), ``number``, ``boolean`` or ``date``. A column of mixed Python objects becomes text.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype if column.cat.categories.dtype != np.int64 else "float64")
    try:
        return _stored_kind(pa.array(column, from_pandas=True))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        # numbers and texts in one column of Python objects: each cell is read as what it would look like in a text file
        texts = pa.array([None if _is_null(v) else str(v) for v in column.tolist()], type=pa.string())
        return pc.utf8_trim_whitespace(texts), "text"


def _stored_kind(array: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, str]:
    whole = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    kind = whole.type
    if pa.types.is_boolean(kind):
        return whole, "boolean"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return whole, "number"
    if pa.types.is_timestamp(kind):
        return _days(whole), "date"
    if pa.types.is_date(kind):
        return pc.cast(whole, pa.date32()), "date"
    return pc.utf8_trim_whitespace(pc.cast(whole, pa.string())), "text"


def _days(array: pa.Array) -> pa.Array:
    # local calendar day of a time stamp with a zone is the day people wrote
    plain = pc.local_timestamp(array) if array.type.tz else array
    return pc.cast(pc.floor_temporal(plain, unit="day"), pa.date32())


def _is_null(value: Any) -> bool:
    answer = pd.isna(value)
    return answer if isinstance(answer, bool) else False
