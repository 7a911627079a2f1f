"""Typed access to the rows of Estimates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from cobalamin.core.estimates import COLUMNS


class Record(NamedTuple):
    """One row of Estimates with the types of its columns (see ``core.estimates``)."""

    analysis: str
    context: str
    model: str
    outcome: str
    term: str
    level: str
    reference: str
    subgroup: str
    at: float
    measure: str
    value: float
    low: float
    high: float
    std_error: float
    p: float
    n: float
    events: float
    person_time: float
    unit: str
    warning: str


def records(frame: pd.DataFrame) -> Iterator[Record]:
    """Walk through the rows of an Estimates frame.

    Parameters
    ----------
    frame : DataFrame
        ``Estimates.frame`` or rows of it.

    Returns
    -------
    iterator of Record
        One per row, in order.

    Examples
    --------
    >>> from cobalamin.core.estimates import Estimates
    >>> [r.term for r in records(Estimates.from_rows([{"term": "age"}]).frame)]
    ['age']
    """
    yield from map(Record, *(frame[c].tolist() for c in COLUMNS))
