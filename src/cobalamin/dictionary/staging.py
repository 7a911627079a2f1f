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

from cobalamin.dictionary.dictionary import Table
from cobalamin.dictionary.variable import Variable

if TYPE_CHECKING:
    import duckdb

NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
# laboratories also mark numbers with a flag: "150 (L)", "150 H", "150*"
FLAGGED = rf"({NUMBER})\s*(\*|\(?[LHlh]{{1,2}}\)?)"
BELOW = r"(?:<=?|≤|less than|below|under|mindre än|under detection limit)"
ABOVE = r"(?:>=?|≥|more than|greater than|above|over)"
CENSORED = rf"(?i)({BELOW}|{ABOVE})\s*({NUMBER})(?:\s*(?:\*|\(?[LH]{{1,2}}\)?))?"
LEFT = rf"(?i){BELOW}.*"
TRUE, FALSE = ("true", "t", "yes", "1"), ("false", "f", "no", "0")
# pandas dates in nanoseconds end there; nobody in a cohort lived outside
FIRST_DAY, LAST_DAY = "1678-01-01", "2261-12-31"


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
    select = ["row"] + [part for name, i in fields.items() for part in cell_expressions(table, name, i, kinds[name])]
    cells = f"cells_{number}"
    connection.register("stored", pa.table(columns))
    connection.execute(f"CREATE TEMP TABLE {cells} AS SELECT {', '.join(select)} FROM stored")
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
        array = pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        array = pa.array([None if _is_null(v) else str(v) for v in column.tolist()], type=pa.string())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    kind = array.type
    if pa.types.is_boolean(kind):
        return array, "boolean"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return array, "number"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pc.cast(array, pa.date32(), safe=False) if not pa.types.is_timestamp(kind) else _days(array), "date"
    if pa.types.is_null(kind):
        return pc.cast(array, pa.string()), "text"
    return pc.utf8_trim_whitespace(pc.cast(array, pa.string())), "text"


def _days(array: pa.Array) -> pa.Array:
    # local calendar day of a time stamp with a zone is the day people wrote
    plain = pc.local_timestamp(array) if array.type.tz else array
    return pc.cast(pc.floor_temporal(plain, unit="day"), pa.date32())


def _is_null(value: Any) -> bool:
    answer = pd.isna(value)
    return answer if isinstance(answer, bool) else False


def quote(text: str) -> str:
    """Write a text as an SQL literal.

    Parameters
    ----------
    text : str
        Any text of a dictionary.

    Returns
    -------
    str
        In single quotes, inner quotes doubled.

    Examples
    --------
    >>> quote("don't")
    "'don''t'"
    """
    return "'" + text.replace("'", "''") + "'"


def count_where(condition: str) -> str:
    """SQL that counts the rows on which a condition is true.

    Parameters
    ----------
    condition : str
        SQL.

    Returns
    -------
    str
        An aggregate that is 0, not null, where there is no row.

    Examples
    --------
    >>> count_where("v1 > 3")
    'count(*) FILTER (WHERE v1 > 3)'
    """
    return f"count(*) FILTER (WHERE {condition})"


def plain_number(text: str) -> float | None:
    """Read a code as a number.

    Parameters
    ----------
    text : str
        A code of the dictionary.

    Returns
    -------
    float or None
        None where it is not a finite number.

    Examples
    --------
    >>> plain_number("99"), plain_number("refused")
    (99.0, None)
    """
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def cell_expressions(table: Table, name: str, i: int, kind: str) -> list[str]:
    """SQL that turns one stored column into its value, missing code and faults.

    Parameters
    ----------
    table : Table
        The description.
    name : str
        Column name.
    i : int
        Number of the column in the engine.
    kind : str
        How it is stored.

    Returns
    -------
    list of str
        Select expressions ``... AS t{i}`` (text), ``x{i}``, ``v{i}``, ``m{i}``, ``b{i}``, ``c{i}``.
    """
    variable = table.variables[name]
    text, number = f"t{i}", _as_number(i, kind)
    missing = _missing_expression(variable, text, i)
    sign = f"CASE WHEN regexp_full_match({text}, {quote(LEFT)}) THEN -1 ELSE 1 END"
    censored = f"CASE WHEN regexp_full_match({text}, {quote(CENSORED)}) THEN {sign} ELSE 0 END"
    limits = variable.censorable and kind == "text"
    x, value, bad = _value(variable, text, number, kind, i, limits=limits)
    readable = f"CASE WHEN m{i} IS NULL THEN {value} END"
    return [
        f"{_as_text(i, kind)} AS t{i}",
        f"{x} AS x{i}",
        f"{missing} AS m{i}",
        f"{readable} AS v{i}",
        f"(m{i} IS NULL AND ({bad})) AS b{i}",
        f"CAST(CASE WHEN m{i} IS NULL THEN {censored if limits else '0'} ELSE 0 END AS TINYINT) AS c{i}",
    ]


