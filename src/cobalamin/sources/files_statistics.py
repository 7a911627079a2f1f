"""Stata, SAS and SPSS files through pyreadstat: codes as stored, user-missing values kept.

Value labels of the file are not applied: the data dictionary says what a code means. Declared missing values stay visible
(99 in SPSS, ``a`` to ``z`` for Stata's .a to .z, ``A`` to ``Z`` for SAS's), so that the check can count each reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cobalamin.core.errors import SourceError

_FUNCTIONS = {".dta": "read_dta", ".sas7bdat": "read_sas7bdat", ".xpt": "read_xport", ".sav": "read_sav"}
_NAMES = {".dta": "Stata", ".sas7bdat": "SAS", ".xpt": "SAS transport", ".sav": "SPSS"}


def statistics_columns(path: Path, encoding: str = "utf-8") -> tuple[str, ...]:
    """Return the column names of a Stata, SAS or SPSS file.

    Parameters
    ----------
    path : Path
        The file.
    encoding : {"utf-8", "latin-1"}
        Overrides the file's own statement only if it is not UTF-8.

    Returns
    -------
    tuple of str
        Names in stored order.

    Raises
    ------
    SourceError
        Not such a file, or cut off.
    """
    _, meta = _read(path, encoding, metadataonly=True)
    return tuple(meta.column_names)


def read_statistics(path: Path, columns: Sequence[str], encoding: str = "utf-8") -> pd.DataFrame:
    """Read columns of a Stata, SAS or SPSS file.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of str
        Columns that exist, in the order wanted.
    encoding : {"utf-8", "latin-1"}
        Overrides the file's own statement only if it is not UTF-8.

    Returns
    -------
    DataFrame
        Numbers as float64, dates as datetime64, text as object. These formats have no missing text, so an empty text is
        returned as None, as an empty cell of a CSV file is.

    Raises
    ------
    SourceError
        Damaged or cut-off content.
    """
    frame, _ = _read(path, encoding, usecols=list(columns))
    frame = frame.loc[:, list(columns)]
    blank: dict[str, Any] = {"": None}
    texts = {name: frame[name].replace(blank) for name in frame.select_dtypes(include="object").columns}
    return frame.assign(**texts)


def _read(path: Path, encoding: str, **options: Any) -> tuple[pd.DataFrame, Any]:
    import pyreadstat

    suffix = path.suffix.lower()
    if suffix != ".xpt":
        options["user_missing"] = True
    if encoding != "utf-8":
        options["encoding"] = encoding
    try:
        frame, meta = getattr(pyreadstat, _FUNCTIONS[suffix])(str(path), dates_as_pandas_datetime=True, **options)
    except Exception as error:  # pyreadstat raises bare subclasses of Exception, and OverflowError for absurd dates
        raise SourceError(_explain(path, str(error))) from None
    return frame, meta


def _explain(path: Path, message: str) -> str:
    kind = _NAMES[path.suffix.lower()]
    if "convert string" in message.lower() or "encoding" in message.lower():
        return f"'{path.name}': text in another encoding than the {kind} file says; open it with encoding='latin-1' if you know that it is."
    if "number of rows" in message.lower() or "read from file" in message.lower():
        return f"'{path.name}' is cut off: it has fewer rows than its {kind} header says. Copy it again and compare its checksum."
    return f"'{path.name}' cannot be read as a {kind} file: it is damaged, of another kind, or of an unsupported version. Save it again."
