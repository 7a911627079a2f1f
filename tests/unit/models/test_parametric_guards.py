"""What accelerated failure time and flexible parametric models refuse, name and count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cobalamin.core.errors import (
    ColumnNotFoundError,
    DataError,
    DesignError,
    EventCodeError,
    FitWarning,
    FollowUpError,
)
from cobalamin.models.parametric.aft import aft
from cobalamin.models.parametric.parametric_predict import predict_hazard_ratio, predict_parametric, predict_quantile
from cobalamin.models.parametric.royston_parmar import flexible_parametric

TIMES: dict[str, Any] = {"exit": "exit", "event": "event"}


def table(n: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    x = rng.normal(size=n)
    time = np.exp(1 + 0.4 * x + 0.6 * np.log(rng.exponential(size=n)))
    stop = rng.exponential(6, n) + 0.1
    data = pd.DataFrame({"x": x, "exit": np.minimum(time, stop), "event": (time <= stop).astype(int), "entry": 0.0})
    return data.assign(g=np.where(rng.random(n) < 0.5, "a", "b"))


MODELS = {"aft": aft, "flexible_parametric": flexible_parametric}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())


def test_the_times_are_given_in_one_way() -> None:
    data = table().assign(low=1.0, high=2.0)
    for options in ({}, {"exit": "exit"}, {**TIMES, "lower": "low", "upper": "high"}, {"exit": "exit", "upper": "high"}):
        with pytest.raises(DesignError, match=r"either exit= and event= .* or lower= and upper="):
            aft("x", data, **options)


def test_unknown_choices() -> None:
    with pytest.raises(DataError, match=r"distribution: got 'weibul'; expected one of weibull"):
        aft("x", table(), distribution="weibul", **TIMES)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="scale: got 'hazrd'; expected one of hazard"):
        flexible_parametric("x", table(), scale="hazrd", **TIMES)  # type: ignore[arg-type]
    for df in (0, 11, 2.5, True):
        with pytest.raises(DataError, match="df: got"):
            flexible_parametric("x", table(), df=df, **TIMES)  # type: ignore[arg-type]
    with pytest.raises(ColumnNotFoundError, match="no term 'xx'"):
        flexible_parametric("x", table(), time_dependent=["xx"], **TIMES)


@every_model
def test_event_codes_1_and_2(model: Any) -> None:
    with pytest.raises(EventCodeError, match="event"):
        model("x", table().assign(event=lambda d: d["event"] + 1), **TIMES)


@every_model
def test_no_events(model: Any) -> None:
    with pytest.raises(DataError, match="event: no events in the 80 rows"):
        model("x", table().assign(event=0), **TIMES)


@every_model
def test_events_at_time_0(model: Any) -> None:
    data = table()
    data.loc[:1, ["exit", "event"]] = [0.0, 1]
    with pytest.raises(FollowUpError, match=r"exit: 2 of 80 rows have an event at time 0"):
        model("x", data, **TIMES)


@every_model
def test_exit_before_entry(model: Any) -> None:
    with pytest.raises(FollowUpError):
        model("x", table().assign(entry=100.0), entry="entry", **TIMES)


@every_model
@pytest.mark.parametrize("value", [np.inf, -1.0])
def test_times_and_weights_that_are_none(model: Any, value: float) -> None:
    data = table().assign(w=1.0)
    with pytest.raises(FollowUpError):
        model("x", data.assign(exit=data["exit"].where(data.index > 1, value)), **TIMES)
    with pytest.raises(DataError, match="w"):
        model("x", data.assign(w=data["w"].where(data.index > 1, value)), weights="w", **TIMES)


@every_model
def test_aliases_are_named(model: Any) -> None:
    with pytest.warns(FitWarning, match="twice: is a linear combination of x"):
        fit = model("x + twice", table().assign(twice=lambda d: 2 * d["x"]), **TIMES)
    assert np.isnan(fit.coefficients[fit.names.index("twice")])


@every_model
def test_a_level_without_events_runs_to_infinity(model: Any) -> None:
    data = table().assign(g=lambda d: np.where(d.index < 10, "none", "some"))
    data.loc[data["g"] == "none", "event"] = 0
    with pytest.warns(FitWarning, match="the likelihood rises as the coefficient goes to"):
        fit = model("g", data, **TIMES)
    j = next(j for j, name in enumerate(fit.names) if name.startswith("g["))
    assert np.isinf(fit.coefficients[j])
    low, high = fit.limits[fit.names[j]]
    assert np.isinf(low) != np.isinf(high)
    with pytest.raises(DataError, match="infinite coefficient"):
        predict_parametric(fit, data.head(1), [1.0])


def test_knots_that_coincide() -> None:
    with pytest.raises(DataError, match="knots at centiles of the event times coincide"):
        flexible_parametric("1", pd.DataFrame({"exit": [1.0, 1.0, 1.0, 2.0], "event": [1, 1, 1, 1]}), df=3, **TIMES)


def test_predictions_refuse_what_they_cannot_do() -> None:
    fit, new = aft("x", table(), **TIMES), table().head(2)
    with pytest.raises(DataError, match="measure: got 'risk'"):
        predict_parametric(fit, new, [1.0], measure="risk")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="negative"):
        predict_parametric(fit, new, [-1.0])
    with pytest.raises(DataError, match="not positive"):
        predict_hazard_ratio(fit, new, new, [0.0])
    with pytest.raises(DataError, match="one row, or as many"):
        predict_hazard_ratio(fit, table().head(3), new, [1.0])
    for share in (0.0, 1.0, np.nan):
        with pytest.raises(DataError, match="shares between 0 and 1"):
            predict_quantile(fit, new, share)
    with pytest.raises(DataError, match="level"):
        predict_quantile(fit, new, level=95)
