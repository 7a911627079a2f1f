"""Tables drawn as text: what a person would put on a whiteboard."""

from __future__ import annotations

import datetime as dt

import pandas as pd


def drawn(text: str, **labels: list[str]) -> pd.DataFrame:
    """Read a table drawn with bars; blank cells are missing; ``labels`` makes a column a Categorical."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    names, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)
    frame = pd.DataFrame(rows, columns=names)
    for name in names:
        frame[name] = (
            pd.Categorical(frame[name].where(frame[name] != ""), categories=labels[name]) if name in labels else _typed(frame[name])
        )
    return frame


def _typed(column: pd.Series) -> pd.Series:
    blank = column == ""
    filled = column[~blank]
    if str(column.name).endswith(("date", "birth")) or (len(filled) and filled.map(_is_date).all()):
        return pd.to_datetime(column.where(~blank))
    if str(column.name) == "person_id":
        return column
    numbers = pd.to_numeric(filled, errors="coerce")
    if numbers.notna().all():
        return pd.to_numeric(column.where(~blank)).astype("float64")
    return column.where(~blank, None)


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True
