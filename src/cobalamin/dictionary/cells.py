"""SQL for one cell of a stored column: missing code, limit sign, typed value, and whether it can be read at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cobalamin.dictionary.variable import Variable

NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
# laboratories also mark numbers with a flag: "150 (L)", "150 H", "150*"
FLAGGED = rf"({NUMBER})\s*(\*|\(?[LHlh]{{1,2}}\)?)"
BELOW = r"(?:<=?|≤|less than|below|under|mindre än|under detection limit)"
ABOVE = r"(?:>=?|≥|more than|greater than|above|over)"
# a day, with or without a time of day; text after it is no date
ISO_DAY = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?"
CENSORED = rf"(?i)({BELOW}|{ABOVE})\s*({NUMBER})(?:\s*(?:\*|\(?[LH]{{1,2}}\)?))?"
LEFT = rf"(?i){BELOW}.*"
TRUE, FALSE = ("true", "t", "yes", "1"), ("false", "f", "no", "0")
# pandas dates in nanoseconds end there; nobody in a cohort lived outside
FIRST_DAY, LAST_DAY = "1678-01-01", "2261-12-31"


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


@dataclass(frozen=True)
class Cell:
    """SQL for one column: text and number as stored, then missing code and limit sign, then the typed value."""

    variable: Variable
    i: int
    kind: str

    @property
    def _numeric(self) -> bool:
        return self.variable.type in ("integer", "number")

    @property
    def _limits(self) -> bool:
        return self.variable.censorable and self.kind == "text"

    def _text(self) -> str:
        r = f"r{self.i}"
        if self.kind == "text":
            return f"nullif({r}, '')"
        if self.kind == "date" and any(code.value for code in self.variable.missing):
            return f"CAST({r} AS VARCHAR)"  # a day that stands for missing is compared as text
        if self._numeric or self.variable.type == self.kind:
            return "CAST(NULL AS VARCHAR)"  # numbers as numbers and days as days need no text
        if self.kind == "number":
            # a whole number that was stored as 1.0 because of missing cells is the code 1
            whole = f"{r} = floor({r}) AND abs({r}) < 1e15"
            return f"CASE WHEN {whole} THEN CAST(CAST({r} AS BIGINT) AS VARCHAR) ELSE CAST({r} AS VARCHAR) END"
        return f"CAST({r} AS VARCHAR)"

    def _kept_text(self) -> str:
        # the text is needed again only to say what is wrong with a cell
        return f"t{self.i}, " if self.variable.type != "string" or self.variable.categories else ""

    def _number(self) -> str:
        r = f"r{self.i}"
        if not self._numeric or self.kind == "date":
            return "CAST(NULL AS DOUBLE)"
        if self.kind != "text":
            return f"CAST({r} AS DOUBLE)"
        plain = f"WHEN regexp_full_match({r}, {quote(NUMBER)}) THEN TRY_CAST({r} AS DOUBLE)"
        if not self._limits:
            return f"CASE {plain} END"
        flagged = (
            f"WHEN regexp_full_match({r}, {quote(FLAGGED)}) THEN TRY_CAST(regexp_extract({r}, {quote('^' + FLAGGED + '$')}, 1) AS DOUBLE)"
        )
        limit = (
            f"WHEN regexp_full_match({r}, {quote(CENSORED)}) THEN TRY_CAST(regexp_extract({r}, {quote('^' + CENSORED + '$')}, 2) AS DOUBLE)"
        )
        return f"CASE {plain} {flagged} {limit} END"

    def _missing(self) -> str:
        codes = self.variable.missing
        empty = next((k for k, code in enumerate(codes) if code.value == ""), -1)
        absent = f"t{self.i} IS NULL" if self.kind == "text" else f"r{self.i} IS NULL"
        cases = [f"WHEN {absent} THEN {empty}"]
        for k, code in enumerate(codes):
            number = plain_number(code.value)
            if code.value and number is not None and self._numeric:
                cases.append(f"WHEN x{self.i} = {number!r} AND NOT coalesce({self._is_limit()}, FALSE) THEN {k}")
            elif code.value:
                cases.append(f"WHEN t{self.i} = {quote(code.value)} THEN {k}")
        return f"CAST(CASE {' '.join(cases)} END AS SMALLINT)"

    def _is_limit(self) -> str:
        # "<99" is a result, not the missing code 99
        return f"NOT regexp_full_match(t{self.i}, {quote('[0-9.+-].*')})" if self._limits else "FALSE"

    def _sign(self) -> str:
        if not self._limits:
            return "CAST(0 AS TINYINT)"
        sign = f"CASE WHEN regexp_full_match(t{self.i}, {quote(LEFT)}) THEN -1 ELSE 1 END"
        return f"CAST(CASE WHEN x{self.i} IS NOT NULL AND {self._is_limit()} THEN {sign} ELSE 0 END AS TINYINT)"

    def _value(self) -> str:
        i, variable = self.i, self.variable
        if variable.categories:
            codes = ", ".join(repr(float(c.value)) if self._numeric else quote(str(c.value)) for c in variable.categories)
            return f"CASE WHEN m{i} IS NULL THEN list_position([{codes}], {'x' if self._numeric else 't'}{i}) END"
        value = (
            self._day()
            if variable.type == "date"
            else self._truth()
            if variable.type == "boolean"
            else f"{'x' if self._numeric else 't'}{i}"
        )
        return f"CASE WHEN m{i} IS NULL{f' AND isfinite(x{i})' if self._numeric else ''} THEN {value} END"

    def _day(self) -> str:
        t = f"t{self.i}"
        if self.kind == "date":
            return f"r{self.i}"
        if self.variable.date_format != "default":
            return f"CAST(try_strptime({t}, {quote(self.variable.date_format)}) AS DATE)"
        return f"CASE WHEN regexp_full_match({t}, {quote(ISO_DAY)}) THEN TRY_CAST(left({t}, 10) AS DATE) END"

    def _truth(self) -> str:
        if self.kind == "boolean":
            return f"r{self.i}"
        return f"CASE WHEN lower(t{self.i}) IN {TRUE} THEN TRUE WHEN lower(t{self.i}) IN {FALSE} THEN FALSE END"

    def _unreadable(self) -> str:
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


def cells_query(cells: list[Cell], stored: str) -> str:
    """SQL that turns every stored cell of a table into its value, missing code and faults.

    Parameters
    ----------
    cells : list of Cell
        The columns.
    stored : str
        Name of the stored table in the engine, with columns ``row`` and ``r{i}``.

    Returns
    -------
    str
        A query with the columns ``row``, ``t{i}``, ``x{i}``, ``m{i}``, ``v{i}``, ``b{i}``, ``c{i}``.
    """
    # three steps, each written once and read by the next: SQL would otherwise repeat every expression inside the later ones
    read = ", ".join(part for cell in cells for part in (f"r{cell.i}", f"{cell._text()} AS t{cell.i}", f"{cell._number()} AS x{cell.i}"))
    coded = ", ".join(f"{cell._missing()} AS m{cell.i}, {cell._sign()} AS c{cell.i}" for cell in cells)
    typed = ", ".join(f"{cell._value()} AS v{cell.i}" for cell in cells)
    kept = ", ".join(
        f"{cell._kept_text()}x{cell.i}, m{cell.i}, v{cell.i}, (m{cell.i} IS NULL AND ({cell._unreadable()})) AS b{cell.i}, c{cell.i}"
        for cell in cells
    )
    steps = f"(SELECT row, {read} FROM {stored})" if cells else "(SELECT row FROM {stored})"
    if not cells:
        return f"SELECT row FROM {steps}"
    return f"SELECT row, {kept} FROM (SELECT *, {typed} FROM (SELECT *, {coded} FROM {steps}))"
