"""Generalized linear models against R: lm, glm, glm.nb, sandwich, svyglm, profile likelihood, Firth; and printed results."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import FitWarning
from cobalamin.models.fit import Fit
from cobalamin.models.regression.profile import glm_profile_interval
from cobalamin.models.regression.rates import negative_binomial, poisson
from cobalamin.models.regression.regression import linear, logistic
from cobalamin.models.regression.risks import risk_difference, risk_ratio
from cobalamin.models.survey import Survey

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
PEOPLE = pd.DataFrame(EXPECTED["people"])
SAME_MAXIMUM = 1e-7  # both iterate to the maximum; R's working residuals lose a few digits
SAME_THETA = 1e-5  # theta.ml stops at a step of 1e-4, and moves everything else by the square of it
P_VALUES = 1e-5  # a small p-value multiplies the relative error of its statistic
LIMITS = 1e-6  # of profile likelihoods: two root searches
KINDS = ["model", "HC0", "HC1", "HC2", "HC3", "cluster", "cluster_HC0", "cluster_HC1"]
PERSON_YEARS = {"exposure": "years"}
DESIGN = Survey(strata="stratum", psu="clinic", weights="wt")
Model = Callable[..., Fit]


def options_of(kind: str) -> dict[str, Any]:
    if kind == "model":
        return {}
    name = kind.rpartition("_")[2]
    return ({"cluster": "clinic"} if "cluster" in kind else {}) | ({"robust": name} if name.startswith("HC") else {})


def assert_rows(fit: Fit, rows: list[dict[str, Any]], tolerance: float = SAME_MAXIMUM) -> None:
    ours, theirs = fit.tidy(), pd.DataFrame(rows)
    for column in ("estimate", "std_error", "p_value", "conf_low", "conf_high"):
        close = max(tolerance, P_VALUES) if column == "p_value" else tolerance
        assert_allclose(ours[column], theirs[column].astype(float), rtol=close, atol=tolerance, err_msg=column)


def assert_facts(fit: Fit, wanted: dict[str, Any], tolerance: float = 1e-9) -> None:
    row = fit.glance().iloc[0]
    names = {"null_deviance": "null deviance"}
    for name in set(wanted) & {"loglik", "aic", "deviance", "null_deviance", "sigma", "r_squared", "adjusted_r_squared", "dispersion", "n"}:
        assert_allclose(row[names.get(name, name)], wanted[name], rtol=tolerance, err_msg=name)


CASES: list[tuple[str, Model, str, dict[str, Any]]] = [
    ("linear", linear, "b12 ~ age + smoking", {}),
    ("linear_copies", linear, "b12 ~ age + smoking", {"weights": "copies"}),
    ("logit", logistic, "ill ~ age + smoking", {"offset": "shift"}),
    ("logit_copies", logistic, "ill ~ age + smoking", {"weights": "copies"}),
    ("poisson", poisson, "falls ~ age + smoking", PERSON_YEARS),
    ("poisson_offset", poisson, "falls ~ age + smoking", {**PERSON_YEARS, "offset": "shift"}),
    ("poisson_copies", poisson, "falls ~ age + smoking", {**PERSON_YEARS, "weights": "copies"}),
    ("log_binomial", risk_ratio, "ill ~ age + smoking", {"method": "log-binomial"}),
    ("identity", risk_difference, "ill ~ age + smoking", {"method": "binomial"}),
]


@pytest.mark.filterwarnings("ignore:The counts vary")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "model", "formula", "options"), CASES, ids=[case[0] for case in CASES])
def test_coefficients_and_every_variance(name: str, model: Model, formula: str, options: dict[str, Any], kind: str) -> None:
    fit = model(formula, PEOPLE, **options, **options_of(kind))
    # of a linear model R's default with clusters is HC1, which is `cluster` there too
    assert_rows(fit, EXPECTED[name][kind])
    assert fit.variance == ("model" if kind == "model" else "cluster" if "cluster" in kind else "robust")
    assert_facts(fit, EXPECTED[name])


@pytest.mark.parametrize("kind", KINDS[1:])
def test_modified_poisson(kind: str) -> None:
    options = {} if kind == "HC0" else options_of(kind)  # Zou's variance is the default
    assert_rows(risk_ratio("ill ~ age + smoking", PEOPLE, **options), EXPECTED["modified"][kind])


@pytest.mark.filterwarnings("ignore:Some fitted risks")
@pytest.mark.parametrize("kind", [k for k in KINDS[1:] if k != "cluster"])
def test_linear_probability(kind: str) -> None:
    options = {} if kind == "HC0" else options_of(kind)
    fit = risk_difference("ill ~ age + smoking", PEOPLE, method="linear", **options)
    assert_rows(fit, EXPECTED["probability"][kind])
    assert "Linear probability" in repr(fit)


def test_weights_that_count_nobody_make_the_variance_robust() -> None:
    assert_rows(linear("b12 ~ age + smoking", PEOPLE, weights="iw"), EXPECTED["linear_iw"])
    for kind in ("HC0", "HC3"):
        robust = {} if kind == "HC0" else {"robust": kind}
        fit = poisson("falls ~ age + smoking", PEOPLE, **PERSON_YEARS, weights="iw", **robust)
        assert fit.variance == "robust"
        assert_rows(fit, EXPECTED["poisson_iw"][kind])


def test_negative_binomial() -> None:
    wanted = EXPECTED["negative_binomial"]
    for kind in ("model", "HC0", "HC3", "cluster"):
        fit = negative_binomial("visits ~ age + smoking", PEOPLE, **PERSON_YEARS, **options_of(kind))
        assert_rows(fit, wanted[kind], SAME_THETA)
        assert_facts(fit, wanted, 1e-8)
        assert_allclose(fit.facts["theta"], wanted["theta"], rtol=SAME_THETA)
        assert_allclose(fit.facts["theta_std_error"], wanted["theta_std_error"], rtol=SAME_THETA)
        assert_allclose(fit.loglik_null, wanted["loglik_null"], rtol=1e-9)


def assert_profile(fit: Fit, term: str, wanted: dict[str, float]) -> None:
    row = glm_profile_interval(fit, term).iloc[0]
    assert_allclose([row["conf_low"], row["conf_high"]], [wanted["low"], wanted["high"]], rtol=LIMITS, atol=LIMITS)
    assert_allclose(row["p_value"], wanted["p_value"], rtol=1e-4)


def test_profile_limits() -> None:
    fit = logistic("ill ~ age + smoking", PEOPLE, offset="shift")
    named = dict.fromkeys(("low", "high", "p_value"))
    for term, key in (("age", "age"), ("smoking[T.never]", "never"), ("Intercept", "intercept")):
        assert_profile(fit, term, dict(zip(named, EXPECTED["profile_logit"][key], strict=True)))
    counts = poisson("falls ~ age + smoking", PEOPLE, **PERSON_YEARS)
    assert_profile(counts, "age", dict(zip(named, EXPECTED["profile_poisson"]["age"], strict=True)))
    visits = negative_binomial("visits ~ age + smoking", PEOPLE, **PERSON_YEARS)
    assert_profile(visits, "age", dict(zip(named, EXPECTED["negative_binomial"]["age"], strict=True)))


def test_a_level_without_events_is_minus_infinity_and_the_rest_is_r_without_it() -> None:
    with pytest.warns(FitWarning, match="smoking is former, the outcome never happens"):
        fit = poisson("none ~ age + smoking", PEOPLE, **PERSON_YEARS)
    wanted = EXPECTED["poisson_separated"]
    table = fit.tidy().set_index("term")
    assert table.loc["smoking[T.former]", ["estimate", "conf_low"]].tolist() == [-np.inf, -np.inf]
    assert_allclose(table.loc["smoking[T.former]", "conf_high"], wanted["upper"], rtol=LIMITS)
    rest = table.drop("smoking[T.former]")
    assert_allclose(rest["estimate"], [r["estimate"] for r in wanted["rows"]], rtol=SAME_MAXIMUM)
    assert_allclose(rest["std_error"], [r["std_error"] for r in wanted["rows"]], rtol=SAME_MAXIMUM)
    assert_allclose(fit.loglik, wanted["loglik"], rtol=1e-9)
    with pytest.warns(FitWarning, match="smoking is former"):
        risks = risk_ratio("well ~ age + smoking", PEOPLE, method="log-binomial").tidy().set_index("term")
    assert risks.loc["smoking[T.former]", "estimate"] == -np.inf
    both = risks.drop("smoking[T.former]")
    assert_allclose(both["estimate"], [r["estimate"] for r in EXPECTED["log_separated"]], rtol=SAME_MAXIMUM)
    assert_allclose(both["std_error"], [r["std_error"] for r in EXPECTED["log_separated"]], rtol=SAME_MAXIMUM)


SURVEYS: list[tuple[str, Model, str, dict[str, Any], dict[str, Any]]] = [
    ("linear", linear, "b12 ~ age + smoking", {}, {}),
    ("linear_domain", linear, "b12 ~ age + smoking", {}, {"domain": "domain"}),
    ("poisson", poisson, "falls ~ age + smoking", PERSON_YEARS, {}),
    ("poisson_domain", poisson, "falls ~ age + smoking", PERSON_YEARS, {"domain": "domain"}),
    ("modified", risk_ratio, "ill ~ age + smoking", {}, {}),
    ("modified_weights_only", risk_ratio, "ill ~ age + smoking", {}, {"strata": None, "psu": None}),
    ("log_binomial", risk_ratio, "ill ~ age + smoking", {"method": "log-binomial"}, {}),
]


@pytest.mark.parametrize(("name", "model", "formula", "options", "changes"), SURVEYS, ids=[case[0] for case in SURVEYS])
def test_survey_designs(name: str, model: Model, formula: str, options: dict[str, Any], changes: dict[str, Any]) -> None:
    survey = Survey(**({"strata": "stratum", "psu": "clinic", "weights": "wt"} | changes))
    fit = model(formula, PEOPLE, survey=survey, **options)
    assert fit.df_residual == EXPECTED["survey"][name]["df"]
    assert_rows(fit, EXPECTED["survey"][name]["rows"])
    assert np.isnan(fit.aic)


@pytest.mark.parametrize(
    ("name", "model", "formula", "options"),
    [
        ("firth_logit", logistic, "ill ~ age + smoking", {}),
        ("firth_logit_separated", logistic, "well ~ age + smoking", {}),
        ("firth_poisson", poisson, "none ~ age + smoking", PERSON_YEARS),
    ],
)
def test_firth(name: str, model: Model, formula: str, options: dict[str, Any]) -> None:
    fit = model(formula, PEOPLE, penalty="firth", **options)
    assert_rows(fit, EXPECTED[name]["rows"])
    assert_allclose(fit.loglik, EXPECTED[name]["loglik"], rtol=1e-9)
    limits = glm_profile_interval(fit)
    assert_allclose(limits["conf_low"], EXPECTED[name]["low"], rtol=LIMITS, atol=LIMITS)
    assert_allclose(limits["conf_high"], EXPECTED[name]["high"], rtol=LIMITS, atol=LIMITS)


# ---------------------------------------------------------------- printed results


def births() -> pd.DataFrame:
    """Hosmer and Lemeshow's 189 births as statsmodels ships them (Stata's copy), mended to the copy in R's MASS."""
    import statsmodels.genmod.tests.results as results

    table = pd.read_csv(Path(results.__path__[0]) / "stata_lbw_glm.csv")
    table.loc[table["id"] == 76, "lwt"] = 105  # 106 in Stata's copy: the only difference in the columns used
    return table.assign(race=pd.Categorical(table["race"], ["white", "black", "other"]))


