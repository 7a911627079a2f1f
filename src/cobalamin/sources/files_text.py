"""CSV and TSV through DuckDB: every cell as text, nothing guessed except the delimiter.

Numbers stay text on purpose. A reader that guesses types turns ``<150`` into a text column in one extract and drops it in
the next; with text, the dictionary check sees each cell and counts the bad ones.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cobalamin.core.errors import SourceError, list_names
from cobalamin.sources.files_parquet import literal_path, session

DELIMITERS = (",", ";", "\t", "|")
HEADER_BYTES = 1 << 20
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class TextLayout:
    """How a text file is laid out.

    Attributes
    ----------
    delimiter : str
        One character.
    columns : tuple of str
        Names in the first line, blanks around them removed.
    """

    delimiter: str
    columns: tuple[str, ...]


def text_layout(path: Path, encoding: str = "utf-8") -> TextLayout:
    """Read the first line of a text file: its delimiter and its column names.

    Parameters
    ----------
    path : Path
        A CSV or TSV file with a header line.
    encoding : {"utf-8", "latin-1"}
        A byte order mark of UTF-8 is allowed and removed.

    Returns
    -------
    TextLayout
        Tab for ``.tsv``; otherwise, of comma, semicolon, tab and bar, the one that occurs as often in the second line as in
        the first, and if several do or none, the one most frequent in the first. Quoted text does not count.

    Raises
    ------
    SourceError
        Not text, another encoding, no header, or columns without a name.
    """
    header, second = _first_lines(path, encoding)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(header, second)
    names = tuple(name.strip() for name in next(csv.reader([header], delimiter=delimiter), []))
    _refuse_bad_header(path, names)
    return TextLayout(delimiter, names)


def text_columns(path: Path, encoding: str = "utf-8") -> tuple[str, ...]:
    """Return the column names of a text file.

    Parameters
    ----------
    path : Path
        A CSV or TSV file.
    encoding : {"utf-8", "latin-1"}
        Encoding of the file.

    Returns
    -------
    tuple of str
        Names in stored order.
    """
    return text_layout(path, encoding).columns


def read_text(path: Path, columns: Sequence[str], encoding: str = "utf-8") -> pd.DataFrame:
    """Read columns of a text file, every cell as text.

    Parameters
    ----------
    path : Path
        A CSV or TSV file.
    columns : sequence of str
        Columns that exist, in the order wanted.
    encoding : {"utf-8", "latin-1"}
        Encoding of the file.

    Returns
    -------
    DataFrame
        Text columns (dtype object); an empty cell is None.

    Raises
    ------
    SourceError
        Rows with more or fewer cells than the header, an open quote, another encoding (line number, no content).
    """
    import duckdb

    layout = text_layout(path, encoding)
    # neutral names inside the engine: header text never becomes SQL
    spec = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(layout.columns)))
    chosen = ", ".join(f"c{layout.columns.index(name)}" for name in columns)
    sql = (
        f"SELECT {chosen} FROM read_csv(?, delim=?, quote='\"', escape='\"', header=true, auto_detect=false, "
        f"columns={{{spec}}}, encoding=?, nullstr='', hive_partitioning=false, compression='none', max_line_size=10000000)"
    )
    try:
        with session() as connection:
            frame = connection.execute(sql, [literal_path(path), layout.delimiter, encoding]).df()
    except duckdb.Error as error:
        raise SourceError(_explain(path, str(error), len(layout.columns), encoding)) from None
    return frame.set_axis(list(columns), axis=1)


def _first_lines(path: Path, encoding: str) -> tuple[str, str]:
    with path.open("rb") as handle:
        head = handle.read(HEADER_BYTES)
    if head.startswith(_UTF16):
        raise SourceError(f"'{path.name}' is UTF-16 text: save it as UTF-8 (in a spreadsheet: 'CSV UTF-8').")
    if b"\0" in head:
        raise SourceError(f"'{path.name}' is not text (it holds zero bytes): it may be a spreadsheet or an archive with a wrong ending.")
    first, second = [*re.split(rb"\r\n|\n|\r", head.removeprefix(b"\xef\xbb\xbf"), maxsplit=2), b""][:2]
    try:
        return first.decode(encoding), second.decode(encoding, errors="replace")
    except UnicodeDecodeError:
        raise SourceError(_not_utf8(path, 1)) from None


def _delimiter(header: str, second: str) -> str:
    above, below = (re.sub(r'"[^"]*"', "", line) for line in (header, second))
    return max(DELIMITERS, key=lambda d: (0 < above.count(d) == below.count(d), above.count(d)))


def _refuse_bad_header(path: Path, names: Sequence[str]) -> None:
    if not any(names):
        raise SourceError(f"'{path.name}': the first line is blank; it must hold the column names.")
    nameless = [str(i) for i, name in enumerate(names, 1) if not name]
    if nameless:
        which = list_names(nameless, most=5)
        raise SourceError(f"'{path.name}': {len(nameless)} of {len(names)} columns have no name (number {which}). Name them.")
    if all(re.fullmatch(r"[-+]?\d+([.,]\d+)?", name) for name in names):
        raise SourceError(f"'{path.name}': the first line holds only numbers; it must hold the column names.")


def _explain(path: Path, message: str, width: int, encoding: str) -> str:
    """Turn the engine's message into one without the content of the line."""
    found = re.search(r"on Line: (\d+)", message)
    line = int(found.group(1)) if found else 0
    where = f"'{path.name}', line {line}" if line else f"'{path.name}'"
    cells = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    if "unicode" in message.lower() or "utf-8" in message.lower():
        return _not_utf8(path, line) if encoding == "utf-8" else f"{where}: bytes that are not {encoding}."
    if cells:
        return (
            f"{where}: {cells.group(2)} cells, but the header names {width} columns. "
            "A delimiter inside a text needs quotes; a line break inside one too. Export the file again."
        )
    if "unterminated quote" in message.lower():
        return f"{where}: a quote is opened and never closed. The file is cut off, or a text holds a single quote; export it again."
    return f"{where}: not a regular text table; open it in an editor at that place and export it again."


def _not_utf8(path: Path, line: int) -> str:
    where = f" (line {line})" if line else ""
    return (
        f"'{path.name}' is not UTF-8{where}; it looks like Latin-1 or Windows-1252. "
        "Save it as UTF-8, or open it with encoding='latin-1' if you know that it is."
    )
