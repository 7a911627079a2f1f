"""Standardisation beside predictions on counterfactual data in R, and riskRegression's average treatment effects."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import cobalamin as cb
from cobalamin.models.after.standardize import standardize

EXPECTED = json.loads((Path(__file__).parent / "expected.json").read_text())
MEANS = 1e-8  # both fits to their last digit
SPREAD = 1e-5  # R's derivative is numerical
INFLUENCE = (
    0.03  # ate counts the covariance of people and coefficients by influence functions; the model-based sum leaves out a term of mean 0
)


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    frame = pd.DataFrame(EXPECTED["data"])
    return frame.assign(g=pd.Categorical(frame["g"], categories=["low", "mid", "high"]))


def fits(data: pd.DataFrame, name: str) -> cb.Fit:
    if name == "logistic":
        return cb.logistic("y ~ g * m + z", data)
    if name == "poisson":
        return cb.poisson("k ~ g + z + m", data, exposure="years")
    return cb.linear("s ~ g + z * m", data)


@pytest.mark.parametrize("name", ["logistic", "poisson", "linear"])
@pytest.mark.parametrize("covariates", ["fixed", "random"])
def test_marginal_means(data: pd.DataFrame, name: str, covariates: str) -> None:
    theirs = EXPECTED["margins"][name]
    found = standardize(fits(data, name), data, by="g", covariates=covariates).frame  # type: ignore[arg-type]
    own = found[found["reference"] == ""]
    assert_allclose(own["estimate"], theirs["value"], rtol=MEANS)
    variance = np.array(theirs[covariates])
    assert_allclose(own["std_error"], np.sqrt(np.diag(variance)), rtol=SPREAD)
    gap = found[(found["measure"].str.endswith("difference")) & (found["level"] == "high")].iloc[0]
    contrast = np.array([0, -1, 0, 1])
    assert_allclose([gap["estimate"], gap["std_error"]], [contrast @ theirs["value"], np.sqrt(contrast @ variance @ contrast)], rtol=SPREAD)
    ratio = found[(found["measure"].str.endswith(" ratio")) & (found["level"] == "mid")].iloc[0]
    slope = np.array([0, -1 / theirs["value"][1], 1 / theirs["value"][2], 0])
    assert_allclose(
        [np.log(ratio["estimate"]), ratio["std_error"]],
        [np.log(theirs["value"][2] / theirs["value"][1]), np.sqrt(slope @ variance @ slope)],
        rtol=SPREAD,
    )


def test_another_population_by_weights(data: pd.DataFrame) -> None:
    found = standardize(fits(data, "logistic"), data, by="g", weights="w", covariates="random").frame
    theirs = EXPECTED["weighted"]
    own = found[found["reference"] == ""]
    assert_allclose(own["estimate"], theirs["value"], rtol=MEANS)
    assert_allclose(own["std_error"], np.sqrt(np.diag(theirs["random"])), rtol=SPREAD)


def test_average_treatment_effects(data: pd.DataFrame) -> None:
    found = standardize(fits(data, "logistic"), data, by="g", covariates="random").frame
    risks = found[(found["measure"] == "risk") & (found["level"] != "as observed")]
    assert_allclose(risks["estimate"], EXPECTED["ate"]["risk"], rtol=MEANS)
    assert_allclose(risks["std_error"], EXPECTED["ate"]["se"], rtol=INFLUENCE)
