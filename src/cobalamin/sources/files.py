"""Tables in files: one file, or a folder with one table per file.

CSV and Parquet are read by DuckDB, Stata, SAS and SPSS files by pyreadstat. Cells of text files stay text, so that the
dictionary check counts a bad cell instead of the reader guessing around it; codes stay codes, labels are not applied.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cobalamin.core.errors import SourceError, list_names
from cobalamin.core.fingerprint import file_hash
from cobalamin.sources.files_parquet import parquet_columns, read_parquet
from cobalamin.sources.files_statistics import read_statistics, statistics_columns
from cobalamin.sources.files_text import read_text, text_columns
from cobalamin.sources.marker import find_marker, read_truth
from cobalamin.sources.source import choose_columns, choose_table, guard, refuse_repeated_columns


@dataclass(frozen=True)
class Reader:
    """How one kind of file is read.

    Attributes
    ----------
    columns : callable (path, encoding) -> tuple of str
        Column names without reading the rows.
    read : callable (path, columns, encoding) -> DataFrame
        Those columns of all rows.
    """

    columns: Callable[[Path, str], tuple[str, ...]]
    read: Callable[[Path, Sequence[str], str], pd.DataFrame]


_TEXT = Reader(text_columns, read_text)
_PARQUET = Reader(parquet_columns, read_parquet)
_STATISTICS = Reader(statistics_columns, read_statistics)
READERS: Mapping[str, Reader] = {
    ".csv": _TEXT,
    ".tsv": _TEXT,
    ".parquet": _PARQUET,
    ".dta": _STATISTICS,
    ".sas7bdat": _STATISTICS,
    ".xpt": _STATISTICS,
    ".sav": _STATISTICS,
}


class FileSource:
    """A source over one file or the files of one folder.

    Parameters
    ----------
    path : str or Path
        A file, or a folder; files of other kinds in the folder are left alone and listed in ``ignored``.
    inside : str or Path, optional
        Folder that neither the path nor a link in it may leave.
    encoding : {"utf-8", "latin-1"}
        Encoding of text files.

    Raises
    ------
    SourceError
        A web address, a missing or unreadable path, no table, two files for one table, an unknown kind of file.
    """

    def __init__(self, path: str | Path, *, inside: str | Path | None = None, encoding: str = "utf-8") -> None:
        if encoding not in ("utf-8", "latin-1"):
            raise SourceError(f"encoding '{encoding}' is not known; expected 'utf-8' or 'latin-1'.")
        self.path = _local_path(path)
        self._encoding = encoding
        self._files, self.ignored = _discover(self.path)
        self._marker = find_marker(self.path)
        if inside is not None:
            _stay_inside(Path(inside), [self.path, *self._files.values()])

    @property
    def tables(self) -> tuple[str, ...]:
        """File names without their endings, sorted."""
        return tuple(self._files)

    @property
    def simulated(self) -> bool:
        """Whether `cobalamin simulate` made the files (its marker lies beside them)."""
        return self._marker is not None

    def columns(self, table: str) -> tuple[str, ...]:
        """Names of the columns of one table, without reading its rows."""
        file = self._file(table)
        names = _reader(file).columns(file, self._encoding)
        refuse_repeated_columns(table, names)
        return names

    def read(self, table: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """One table, or only some of its columns, as stored."""
        chosen = choose_columns(table, self.columns(table), columns)
        file = self._file(table)
        return guard(_reader(file).read(file, chosen, self._encoding), table)

    def hashes(self) -> Mapping[str, str]:
        """File name to SHA-256 of its bytes, the marker of a simulation included."""
        marker = [] if self._marker is None else [self._marker]
        return {file.name: file_hash(file) for file in [*map(self._file, self._files), *marker]}

    def truth(self) -> Mapping[str, float]:
        """The effects that made simulated files; empty for real data."""
        return {} if self._marker is None else read_truth(self._marker)

    def __repr__(self) -> str:
        return f"FileSource({self.path.name}: {list_names(file.name for file in self._files.values())})"

    def _file(self, table: str) -> Path:
        file = self._files[choose_table(table, self._files)]
        _refuse_unreadable(file)
        return file


def _reader(file: Path) -> Reader:
    return READERS[file.suffix.lower()]


def _local_path(path: str | Path) -> Path:
    text = str(path)
    if "://" in text:
        raise SourceError("a web address is not a data source of a study: save the file in a local folder first, then name that folder.")
    if not text.strip() or "\0" in text:
        raise SourceError("the path of the data is empty or not a path.")
    local = Path(text).expanduser()
    if not local.exists():
        raise SourceError(f"'{path}' does not exist.{_near_names(local)}")
    return local


def _near_names(path: Path) -> str:
    parent = path.parent
    if not parent.is_dir():
        return f" The folder '{parent}' does not exist either."
    there = sorted(p.name for p in parent.iterdir() if not p.name.startswith("."))
    lower = {name.lower(): name for name in there}
    near = difflib.get_close_matches(path.name.lower(), list(lower), n=3, cutoff=0.5)
    near += [name.lower() for name in there if Path(name).stem.lower() == path.stem.lower() and name.lower() not in near]
    if near:
        return f" Near it: {list_names(lower[n] for n in near)}."
    return f" The folder holds {list_names(there) or 'nothing'}."


def _discover(path: Path) -> tuple[dict[str, Path], tuple[str, ...]]:
    if path.is_file():
        if path.suffix.lower() not in READERS:
            raise SourceError(f"'{path.name}' is of an unknown kind; expected {list_names(READERS)}.")
        return {path.stem: path}, ()
    try:
        every = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    except PermissionError as error:
        raise SourceError(f"folder '{path.name}' may not be read: ask its owner for permission.") from error
    known = [p for p in every if p.suffix.lower() in READERS]
    if not known:
        found = list_names(p.name for p in every) or "no files"
        raise SourceError(f"folder '{path.name}' holds no table: found {found}, expected files ending in {list_names(READERS)}.")
    _refuse_two_files_per_table(known)
    return {p.stem: p for p in known}, tuple(p.name for p in every if p not in known)


def _refuse_two_files_per_table(files: Sequence[Path]) -> None:
    stems = [p.stem.casefold() for p in files]
    twice = [p.name for p, stem in zip(files, stems, strict=True) if stems.count(stem) > 1]
    if twice:
        raise SourceError(f"several files for one table ({list_names(twice)}): keep one of them, the table is named after the file.")


def _stay_inside(folder: Path, paths: Sequence[Path]) -> None:
    home = folder.resolve()
    outside = [p for p in paths if not p.resolve().is_relative_to(home)]
    if outside:
        raise SourceError(
            f"'{outside[0].name}' lies outside the folder '{home.name}' that this study may read (.. and links count): "
            "copy the data into it, or name their folder explicitly."
        )


def _refuse_unreadable(file: Path) -> None:
    try:
        with file.open("rb") as handle:
            first = handle.read(1)
    except PermissionError as error:
        raise SourceError(f"'{file.name}' may not be read: ask its owner for permission, or copy it to where you may read.") from error
    except OSError as error:
        raise SourceError(f"'{file.name}' cannot be read ({error.strerror}): is it still there, is the disk mounted?") from error
    if not first:
        raise SourceError(f"'{file.name}' is empty (0 bytes): the export did not finish, or it is a placeholder; export it again.")
