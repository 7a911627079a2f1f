"""Ordinal models against R: ordinal::clm and clmm, rms::orm, VGAM, sandwich, survey, lme4, and Brant's test written out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import MissingRowsWarning
from cobalamin.models.fit import Fit
from cobalamin.models.ordinal.marginal_effects import marginal_effects
from cobalamin.models.ordinal.mixed_result import random_intercepts
from cobalamin.models.ordinal.ordinal import ordinal
from cobalamin.models.ordinal.ordinal_mixed import ordinal_mixed
from cobalamin.models.ordinal.ordinal_predict import predict_ordinal
from cobalamin.models.ordinal.proportional_odds import proportional_odds_test
from cobalamin.models.survey import Survey

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
LEVELS = ["none", "mild", "moderate", "severe"]
PEOPLE = pd.DataFrame(EXPECTED["people"]).astype({"bmi": float})
PEOPLE["severity"] = pd.Categorical(PEOPLE["severity"], LEVELS, ordered=True)
MODEL = "severity ~ age + smoking"
SAME_MAXIMUM = 1e-6  # clm stops when its score is 1e-12 or no digit is left; its information is analytic
SAME_QUADRATURE = 2e-4  # clmm's optimiser works with numerical derivatives, and its variance is a numerical Hessian
NUMERICAL = 1e-5  # R differentiates numerically here
PRINTED = 5e-4  # polr's default convergence, from which the printed digits of the UCLA page come


def assert_table(fit: Fit, wanted: dict[str, Any], tolerance: float = SAME_MAXIMUM) -> None:
    table = fit.tidy()
    assert_allclose(table["estimate"], wanted["estimate"], rtol=tolerance, atol=tolerance)
    assert_allclose(table["std_error"], wanted["std_error"], rtol=tolerance)
    if "loglik" in wanted:
        assert_allclose(fit.loglik, wanted["loglik"], rtol=1e-10)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "loglog"])
def test_links(link: Any) -> None:
    assert_table(ordinal(MODEL, PEOPLE, link=link), EXPECTED["links"][link])


def test_the_cauchy_link_without_the_tails_that_r_cuts_off() -> None:
    # clm ends the distribution at +-1e5 and polr at +-100, where a Cauchy distribution has not ended: its likelihood is a little lower
    wanted = EXPECTED["links"]["cauchit"]
    fit = ordinal(MODEL, PEOPLE, link="cauchit")
    assert_table(fit, {k: wanted[k] for k in ("estimate", "std_error")}, tolerance=1e-4)
    assert 0 < fit.loglik - wanted["loglik"] < 360 * 2 / (np.pi * 1e5)


def test_graduate_applications_give_the_printed_numbers() -> None:
    import statsmodels.miscmodels.tests.results as results

    data = pd.read_csv(Path(results.__path__[0]) / "ologit_ucla.csv")
    data["apply"] = pd.Categorical(data["apply"], ["unlikely", "somewhat likely", "very likely"], ordered=True)
    fit = ordinal("apply ~ pared + public + gpa", data)
    assert_allclose(fit.coefficients, [1.04769011, -0.05878572, 0.61594057, 2.203915, 4.299363], atol=PRINTED * 2)
    assert_allclose(fit.tidy()["std_error"].head(3), [0.26579, 0.29786, 0.26063], atol=5e-5)
    assert_allclose(fit.loglik, -358.5124, atol=5e-5)
    assert_allclose(ordinal("apply ~ pared + public + gpa", data, link="probit").coefficients[:3], [0.59811, 0.01016, 0.35815], atol=5e-5)
    # Brant's test as printed by R's package of that name
    assert_allclose(proportional_odds_test(fit)["chi2"], [0.13, 3.44, 0.18, 4.34], atol=0.005)


def test_case_weights_and_missing_rows() -> None:
    assert_table(ordinal(MODEL, PEOPLE, weights="copies"), EXPECTED["copies"])
    with pytest.warns(MissingRowsWarning, match="bmi"):
        fit = ordinal("severity ~ age + smoking + bmi", PEOPLE)
    assert_table(fit, EXPECTED["missing"])


def test_robust_cluster_and_survey_variances() -> None:
    assert_table(ordinal(MODEL, PEOPLE, robust=True), EXPECTED["robust"])
    assert_table(ordinal(MODEL, PEOPLE, cluster="clinic"), EXPECTED["cluster"])
    assert_table(ordinal(MODEL, PEOPLE, cluster="clinic", weights="copies"), EXPECTED["cluster_copies"])
    surveyed = ordinal(MODEL, PEOPLE, survey=Survey(strata="stratum", psu="clinic", weights="wt"))
    assert_table(surveyed, EXPECTED["survey"])
    # svyolr stops at optim's default tolerance and inverts a numerical Hessian
    assert_table(surveyed, EXPECTED["svyolr"], tolerance=5e-3)
    assert surveyed.df_residual == 24 - 4 + 1 - 6


def test_a_score_with_all_its_values() -> None:
    fit = ordinal("score ~ age + smoking", PEOPLE)
    orm = EXPECTED["orm"]
    assert_allclose(fit.coefficients, [*orm["slopes"], *(-np.array(orm["intercepts"]))], rtol=SAME_MAXIMUM, atol=SAME_MAXIMUM)
    errors = orm["std_error"]
    cuts = len(orm["intercepts"])
    assert_allclose(fit.tidy()["std_error"], [*errors[cuts:], *errors[:cuts]], rtol=SAME_MAXIMUM)


def test_effects_that_differ_by_threshold() -> None:
    fit, wanted = ordinal(MODEL, PEOPLE, partial=["age"]), EXPECTED["nominal"]
    table = fit.tidy()
    # clm and vglm give the effect on being below the threshold
    assert_allclose(table["estimate"].head(3), -np.array(wanted["age"]), rtol=SAME_MAXIMUM, atol=1e-8)
    assert_allclose(table["estimate"].head(3), -np.array(EXPECTED["vgam_age"]), rtol=SAME_MAXIMUM, atol=1e-8)
    assert_allclose(table["std_error"].head(3), wanted["age_error"], rtol=SAME_MAXIMUM)
    assert_allclose(table["estimate"].iloc[3:5], wanted["smoking"], rtol=SAME_MAXIMUM)
    assert_allclose(table["std_error"].iloc[3:5], wanted["smoking_error"], rtol=SAME_MAXIMUM)
    assert_allclose(fit.loglik, wanted["loglik"], rtol=1e-10)


def test_proportional_odds() -> None:
    fit = ordinal(MODEL, PEOPLE)
    table = proportional_odds_test(fit).set_index("term")
    assert table["df"].tolist() == [2, 4, 6]
    for term, chi2 in EXPECTED["brant"].items():
        assert_allclose(table.loc[term, "chi2"], chi2, rtol=SAME_MAXIMUM)
    ratio = proportional_odds_test(fit, "likelihood ratio").set_index("term")["chi2"]
    assert_allclose(ratio[["age", "smoking"]], list(EXPECTED["likelihood_ratio"].values()), rtol=SAME_MAXIMUM, atol=1e-8)


def test_predicted_probabilities_and_mean() -> None:
    fit, new = ordinal(MODEL, PEOPLE), pd.DataFrame(EXPECTED["new"])
    table = predict_ordinal(fit, new)
    for ours, theirs in {"estimate": "fit", "std_error": "se.fit", "conf_low": "lwr", "conf_high": "upr"}.items():
        assert_allclose(table[ours], np.ravel(EXPECTED["predicted"][theirs]), rtol=SAME_MAXIMUM)
    mean = predict_ordinal(fit, new, what="mean")
    assert_allclose(mean[["estimate", "std_error"]].T, list(EXPECTED["mean"].values()), rtol=SAME_MAXIMUM)


def test_average_marginal_effects() -> None:
    fit = ordinal(MODEL, PEOPLE)
    smoking = marginal_effects(fit, "smoking").query("level == 'never'")
    tables = {
        "effect_age": marginal_effects(fit, "age"),
        "effect_never": smoking,
        "effect_ten_years": marginal_effects(fit, "age", change=10, what="cumulative"),
    }
    for name, table in tables.items():
        # R's derivatives are numerical here
        assert_allclose(table["estimate"], EXPECTED[name]["estimate"], rtol=NUMERICAL, atol=1e-9, err_msg=name)
        assert_allclose(table["std_error"], EXPECTED[name]["std_error"], rtol=NUMERICAL, err_msg=name)


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_random_intercept(link: Any) -> None:
    fit, wanted = ordinal_mixed(MODEL, PEOPLE, group="clinic", link=link, points=21), EXPECTED["mixed"][link]
    assert_allclose(fit.coefficients[:-1], wanted["estimate"], rtol=SAME_QUADRATURE, atol=SAME_QUADRATURE)
    assert_allclose(fit.tidy()["std_error"].iloc[:-1], wanted["std_error"], rtol=1e-3)
    assert_allclose(fit.facts["sd"], wanted["sd"], rtol=SAME_QUADRATURE)
    assert_allclose(fit.tidy()["std_error"].iloc[-1], wanted["log_sd_error"], rtol=1e-3)
    assert_allclose(fit.loglik, wanted["loglik"], atol=1e-6)
    modes = random_intercepts(fit).assign(clinic=PEOPLE["clinic"].drop_duplicates().astype(str).to_numpy()).set_index("clinic")
    assert_allclose(modes.loc[wanted["groups"], "estimate"], wanted["modes"], atol=1e-3)
    assert_allclose(modes.loc[wanted["groups"], "std_error"], wanted["spread"], rtol=1e-3)


def test_two_categories_with_random_intercept_are_a_logistic_mixed_model() -> None:
    data, wanted = PEOPLE.assign(decades=PEOPLE["age"] / 10), EXPECTED["binary"]
    fit = ordinal_mixed("bad ~ decades + smoking", data, group="clinic", points=21)
    b = fit.tidy().iloc[[3, 0, 1, 2]]
    assert_allclose(b["estimate"] * [-1, 1, 1, 1], wanted["estimate"], rtol=SAME_QUADRATURE)
    # glmer's variance leaves out how the fixed effects and the standard deviation move together
    assert_allclose(b["std_error"], wanted["std_error"], rtol=0.03)
    assert_allclose([fit.facts["sd"], fit.loglik], [wanted["sd"], wanted["loglik"]], rtol=SAME_QUADRATURE)
