"""What every source of tables offers, and the door that opens one.

A source hands over tables as they are stored. It neither repairs nor interprets: meaning is written in the data dictionary
and applied by ``cobalamin.dictionary.check``. What a source does refuse is a direct identifier.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import pandas as pd

from cobalamin.core.errors import ColumnNotFoundError, SourceError, did_you_mean, list_names


@runtime_checkable
class Source(Protocol):
    """Anything tables can be read from: memory, files, a simulation, later a database."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables, in a stable order."""
        ...

    @property
    def simulated(self) -> bool:
        """Whether no real person stands behind the rows; every title and figure then says so."""
        ...

    def columns(self, table: str) -> tuple[str, ...]:
        """Names of the columns of one table, in stored order."""
        ...

    def read(self, table: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """One table, or some of its columns in the order asked for, as stored."""
        ...

    def hashes(self) -> Mapping[str, str]:
        """File name (or table name) to SHA-256 of its content, for the manifest."""
        ...

    def truth(self) -> Mapping[str, float]:
        """The effects that made the data; empty for real data."""
        ...


def open_source(path: str | Path | Mapping[str, pd.DataFrame], *, inside: str | Path | None = None, encoding: str = "utf-8") -> Source:
    """Open a file, a folder of files, or tables already in memory.

    Parameters
    ----------
    path : str, Path or mapping of str to DataFrame
        A file (CSV, TSV, Parquet, Stata, SAS, SPSS: one table), a folder of such files (one table each, named after the
        file), or a mapping of table names to data frames.
    inside : str or Path, optional
        A folder the path must not leave, links resolved. Studies that take a path from somebody else set it.
    encoding : {"utf-8", "latin-1"}
        Encoding of text files; never guessed.

    Returns
    -------
    Source
        Nothing is read yet except names.

    Raises
    ------
    SourceError
        A web address, a path that does not exist or leaves ``inside``, a folder without tables, an unknown kind of file.

    Examples
    --------
    >>> import pandas as pd
    >>> source = open_source({"persons": pd.DataFrame({"person_id": ["a", "b"], "age": [40, 50]})})
    >>> source.tables, source.columns("persons")
    (('persons',), ('person_id', 'age'))
    """
    if isinstance(path, Mapping):
        from cobalamin.sources.memory import MemorySource

        return MemorySource(path)
    from cobalamin.sources.files import FileSource

    return FileSource(path, inside=inside, encoding=encoding)


def choose_table(table: str, tables: Iterable[str]) -> str:
    """Return the table's name if the source has it.

    Parameters
    ----------
    table : str
        The name asked for.
    tables : iterable of str
        The names there are.

    Returns
    -------
    str
        The same name.

    Raises
    ------
    SourceError
        No such table; the nearest name is suggested.

    Examples
    --------
    >>> choose_table("persons", ["persons", "diagnoses"])
    'persons'
    """
    known = list(tables)
    if table not in known:
        raise SourceError(f"no table '{table}' in this source; it has {list_names(known) or 'none'}.{did_you_mean(table, known)}")
    return table


def choose_columns(table: str, available: Sequence[str], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns to read, in the order asked for.

    Parameters
    ----------
    table : str
        Name of the table, for the message.
    available : sequence of str
        The columns there are.
    wanted : sequence of str or None
        The columns asked for; None means all.

    Returns
    -------
    tuple of str
        Columns that exist.

    Raises
    ------
    ColumnNotFoundError
        Columns that do not exist; the nearest name to the first is suggested.

    Examples
    --------
    >>> choose_columns("persons", ["person_id", "sex"], ["sex"])
    ('sex',)
    """
    if wanted is None:
        return tuple(available)
    absent = [name for name in wanted if name not in set(available)]
    if absent:
        raise ColumnNotFoundError(
            f"table '{table}' has no column {list_names(repr(n) for n in absent)}; it has {list_names(available)}."
            f"{did_you_mean(absent[0], available)}"
        )
    return tuple(dict.fromkeys(wanted))


def refuse_repeated_columns(table: str, columns: Iterable[str]) -> None:
    """Stop where two columns have the same name, also if they differ only in capitals.

    Parameters
    ----------
    table : str
        Name of the table, for the message.
    columns : iterable of str
        The column names as stored.

    Raises
    ------
    SourceError
        Names that occur twice. SQL engines do not tell ``Age`` from ``age``, so a source must not either.

    Examples
    --------
    >>> refuse_repeated_columns("persons", ["person_id", "sex"])
    """
    names = [str(name) for name in columns]
    folded = [name.casefold() for name in names]
    twice = [name for name, key in zip(names, folded, strict=True) if folded.count(key) > 1]
    if twice:
        raise SourceError(
            f"table '{table}': {len(twice)} columns share a name ({list_names(twice)}; capitals do not count). "
            "Rename them in the file; which one is meant cannot be guessed."
        )


def guard(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Return the frame unless a column looks like a direct identifier.

    Parameters
    ----------
    frame : DataFrame
        What was read.
    table : str
        Name of the table, for the message.

    Returns
    -------
    DataFrame
        The same frame.

    Raises
    ------
    IdentifierError
        E-mail addresses, telephone or national numbers, full dates of birth (counts only, no value).
    """
    from cobalamin.dictionary.identifiers import refuse_identifiers

    refuse_identifiers(frame, table=table)
    return frame