def test_birth_weights() -> None:
    fit = risk_ratio("low ~ smoke + age + race", births())
    assert_rows(fit, EXPECTED["births"]["modified"]["HC0"])
    row = fit.tidy().set_index("term").loc["smoke"]
    assert_allclose([row["estimate"], row["std_error"]], [0.697215, 0.211288], atol=2e-6)  # printed from glm at its default tolerance
    row = risk_ratio("low ~ smoke", births(), method="log-binomial").tidy().set_index("term").loc["smoke"]
    assert_allclose([row["estimate"], row["std_error"]], [0.474769, 0.213558], atol=5e-7)


def test_british_doctors() -> None:
    doctors = pd.DataFrame(EXPECTED["doctors"])
    fit = poisson("deaths ~ smokes + agecat", doctors, exposure="pyears")
    assert_rows(fit, EXPECTED["doctors_fit"]["rows"])
    assert_facts(fit, EXPECTED["doctors_fit"])
    ratios = fit.tidy(exponentiate=True)["estimate"].iloc[1:]
    assert_allclose(ratios, [1.425519, 4.410584, 13.83920, 28.51678, 40.45121], rtol=5e-7)
    assert_allclose([fit.facts["deviance"], fit.loglik], [12.13237, -33.60015], atol=5e-6)
    assert (fit.events, fit.person_time) == (731, doctors["pyears"].sum())
