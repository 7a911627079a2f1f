"""Tables of results as CSV bytes: the same on every machine, and text that no spreadsheet runs as a formula."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from cobalamin.core.errors import StoreError
from cobalamin.core.estimates import COLUMNS, NUMBERS, Estimates
from cobalamin.release.draft import DECISION_COLUMNS

DIGITS = 10
NEARLY_ZERO = 1e-12
# the full-width twins are formulas to spreadsheets set to East Asian languages
_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")


def estimates_to_csv(estimates: Estimates) -> bytes:
    """Write results as CSV.

    Parameters
    ----------
    estimates : Estimates
        Any rows.

    Returns
    -------
    bytes
        UTF-8, comma, LF line ends, columns in schema order; numbers at 10 significant digits, so that the last-digit
        noise of threaded sums does not change the bytes; missing numbers empty.

    Raises
    ------
    StoreError
        Text that is not valid Unicode.

    Notes
    -----
    A text that a spreadsheet could take for a formula (first character ``= + - @``, tab, line end) gets a leading
    apostrophe, as does a text that starts with one, so that reading gives back what was written. Numbers nearer to 0
    than 1e-12 are written as 0, except p-values.

    Examples
    --------
    >>> rows = Estimates.from_rows([{"term": "=cmd", "n": 3}])
    >>> estimates_from_csv(estimates_to_csv(rows)).frame.loc[0, "term"]
    '=cmd'
    """
    return _to_csv(estimates.frame, COLUMNS, NUMBERS)


def estimates_from_csv(data: bytes, *, name: str = "estimates.csv") -> Estimates:
    """Read results back.

    Parameters
    ----------
    data : bytes
        Made by `estimates_to_csv`.
    name : str
        File name for messages.

    Returns
    -------
    Estimates
        The same rows; numbers at 10 significant digits.

    Raises
    ------
    StoreError
        Not UTF-8, other columns, or text where a number belongs.
    """
    return Estimates.from_frame(_from_csv(data, COLUMNS, NUMBERS, name))


def decisions_to_csv(decisions: pd.DataFrame) -> bytes:
    """Write the disclosure record as CSV, in the manner of `estimates_to_csv`.

    Parameters
    ----------
    decisions : DataFrame
        From `disclosure.disclose`.

    Returns
    -------
    bytes
        UTF-8 CSV.
    """
    return _to_csv(decisions, DECISION_COLUMNS, ("at",))


def decisions_from_csv(data: bytes, *, name: str = "disclosure.csv") -> pd.DataFrame:
    """Read the disclosure record back.

    Parameters
    ----------
    data : bytes
        Made by `decisions_to_csv`.
    name : str
        File name for messages.

    Returns
    -------
    DataFrame
        The record.

    Raises
    ------
    StoreError
        Not the table expected.
    """
    return _from_csv(data, DECISION_COLUMNS, ("at",), name)


def number_text(number: float, *, tiny: bool = False) -> str:
    """Return a number at 10 significant digits.

    Parameters
    ----------
    number : float
        NaN gives the empty text.
    tiny : bool
        Keep numbers nearer to 0 than 1e-12 (p-values).

    Returns
    -------
    str
        Shortest form of the rounded number.

    Examples
    --------
    >>> number_text(0.1 + 0.2), number_text(27878.0), number_text(float("nan"))
    ('0.3', '27878', '')
    """
    if math.isnan(number):
        return ""
    if number == 0 or (not tiny and abs(number) < NEARLY_ZERO):
        return "0"
    return f"{number:.{DIGITS}g}"


def _to_csv(frame: pd.DataFrame, columns: Sequence[str], numbers: Sequence[str]) -> bytes:
    texts = [
        [number_text(float(v), tiny=name == "p") for v in frame[name]] if name in numbers else [_escape(str(v)) for v in frame[name]]
        for name in columns
    ]
    lines = [columns, *zip(*texts, strict=True)]
    text = "".join(",".join(map(_quote, line)) + "\n" for line in lines)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise StoreError("A label of the results is not valid Unicode (a lone surrogate); mend it in the data dictionary.") from error


def _from_csv(data: bytes, columns: Sequence[str], numbers: Sequence[str], name: str) -> pd.DataFrame:
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise StoreError(f"{name} is not a CSV file written by this package: {type(error).__name__}. Run the study again.") from error
    if not rows or tuple(rows[0]) != tuple(columns):
        raise StoreError(f"{name}: expected the columns {', '.join(columns)}; got others. Run the study again.")
    if any(len(row) != len(columns) for row in rows[1:]):
        raise StoreError(f"{name}: rows of unequal length. Run the study again.")
    made = {c: [row[i] for row in rows[1:]] for i, c in enumerate(columns)}
    return pd.DataFrame(
        {c: _numbers(v, c, name) if c in numbers else pd.Series([_unescape(x) for x in v], dtype=object) for c, v in made.items()}
    )


def _numbers(texts: list[str], column: str, name: str) -> pd.Series[float]:
    try:
        return pd.Series([float(t) if t else np.nan for t in texts], dtype=np.float64)
    except ValueError as error:
        raise StoreError(f"{name}: column '{column}' holds text where numbers belong. Run the study again.") from error


def _escape(text: str) -> str:
    return "'" + text if text.startswith(_RUNS) else text


def _quote(text: str) -> str:
    # the standard library's writer leaves a lone carriage return bare, which its reader takes for the end of a row
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text


def _unescape(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(_RUNS) else text