def _as_text(i: int, kind: str) -> str:
    if kind == "text":
        return f"nullif(r{i}, '')"
    if kind == "number":
        # a whole number that was stored as 1.0 because of missing cells is the code 1
        return (
            f"CASE WHEN r{i} = floor(r{i}) AND abs(r{i}) < 1e15 THEN CAST(CAST(r{i} AS BIGINT) AS VARCHAR) ELSE CAST(r{i} AS VARCHAR) END"
        )
    return f"CAST(r{i} AS VARCHAR)"


def _as_number(i: int, kind: str) -> str:
    if kind == "text":
        return f"CASE WHEN regexp_full_match(r{i}, {quote(NUMBER)}) THEN TRY_CAST(r{i} AS DOUBLE) END"
    return "CAST(NULL AS DOUBLE)" if kind == "date" else f"CAST(r{i} AS DOUBLE)"


def _missing_expression(variable: Variable, text: str, i: int) -> str:
    empty = next((k for k, code in enumerate(variable.missing) if code.value == ""), -1)
    cases = [f"WHEN {text} IS NULL THEN {empty}"]
    for k, code in enumerate(variable.missing):
        numeric = plain_number(code.value)
        if code.value == "":
            continue
        if numeric is not None and variable.type in ("integer", "number"):
            cases.append(f"WHEN x{i} = {numeric!r} THEN {k}")
        cases.append(f"WHEN {text} = {quote(code.value)} THEN {k}")
    return f"CAST(CASE {' '.join(cases)} END AS SMALLINT)"


def _value(variable: Variable, text: str, number: str, kind: str, i: int, *, limits: bool) -> tuple[str, str, str]:
    # -> (number as stored, typed value, condition of a cell that cannot be read)
    if variable.type == "date":
        day = _date(variable, text, kind, i)
        return "CAST(NULL AS DOUBLE)", day, f"({day}) IS NULL OR v{i} < DATE '{FIRST_DAY}' OR v{i} > DATE '{LAST_DAY}'"
    if variable.type == "boolean":
        truth = f"CASE WHEN lower({text}) IN {TRUE} THEN TRUE WHEN lower({text}) IN {FALSE} THEN FALSE END"
        return "CAST(NULL AS DOUBLE)", truth, f"({truth}) IS NULL"
    if variable.type == "string":
        if not variable.categories:
            return "CAST(NULL AS DOUBLE)", text, "FALSE"
        codes = ", ".join(quote(str(c.value)) for c in variable.categories)
        return "CAST(NULL AS DOUBLE)", f"list_position([{codes}], {text})", "FALSE"
    return _number_value(variable, text, number, i, limits=limits)


def _number_value(variable: Variable, text: str, number: str, i: int, *, limits: bool) -> tuple[str, str, str]:
    value = f"CASE WHEN isfinite(x{i}) THEN x{i} END"
    if limits:
        flagged = f"TRY_CAST(regexp_extract({text}, {quote('^' + FLAGGED + '$')}, 1) AS DOUBLE)"
        limit = f"TRY_CAST(regexp_extract({text}, {quote('^' + CENSORED + '$')}, 2) AS DOUBLE)"
        number = f"coalesce({number}, {flagged}, {limit})"
    bad = f"({value}) IS NULL"
    if variable.type == "integer":
        bad += f" OR x{i} != floor(x{i})"
    if variable.categories:
        codes = ", ".join(repr(float(c.value)) for c in variable.categories)
        value = f"list_position([{codes}]::DOUBLE[], x{i})"
    return number, value, bad


def _date(variable: Variable, text: str, kind: str, i: int) -> str:
    if kind == "date":
        return f"r{i}"
    if variable.date_format != "default":
        return f"CAST(try_strptime({text}, {quote(variable.date_format)}) AS DATE)"
    return f"CASE WHEN regexp_full_match({text}, '\\d{{4}}-\\d{{2}}-\\d{{2}}([T ].*)?') THEN TRY_CAST(left({text}, 10) AS DATE) END"
