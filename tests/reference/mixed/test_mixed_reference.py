"""Linear mixed models against R's lme4 and lmerTest, and against published numbers."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import FitWarning
from cobalamin.models.fit import Fit
from cobalamin.models.repeated.mixed import mixed
from cobalamin.models.repeated.mixed_after import predict_mixed, random_effects, variance_components

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
VISITS = pd.DataFrame(EXPECTED["data"]["visits"])
ORTHODONT = pd.DataFrame(EXPECTED["data"]["orthodont"]).assign(Sex=lambda d: pd.Categorical(d["Sex"], ["Male", "Female"]))
LOGLIK = 1e-9  # both stand at the top of the same curve
MEAN = 2e-5  # lme4's optimiser stops at 1e-5 to 1e-6 of theta
DF = 2e-3  # lmerTest differentiates numerically, twice
VARIANCE = 5e-4  # the likelihood is flat in the variances


def shipped(name: str) -> pd.DataFrame:
    """A table that statsmodels ships for its own tests."""
    import statsmodels.regression.tests.results as results

    return pd.read_csv(Path(results.__path__[0]) / f"{name}.csv")


def quiet(formula: str, data: pd.DataFrame, **options: Any) -> Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        return mixed(formula, data, **options)


PIGS = {"group": "Pig"}
CASES = {
    "orthodont": ("distance ~ age * Sex", ORTHODONT, {"group": "Subject", "random": "1 + age"}),
    "dietox": ("Weight ~ Time", "dietox", PIGS),
    "dietox_slope": ("Weight ~ C(Cu) * Time", "dietox", {**PIGS, "random": "1 + Time"}),
    "pastes": ("strength ~ 1", "pastes", {"group": "sample", "crossed": "batch"}),
    "visits": ("score ~ dose + visit", VISITS, {"group": "patient"}),
    "visits_ml": ("score ~ dose + visit", VISITS, {"group": "patient", "method": "ML"}),
    "visits_slope": ("score ~ dose + visit", VISITS, {"group": "patient", "random": "0 + visit"}),
    "visits_crossed": ("score ~ dose + visit", VISITS, {"group": "patient", "random": "1 + visit", "crossed": ["rater"]}),
    "visits_crossed_ml": ("score ~ dose + visit", VISITS, {"group": "patient", "crossed": "rater", "method": "ML"}),
    "singular": ("flat ~ dose + visit", VISITS, {"group": "patient"}),
    "singular_crossed": ("flat ~ dose + visit", VISITS, {"group": "patient", "crossed": "rater"}),
}


@pytest.fixture(params=CASES, scope="module")
def case(request: pytest.FixtureRequest) -> tuple[str, Fit, dict[str, Any], pd.DataFrame]:
    formula, source, options = CASES[request.param]
    data = shipped(source) if isinstance(source, str) else source
    return request.param, quiet(formula, data, **options), EXPECTED[request.param], data


def test_coefficients_and_likelihood(case: Any) -> None:
    name, fit, wanted, _ = case
    table = fit.tidy().iloc[: len(np.atleast_1d(wanted["estimate"]))]
    assert_allclose(fit.loglik, wanted["loglik"], rtol=LOGLIK)
    if not name.startswith("singular"):  # a correlation without meaning is counted by lme4 and not by us; see below
        assert_allclose(fit.aic, wanted["aic"], rtol=LOGLIK)
    assert_allclose(table["estimate"], np.atleast_1d(wanted["estimate"]), rtol=MEAN)
    assert_allclose(table["std_error"], np.atleast_1d(wanted["std_error"]), rtol=VARIANCE)
    assert_allclose(list(fit.term_df.values()), np.atleast_1d(wanted["df"]), rtol=DF)
    assert_allclose(table["p_value"], np.atleast_1d(wanted["p_value"]).astype(float), rtol=0.02, atol=1e-12)


def test_variance_components(case: Any) -> None:
    _, fit, wanted, _ = case
    ours = variance_components(fit).query("measure != 'intraclass correlation'")
    theirs = pd.DataFrame(wanted["components"])
    rank = {"standard deviation": 0, "correlation": 1}
    residual = ours["term"] == "residual"
    mine = sorted(zip(ours["measure"].map(rank), ours["group"], ours["estimate"], strict=True))
    kind = theirs["b"].notna().astype(int) if "b" in theirs else pd.Series(0, index=theirs.index)
    other = sorted(zip(kind, theirs["group"].replace("Residual", ""), theirs["sd_or_cor"], strict=True))
    assert residual.sum() == 1
    assert_allclose([v for *_, v in mine], [v for *_, v in other], rtol=VARIANCE, atol=1e-6)


def test_predicted_effects_and_fitted_values(case: Any) -> None:
    name, fit, wanted, data = case
    _, _, options = CASES[name]
    in_order = np.sort if name.startswith("dietox") else np.asarray  # geepack has the same pigs in another order
    assert_allclose(
        in_order(predict_mixed(fit, data)), in_order(wanted["fitted"]), rtol=1e-3 if name.startswith("singular") else 1e-4, atol=1e-4
    )
    for factor, effects in wanted["effects"].items():
        if name.startswith("dietox"):
            continue  # fitted values hold all effects
        ours = random_effects(fit, None if factor == options["group"] else factor)
        ours = ours.assign(group=ours["group"].astype(str)).set_index(["group", "term"])
        labels = effects["label"]
        per_label = ours.groupby(level="term", sort=False)
        for k, (_, block) in enumerate(per_label):
            block = block.droplevel("term").loc[labels]
            scale = max(1e-3, float(np.abs(np.array(effects["estimate"])[:, k]).max()))
            assert_allclose(block["estimate"], np.array(effects["estimate"])[:, k], atol=2e-3 * scale)
            assert_allclose(block["std_error"], np.array(effects["std_error"])[:, k], rtol=5e-3, atol=1e-3)


def test_published_growth_of_children() -> None:
    """Potthoff and Roy as analysed by Pinheiro and Bates with nlme, whose optimiser finds the same maximum."""
    fit = mixed("distance ~ age * Sex", ORTHODONT, group="Subject", random="1 + age")
    assert_allclose(fit.tidy()["estimate"][:4], [16.340625, 0.784375, 1.032102, -0.304830], atol=5e-7)
    parts = variance_components(fit)["estimate"].to_numpy()
    assert_allclose([parts[0] ** 2, parts[1] ** 2, parts[3] ** 2], [5.786435, 0.032524, 1.716204], rtol=2e-5)  # printed digits
    assert_allclose(parts[2], -0.668, atol=5e-4)
    assert_allclose(fit.loglik, -216.2908, atol=5e-5)


def test_published_pigs() -> None:
    parts = variance_components(mixed("Weight ~ Time", shipped("dietox"), group="Pig"))["estimate"]
    assert_allclose(parts[:2], [6.3556, 3.3715], atol=5e-5)


def test_precision_of_the_variances_is_lmertest_s_hessian() -> None:
    fit = mixed("score ~ dose + visit", VISITS, group="patient", random="1 + visit")
    wanted = EXPECTED["precision"]["visits"]
    assert_allclose(fit.coefficients[3:], wanted["at"], rtol=VARIANCE, atol=1e-4)
    assert_allclose(np.sqrt(np.diag(fit.covariance))[3:], wanted["std_error"], rtol=DF)


def test_a_singular_fit_says_so_and_is_the_model_without_it() -> None:
    with pytest.warns(FitWarning, match="singular fit: sd patient: Intercept is estimated as 0"):
        fit = mixed("flat ~ dose + visit", VISITS, group="patient")
    assert fit.glance()["singular"].item() == 1
    assert_allclose(list(fit.term_df.values()), len(VISITS) - 3, rtol=1e-6)
    assert_allclose(fit.aic, EXPECTED["singular"]["aic"], rtol=LOGLIK)
