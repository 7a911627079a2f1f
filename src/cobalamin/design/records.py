"""Rows of a dated table that count for a purpose: found once, linked to people, with a note of every row left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import ColumnNotFoundError, DataError, DesignError, did_you_mean, list_names
from cobalamin.design.expression import condition
from cobalamin.design.timeline import Floats, to_days
from cobalamin.dictionary.codelist import Code, CodeList, plain_system

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Which rows of a table count.

    Attributes
    ----------
    table, date : str
        Table and its column of dates.
    where : str
        Condition on the columns of that table; empty = every row.
    codes : CodeList or tuple of str, optional
        Codes that count, by prefix, dots ignored.
    code, code_system : str
        Column of the code; column of its classification, or the one classification of the whole table. It may be left empty
        only where the code list has a single classification.
    code_status : tuple of str
        Which codes of a `CodeList` are used, by how far they were checked.
    """

    table: str = ""
    date: str = ""
    where: str = ""
    codes: CodeList | tuple[str, ...] | None = None
    code: str = "code"
    code_system: str = ""
    code_status: tuple[str, ...] = ("verified",)


@dataclass(frozen=True)
class Note:
    """Rows that could not be used, and why.

    Attributes
    ----------
    use, table, reason : str
        What the rows were wanted for, where they are, why they were left.
    n_rows, n_people : int
        How many.
    """

    use: str
    table: str
    reason: str
    n_rows: int
    n_people: int


@dataclass(frozen=True, eq=False)
class Linked:
    """A dated table whose rows know their person.

    Attributes
    ----------
    name : str
        Name of the table.
    frame : DataFrame, shape (m, ...)
        The table.
    person : ndarray of int, shape (m,)
        Row of the person in the person table; -1 where that table does not have the person.
    """

    name: str
    frame: pd.DataFrame
    person: Ints


@dataclass(frozen=True, eq=False)
class Records:
    """Rows found for a purpose.

    Attributes
    ----------
    person : ndarray of int, shape (k,)
        Row of the person in the person table.
    day : ndarray, shape (k,)
        Days since 1970-01-01.
    row : ndarray of int, shape (k,)
        Row of the dated table.
    notes : tuple of Note
        Rows that were left out for want of a date or of a known condition.
    """

    person: Ints
    day: Floats
    row: Ints
    notes: tuple[Note, ...]


def take_table(tables: Tables, name: str, use: str) -> pd.DataFrame:
    """Return a table by name, or say which there are.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Valid tables.
    name : str
        The table wanted.
    use : str
        What it is wanted for.

    Returns
    -------
    DataFrame

    Raises
    ------
    DesignError
        No such table.
    """
    if name not in tables:
        raise DesignError(f"{use}: there is no table '{name}'.{did_you_mean(name, tables)} The tables are: {list_names(tables)}.")
    return tables[name]


def need_columns(frame: pd.DataFrame, names: Iterable[str], use: str, table: str) -> None:
    """Refuse names that are not columns.

    Parameters
    ----------
    frame : DataFrame
        A table.
    names : iterable of str
        Columns needed; empty names are passed over.
    use, table : str
        For the message.

    Raises
    ------
    ColumnNotFoundError
        With the nearest name.
    """
    for name in names:
        if name and name not in frame.columns:
            known = [str(c) for c in frame.columns]
            raise ColumnNotFoundError(
                f"{use}: table '{table}' has no column '{name}'.{did_you_mean(name, known)} Its columns are: {list_names(known, 12)}."
            )


