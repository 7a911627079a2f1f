"""Cox fits: closed forms, refusals, warnings that stand on the result, and what a result shows."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import (
    ColumnNotFoundError,
    DataError,
    DesignError,
    EventCodeError,
    FitWarning,
    FollowUpError,
    FormulaError,
    MissingRowsWarning,
    MissingValuesError,
)
from cobalamin.models.cox.cox import cox
from cobalamin.models.cox.cox_residuals import cox_baseline, cox_residuals
from cobalamin.models.survey import Survey

# Therneau and Grambsch, appendix E, and the survival package's book1 to book6: closed forms
EXACT = 1e-9

TEST1 = pd.DataFrame({"time": [9, 1, 1, 6, 6, 8], "status": [1, 1, 0, 1, 1, 0], "x": [0, 1, 1, 1, 0, 0]})
TEST2 = pd.DataFrame(
    {
        "start": [1, 2, 5, 2, 1, 7, 3, 4, 8, 8],
        "stop": [2, 3, 6, 7, 8, 9, 9, 9, 14, 17],
        "event": [1] * 7 + [0] * 3,
        "x": [1, 0, 0, 1, 0, 1, 1, 1, 0, 0],
    }
)
TEST3 = pd.DataFrame(
    {
        "time": [1, 1, 2, 2, 2, 2, 3, 4, 5],
        "status": [1, 0, 1, 1, 1, 0, 0, 1, 0],
        "x": [2, 0, 1, 1, 0, 1, 0, 1, 0],
        "wt": [1, 2, 3, 4, 3, 2, 1, 2, 1],
    }
)


@pytest.mark.parametrize(
    ("ties", "beta", "se", "null", "loglik"),
    [
        ("breslow", np.log((3 + np.sqrt(33)) / 2), 1.255734393, -4.564348191, -3.824749505),
        ("efron", 1.676857486, 1.277615576, -4.276666119, -3.358974840),
    ],
)
def test_right_censored_closed_form(ties, beta, se, null, loglik):
    fit = cox("x", TEST1, exit="time", event="status", ties=ties)
    assert_allclose(fit.coefficients, [beta], rtol=EXACT, atol=EXACT)
    assert_allclose([np.sqrt(fit.covariance[0, 0]), fit.loglik_null, fit.loglik], [se, null, loglik], rtol=EXACT)
    # the score and information of the appendix, with r = exp(beta)
    r = np.exp(fit.coefficients[0])
    if ties == "breslow":
        assert_allclose(fit.loglik, 2 * np.log(r) - np.log(3 * r + 3) - 2 * np.log(r + 3), rtol=EXACT)
        assert_allclose(1 / fit.covariance[0, 0], r / (r + 1) ** 2 + 6 * r / (r + 3) ** 2, rtol=EXACT)
    else:
        assert_allclose(fit.loglik, 2 * np.log(r) - np.log(3 * r + 3) - np.log(r + 3) - np.log(r / 2 + 5 / 2), rtol=EXACT)


@pytest.mark.parametrize(
    ("ties", "beta", "se", "null", "loglik"),
    [
        ("breslow", -0.08452608066, 0.79381727749, -9.39266192877, -9.38701511837),
        ("efron", -0.02110520963, 0.79517687382, -9.16951837746, -9.16916646472),
    ],
)
def test_entry_that_ties_with_an_event_is_not_at_risk_there(ties, beta, se, null, loglik):
    fit = cox("x", TEST2, entry="start", exit="stop", event="event", ties=ties)
    assert_allclose(fit.coefficients, [beta], rtol=EXACT, atol=EXACT)
    assert_allclose([np.sqrt(fit.covariance[0, 0]), fit.loglik_null, fit.loglik], [se, null, loglik], rtol=EXACT)


@pytest.mark.parametrize(
    ("ties", "beta", "se", "null", "loglik"),
    [
        ("breslow", 0.8595574445, 0.7130941996, -32.8675507789, -32.0210462764),
        ("efron", 0.8726042464, 0.7125704365, -30.2921796059, -29.4167846001),
    ],
)
def test_case_weights_closed_form(ties, beta, se, null, loglik):
    fit = cox("x", TEST3, exit="time", event="status", weights="wt", ties=ties)
    assert_allclose(fit.coefficients, [beta], rtol=EXACT, atol=EXACT)
    assert_allclose([np.sqrt(fit.covariance[0, 0]), fit.loglik_null, fit.loglik], [se, null, loglik], rtol=EXACT)
    assert fit.variance == "model"


def people(n: int = 300, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, smoking = rng.normal(size=n), rng.choice(["never", "former", "current"], n)
    time = rng.exponential(5 * np.exp(-0.5 * x))
    return pd.DataFrame(
        {
            "years": np.ceil(np.minimum(time, 8) * 12) / 12,
            "death": (time <= 8).astype(int),
            "x": x,
            "age": rng.normal(60, 8, n),
            "smoking": pd.Categorical(smoking, ["never", "former", "current"]),
            "weight": rng.uniform(0.5, 2, n),
            "id": np.arange(n) // 2,
        }
    )


def fitted(data: pd.DataFrame, formula: str = "x", **given):
    return cox(formula, data, **{"exit": "years", "event": "death", **given})


@pytest.mark.parametrize(
    ("change", "given", "error", "text"),
    [
        ({"death": lambda d: d["death"] + 1}, {}, EventCodeError, "1 = censored, 2 = event"),
        ({"death": lambda d: d["death"] * 2}, {}, EventCodeError, "competing"),
        ({"death": lambda d: d["death"].where(d.index > 5)}, {}, MissingValuesError, "6 of 300"),
        ({"years": lambda d: d["years"].where(d.index > 5)}, {}, MissingValuesError, "years: 6 of 300"),
        ({"years": lambda d: -d["years"]}, {}, FollowUpError, "negative"),
        ({"years": 0.0, "start": 0.0}, {"entry": "start"}, FollowUpError, "not after"),
        ({"start": 99.0}, {"entry": "start"}, FollowUpError, "300 of 300"),
        ({"death": 0}, {}, DataError, "no events"),
        ({"x": np.nan}, {}, MissingValuesError, "all 300"),
        ({"weight": -1.0}, {"weights": "weight"}, DataError, "negative"),
        ({"weight": 0.0}, {"weights": "weight"}, DataError, "no weight"),
        ({"weight": "heavy"}, {"weights": "weight"}, DataError, "numbers"),
        ({"weight": lambda d: 1 - d["death"]}, {"weights": "weight"}, DataError, "no events"),
        ({}, {"exit": "yeers"}, ColumnNotFoundError, "Did you mean 'years'"),
        ({}, {"strata": "smokin"}, ColumnNotFoundError, "Did you mean 'smoking'"),
        ({}, {"cluster": "idd"}, ColumnNotFoundError, "Did you mean 'id'"),
        ({}, {"ties": "exact"}, DataError, "'efron' or 'breslow'"),
        ({}, {"survey": Survey(weights="weight"), "weights": "weight"}, DesignError, "already has"),
        ({}, {"survey": "weight"}, DesignError, "expected Survey"),
    ],
)
def test_refusals(change, given, error, text):
    with pytest.raises(error, match=text):
        fitted(people().assign(**change), **given)


def test_a_formula_cannot_run_code():
    with pytest.raises(FormulaError, match="not allowed"):
        fitted(people(), "x + __import__('os').getcwd()")
    with pytest.raises(DataError, match="DataFrame"):
        cox("x", [1, 2], exit="a", event="b")


def test_missing_rows_of_every_column_are_counted():
    data = people()
    data.loc[:59, "age"] = np.nan
    data["site"] = np.where(data.index < 70, None, "a")
    with pytest.warns(MissingRowsWarning, match=r"70 of 300 rows have missing values: age \(60\), site \(70\)"):
        fit = fitted(data, "x + age", strata="site")
    assert (fit.n, fit.n_missing, int(fit.glance()["n_missing"].iloc[0])) == (230, 70, 70)
    assert fit.events == data["death"][70:].sum()
    with pytest.raises(MissingValuesError, match="age"):
        fitted(data, "x + age", missing="error")


def test_an_alias_is_named_and_has_no_coefficient():
    data = people().assign(w=lambda d: 2 * d["x"] - d["age"], one=3.0)
    with pytest.warns(FitWarning) as caught:
        fit = fitted(data, "x + age + w + one")
    assert {str(w.message) for w in caught} == set(fit.warnings)
    assert "2 x x + -1 x age" in fit.term_warnings["w"]
    assert "does not vary" in fit.term_warnings["one"]
    table = fit.tidy().set_index("term")
    assert table.loc[["w", "one"]].isna().all().all()
    plain = fitted(data, "x + age")
    assert_allclose(fit.coefficients[:2], plain.coefficients, rtol=1e-9)
    assert_allclose(fit.covariance[:2, :2], plain.covariance, rtol=1e-8)
    assert (fit.n_parameters, fit.aic) == (2, pytest.approx(plain.aic))
    assert_allclose(fit.linear_predictor(data), plain.linear_predictor(data), rtol=1e-8)


def test_a_column_constant_within_strata_is_an_alias():
    data = people().assign(by_group=lambda d: d["smoking"].cat.codes.astype(float))
    with pytest.warns(FitWarning, match="does not vary within the risk sets"):
        fit = fitted(data, "x + by_group", strata="smoking")
    assert np.isnan(fit.coefficients[1])
    assert np.isfinite(fit.coefficients[0])


@pytest.mark.parametrize("sign", [1, -1])
def test_an_infinite_coefficient_is_reported_as_infinite(sign):
    data = people().assign(marker=lambda d: sign * d["death"], z=lambda d: d["age"])
    with pytest.warns(FitWarning, match="marker: the likelihood rises"):
        fit = fitted(data, "marker + x")
    table = fit.tidy().set_index("term")
    assert table.loc["marker", "estimate"] == sign * np.inf
    assert np.isnan(table.loc["marker", "std_error"])
    low, high = table.loc["marker", ["conf_low", "conf_high"]]
    assert (np.isfinite(low) and low > 0 and high == np.inf) if sign > 0 else (np.isfinite(high) and high < 0 and low == -np.inf)
    assert np.isfinite(table.loc["x", ["estimate", "std_error"]].astype(float)).all()
    assert "marker" in fit.term_warnings
    rows = fit.estimates(analysis="primary", model="m", outcome="death", terms=["marker"]).frame
    assert rows["warning"].str.contains("infinity").any()
    predicted = fit.linear_predictor(data)
    assert (predicted[data["marker"] != 0] == np.inf).all()
    assert np.isfinite(predicted[data["marker"] == 0]).all()


def test_the_finite_limit_is_the_profile_likelihood_limit():
    """One exposed person who dies first: the profile is a sum of logarithms that bisection can solve by hand."""
    data = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6], "d": 1, "x": [1, 0, 0, 0, 0, 0]})
    with pytest.warns(FitWarning):
        fit = cox("x", data, exit="t", event="d")
    # loglik(b) = b - log(exp(b) + 5) + constant; its supremum is the constant
    low = fit.tidy()["conf_low"].iloc[0]
    assert_allclose(-(low - np.log(np.exp(low) + 5)), 3.841458820694124 / 2, rtol=1e-7)


def test_few_events_are_a_warning_on_the_result_only():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = fitted(people(30).assign(death=lambda d: (d.index < 12) * 1), "x + age")
    assert any("Fewer than 10 events per parameter" in text for text in fit.warnings)
    assert not fitted(people(), "x").warnings


def test_weights_that_are_not_whole_numbers_give_the_robust_variance():
    assert fitted(people(), weights="weight").variance == "robust"
    assert fitted(people(), weights="weight", robust=False).variance == "model"
    assert fitted(people().assign(weight=2), weights="weight").variance == "model"
    assert fitted(people(), robust=True).variance == "robust"
    assert fitted(people(), cluster="id").facts["n_clusters"] == 150


def test_rows_of_weight_zero_do_not_count():
    data = people().assign(weight=lambda d: (d.index % 3 > 0).astype(float))
    one, other = fitted(data, weights="weight"), fitted(data[data["weight"] > 0])
    assert_allclose(one.coefficients, other.coefficients, rtol=1e-9)
    assert_allclose(one.covariance, other.covariance, rtol=1e-9)


def test_strata_combine_and_a_thousand_of_them_are_fine():
    data = people(4000).assign(a=lambda d: d.index % 40, b=lambda d: d.index // 40 % 25)
    joint = data.assign(both=data["a"] * 100 + data["b"])
    one, other = fitted(joint, strata=["a", "b"]), fitted(joint, strata="both")
    assert one.facts["n_strata"] == 1000
    assert_allclose(one.coefficients, other.coefficients, rtol=1e-12)


def test_extreme_covariates_do_not_overflow():
    data = people().assign(x=lambda d: d["x"].where(d.index != 7, 99999.0))
    assert np.isfinite(fitted(data).loglik)
    huge = fitted(people().assign(x=lambda d: d["x"] * 1e8 + 1e12))
    assert_allclose(huge.coefficients * 1e8, fitted(people()).coefficients, rtol=1e-4)


def test_levels_carry_their_counts():
    data = people()
    fit = fitted(data, "smoking + x")
    frame = fit.estimates(analysis="primary", model="adjusted", outcome="death").frame
    rows = frame[frame["context"] == "estimate"]
    assert rows["term"].tolist() == ["smoking", "smoking", "smoking", "x"]
    assert rows["level"].tolist() == ["never", "former", "current", ""]
    assert rows["reference"].tolist() == ["never"] * 3 + [""]
    assert rows["value"].iloc[0] == 1
    assert np.isnan(rows["std_error"].iloc[0])
    groups = data.groupby("smoking", observed=True)
    assert_allclose(rows["n"].iloc[:3], groups.size())
    assert_allclose(rows["events"].iloc[:3], groups["death"].sum())
    assert_allclose(rows["person_time"].iloc[:3], groups["years"].sum())
    assert rows["n"].iloc[3] == 300
    assert set(rows["measure"]) == {"hazard ratio"}
    table = fit.tidy(exponentiate=True)
    assert_allclose(rows["value"].iloc[1:], table["estimate"])
    assert_allclose(rows["low"].iloc[1:], table["conf_low"])
    facts = frame[frame["context"] == "diagnostic"].set_index("measure")["value"]
    assert facts["events"] == data["death"].sum()
    assert facts["log-likelihood"] == fit.loglik
    only = fit.estimates(analysis="primary", model="m", outcome="death", terms=["x"]).where(context="estimate")
    assert only.frame["term"].tolist() == ["x"]
    with pytest.raises(ColumnNotFoundError, match="Did you mean 'smoking'"):
        fit.estimates(analysis="primary", model="m", outcome="death", terms=["smokin"])


def test_tidy_levels_and_ratios():
    fit = fitted(people(), "x + age")
    table, ratios, narrow = fit.tidy(), fit.tidy(exponentiate=True), fit.tidy(level=0.5)
    assert list(table) == ["term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
    assert_allclose(ratios["conf_high"], np.exp(table["conf_high"]))
    assert_allclose(table["conf_high"] - table["estimate"], 1.959963984540054 * table["std_error"])
    assert (narrow["conf_high"] < table["conf_high"]).all()
    with pytest.raises(DataError, match="between 0 and 1"):
        fit.tidy(level=95)
    glance = fit.glance()
    assert len(glance) == 1
    assert {"n", "n_missing", "events", "person_time", "loglik", "loglik_null", "aic", "converged"} <= set(glance)


def test_a_fit_shows_itself_without_people():
    data = people().rename(columns={"x": "a<b"})
    fit = fitted(data, "`a<b` + smoking")
    html = fit._repr_html_()
    assert "a&lt;b" in html
    assert "<td>a<b" not in html
    assert "300" in repr(fit)
    assert fit.call == "cox('`a<b` + smoking', data, exit='years', event='death')"


def test_residuals_are_of_cox_fits_and_of_known_kinds():
    with pytest.raises(DataError, match="expected one of martingale"):
        cox_residuals(fitted(people()), "response")  # type: ignore[arg-type]


def test_centred_baseline():
    fit = fitted(people(), "x + age")
    ratio = cox_baseline(fit, centered=True)["hazard"] / cox_baseline(fit)["hazard"]
    assert_allclose(ratio, np.exp(people()[["x", "age"]].mean() @ fit.coefficients))


def test_input_is_not_changed():
    data = people()
    before = data.copy(deep=True)
    fitted(data, "smoking + x", weights="weight", cluster="id")
    pd.testing.assert_frame_equal(data, before)
