"""What a study reads: its source under the protocol's table names, its dictionary, and the hashes of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cobalamin.core.errors import DataError, SourceError
from cobalamin.dictionary.check import check
from cobalamin.dictionary.dictionary import Dictionary, load_dictionary
from cobalamin.dictionary.failure_report import FailureReport
from cobalamin.sources.source import Source, open_source
from cobalamin.study.protocol import Protocol, source_path
from cobalamin.study.sections import SourceSection


@dataclass(frozen=True)
class NamedSource:
    """A source whose tables go by the names of the dictionary.

    Attributes
    ----------
    origin : Source
        Where the tables are.
    names : mapping of str to str
        Dictionary name -> name in the origin.
    """

    origin: Source
    names: Mapping[str, str]

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables, as in the dictionary."""
        return tuple(self.names)

    @property
    def simulated(self) -> bool:
        """Whether no real person stands behind the rows."""
        return self.origin.simulated

    def columns(self, table: str) -> tuple[str, ...]:
        """Names of the columns of one table."""
        return self.origin.columns(self.names[table])

    def read(self, table: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """One table, or some of its columns."""
        return self.origin.read(self.names[table], columns)

    def hashes(self) -> Mapping[str, str]:
        """File name -> SHA-256 of the tables named."""
        every = self.origin.hashes()
        wanted = set(self.names.values())
        return {file: digest for file, digest in every.items() if Path(file).stem in wanted or file in wanted}

    def truth(self) -> Mapping[str, float]:
        """The effects that made the data; empty for real data."""
        return self.origin.truth()


@dataclass(frozen=True, eq=False)
class Inputs:
    """The checked inputs of a run.

    Attributes
    ----------
    source : Source
        Where the tables came from.
    dictionary : Dictionary
        What they mean.
    report : FailureReport
        The check, with the valid tables.
    """

    source: Source
    dictionary: Dictionary
    report: FailureReport


def data_present(protocol: Protocol, folder: Path) -> bool:
    """Whether the protocol's data are on this machine.

    Parameters
    ----------
    protocol : Protocol
        A checked protocol.
    folder : Path
        The study folder.

    Returns
    -------
    bool
        Always true for simulated data.
    """
    return protocol.source.kind == "simulated" or source_path(protocol.source, folder).exists()


def open_protocol_source(protocol: Protocol, folder: Path) -> Source:
    """Open the source a protocol names.

    Parameters
    ----------
    protocol : Protocol
        A checked protocol.
    folder : Path
        The study folder; relative paths start there.

    Returns
    -------
    Source
        Nothing is read yet.

    Raises
    ------
    SourceError
        The data are not there; the message says how to get them.
    """
    section = protocol.source
    if section.kind == "simulated":
        from cobalamin.sources.simulated import SimulatedSource

        parameters: dict[str, Any] = dict(section.parameters)
        return SimulatedSource(persons=section.persons, seed=protocol.study.seed, **parameters)
    path = source_path(section, folder)
    if not path.exists():
        raise SourceError(_absent(section, path))
    source = open_source(path)
    names = {table: Path(file).stem for table, file in section.tables.items()} or {t: t for t in source.tables}
    absent = [file for file in names.values() if file not in source.tables]
    if absent:
        raise SourceError(f"'{path.name}' has no table '{absent[0]}' (named in [source.tables]); it has {', '.join(source.tables)}.")
    return NamedSource(source, names)


def read_inputs(protocol: Protocol, folder: Path) -> Inputs:
    """Open, read and check everything a run needs.

    Parameters
    ----------
    protocol : Protocol
        A checked protocol.
    folder : Path
        The study folder.

    Returns
    -------
    Inputs
        Source, dictionary and the report with its valid tables.

    Raises
    ------
    SourceError, DictionaryError, IdentifierError
        As the rooms below raise them.
    DataError
        Rows contradict the dictionary and the protocol says ``invalid_rows = "stop"``.
    """
    dictionary = load_dictionary((folder / protocol.dictionary.path).resolve())
    source = open_protocol_source(protocol, folder)
    report = check(source, dictionary, tables=tables_to_check(protocol, dictionary, source))
    if not report.ok and protocol.dictionary.invalid_rows == "stop":
        raise DataError(
            f"{len(report.failures)} rule(s) of the dictionary are broken; 'cobalamin check {folder.name}' lists them all. "
            'Mend the data or the dictionary, or set invalid_rows = "exclude" under [dictionary] to count the rows and leave them out.\n'
            + report.to_text()
        )
    return Inputs(source, dictionary, report)


def tables_to_check(protocol: Protocol, dictionary: Dictionary, source: Source) -> list[str]:
    """Return the tables a study must have (those its design names) and those it has besides.

    Parameters
    ----------
    protocol : Protocol
        A checked protocol.
    dictionary : Dictionary
        What is described.
    source : Source
        What is there.

    Returns
    -------
    list of str
        In the dictionary's order; a table that the design needs and the source lacks is a failure of the check.
    """
    named = {*_tables_in(protocol.design), *([protocol.visits.table] if protocol.visits else [])}
    return [table for table in dictionary.tables if table in named or table in source.tables]


def _tables_in(design: object) -> Iterator[str]:
    if isinstance(design, Mapping):
        for key, value in design.items():
            if key == "table" and isinstance(value, str):
                yield value
            yield from _tables_in(value)
    elif isinstance(design, list):
        for value in design:
            yield from _tables_in(value)


def _absent(section: SourceSection, path: Path) -> str:
    variable = f" Or set {section.path_variable} to where they are." if section.path_variable else ""
    hint = f" {section.how_to_get}" if section.how_to_get else ""
    return f"the data of this study are not on this machine (looked for '{path.name}' in '{path.parent.name}').{hint}{variable}"
