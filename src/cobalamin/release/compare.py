"""Which numbers moved between two sets of results, and by how much."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from cobalamin.core.estimates import NUMBERS, Estimates
from cobalamin.release.csvtext import number_text

IDENTITY = ("analysis", "context", "model", "outcome", "term", "level", "reference", "subgroup", "at", "measure")
MOVED = tuple(name for name in NUMBERS if name != "at")
ROW = "(row)"


def compare(old: Estimates, new: Estimates) -> pd.DataFrame:
    """Return the numbers that moved.

    Parameters
    ----------
    old, new : Estimates
        Two sets of results; rows are matched by what they are about, not by their order.

    Returns
    -------
    DataFrame
        ``[analysis, context, model, outcome, term, level, reference, subgroup, at, measure, column, old, new,
        difference]``, one row per number that differs at 10 significant digits. A row that only one side has appears
        once, with column ``(row)`` and 1 on the side that has it.

    Examples
    --------
    >>> one = Estimates.from_rows([{"term": "age", "value": 1.5}, {"term": "sex", "value": 2.0}])
    >>> two = Estimates.from_rows([{"term": "sex", "value": 2.0}, {"term": "age", "value": 1.75}])
    >>> compare(one, two)[["term", "column", "old", "new", "difference"]].values.tolist()
    [['age', 'value', 1.5, 1.75, 0.25]]
    """
    both = _keyed(old).join(_keyed(new), how="outer", lsuffix=" old", rsuffix=" new", sort=False)
    rows: list[tuple[object, ...]] = []
    for names, row in zip(both.index, both.to_dict("records"), strict=True):
        identity = (*names[:8], float(names[8]) if names[8] else np.nan, names[9])
        rows += [(*identity, column, before, after, after - before) for column, before, after in _moved(row)]
    return pd.DataFrame(rows, columns=[*IDENTITY, "column", "old", "new", "difference"])


def _keyed(estimates: Estimates) -> pd.DataFrame:
    frame = estimates.frame
    keys = frame[list(IDENTITY)].assign(at=[number_text(v) for v in frame["at"]])
    # rows that say the same of themselves (bins of a histogram) are matched in their order
    keys["occurrence"] = keys.groupby(list(IDENTITY), sort=False).cumcount()
    table = frame[list(MOVED)].assign(**{ROW: 1.0})
    table.index = pd.MultiIndex.from_frame(keys)
    return table


def _moved(row: dict[Hashable, Any]) -> list[tuple[str, float, float]]:
    there = [(column, float(row[f"{column} old"]), float(row[f"{column} new"])) for column in (*MOVED, ROW)]
    if np.isnan(there[-1][1]) or np.isnan(there[-1][2]):
        return [there[-1]]
    return [(column, a, b) for column, a, b in there if number_text(a, tiny=column == "p") != number_text(b, tiny=column == "p")]
