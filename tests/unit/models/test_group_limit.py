"""A column of numbers given as groups is refused by every method that shows or compares groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cobalamin.core.errors import DataError
from cobalamin.models.competing.cumulative_incidence import cumulative_incidence
from cobalamin.models.competing.gray import gray_test
from cobalamin.models.curves.curves import survival_curve
from cobalamin.models.curves.logrank import logrank, logrank_groups
from cobalamin.models.curves.rmst import rmst
from cobalamin.models.describe.histogram import histogram
from cobalamin.models.interval.turnbull import interval_survival
from cobalamin.models.multistate.multistate import multi_state
from cobalamin.models.recurrent.mean_cumulative import mean_cumulative

ROWS = np.arange(62)
DATA = pd.DataFrame(
    {
        "id": ROWS,
        "in": 0.0,
        "t": ROWS % 9 + 1.0,
        "e": ROWS % 2,
        "cause": ROWS % 3,
        "low": ROWS % 9 + 0.5,
        "was": "well",
        "then": np.where(ROWS % 2, "ill", "censored"),
        "b12": ROWS // 2 + 0.25,
        "sex": np.where(ROWS % 4 < 2, "f", "m"),
    }
)
CALLS: dict[str, Callable[[str], Any]] = {
    "log-rank": lambda by: logrank(DATA, exit="t", event="e", by=by),
    "log-rank by group": lambda by: logrank_groups(DATA, exit="t", event="e", by=by),
    "Gray": lambda by: gray_test(DATA, exit="t", event="cause", by=by),
    "Kaplan-Meier": lambda by: survival_curve(DATA, exit="t", event="e", by=by),
    "incidence": lambda by: cumulative_incidence(DATA, exit="t", event="cause", by=by),
    "restricted mean": lambda by: rmst(DATA, exit="t", event="e", tau=1, by=by),
    "histogram": lambda by: histogram(DATA, "t", by=by),
    "Turnbull": lambda by: interval_survival(DATA, lower="low", upper="t", by=by),
    "multi-state": lambda by: multi_state(DATA, person="id", entry="in", exit="t", from_state="was", to_state="then", by=by),
    "mean cumulative": lambda by: mean_cumulative(DATA, person="id", exit="t", event="e", by=by),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_continuous_grouping_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="b12 makes 31 groups, at most 30"):
        CALLS[name]("b12")
    CALLS[name]("sex")