def link_tables(
    tables: Tables, wanted: Mapping[str, str], ids: pd.Index[Any], person_id: str
) -> tuple[dict[str, Linked], tuple[Note, ...]]:
    """Find the person of every row of the dated tables, once per table.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Valid tables.
    wanted : mapping of str to str
        Table -> what it is wanted for.
    ids : Index, shape (n,)
        Keys of the people, in the order of the person table.
    person_id : str
        Column of the key in every table.

    Returns
    -------
    linked : dict of str to Linked
    notes : tuple of Note
        Rows and people that the person table does not have.

    Raises
    ------
    DesignError, ColumnNotFoundError
        No such table, or it has no person key.
    DataError
        No row of a table belongs to anyone: keys of different types, for example.
    """
    linked, notes = {}, []
    for name, use in wanted.items():
        frame = take_table(tables, name, use).reset_index(drop=True)
        need_columns(frame, [person_id], use, name)
        keys = frame[person_id]
        person: Ints = np.asarray(ids.get_indexer(pd.Index(keys)), dtype=np.int64)
        lost = person < 0
        if lost.any():
            if lost.all():
                raise DataError(
                    f"table '{name}': none of its {len(frame)} rows has a '{person_id}' of the person table "
                    f"({keys.dtype} here, {ids.dtype} there). Compare the keys of the two tables."
                )
            notes.append(Note("every use", name, "person not in the person table", int(lost.sum()), int(keys[lost].nunique())))
        linked[name] = Linked(name, frame, person)
    return linked, tuple(notes)


def find_records(linked: Linked, rows: Rows, use: str) -> Records:
    """Find the rows that count for a purpose.

    Parameters
    ----------
    linked : Linked
        The table.
    rows : Rows
        Which rows count.
    use : str
        The purpose, for messages and notes.

    Returns
    -------
    Records
        In the order of the table.

    Raises
    ------
    ColumnNotFoundError, FormulaError, DataError
        A column that is absent, a condition that cannot be read, dates that are none.
    """
    frame, name = linked.frame, linked.name
    need_columns(frame, [rows.date, *_code_columns(rows)], use, name)
    known_person = linked.person >= 0
    keep = known_person.copy()
    notes: list[Note] = []
    if rows.where:
        holds, unknown = condition(rows.where, frame, what=f"{use}, where")
        notes += _note(use, linked, known_person & unknown, f"not known whether {rows.where}")
        keep &= holds
    if rows.codes is not None:
        keep &= _has_code(frame, rows, use)
    day = to_days(frame[rows.date])
    undated = keep & ~np.isfinite(day)
    notes += _note(use, linked, undated, f"no {rows.date}")
    if not keep.any():
        notes.append(Note(use, name, "no row counts: check the condition and the codes", 0, 0))
    row = np.flatnonzero(keep & ~undated)
    return Records(linked.person[row], day[row], row.astype(np.int64), tuple(notes))


def _code_columns(rows: Rows) -> tuple[str, ...]:
    return (rows.code,) if rows.codes is not None else ()


def _has_code(frame: pd.DataFrame, rows: Rows, use: str) -> Bools:
    codes = rows.codes
    if isinstance(codes, tuple):
        codes = CodeList("codes", tuple(Code("", c, c, "verified", "") for c in codes))
        return np.asarray(codes.matches(frame[rows.code]), dtype=bool)
    assert codes is not None  # the caller looked
    return np.asarray(codes.matches(frame[rows.code], systems=_systems(frame, rows, codes, use), status=rows.code_status), dtype=bool)


def _systems(frame: pd.DataFrame, rows: Rows, codes: CodeList, use: str) -> pd.Series[Any] | str | None:
    """The same letters mean different diseases in different classifications, so a mixed list needs to know which one a row uses."""
    known = sorted({code.system for code in codes.active(rows.code_status)})
    if rows.code_system in frame.columns:
        return frame[rows.code_system]
    if plain_system(rows.code_system) in {plain_system(name) for name in known}:
        return rows.code_system
    if rows.code_system:
        need_columns(frame, [rows.code_system], f"{use}, code_system", rows.table)
    if len(known) > 1:
        raise DesignError(
            f"{use}: code list '{codes.name}' holds codes of several classifications ({list_names(known)}). Say which one the rows use: "
            f"code_system = the column of table '{rows.table}' that tells it, or one of these names."
        )
    return None


def _note(use: str, linked: Linked, mask: Bools, reason: str) -> list[Note]:
    rows = int(mask.sum())
    return [Note(use, linked.name, reason, rows, len(np.unique(linked.person[mask])))] if rows else []
