"""Follow-up is no covariate: formulas that use its columns are refused, functions of time on split rows are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cobalamin.core.errors import DesignError
from cobalamin.models.competing.fine_gray import fine_gray
from cobalamin.models.cox.cox import cox
from cobalamin.models.cox.frailty import cox_frailty
from cobalamin.models.cox.time_varying import split_at_events
from cobalamin.models.parametric.aft import aft
from cobalamin.models.parametric.royston_parmar import flexible_parametric


def people() -> pd.DataFrame:
    i = np.arange(80.0)
    return pd.DataFrame({"start": 0.1 * (i % 3), "stop": i + 1, "died": [1, 1, 0, 1] * 20, "x": i * 37 % 80, "site": i // 20})


@pytest.mark.parametrize("formula", ["stop + x", "x + log(stop)", "died + x", "x:died", "start + x", "x + x:stop", "rcs(start, 3)"])
def test_cox_refuses_follow_up_as_a_covariate(formula: str) -> None:
    with pytest.raises(DesignError, match="follow-up is given"):
        cox(formula, people(), entry="start", exit="stop", event="died")


@pytest.mark.parametrize(
    ("model", "more"),
    [(fine_gray, {}), (aft, {}), (flexible_parametric, {}), (cox_frailty, {"cluster": "site"})],
    ids=lambda v: getattr(v, "__name__", str(v)),  # a name, not an address: parallel runs must find the same tests
)
def test_every_survival_model_refuses_it(model: Callable[..., Any], more: dict[str, str]) -> None:
    for formula in ("x + stop", "x + died"):
        with pytest.raises(DesignError, match="follow-up is given"):
            model(formula, people(), exit="stop", event="died", **more)


def test_time_may_stand_beside_a_covariate_on_rows_split_at_the_events() -> None:
    split = split_at_events(people().drop(columns="start"), exit="stop", event="died", strata="site")
    fit = cox("x + x:log(stop)", split, entry="entry", exit="stop", event="died", strata="site")
    assert fit.converged and len(fit.coefficients) == 2
