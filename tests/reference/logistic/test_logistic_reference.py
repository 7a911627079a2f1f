"""Logistic regression against R: glm, the cluster sandwich, svyglm, and a separated outcome taken to its limit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import FitWarning, MissingRowsWarning
from cobalamin.models.fit import Fit
from cobalamin.models.regression.regression import logistic
from cobalamin.models.survey import Survey

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
PEOPLE = pd.DataFrame(EXPECTED["people"]).astype({"bmi": float})
MODEL = "ill ~ age + smoking"
SAME_MAXIMUM = 1e-7  # both iterate to the maximum; R's working residuals lose a few digits
P_VALUES = 1e-5  # a small p-value multiplies the relative error of its statistic
DESIGN = Survey(strata="stratum", psu="clinic", weights="wt")


def assert_rows(fit: Fit, rows: list[dict[str, Any]]) -> None:
    ours, theirs = fit.tidy(), pd.DataFrame(rows)
    for column in ("estimate", "std_error", "p_value", "conf_low", "conf_high"):
        tolerance = P_VALUES if column == "p_value" else SAME_MAXIMUM
        assert_allclose(ours[column], theirs[column].astype(float), rtol=tolerance, atol=SAME_MAXIMUM, err_msg=column)


def assert_facts(fit: Fit, wanted: dict[str, Any]) -> None:
    row = fit.glance().iloc[0]
    assert_allclose([row["loglik"], row["aic"], row["null deviance"]], [wanted[k] for k in ("loglik", "aic", "null_deviance")], rtol=1e-10)
    assert row["n"] == wanted["n"]


def birth_weights() -> pd.DataFrame:
    """Hosmer and Lemeshow's 189 births as statsmodels ships them (Stata's copy), mended to the copy in R's MASS."""
    import statsmodels.genmod.tests.results as results

    births = pd.read_csv(Path(results.__path__[0]) / "stata_lbw_glm.csv")
    births.loc[births["id"] == 76, "lwt"] = 105  # 106 in Stata's copy: the only difference in the columns used
    return births.assign(race=pd.Categorical(births["race"], ["white", "black", "other"]))


def test_birth_weights_give_the_published_odds_ratios() -> None:
    with pytest.warns(FitWarning, match="Fewer than 10 events"):
        fit = logistic("low ~ age + lwt + race + smoke + ptl + ht + ui", birth_weights())
    assert_rows(fit, EXPECTED["births"]["rows"])
    assert_facts(fit, EXPECTED["births"])
    ratios = fit.tidy(exponentiate=True).set_index("term")["estimate"]
    printed = {"age": 0.973293, "lwt": 0.984932, "race[T.black]": 3.536789, "smoke": 2.517709, "ht": 6.256967}
    assert_allclose(ratios[list(printed)], list(printed.values()), atol=5e-7)


def test_without_weights() -> None:
    fit = logistic(MODEL, PEOPLE)
    assert_rows(fit, EXPECTED["model"]["rows"])
    assert_facts(fit, EXPECTED["model"])


def test_rows_with_missing_values() -> None:
    with pytest.warns(MissingRowsWarning, match="bmi"):
        fit = logistic("ill ~ age + smoking + bmi", PEOPLE)
    assert_rows(fit, EXPECTED["missing"]["rows"])
    assert fit.n_missing == int(PEOPLE["bmi"].isna().sum()) == len(PEOPLE) - EXPECTED["missing"]["n"]


def test_case_weights() -> None:
    fit = logistic(MODEL, PEOPLE, weights="copies")
    assert_rows(fit, EXPECTED["copies"]["rows"])
    assert_allclose(fit.loglik, EXPECTED["copies"]["loglik"], rtol=1e-10)


def test_clusters() -> None:
    assert_rows(logistic(MODEL, PEOPLE, cluster="clinic"), EXPECTED["cluster"])
    assert_rows(logistic(MODEL, PEOPLE, cluster="clinic", weights="copies"), EXPECTED["cluster_copies"])


@pytest.mark.parametrize(
    ("name", "survey"),
    [
        ("survey", DESIGN),
        ("survey_domain", Survey(strata="stratum", psu="clinic", weights="wt", domain="domain")),
        ("survey_weights_only", Survey(weights="wt")),
    ],
)
def test_survey_designs(name: str, survey: Survey) -> None:
    fit = logistic(MODEL, PEOPLE, survey=survey)
    assert fit.df_residual == EXPECTED[name]["df"]
    assert_rows(fit, EXPECTED[name]["rows"])


def test_survey_with_missing_values() -> None:
    with pytest.warns(MissingRowsWarning, match="bmi"):
        fit = logistic("ill ~ age + smoking + bmi", PEOPLE, survey=DESIGN)
    assert fit.df_residual == EXPECTED["survey_missing"]["df"]
    assert_rows(fit, EXPECTED["survey_missing"]["rows"])


def test_an_alias_is_nan_as_in_r_and_named() -> None:
    people = PEOPLE.assign(age2=2 * PEOPLE["age"] + 3)
    with pytest.warns(FitWarning, match="age2: left out, because it is a linear combination of age"):
        fit = logistic("ill ~ age + age2 + smoking", people)
    table = fit.tidy().set_index("term")
    assert table.loc["age2"].isna().all()
    assert_allclose(table.loc["age", ["estimate", "std_error"]].astype(float), EXPECTED["alias"], rtol=1e-6)
    assert fit.n_parameters == 4


def test_a_separated_level_is_infinite_and_the_rest_is_r_s_limit() -> None:
    wanted = EXPECTED["separated"]
    with pytest.warns(FitWarning, match="smoking is former, the outcome never happens"):
        fit = logistic("rare ~ age + smoking", PEOPLE)
    table = fit.tidy().set_index("term")
    assert table.loc["smoking[T.former]", "estimate"] == -np.inf
    assert table.loc["smoking[T.former]", "conf_low"] == -np.inf
    assert_allclose(table.loc["smoking[T.former]", "conf_high"], wanted["upper"], rtol=1e-6)
    assert_allclose(table.loc["age", ["estimate", "std_error"]].astype(float), wanted["age"], rtol=1e-6)
    assert_allclose(table.loc["smoking[T.never]", ["estimate", "std_error"]].astype(float), wanted["never"], rtol=1e-6)
    assert_allclose(fit.loglik, wanted["loglik"], rtol=1e-9)
