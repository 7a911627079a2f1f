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
    layers = [_Cell(table.variables[name], i, kinds[name]) for name, i in fields.items()]
    cells = f"cells_{number}"
    connection.register("stored", pa.table(columns))
    connection.execute(f"CREATE TEMP TABLE {cells} AS {_layered(layers)}")
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
    'coalesce(sum(CASE WHEN v1 > 3 THEN 1 ELSE 0 END), 0)::BIGINT'
    """
    # a FILTER clause would be natural, but DuckDB copies every column of the query for each filtered aggregate
    return f"coalesce(sum(CASE WHEN {condition} THEN 1 ELSE 0 END), 0)::BIGINT"


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


def _layered(cells: list[_Cell]) -> str:
    # three steps, each written once and read by the next: SQL would otherwise repeat every expression inside the later ones
    read = ", ".join(part for cell in cells for part in (f"r{cell.i}", f"{cell.text()} AS t{cell.i}", f"{cell.number()} AS x{cell.i}"))
    coded = ", ".join(f"{cell.missing()} AS m{cell.i}, {cell.sign()} AS c{cell.i}" for cell in cells)
    typed = ", ".join(f"{cell.value()} AS v{cell.i}" for cell in cells)
    kept = ", ".join(
        f"t{cell.i}, x{cell.i}, m{cell.i}, v{cell.i}, (m{cell.i} IS NULL AND ({cell.unreadable()})) AS b{cell.i}, c{cell.i}"
        for cell in cells
    )
    steps = f"(SELECT row, {read} FROM stored)" if cells else "(SELECT row FROM stored)"
    if not cells:
        return f"SELECT row FROM {steps}"
    return f"SELECT row, {kept} FROM (SELECT *, {typed} FROM (SELECT *, {coded} FROM {steps}))"


@dataclass(frozen=True)
class _Cell:
    """SQL for one column: text and number as stored, then missing code and limit sign, then the typed value."""

    variable: Variable
    i: int
    kind: str

    @property
    def numeric(self) -> bool:
        return self.variable.type in ("integer", "number")

    @property
    def limits(self) -> bool:
        return self.variable.censorable and self.kind == "text"

    def text(self) -> str:
        r = f"r{self.i}"
        if self.kind == "text":
            return f"nullif({r}, '')"
        if self.numeric or self.variable.type == self.kind:
            return "CAST(NULL AS VARCHAR)"  # numbers as numbers and days as days need no text
        if self.kind == "number":
            # a whole number that was stored as 1.0 because of missing cells is the code 1
            whole = f"{r} = floor({r}) AND abs({r}) < 1e15"
            return f"CASE WHEN {whole} THEN CAST(CAST({r} AS BIGINT) AS VARCHAR) ELSE CAST({r} AS VARCHAR) END"
        return f"CAST({r} AS VARCHAR)"

    def number(self) -> str:
        r = f"r{self.i}"
        if not self.numeric or self.kind == "date":
            return "CAST(NULL AS DOUBLE)"
        if self.kind != "text":
            return f"CAST({r} AS DOUBLE)"
        plain = f"WHEN regexp_full_match({r}, {quote(NUMBER)}) THEN TRY_CAST({r} AS DOUBLE)"
        if not self.limits:
            return f"CASE {plain} END"
        flagged = (
            f"WHEN regexp_full_match({r}, {quote(FLAGGED)}) THEN TRY_CAST(regexp_extract({r}, {quote('^' + FLAGGED + '$')}, 1) AS DOUBLE)"
        )
        limit = (
            f"WHEN regexp_full_match({r}, {quote(CENSORED)}) THEN TRY_CAST(regexp_extract({r}, {quote('^' + CENSORED + '$')}, 2) AS DOUBLE)"
        )
        return f"CASE {plain} {flagged} {limit} END"

    def missing(self) -> str:
        codes = self.variable.missing
        empty = next((k for k, code in enumerate(codes) if code.value == ""), -1)
        absent = f"t{self.i} IS NULL" if self.kind == "text" else f"r{self.i} IS NULL"
        cases = [f"WHEN {absent} THEN {empty}"]
        for k, code in enumerate(codes):
            number = plain_number(code.value)
            if code.value and number is not None and self.numeric:
                cases.append(f"WHEN x{self.i} = {number!r} AND NOT coalesce({self.is_limit()}, FALSE) THEN {k}")
            elif code.value:
                cases.append(f"WHEN t{self.i} = {quote(code.value)} THEN {k}")
        return f"CAST(CASE {' '.join(cases)} END AS SMALLINT)"

    def is_limit(self) -> str:
        # "<99" is a result, not the missing code 99
        return f"NOT regexp_full_match(t{self.i}, {quote('[0-9.+-].*')})" if self.limits else "FALSE"

    def sign(self) -> str:
        if not self.limits:
            return "CAST(0 AS TINYINT)"
        sign = f"CASE WHEN regexp_full_match(t{self.i}, {quote(LEFT)}) THEN -1 ELSE 1 END"
        return f"CAST(CASE WHEN x{self.i} IS NOT NULL AND {self.is_limit()} THEN {sign} ELSE 0 END AS TINYINT)"

    def value(self) -> str:
        i, variable = self.i, self.variable
        if variable.categories:
            codes = ", ".join(repr(float(c.value)) if self.numeric else quote(str(c.value)) for c in variable.categories)
            return f"CASE WHEN m{i} IS NULL THEN list_position([{codes}], {'x' if self.numeric else 't'}{i}) END"
        value = (
            self.day() if variable.type == "date" else self.truth() if variable.type == "boolean" else f"{'x' if self.numeric else 't'}{i}"
        )
        return f"CASE WHEN m{i} IS NULL{f' AND isfinite(x{i})' if self.numeric else ''} THEN {value} END"

    def day(self) -> str:
        t = f"t{self.i}"
        if self.kind == "date":
            return f"r{self.i}"
        if self.variable.date_format != "default":
            return f"CAST(try_strptime({t}, {quote(self.variable.date_format)}) AS DATE)"
        return f"CASE WHEN regexp_full_match({t}, '\\d{{4}}-\\d{{2}}-\\d{{2}}([T ].*)?') THEN TRY_CAST(left({t}, 10) AS DATE) END"

    def truth(self) -> str:
        if self.kind == "boolean":
            return f"r{self.i}"
        return f"CASE WHEN lower(t{self.i}) IN {TRUE} THEN TRUE WHEN lower(t{self.i}) IN {FALSE} THEN FALSE END"

    def unreadable(self) -> str:
        i, kind = self.i, self.variable.type
        if kind == "string":
            return "FALSE"
        if kind == "date":
            return f"v{i} IS NULL OR v{i} < DATE '{FIRST_DAY}' OR v{i} > DATE '{LAST_DAY}'"
        if kind == "boolean":
            return f"v{i} IS NULL"
        # an unknown code of a coded column is a number all the same
        finite = f"x{i} IS NULL OR NOT isfinite(x{i})"
        return f"{finite} OR x{i} != floor(x{i})" if kind == "integer" else finite
