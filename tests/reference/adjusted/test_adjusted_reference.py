"""Standardised survival against the mean of R's survfit curves and its variance by numerical derivatives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.cox.cox import cox
from cobalamin.models.cox.cox_predict import predict_survival
from cobalamin.models.curves.adjusted_curves import adjusted_curve
from cobalamin.models.curves.adjusted_set import AdjustedCurves

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
PEOPLE = pd.DataFrame(EXPECTED["people"])
TIMES = EXPECTED["times"]
SAME_CURVE = 1e-9  # R's fit has converged to 1e-13
DIFFERENCES = 1e-6  # R's derivatives are central differences
CASES = {"right": {}, "late": {"entry": "entry"}, "strata": {"entry": "entry", "strata": "site"}}


def curves(name: str, **options: Any) -> AdjustedCurves:
    fit = cox("x + dose", PEOPLE, exit="exit", event="event", **CASES[name])
    return adjusted_curve(fit, PEOPLE, by="dose", times=TIMES, confidence="plain", **options)


def table(made: AdjustedCurves, column: str) -> np.ndarray:
    return made.frame[column].to_numpy().reshape(len(made.groups), len(TIMES))


@pytest.mark.parametrize("name", CASES)
def test_curves(name: str) -> None:
    made = curves(name)
    assert list(made.groups) == EXPECTED[name]["levels"]
    assert_allclose(table(made, "estimate"), EXPECTED[name]["mean"], rtol=SAME_CURVE)


@pytest.mark.parametrize("name", CASES)
def test_variance_with_fixed_and_with_drawn_people(name: str) -> None:
    fixed, drawn = np.array(EXPECTED[name]["fixed"]), np.array(EXPECTED[name]["drawn"])
    assert_allclose(table(curves(name, covariates="fixed"), "std_error") ** 2, fixed, rtol=DIFFERENCES)
    assert_allclose(table(curves(name), "std_error") ** 2, fixed + drawn, rtol=DIFFERENCES)


@pytest.mark.parametrize("name", CASES)
def test_difference(name: str) -> None:
    wanted, pair = EXPECTED[name], curves(name).contrast("low")
    own = np.array(wanted["fixed"]) + np.array(wanted["drawn"])
    together = np.array(wanted["fixed_12"]) + np.array(wanted["drawn_12"])
    found = pair[pair["group"] == "high"]
    assert_allclose(found["estimate"], np.subtract(wanted["mean"][0], wanted["mean"][1]), rtol=SAME_CURVE)
    assert_allclose(found["std_error"] ** 2, own[0] + own[1] - 2 * together, rtol=DIFFERENCES)


@pytest.mark.parametrize("name", CASES)
def test_one_curve_for_everybody_is_the_mean_of_predictions(name: str) -> None:
    fit = cox("x + dose", PEOPLE, exit="exit", event="event", **CASES[name])
    own = adjusted_curve(fit, PEOPLE, times=TIMES).frame["estimate"]
    assert_allclose(own, predict_survival(fit, PEOPLE, times=[1]).mean(TIMES)["estimate"], rtol=SAME_CURVE)
