"""Recurrent events: what the wrappers make of the rows, what they count and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import (
    ColumnNotFoundError,
    DataError,
    DesignError,
    EventCodeError,
    FollowUpError,
    MissingRowsWarning,
    MissingValuesError,
)
from cobalamin.models.recurrent.mean_cumulative import mean_cumulative
from cobalamin.models.recurrent.recurrent import recurrent_events

NAMES = {"person": "id", "entry": "in", "exit": "out", "event": "ill"}


def flares() -> pd.DataFrame:
    """Person 1: flares at 2 and 5; 2: one at 3; 3: none; 4: flares at 1, 4 and 6."""
    rows = [
        (1, 0, 2, 1),
        (1, 2, 5, 1),
        (1, 5, 8, 0),
        (2, 0, 3, 1),
        (2, 3, 7, 0),
        (3, 0, 9, 0),
        (4, 0, 1, 1),
        (4, 1, 4, 1),
        (4, 4, 6, 1),
        (4, 6, 7, 0),
    ]
    data = pd.DataFrame(rows, columns=["id", "in", "out", "ill"]).astype({"in": float, "out": float})
    return data.assign(x=data["id"].map({1: 0.3, 2: -0.5, 3: 0.1, 4: 0.2}), last=[0, 0, 1, 0, 0, 0, 0, 0, 0, 0])


def fit(data: pd.DataFrame | None = None, **options: Any) -> Any:
    return recurrent_events("x", flares() if data is None else data, **{**NAMES, **options})


def test_what_each_model_counts() -> None:
    rows = {m: fit(model=m).glance().iloc[0] for m in ("andersen-gill", "pwp-total", "pwp-gap", "wlw")}
    assert {m: (r["n"], r["events"], r["n_persons"], r["n_data_rows"]) for m, r in rows.items()} == {
        "andersen-gill": (10, 6, 4, 10),
        "pwp-total": (10, 6, 4, 10),
        "pwp-gap": (10, 6, 4, 10),
        "wlw": (20, 6, 4, 10),
    }
    assert rows["pwp-total"]["n_strata"] == 4 and rows["wlw"]["n_strata"] == 3
    assert rows["andersen-gill"]["person_time"] == 31


def test_the_name_and_the_call_say_the_model() -> None:
    one = fit(model="pwp-gap", max_number=2)
    assert one.family.name == "pwp-gap" and one.variance == "cluster"
    assert one.call == "recurrent_events('x', data, person='id', exit='out', event='ill', entry='in', model='pwp-gap', max_number=2)"


def test_follow_up_after_the_last_event_modelled_is_left_out_and_counted() -> None:
    glance = fit(max_number=2).glance().iloc[0]
    assert (glance["n"], glance["events"], glance["n_after_max"]) == (7, 5, 3)


def test_gap_time_starts_at_the_last_event() -> None:
    # the first event at 2, 3, 1 (never for 3); the gaps after it are 3, 4+ and 3
    follow = fit(model="pwp-gap").parts["follow_up"]
    assert follow.exit.tolist() == [2, 3, 3, 3, 4, 9, 1, 3, 2, 1]
    split = flares()
    split = pd.concat([split.drop(index=5), split.loc[[5, 5]].assign(**{"in": [0.0, 4], "out": [4.0, 9]})])
    follow = fit(split, model="pwp-gap").parts["follow_up"]
    assert follow.exit.tolist()[-2:] == [4, 9] and follow.entry.tolist()[-2:] == [0, 4]


def test_incomplete_rows_are_counted_once_and_their_events_still_number_the_others() -> None:
    data = flares()
    data.loc[[0, 6], "x"] = np.nan
    for model in ("pwp-total", "wlw"):
        with pytest.warns(MissingRowsWarning, match="2 of 10 rows have missing values: x \\(2\\)"):
            one = fit(data, model=model)
        assert one.n_missing == 2 and one.missing == {"x": 2}
        assert one.glance()["n_data_rows"].item() == 8
    assert one.events == 4
    with pytest.raises(MissingValuesError, match="Mend"):
        fit(data, missing="error")


def test_gaps_are_counted_and_said() -> None:
    data = flares()
    data.loc[4, "in"] = 4.0
    one = fit(data)
    assert one.glance()["n_gaps"].item() == 1 and "gaps between their rows" in one.warnings[0]


def test_the_event_number_can_be_a_covariate() -> None:
    rng = np.random.default_rng(3)
    data = pd.concat([flares().assign(id=lambda d, k=k: d["id"] + 10 * k) for k in range(8)], ignore_index=True)
    data["x"] = rng.normal(size=len(data))
    one = recurrent_events("x + x:event_number", data, **NAMES, model="pwp-total")
    assert one.names == ("x", "x:event_number") and one.facts["n_strata"] >= 3


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (
            {"in": [0.0, 1, 5, 0, 3, 0, 0, 1, 4, 6]},
            FollowUpError,
            "1 of 10 rows begin before the last row of the same id ends \\(1 histories\\)",
        ),
        ({"ill": [1, 2, 0, 1, 0, 0, 1, 1, 1, 0]}, EventCodeError, "ill"),
        ({"out": [2.0, 5, 5, 3, 7, 9, 1, 4, 6, 7]}, FollowUpError, "out is not after in"),
        ({"id": [1, 1, None, 2, 2, 3, 4, 4, 4, 4]}, MissingValuesError, "id: 1 of 10"),
    ],
)
def test_bad_rows_are_refused(change: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        fit(flares().assign(**change))
    with pytest.raises(error, match=words):
        mean_cumulative(flares().assign(**change), **NAMES)


def test_rows_after_death_are_refused() -> None:
    fit(death="last")
    data = flares().assign(last=[1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    for call in (fit, lambda d, death: mean_cumulative(d, **NAMES, death=death)):
        with pytest.raises(FollowUpError, match="2 of 10 rows end after the person's death \\(last = 1"):
            call(data, death="last")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"model": "frailty"}, DesignError, "andersen-gill"),
        ({"kind": "last"}, DesignError, "kind= is for model='wlw'"),
        ({"model": "wlw", "kind": "last", "max_number": 2}, DesignError, "leave it out"),
        ({"max_number": 0}, DesignError, "whole number from 1"),
        ({"ties": "exact"}, DataError, "efron"),
        ({"person": "who"}, ColumnNotFoundError, "who"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        fit(**options)


def test_names_in_the_way_are_refused_or_worked_around() -> None:
    with pytest.raises(DesignError, match="makes itself"):
        fit(flares().assign(event_number=1), model="wlw")
    plain = fit().coefficients
    assert_allclose(fit(flares().assign(entry_of_model=1, exit_of_model=2, event_of_model=3)).coefficients, plain)


def test_too_many_stacks_are_refused() -> None:
    many = pd.DataFrame({"id": 9, "in": np.arange(30.0), "out": np.arange(30.0) + 1, "ill": 1, "x": 0.5})
    with pytest.raises(DesignError, match="stack 30 times"):
        fit(pd.concat([flares(), many]), model="wlw")


class TestMeanNumber:
    def test_by_hand(self) -> None:
        curve = mean_cumulative(flares(), **NAMES)
        assert_allclose(curve.at([0.5, 1, 2, 3, 4, 5, 6])["estimate"], [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5])
        # after 7 only persons 1 and 3 are left, after 8 only 3; nothing is known after 9
        assert curve.at([0, 7.5, 8.5])["n_at_risk"].tolist() == [4, 2, 1]
        assert curve.at([-1, 9.5])["estimate"].isna().all()
        # at 1: one of four had an event: the variance of a share
        assert_allclose(curve.at(1)["std_error"], np.sqrt(1 / 4 * 3 / 4 / 4))

    def test_deaths_lower_the_mean(self) -> None:
        data = flares().assign(last=[0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
        data.loc[4, ["out", "last"]] = [3.5, 1]
        # at 3.5 one of four dies: later events count 3/4 of their share
        with_death = mean_cumulative(data, **NAMES, death="last").at([3, 4])["estimate"]
        assert_allclose(with_death, [0.75, 0.75 + 3 / 4 / 3])
        assert_allclose(mean_cumulative(data, **NAMES).at(4)["estimate"], 0.75 + 1 / 3)

    def test_those_who_go_on_are_not_censored(self) -> None:
        steps = mean_cumulative(flares(), **NAMES).frame.set_index("time")
        assert steps["n_censored"].to_dict() == {1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 7: 2, 8: 1, 9: 1}
        assert steps["n_event"].sum() == 6

    def test_quantiles_limits_and_rows(self) -> None:
        curve = mean_cumulative(flares(), **NAMES, unit="months")
        assert curve.quantile([0.5, 1.0, 9])["estimate"].tolist()[:2] == [2, 4] and np.isnan(curve.quantile(9)["estimate"].item())
        plain = mean_cumulative(flares(), **NAMES, confidence="plain").at(6)
        assert_allclose(plain["conf_high"] - plain["estimate"], 1.959963984540054 * plain["std_error"])
        rows = curve.estimates(outcome="flare").frame
        assert set(rows["measure"]) == {"mean cumulative number", "at risk"}
        assert rows.query("measure == 'mean cumulative number'")["events"].tolist() == [0, 1, 2, 3, 4, 5, 6, 6]
        assert repr(curve) == "MeanCumulative(ill: 1 group(s), 10 rows, 6 events)" and "mean number" in curve._repr_html_()

    def test_bad_options_are_refused(self) -> None:
        for options in ({"confidence": "log-log"}, {"level": 2}):
            with pytest.raises(DataError):
                mean_cumulative(flares(), **NAMES, **options)
        with pytest.raises(DataError, match="above 0"):
            mean_cumulative(flares(), **NAMES).quantile(0)
