"""Cumulative incidence against R's multi-state survfit, cmprsk::cuminc and Stata's stcompet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.competing.cumulative_incidence import cumulative_incidence
from cobalamin.models.competing.incidence_curves import IncidenceCurves

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
PEOPLE = pd.DataFrame(EXPECTED["people"])
SAME_SUMS = 1e-9  # the same sums in another order, printed by R with 15 digits
EIGHT_DIGITS = 1e-8  # as published

# statsmodels' test of CumIncidenceRight: estimates from R, standard errors from Stata
TOY_ESTIMATE = {"1": [0.11111111, 0.17037037], "2": [0.20740741], "3": [0.17777778, 0.26666667]}
TOY_STATA_SE = {"1": [0.07407407, 0.08976251], "2": [0.10610391], "3": [0.11196147, 0.12787781]}


def fit(data: pd.DataFrame = PEOPLE, **options: Any) -> IncidenceCurves:
    return cumulative_incidence(data, exit="exit", event="event", **options)


def assert_steps(curves: IncidenceCurves, theirs: dict[str, Any], group: str = "Overall", persons: bool = True) -> None:
    """Compare every step of both states, errors and limits; with weights R counts people at risk and we count their weight."""
    names = {"estimate": "estimate", "std_error": "std_error", "conf_low": "lower", "conf_high": "upper"}
    for j, state in enumerate(("1", "2")):
        ours = curves.steps(group, state)
        assert_allclose(ours["time"], theirs["time"])
        if persons:
            assert_allclose(ours["n_at_risk"], theirs["n_risk"], rtol=SAME_SUMS)
        for name, other in names.items():
            wanted = np.array(theirs[other], dtype=float)[:, j]
            assert_allclose(ours[name], wanted, rtol=SAME_SUMS, atol=SAME_SUMS, err_msg=f"{state} {name}")


@pytest.mark.parametrize("confidence", ["log-log", "log", "plain"])
def test_every_step_is_that_of_survfit(confidence: str) -> None:
    assert_steps(fit(confidence=confidence), EXPECTED["from_zero"][confidence])


def test_level() -> None:
    assert_steps(fit(level=0.9), EXPECTED["level_90"])


def test_groups() -> None:
    curves = fit(by="group")
    assert curves.groups == ("a", "b", "c")
    for group in curves.groups:
        assert_steps(curves, EXPECTED["by_group"][group], group)


def test_delayed_entry() -> None:
    assert_steps(fit(entry="entry"), EXPECTED["delayed"])


def test_weights() -> None:
    assert_steps(fit(weights="weight", confidence="log"), EXPECTED["weighted"], persons=False)
    assert_steps(fit(entry="entry", weights="weight", confidence="plain"), EXPECTED["delayed_weighted"], persons=False)


def test_the_event_free_probability_of_survfit_is_what_is_left() -> None:
    curves, theirs = fit(entry="entry"), EXPECTED["delayed"]
    total = sum(curves.steps("Overall", state)["estimate"].to_numpy() for state in curves.states)
    assert_allclose(1 - total, theirs["free"], rtol=SAME_SUMS, atol=SAME_SUMS)


def test_aalen_variance_is_that_of_cmprsk() -> None:
    rows = fit(variance="aalen").at(EXPECTED["aalen"]["times"])
    assert_allclose(rows["estimate"], np.ravel(EXPECTED["aalen"]["estimate"]), rtol=SAME_SUMS)
    assert_allclose(rows["std_error"] ** 2, np.ravel(EXPECTED["aalen"]["variance"]), rtol=SAME_SUMS, atol=1e-15)


def test_toy_of_eighteen_has_the_numbers_of_r_and_stata() -> None:
    toy = EXPECTED["toy"]
    data = pd.DataFrame({"exit": toy["time"], "event": toy["cause"]})
    jackknife, delta, aalen = (fit(data, variance=kind) for kind in ("jackknife", "delta", "aalen"))
    for state, wanted in TOY_ESTIMATE.items():
        happens = jackknife.steps("Overall", state)["n_event"].to_numpy() > 0
        assert_allclose(jackknife.steps("Overall", state)["estimate"][happens], wanted, atol=EIGHT_DIGITS)
        assert_allclose(delta.steps("Overall", state)["std_error"][happens], TOY_STATA_SE[state], atol=EIGHT_DIGITS)
        assert_allclose(jackknife.steps("Overall", state)["std_error"][happens], TOY_STATA_SE[state], atol=EIGHT_DIGITS)
    rows = aalen.at(toy["aalen"]["times"])
    assert_allclose(rows["std_error"] ** 2, np.ravel(toy["aalen"]["variance"]), rtol=SAME_SUMS, atol=1e-15)


def test_melanoma(shared_data: Path) -> None:
    data = pd.read_csv(shared_data / "reference" / "mass_melanoma.csv")
    data = data.assign(exit=data["time"], event=data["status"].map({1: 1, 2: 0, 3: 2}))
    times = EXPECTED["melanoma"]["times"]
    # cmprsk lists the groups within each cause, and here the causes are listed within each group
    order = [EXPECTED["melanoma"]["names"].index(name) for name in ("0 1", "0 2", "1 1", "1 2")]
    theirs = np.array(EXPECTED["melanoma"]["estimate"])[order].ravel()
    rows = fit(data, by="ulcer").at(times)
    assert_allclose(rows["estimate"], theirs, rtol=SAME_SUMS)
    aalen = fit(data, by="ulcer", variance="aalen").at(times)
    assert_allclose(aalen["std_error"] ** 2, np.array(EXPECTED["melanoma"]["variance"])[order].ravel(), rtol=SAME_SUMS)
    for group, wanted in zip("01", EXPECTED["melanoma_survfit"], strict=True):
        for j, state in enumerate(("1", "2")):
            ours = rows[(rows["group"] == group) & (rows["state"] == state)]
            for name, other in {"std_error": "std_error", "conf_low": "lower", "conf_high": "upper"}.items():
                assert_allclose(ours[name], np.array(wanted[other])[:, j], rtol=SAME_SUMS)
