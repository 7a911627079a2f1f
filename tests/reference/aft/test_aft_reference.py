"""Accelerated failure time models against R's survreg, published tables, and likelihoods maximised in R where survreg has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.fit import Fit
from cobalamin.models.parametric.aft import aft
from cobalamin.models.parametric.parametric_predict import predict_quantile

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
PEOPLE, LATE = pd.DataFrame(EXPECTED["people"]), pd.DataFrame(EXPECTED["late"])
SAME = 1e-6  # coefficients, as the project asks
ERRORS = 1e-4  # standard errors
NUMERICAL = 2e-5  # coefficients of likelihoods that R maximised with numerical derivatives
DISTRIBUTIONS = ["weibull", "exponential", "lognormal", "loglogistic"]
BOUNDS = {"lower": "low", "upper": "high"}
TIMES = {"exit": "exit", "event": "event"}
# Freireich et al. 1963: remission of leukaemia, weeks
GEHAN = {
    "6-MP": (
        [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35],
        [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
    ),
    "control": ([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], [1] * 21),
}


def assert_survreg(fit: Fit, theirs: dict[str, Any]) -> None:
    wanted = [*theirs["coef"].values()]
    if theirs["log_scale"] != 0:
        wanted.append(theirs["log_scale"])
    assert_allclose(fit.coefficients, wanted, rtol=SAME, atol=1e-8)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), theirs["se"], rtol=ERRORS)
    assert_allclose([fit.loglik_null, fit.loglik], theirs["loglik"], rtol=1e-9)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_mixed_censoring(distribution: str) -> None:
    assert_survreg(aft("x + g", PEOPLE, **BOUNDS, distribution=distribution), EXPECTED["mixed"][distribution])


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_weights_are_numbers_of_people(distribution: str) -> None:
    fit = aft("x + g", PEOPLE, **BOUNDS, distribution=distribution, weights="copies")
    assert_survreg(fit, EXPECTED["copies"][distribution])


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_right_censoring(distribution: str) -> None:
    assert_survreg(aft("x + g", PEOPLE, **TIMES, distribution=distribution), EXPECTED["right"][distribution])


def test_robust_and_cluster_variances() -> None:
    robust = aft("x + g", PEOPLE, **BOUNDS, weights="w")
    assert robust.variance == "robust"
    assert_survreg(robust, EXPECTED["robust"])
    clustered = aft("x + g", PEOPLE, **BOUNDS, cluster="clinic")
    assert clustered.variance == "cluster"
    assert_survreg(clustered, EXPECTED["clustered"])
    assert_survreg(aft("x + g", PEOPLE, **TIMES, weights="w"), EXPECTED["right_robust"])
    assert_survreg(aft("x + g", PEOPLE, **TIMES, cluster="clinic"), EXPECTED["right_clustered"])


def test_detection_limit_as_left_censoring() -> None:
    measured = PEOPLE.assign(value=PEOPLE["exit"].clip(lower=2), known=PEOPLE["exit"].where(PEOPLE["exit"] > 2))
    fit = aft("x", measured, lower="known", upper="value", distribution="gaussian")
    assert_survreg(fit, EXPECTED["tobit"])
    assert not fit.family.ratio


def test_quantiles_and_their_standard_errors() -> None:
    fit = aft("x + g", PEOPLE, **BOUNDS)
    found = predict_quantile(fit, pd.DataFrame({"x": [0.0, 1.0], "g": ["a", "b"]}), [0.1, 0.5, 0.9])
    assert_allclose(np.log(found["estimate"]), np.ravel(EXPECTED["quantile"]), rtol=SAME)
    assert_allclose(found["std_error"] / found["estimate"], np.ravel(EXPECTED["quantile_se"]), rtol=ERRORS)


@pytest.mark.parametrize("distribution", [*DISTRIBUTIONS, "generalized_gamma"])
@pytest.mark.parametrize(("columns", "key"), [(BOUNDS, "truncated"), (TIMES, "delayed")])
def test_left_truncation(distribution: str, columns: dict[str, str], key: str) -> None:
    fit = aft("x + g", LATE, **columns, entry="entry", distribution=distribution)
    theirs = EXPECTED[key][distribution]
    assert_allclose(fit.loglik, theirs["loglik"], rtol=1e-9)
    assert_allclose(fit.coefficients, theirs["coef"], rtol=NUMERICAL, atol=NUMERICAL)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), theirs["se"], rtol=ERRORS)
    ignored = aft("x + g", LATE, **columns, distribution=distribution)
    assert abs(ignored.coefficients[0] - fit.coefficients[0]) > 0.03  # leaving the truncation out is another answer


def test_generalised_gamma_of_mixed_censoring() -> None:
    fit, theirs = aft("x + g", PEOPLE, **BOUNDS, distribution="generalized_gamma"), EXPECTED["gamma_mixed"]
    assert_allclose(fit.loglik, theirs["loglik"], rtol=1e-9)
    assert_allclose(fit.coefficients, theirs["coef"], rtol=NUMERICAL, atol=NUMERICAL)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), theirs["se"], rtol=ERRORS)


def test_gehan_is_the_published_weibull_model() -> None:
    parts = [pd.DataFrame({"arm": arm, "weeks": weeks, "event": event}) for arm, (weeks, event) in GEHAN.items()]
    fit = aft("arm", pd.concat(parts), exit="weeks", event="event")
    assert fit.names == ("(Intercept)", "arm[T.control]", "log(scale)")
    assert_allclose(fit.coefficients, [3.515687, -1.267335, -0.311709], atol=5e-7)  # MASS, p. 358
    theirs = EXPECTED["gehan"]
    assert_allclose(fit.coefficients[1:], [-[*theirs["coef"].values()][1], theirs["log_scale"]], rtol=SAME)
    assert_allclose(fit.loglik, theirs["loglik"][1], rtol=1e-9)


def test_diabetes_of_the_hands_interval_censored() -> None:
    from lifelines.datasets import load_diabetes

    fit = aft("gender", load_diabetes(), lower="left", upper="right")
    assert_allclose(fit.loglik, -2027.196, atol=5e-4)  # flexsurv, in the tests of lifelines
    assert_allclose(fit.coefficients[1], 0.04576, atol=5e-6)
    assert_allclose([np.exp(fit.coefficients[0]), np.exp(-fit.coefficients[2])], [18.31971, 2.82628], atol=5e-6)


def test_lifelines_gives_the_same_on_rossi() -> None:
    from lifelines import LogNormalAFTFitter, WeibullAFTFitter
    from lifelines.datasets import load_rossi

    rossi = load_rossi()
    for fitter, distribution, name in ((WeibullAFTFitter(), "weibull", "lambda_"), (LogNormalAFTFitter(), "lognormal", "mu_")):
        theirs = fitter.fit(rossi[["week", "arrest", "fin", "age", "prio"]], "week", "arrest")
        ours = aft("fin + age + prio", rossi, exit="week", event="arrest", distribution=distribution)
        table = ours.tidy().set_index("term")
        wanted = theirs.params_[name]
        assert_allclose(ours.loglik, theirs.log_likelihood_, rtol=1e-8)
        for term in ("fin", "age", "prio"):
            assert_allclose(table.loc[term, "estimate"], wanted[term], rtol=2e-3)  # lifelines stops at a gradient, not at digits


@pytest.mark.parametrize(
    ("key", "formula", "distribution"),
    [
        ("lung", "", "weibull"),
        ("veteran", "trt + celltype + karno + diagtime + age + prior", "weibull"),
        ("veteran_loglogistic", "trt + celltype + karno + diagtime + age + prior", "loglogistic"),
    ],
)
def test_tables_of_the_survival_package(shared_data: Path, key: str, formula: str, distribution: str) -> None:
    data = pd.read_csv(shared_data / "reference" / f"{key.split('_', maxsplit=1)[0]}.csv")
    if "lung" in key:
        data = data.rename(columns={"ph.ecog": "ecog"}).dropna(subset=["age", "sex", "ecog"]).assign(status=lambda d: d["status"] - 1)
        formula = "age + sex + ecog"
    else:
        data["celltype"] = pd.Categorical(data["celltype"], ["squamous", "smallcell", "adeno", "large"])
    assert_survreg(aft(formula, data, exit="time", event="status", distribution=distribution), EXPECTED[key])


def test_rows_of_the_shared_oracle(shared_data: Path) -> None:
    oracle = pd.read_csv(shared_data / "reference" / "R_ORACLE.csv").set_index("model")
    tobin = pd.read_csv(shared_data / "reference" / "tobin.csv")
    tobin["known"] = tobin["durable"].where(tobin["durable"] > 0)
    bcdeter = pd.read_csv(shared_data / "reference" / "kmsurv_bcdeter.csv")
    fits = {
        "tobin_tobit": aft("age + quant", tobin, lower="known", upper="durable", distribution="gaussian"),
        "bcdeter_survreg_weibull_interval": aft("C(treat)", bcdeter, lower="lower", upper="upper"),
    }
    assert_survreg(fits["tobin_tobit"], EXPECTED["tobin"])
    for model, fit in fits.items():
        rows = oracle.loc[model]
        k = len(rows)
        # R stops at its default tolerance here
        assert_allclose(fit.coefficients[:k], rows["coef"], rtol=1e-6)
        assert_allclose(np.sqrt(np.diag(fit.covariance))[:k], rows["se"], rtol=ERRORS)
        assert_allclose(fit.loglik, rows["loglik"].iloc[0], rtol=1e-9)
