"""A data dictionary: the one place where the meaning of every variable is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from cobalamin.core.errors import ColumnNotFoundError, DictionaryError, SourceError, did_you_mean, list_names
from cobalamin.core.fingerprint import fingerprint
from cobalamin.dictionary.codelist import CodeList, load_codelist
from cobalamin.dictionary.variable import Variable

if TYPE_CHECKING:
    from cobalamin.dictionary.descriptor import TablePart

CODELIST_FOLDER = "codelists"


@dataclass(frozen=True)
class ForeignKey:
    """Columns of one table whose values must occur in another.

    Attributes
    ----------
    columns : tuple of str
        Columns of this table.
    table : str
        The other table.
    references : tuple of str
        Columns of the other table, in the same order.
    """

    columns: tuple[str, ...]
    table: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """The description of one table.

    Attributes
    ----------
    name, title, description, source : str
        Name as in the data source, label, meaning, origin of the definitions.
    variables : mapping of str to Variable
        The columns, in order.
    primary_key : tuple of str
        Columns that together name a row.
    unique_keys : tuple of tuple of str
        Other combinations that may occur only once.
    foreign_keys : tuple of ForeignKey
        References to other tables.
    date_order : tuple of tuple of str
        Date columns that must not decrease from left to right.
    """

    name: str
    variables: Mapping[str, Variable]
    title: str = ""
    description: str = ""
    source: str = ""
    primary_key: tuple[str, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    date_order: tuple[tuple[str, ...], ...] = ()

    def variable(self, column: str) -> Variable:
        """Return one column.

        Parameters
        ----------
        column : str
            Its name.

        Returns
        -------
        Variable
            The description.

        Raises
        ------
        ColumnNotFoundError
            The table has no such column; the nearest name is suggested.
        """
        if column not in self.variables:
            raise ColumnNotFoundError(f"table '{self.name}' has no column '{column}'.{did_you_mean(column, self.variables)}")
        return self.variables[column]

    def with_role(self, role: str) -> tuple[Variable, ...]:
        """Return the columns of one role.

        Parameters
        ----------
        role : str
            For example ``person_id``.

        Returns
        -------
        tuple of Variable
            In order; empty where there is none.
        """
        return tuple(v for v in self.variables.values() if v.role == role)


@dataclass(frozen=True)
class Dictionary:
    """Tables and code lists of one data set.

    Attributes
    ----------
    tables : mapping of str to Table
        By name, in alphabetical order of their files.
    codelists : mapping of str to CodeList
        By name.
    """

    tables: Mapping[str, Table]
    codelists: Mapping[str, CodeList] = field(default_factory=lambda: MappingProxyType({}))

    def table(self, name: str) -> Table:
        """Return one table.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        Table
            The description.

        Raises
        ------
        DictionaryError
            The dictionary has no such table; the nearest name is suggested.
        """
        if name not in self.tables:
            raise DictionaryError(
                f"the dictionary has no table '{name}'; it has {list_names(self.tables)}.{did_you_mean(name, self.tables)}"
            )
        return self.tables[name]

    def variable(self, table: str, column: str) -> Variable:
        """Return one column of one table.

        Parameters
        ----------
        table, column : str
            Names.

        Returns
        -------
        Variable
            The description.

        Raises
        ------
        DictionaryError, ColumnNotFoundError
            No such table or column.
        """
        return self.table(table).variable(column)

    def labels(self) -> Mapping[str, str]:
        """Return what to call each column in a table or figure.

        Returns
        -------
        mapping of str to str
            Column name to title with unit. Where two tables share a column, the first wins.
        """
        labels: dict[str, str] = {}
        for table in self.tables.values():
            for name, variable in table.variables.items():
                labels.setdefault(name, variable.label)
        return MappingProxyType(labels)

    def codelist(self, name: str) -> CodeList:
        """Return one code list.

        Parameters
        ----------
        name : str
            Its name (file name without ``.csv``).

        Returns
        -------
        CodeList
            The codes.

        Raises
        ------
        DictionaryError
            The dictionary has no such list; the nearest name is suggested.
        """
        if name not in self.codelists:
            raise DictionaryError(
                f"the dictionary has no code list '{name}'; it has {list_names(self.codelists)}.{did_you_mean(name, self.codelists)}"
            )
        return self.codelists[name]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything the dictionary says, whatever the file layout.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        return fingerprint({"tables": self.tables, "codelists": self.codelists})

    def __repr__(self) -> str:
        columns = sum(len(t.variables) for t in self.tables.values())
        return f"Dictionary({len(self.tables)} tables, {columns} columns, {len(self.codelists)} code lists: {list_names(self.tables)})"

    def _repr_html_(self) -> str:
        from cobalamin.dictionary.codebook import summary_table

        return summary_table(self)


def load_dictionary(path: str | Path) -> Dictionary:
    """Read a data dictionary.

    Parameters
    ----------
    path : str or Path
        A folder with one ``.yaml`` file per table, or one such file. Code lists are looked for in the folder ``codelists`` inside
        the folder or beside it.

    Returns
    -------
    Dictionary
        Checked: it names nothing that does not exist and does not contradict itself.

    Raises
    ------
    SourceError
        The path, or a file that the dictionary names, does not exist.
    DictionaryError
        Faults of form or meaning, all of one table in one message.
    """
    from cobalamin.dictionary.assemble import make_table, refuse_contradictions
    from cobalamin.dictionary.descriptor import read_descriptor

    place = Path(path)
    files = _files(place)
    parts = {file: read_descriptor(file) for file in files}
    tables: dict[str, Table] = {}
    for file, part in parts.items():
        table = make_table(part, name=part.name or file.stem, where=str(file))
        if table.name in tables:
            raise DictionaryError(f"{file}: the table '{table.name}' is described in two files.")
        tables[table.name] = table
    folder = place if place.is_dir() else place.parent
    codelists = _codelists(folder, parts)
    dictionary = Dictionary(MappingProxyType(tables), MappingProxyType(codelists))
    refuse_contradictions(dictionary, siblings={f.stem for f in folder.glob("*.y*ml")}, folder=folder)
    return dictionary


def _files(place: Path) -> list[Path]:
    if not place.exists():
        raise SourceError(f"data dictionary not found: {place}. Give a folder of .yaml descriptors, or one of them.")
    if place.is_file():
        return [place]
    files = sorted(f for f in place.iterdir() if f.suffix in (".yaml", ".yml"))
    if not files:
        raise SourceError(f"{place}: the folder has no .yaml descriptor, so it is not a data dictionary.")
    return files


def _codelists(folder: Path, parts: Mapping[Path, TablePart]) -> dict[str, CodeList]:
    place = next((p for p in (folder / CODELIST_FOLDER, folder.parent / CODELIST_FOLDER) if p.is_dir()), folder.parent / CODELIST_FOLDER)
    named = {name: f"{file}, field '{f.name}'" for file, part in parts.items() for f in part.fields for name in f.code_lists}
    for name, where in sorted(named.items()):
        file = place / f"{name}.csv"
        if Path(name).name != name or not file.is_file():
            known = [f.stem for f in place.glob("*.csv")] if place.is_dir() else []
            raise SourceError(f"{where} names the code list '{name}', but the file {file} does not exist.{did_you_mean(name, known)}")
    return {file.stem: load_codelist(file) for file in sorted(place.glob("*.csv"))} if place.is_dir() else {}
