"""What a check found: every failure, every missing code, every note, and the rows that are left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from types import MappingProxyType
from typing import Any

import pandas as pd

from cobalamin.core.errors import list_names

FAILURE_COLUMNS = ("rule", "table", "column", "n_rows", "rows", "got", "expected")
MISSING_COLUMNS = ("table", "column", "reason", "n_rows")
NOTE_COLUMNS = ("table", "column", "kind", "n_rows", "note")
ROWS_LISTED = 1000
ROWS_SHOWN = 5


@dataclass(frozen=True, eq=False)
class FailureReport:
    """The outcome of `check`.

    Attributes
    ----------
    failures : DataFrame
        ``[rule, table, column, n_rows, rows, got, expected]``, one row per broken rule. ``rows`` holds the keys of the rows (at most
        the first 1000): the primary key where the dictionary declares one, otherwise ``row 17`` counted from 1.
    missing : DataFrame
        ``[table, column, reason, n_rows]``: missing cells by declared reason. These are not failures.
    notes : DataFrame
        ``[table, column, kind, n_rows, note]``: conversions made, censored results, suspicions, things that could not be checked.
    valid : mapping of str to DataFrame
        The rows that broke no rule, in the canonical form of the dictionary.
    n_rows, n_valid : mapping of str to int
        Rows as stored and rows valid, per table.

    Notes
    -----
    A row that breaks a rule is left out of ``valid`` as a whole, and counted. All copies of a duplicated key are left out, because which
    one is right cannot be known.
    """

    failures: pd.DataFrame
    missing: pd.DataFrame
    notes: pd.DataFrame
    valid: Mapping[str, pd.DataFrame] = field(default_factory=lambda: MappingProxyType({}))
    n_rows: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    n_valid: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def ok(self) -> bool:
        """Whether no rule was broken.

        Returns
        -------
        bool
            True for a table that agrees with its dictionary.
        """
        return self.failures.empty

    def to_text(self) -> str:
        """Write the report as plain text.

        Returns
        -------
        str
            One line per failure, then the missing codes and the notes.
        """
        lines = [_head(self)]
        for table in self.n_rows:
            lines.append(f"  {table}: {self.n_valid.get(table, 0):,} of {self.n_rows[table]:,} rows valid")
        for title, frame, line in (
            ("Failures", self.failures, _failure_line),
            ("Missing by reason", self.missing, _missing_line),
            ("Notes", self.notes, _note_line),
        ):
            if len(frame):
                lines += ["", title, *(f"  {line(row)}" for row in frame.to_dict("records"))]
        return "\n".join(lines) + "\n"

    def _repr_html_(self) -> str:
        counts = pd.DataFrame({"rows": pd.Series(self.n_rows), "valid": pd.Series(self.n_valid)}).rename_axis("table").reset_index()
        shown = self.failures.assign(rows=[_keys(r) for r in self.failures["rows"]])
        parts = [("Tables", counts), ("Failures", shown), ("Missing by reason", self.missing), ("Notes", self.notes)]
        tables = "".join(f"<h4>{title}</h4>{frame.to_html(index=False, escape=True)}" for title, frame in parts if len(frame))
        return f"<div><strong>{escape(_head(self))}</strong>{tables}</div>"

    def __repr__(self) -> str:
        return _head(self)


def failure(
    rule: str, table: str, column: str, *, n_rows: int = 0, rows: tuple[str, ...] = (), got: str = "", expected: str = ""
) -> dict[str, Any]:
    """Make one row of ``failures``.

    Parameters
    ----------
    rule, table, column : str
        Which rule was broken, and where.
    n_rows : int
        How many rows break it.
    rows : tuple of str
        Their keys.
    got, expected : str
        In words; no cell content.

    Returns
    -------
    dict
        The row.

    Examples
    --------
    >>> failure("missing table", "persons", "")["rule"]
    'missing table'
    """
    return dict(zip(FAILURE_COLUMNS, (rule, table, column, n_rows, rows, got, expected), strict=True))


def note(table: str, column: str, kind: str, n_rows: int, text: str) -> dict[str, Any]:
    """Make one row of ``notes``.

    Parameters
    ----------
    table, column : str
        Where.
    kind : str
        One or two words to filter by (``conversion``, ``censored``, ``unit mixture``, ``not checked``, ...).
    n_rows : int
        How many rows it concerns.
    text : str
        The note in words.

    Returns
    -------
    dict
        The row.

    Examples
    --------
    >>> note("labs", "b12", "conversion", 3, "pg/mL to pmol/L")["n_rows"]
    3
    """
    return dict(zip(NOTE_COLUMNS, (table, column, kind, n_rows, text), strict=True))


def _head(report: FailureReport) -> str:
    rows, valid = sum(report.n_rows.values()), sum(report.n_valid.values())
    broken = len(report.failures)
    verdict = (
        "no failure"
        if report.ok
        else f"{broken} failure{'s' if broken > 1 else ''} in {list_names(dict.fromkeys(report.failures['table']))}"
    )
    return f"Check of {len(report.n_rows)} table{'s' if len(report.n_rows) != 1 else ''}: {verdict}; {valid:,} of {rows:,} rows valid."


def _keys(rows: tuple[str, ...], n_rows: int | None = None) -> str:
    total = len(rows) if n_rows is None else n_rows
    shown = ", ".join(rows[:ROWS_SHOWN])
    return shown if total <= ROWS_SHOWN else f"{shown} and {total - ROWS_SHOWN:,} more"


def _failure_line(row: dict[Any, Any]) -> str:
    place = f"{row['table']}.{row['column']}" if row["column"] else row["table"]
    count = f" {row['n_rows']:,} row{'s' if row['n_rows'] != 1 else ''}" if row["n_rows"] else ""
    keys = f" [{_keys(row['rows'], row['n_rows'])}]" if row["rows"] else ""
    return f"{row['rule']}: {place}:{count} got {row['got']}; expected {row['expected']}.{keys}"


def _missing_line(row: dict[Any, Any]) -> str:
    return f"{row['table']}.{row['column']}: {row['n_rows']:,} {row['reason']}"


def _note_line(row: dict[Any, Any]) -> str:
    place = f"{row['table']}.{row['column']}" if row["column"] else row["table"]
    return f"{row['kind']}: {place}: {row['note']}"
