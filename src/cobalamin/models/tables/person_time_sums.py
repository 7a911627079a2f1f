"""Summing events and person-time by group."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from cobalamin.core.errors import DataError, MissingRowsWarning, list_names
from cobalamin.models.grouping import require_rows
from cobalamin.models.tables.counts import counts

# a table of counts is short; so many rows without a single 0 are people whose event is coded 1/2
MANY_ROWS = 20


def person_time_sums(data: pd.DataFrame, *, event: str, person_time: str, by: str | Sequence[str] | None = None) -> pd.DataFrame:
    """Sum events and person-time.

    Parameters
    ----------
    data : DataFrame
        Rows of people, of split person-time or of counts.
    event, person_time : str
        Columns of events (0/1 or counts) and of person-time.
    by : str or sequence of str, optional
        Grouping columns.

    Returns
    -------
    DataFrame
        Grouping columns, events, person_time; one row without grouping. Declared categories without rows are there with 0.

    Raises
    ------
    DataError
        Events that are no counts, or person-time that is negative or missing where there are events.

    Examples
    --------
    >>> frame = pd.DataFrame({"d": [0, 1], "t": [2.0, 3.0]})
    >>> person_time_sums(frame, event="d", person_time="t").values.tolist()
    [[1.0, 5.0]]
    """
    groups = [] if by is None else [by] if isinstance(by, str) else list(by)
    require_rows(data, [event, person_time, *groups])
    names = [event, person_time, *groups]
    lacking = data[names].isna()
    rows = data.loc[~lacking.any(axis=1), names]
    if len(rows) < len(data):
        which = [f"{name} ({int(lacking[name].sum())})" for name in names if lacking[name].any()]
        warnings.warn(
            f"{len(data) - len(rows)} of {len(data)} rows left out, missing: {list_names(which)}.", MissingRowsWarning, stacklevel=3
        )
    if not len(rows):
        raise DataError("no row is complete: nothing to sum.")
    seen, time = counts(rows[event], event), counts(rows[person_time], person_time, whole=False)
    if len(seen) >= MANY_ROWS and set(np.unique(seen)) == {1.0, 2.0}:
        raise DataError(
            f"{event}: all {len(seen)} values are 1 or 2, and none is 0: recode the event to 0/1. Counts of a table may be summed first."
        )
    if ((time == 0) & (seen > 0)).any():
        raise DataError(f"{person_time}: {int(((time == 0) & (seen > 0)).sum())} rows with events have no person-time.")
    values = pd.DataFrame({"events": seen, "person_time": time}, index=rows.index)
    if not groups:
        return values.sum().to_frame().T.reset_index(drop=True)
    keys = [rows[name] for name in groups]
    return values.groupby(keys, observed=False, sort=True).sum().astype(np.float64).reset_index()
