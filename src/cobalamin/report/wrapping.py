"""Breaking labels into lines for drawings, without a font at hand."""

from __future__ import annotations

import unicodedata

from cobalamin.report.labels import plain


def wrap(text: str, width: float, most: int = 3) -> list[str]:
    """Break a label into lines for a figure.

    Parameters
    ----------
    text : str
        A label.
    width : float
        Width of a line in ems (see `text_width`).
    most : int
        Lines at most; a longer text ends in an ellipsis (the tables show it whole).

    Returns
    -------
    list of str
        At least one line.

    Examples
    --------
    >>> wrap("Serum vitamin B12, per doubling", 12)
    ['Serum vitamin B12,', 'per doubling']
    """
    lines = [""]
    for word in plain(text).split(" "):
        for piece in _pieces(word, width):
            joined = f"{lines[-1]} {piece}" if lines[-1] else piece
            if text_width(joined) <= width:
                lines[-1] = joined
            else:
                lines.append(piece)
    lines = [line for line in lines if line] or [""]
    if len(lines) > most:
        last = lines[most - 1]
        while last and text_width(last + "\u2026") > width:
            last = last[:-1]
        lines = [*lines[: most - 1], last.rstrip() + "\u2026"]
    return lines


def text_width(text: str) -> float:
    """Estimate the width of a text.

    Parameters
    ----------
    text : str
        One line.

    Returns
    -------
    float
        Width in ems of a wide sans-serif face (DejaVu Sans), so narrower faces fit too.

    Examples
    --------
    >>> text_width("iii") < text_width("WWW")
    True
    """
    return sum(_advance(c) for c in text)


def _advance(c: str) -> float:
    if unicodedata.combining(c):
        return 0.0
    if unicodedata.east_asian_width(c) in "WF" or ord(c) > 0x1F000:
        return 1.2
    if c in "ijlI'|.,:; ":
        return 0.33
    if c in "ftr()-/[]!":
        return 0.42
    if c in "sckvxyz":
        return 0.58
    return 1.0 if c in "mMW%@\u2026" else 0.82 if c == "w" else 0.72 if c.isupper() else 0.64


def _pieces(word: str, width: float) -> list[str]:
    """Cut a word that is longer than a line."""
    pieces, current = [], ""
    for c in word:
        if current and text_width(current + c) > width:
            pieces.append(current)
            current = ""
        current += c
    return [*pieces, current]
