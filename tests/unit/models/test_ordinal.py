"""Ordinal models: what they refuse, what they say, and the edges of their data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import (
    ColumnNotFoundError,
    ConvergenceError,
    DataError,
    DesignError,
    FitWarning,
    MissingRowsWarning,
    MissingValuesError,
)
from cobalamin.models.ordinal.marginal_effects import marginal_effects
from cobalamin.models.ordinal.mixed_result import random_intercepts
from cobalamin.models.ordinal.ordinal import ordinal
from cobalamin.models.ordinal.ordinal_mixed import ordinal_mixed
from cobalamin.models.ordinal.ordinal_notes import effective_size
from cobalamin.models.ordinal.ordinal_predict import predict_ordinal
from cobalamin.models.ordinal.proportional_odds import proportional_odds_test
from cobalamin.models.regression.regression import logistic
from cobalamin.models.survey import Survey

LABELS = ["none", "mild", "moderate", "severe"]
SAME_MAXIMUM = 1e-6  # two algorithms, one maximum


def patients(n: int = 300, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"b12": rng.normal(300, 80, n), "arm": rng.choice(["a", "b", "c"], n), "person": np.arange(n) // 4})
    frame["grade"] = np.digitize(0.005 * (300 - frame["b12"]) + (frame["arm"] == "c") * 0.5 + rng.logistic(size=n), [-1, 0.3, 1.5])
    return frame.assign(severity=pd.Categorical.from_codes(frame["grade"], LABELS, ordered=True), w=rng.uniform(0.5, 3, n))


def refused(
    error: type[Exception], match: str, formula: str = "severity ~ b12 + arm", data: pd.DataFrame | None = None, **options: Any
) -> None:
    with pytest.raises(error, match=match):
        ordinal(formula, patients() if data is None else data, **options)


class TestOutcome:
    def test_text_is_refused_with_the_way_to_order_it(self) -> None:
        data = patients()
        refused(DataError, r"pd.Categorical\(data\['severity'\], categories=", data=data.assign(severity=data["severity"].astype(str)))

    def test_a_categorical_without_order_is_refused(self) -> None:
        data = patients()
        refused(DataError, "cat.as_ordered", data=data.assign(severity=data["severity"].cat.as_unordered()))

    def test_one_category_or_a_continuous_number(self) -> None:
        refused(DataError, "1 category in the 300 rows", data=patients().assign(severity=1))
        big = pd.DataFrame({"y": np.arange(1200.0), "x": np.arange(1200.0) % 7})
        refused(DataError, "1200 different values", "y ~ x", big)

    def test_booleans_objects_and_nullable_numbers(self) -> None:
        data = patients()
        bad = data["grade"] >= 2
        one = ordinal("bad ~ b12", data.assign(bad=bad))
        assert one.names == ("b12", "no|yes")
        for other in (bad.astype("boolean"), bad.astype(int).astype("Int64"), bad.astype(int).astype(object), bad.astype(float)):
            assert_allclose(ordinal("bad ~ b12", data.assign(bad=other)).coefficients, one.coefficients, rtol=1e-12)

    def test_an_expression_of_a_number(self) -> None:
        data = patients().assign(grade=lambda d: d["grade"] + 1)
        assert_allclose(ordinal("log2(grade) ~ b12", data).coefficients, ordinal("grade ~ b12", data).coefficients, rtol=1e-10)

    def test_missing_rows(self) -> None:
        data = patients()
        data.loc[:9, "severity"] = None
        with pytest.warns(MissingRowsWarning, match="severity"):
            fit = ordinal("severity ~ b12", data)
        assert (fit.n, fit.n_missing) == (290, 10)
        refused(MissingValuesError, "severity", data=data, missing="error")

    def test_a_level_that_only_missing_rows_have_is_named_as_empty(self) -> None:
        data = patients()
        data.loc[data["severity"] == "severe", "b12"] = np.nan
        with pytest.warns(MissingRowsWarning):
            fit = ordinal("severity ~ b12", data)
        assert fit.names == ("b12", "none|mild", "mild|moderate")
        assert "no rows with severe" in fit.warnings[0]


class TestArguments:
    def test_unknown_names(self) -> None:
        refused(DataError, "expected one of logit", link="logistic")
        refused(DataError, r"partial=\['b12'\]", partial="b12")
        refused(DataError, "Did you mean 'b12'", partial=["b1"])
        refused(ColumnNotFoundError, "b13", "severity ~ b13")
        refused(DataError, "DataFrame", data={"severity": [1]})  # type: ignore[arg-type]

    def test_contradictions(self) -> None:
        refused(DesignError, "survey= already", weights="w", survey=Survey(weights="w"))
        refused(DesignError, "always robust", cluster="person", robust=False)
        refused(DesignError, "intercepts of an ordinal model", "severity ~ b12 - 1")
        refused(DesignError, "at least 2 clusters", data=patients().assign(person=1), cluster="person")

    def test_weights_that_are_not_whole_give_a_robust_variance(self) -> None:
        data = patients()
        assert ordinal("severity ~ b12", data, weights="w").variance == "robust"
        assert ordinal("severity ~ b12", data, weights="w", robust=False).variance == "model"
        assert ordinal("severity ~ b12", data, robust=True).variance == "robust"

    def test_the_null_model(self) -> None:
        fit = ordinal("severity ~ 1", patients())
        shares = np.cumsum(np.bincount(patients()["grade"]))[:-1] / 300
        assert_allclose(fit.coefficients, np.log(shares / (1 - shares)), rtol=1e-10)
        assert_allclose(fit.loglik, fit.loglik_null, rtol=1e-12)


class TestSeparation:
    def test_an_arm_with_the_highest_category_only(self) -> None:
        data = patients()
        data.loc[data["arm"] == "b", "severity"] = "severe"
        with pytest.warns(FitWarning, match=r"arm\[T.b\]: the coefficient is plus infinity"):
            fit = ordinal("severity ~ b12 + arm", data)
        table = fit.tidy().set_index("term")
        assert table.loc["arm[T.b]", "estimate"] == np.inf
        assert np.isfinite(table.loc["arm[T.b]", "conf_low"])
        # the rest is what the other arms say
        rest = ordinal("severity ~ b12 + arm", data[data["arm"] != "b"])
        assert_allclose(table.loc[list(rest.names), "estimate"], rest.coefficients, rtol=SAME_MAXIMUM)
        assert_allclose(table.loc[list(rest.names), "std_error"], rest.tidy()["std_error"], rtol=SAME_MAXIMUM)
        assert_allclose(fit.loglik, rest.loglik, rtol=1e-9)

    def test_infinite_in_two_categories_exactly_as_logistic(self) -> None:
        data = patients().assign(bad=lambda d: ((d["grade"] >= 2) | (d["arm"] == "b")).astype(int))
        with pytest.warns(FitWarning):
            one, other = ordinal("bad ~ b12 + arm", data), logistic("bad ~ b12 + arm", data)
        ours, theirs = one.tidy().set_index("term"), other.tidy().set_index("term")
        columns = ["estimate", "std_error", "conf_low", "conf_high"]
        assert_allclose(ours.loc[["b12", "arm[T.b]", "arm[T.c]"], columns], theirs.loc[["b12", "arm[T.b]", "arm[T.c]"], columns], rtol=1e-5)

    def test_an_arm_with_a_middle_category_only_is_no_separation(self) -> None:
        data = patients()
        data.loc[data["arm"] == "b", "severity"] = "mild"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert np.isfinite(ordinal("severity ~ b12 + arm", data).coefficients).all()

    def test_complete_separation(self) -> None:
        data = patients().assign(severity=lambda d: pd.cut(d["b12"], [-np.inf, 250, 330, np.inf], labels=list("xyz")))
        with pytest.warns(FitWarning, match="b12: the coefficient is plus infinity"):
            fit = ordinal("severity ~ b12", data)
        assert fit.coefficients[0] == np.inf
        assert_allclose(fit.loglik, 0, atol=1e-9)

    def test_predictions_from_an_infinite_coefficient(self) -> None:
        data = patients()
        data.loc[data["arm"] == "b", "severity"] = "severe"
        with pytest.warns(FitWarning):
            fit = ordinal("severity ~ b12 + arm", data)
        table = predict_ordinal(fit, pd.DataFrame({"b12": [300.0, 300.0], "arm": ["b", "a"]}))
        assert table["estimate"].tolist()[:4] == [0, 0, 0, 1]
        assert table["std_error"].isna().tolist() == [True] * 4 + [False] * 4
        with pytest.raises(DataError, match="infinite coefficients"):
            marginal_effects(fit, "b12")

    def test_an_alias_and_a_constant(self) -> None:
        data = patients().assign(double=lambda d: 2 * d["b12"] + 1, one=1.0)
        with pytest.warns(FitWarning, match="double: left out, because it is a linear combination of b12"):
            fit = ordinal("severity ~ b12 + double + one", data)
        assert np.isnan(fit.coefficients[1:3]).all()
        plain = ordinal("severity ~ b12", data)
        assert_allclose(fit.coefficients[[0, 3, 4, 5]], plain.coefficients, rtol=SAME_MAXIMUM)
        one, other = (predict_ordinal(f, data.head(3)) for f in (fit, plain))
        assert_allclose(one["std_error"], other["std_error"], rtol=SAME_MAXIMUM)

    def test_few_rows_are_said(self) -> None:
        with pytest.warns(FitWarning, match="Fewer than 10 rows"):
            ordinal("grade ~ b12 + arm", patients(20))
        assert effective_size(np.array([1.0, 99.0])) < 3


class TestPartial:
    def test_crossing_thresholds_are_said(self) -> None:
        rng = np.random.default_rng(2)
        data = pd.DataFrame({"x": np.r_[rng.normal(size=300), 9.0]})
        data["y"] = np.where(np.abs(data["x"]) < 1, rng.integers(0, 3, 301), rng.choice([0, 2], 301))
        data.loc[300, "y"] = 2
        fit = ordinal("y ~ x", data, partial=["x"])
        with pytest.warns(FitWarning, match="Thresholds cross in 1 of 1 rows"):
            table = predict_ordinal(fit, pd.DataFrame({"x": [np.sign(fit.coefficients[1] - fit.coefficients[0]) * 1e4]}))
        assert_allclose(table["estimate"].sum(), 1)

    def test_names_counts_and_reference_rows(self) -> None:
        fit = ordinal("severity ~ b12 + arm", patients(), partial=["arm"])
        assert fit.names[1:4] == ("arm[T.b], Y>=mild", "arm[T.b], Y>=moderate", "arm[T.b], Y>=severe")
        rows = fit.estimates(analysis="primary", model="m", outcome="o").frame.query("term == 'arm'")
        assert rows["level"].tolist()[:3] == ["a", "b, Y>=mild", "b, Y>=moderate"]
        assert rows["n"].tolist()[1] == (patients()["arm"] == "b").sum()
        assert (rows["measure"] == "odds ratio").all()

    def test_there_is_no_one_linear_predictor(self) -> None:
        data = patients()
        with pytest.raises(DataError, match="one linear predictor per threshold"):
            ordinal("severity ~ b12", data, partial=["b12"]).linear_predictor(data)
        assert len(ordinal("severity ~ b12", data).linear_predictor(data)) == 300

    def test_every_column_of_a_spline_is_partial(self) -> None:
        fit = ordinal("severity ~ rcs(b12, 3) + arm", patients(), partial=["rcs(b12, 3)"])
        assert sum("Y>=" in name for name in fit.names) == 6


class TestVerbs:
    def test_refusals(self) -> None:
        data = patients()
        fit = ordinal("severity ~ b12 + arm", data)
        with pytest.raises(DataError, match="level the model has not seen"):
            predict_ordinal(fit, data.head(2).assign(arm="new"))
        with pytest.raises(MissingValuesError):
            predict_ordinal(fit, data.head(2).assign(b12=np.nan))
        for call in (
            lambda: predict_ordinal(fit, data, what="median"),  # type: ignore[arg-type]
            lambda: predict_ordinal(fit, data, what="mean", scores=[1, 2]),
            lambda: predict_ordinal(fit, data, level=95),
            lambda: marginal_effects(fit, "age"),
            lambda: marginal_effects(fit, "arm", change=1),
            lambda: marginal_effects(fit, "b12", change=0),
            lambda: proportional_odds_test(fit, "wald"),  # type: ignore[arg-type]
            lambda: predict_ordinal(logistic("bad ~ b12", data.assign(bad=data["grade"] > 1)), data),
        ):
            with pytest.raises(DataError):
                call()

    def test_tests_that_do_not_apply(self) -> None:
        data = patients()
        with pytest.raises(DataError, match="two categories"):
            proportional_odds_test(ordinal("bad ~ b12", data.assign(bad=data["grade"] > 1)))
        with pytest.raises(DataError, match="logit link"):
            proportional_odds_test(ordinal("severity ~ b12", data, link="probit"))
        with pytest.raises(DataError, match="model's own variance"):
            proportional_odds_test(ordinal("severity ~ b12", data, cluster="person"), "score")
        with pytest.raises(DataError, match="nothing to test"):
            proportional_odds_test(ordinal("severity ~ b12", data, partial=["b12"]))

    def test_the_test_follows_clusters_and_names_terms(self) -> None:
        data = patients()
        plain, clustered = (proportional_odds_test(ordinal("severity ~ b12 + arm", data, **o)) for o in ({}, {"cluster": "person"}))
        assert clustered["term"].tolist() == ["b12", "arm", "GLOBAL"]
        assert not np.allclose(plain["chi2"], clustered["chi2"], rtol=1e-3)
        assert_allclose(plain["chi2"], clustered["chi2"], rtol=0.6)

    def test_a_separated_threshold_gives_no_test_of_its_term(self) -> None:
        data = patients()
        data.loc[(data["arm"] == "b") & (data["severity"] == "severe"), "severity"] = "moderate"
        table = proportional_odds_test(ordinal("severity ~ b12 + arm", data)).set_index("term")
        assert np.isnan(table.loc["arm", "chi2"])
        assert np.isfinite(table.loc["b12", "chi2"])

    def test_the_mean_score_of_chosen_numbers(self) -> None:
        data = patients()
        fit = ordinal("severity ~ b12", data)
        shares = predict_ordinal(fit, data.head(1))["estimate"]
        mean = predict_ordinal(fit, data.head(1), what="mean", scores=[0, 1, 4, 9])["estimate"].iloc[0]
        assert_allclose(mean, shares @ [0, 1, 4, 9], rtol=1e-10)

    def test_repr_and_estimates(self) -> None:
        fit = ordinal("severity ~ b12", patients())
        assert "Proportional odds: n=300" in repr(fit)
        assert "severe" in fit._repr_html_()
        frame = fit.estimates(analysis="primary", model="m", outcome="severity").frame
        assert frame.query("context == 'estimate'")["term"].tolist() == ["b12"]


class TestMixed:
    def test_refusals(self) -> None:
        data = patients()
        for error, match, options in (
            (DesignError, "random intercept only", {"group": "person", "random": "1 + b12"}),
            (DesignError, "each of the 300 groups has one row", {"group": "row"}),
            (DesignError, "1 group in the rows", {"group": "same"}),
            (DataError, "with a random intercept expected", {"group": "person", "link": "cauchit"}),
            (DataError, "points", {"group": "person", "points": 4}),
            (ColumnNotFoundError, "persn", {"group": "persn"}),
        ):
            with pytest.raises(error, match=match):
                ordinal_mixed("severity ~ b12", data.assign(row=range(300), same=1), **options)  # type: ignore[arg-type]

    def test_no_variance_between_groups_is_said(self) -> None:
        rng = np.random.default_rng(4)
        data = pd.DataFrame({"x": rng.normal(size=300), "person": np.tile(np.arange(60), 5)})
        # each person has each category as often: fewer differences between people than by chance
        data["y"] = np.repeat([0, 1, 2, 1, 0], 60)
        with pytest.warns(FitWarning, match="variance of 0 between groups"):
            fit = ordinal_mixed("y ~ x", data, group="person")
        plain = ordinal("y ~ x", data)
        assert_allclose(fit.coefficients[:-1], plain.coefficients, rtol=1e-10)
        last = fit.tidy().iloc[-1]
        assert last["estimate"] == -np.inf
        assert -5 < last["conf_high"] < 1
        assert (fit.facts["sd"], fit.facts["p_no_intercept"]) == (0, 1)
        assert (random_intercepts(fit)["estimate"] == 0).all()

    def test_separation_is_named(self) -> None:
        data = patients()
        data.loc[data["arm"] == "b", "severity"] = "severe"
        with pytest.raises(ConvergenceError, match=r"arm\[T.b\] would be infinite"):
            ordinal_mixed("severity ~ b12 + arm", data, group="person")

    def test_groups_of_one_are_allowed_beside_others(self) -> None:
        data = patients()
        data.loc[:3, "person"] = [1000, 1001, 1002, 1003]
        assert ordinal_mixed("severity ~ b12", data, group="person").facts["groups"] == 78

    def test_more_points_change_nothing(self) -> None:
        data = patients()
        shift = np.repeat(np.random.default_rng(3).normal(size=75), 4)
        data["grade"] = np.digitize(data["grade"] + 1.5 * shift, [0.5, 1.5, 2.5])
        one, other = (ordinal_mixed("grade ~ b12", data, group="person", points=p) for p in (15, 41))
        assert_allclose(one.coefficients, other.coefficients, rtol=1e-4)
        assert_allclose(one.loglik, other.loglik, rtol=1e-6)

    @pytest.mark.parametrize("points", [5, 6, 7])
    def test_few_points_converge_too(self, points: int) -> None:
        data = simulated(np.random.default_rng(9), 320, 0.6, 64)
        few, many = (ordinal_mixed("y ~ x", data, group="g", points=p) for p in (points, 31))
        assert_allclose(few.coefficients, many.coefficients, atol=0.02)

    def test_missing_groups_are_missing_rows(self) -> None:
        data = patients().assign(person=lambda d: d["person"].where(d.index > 7))
        with pytest.warns(MissingRowsWarning, match="person"):
            assert ordinal_mixed("severity ~ b12", data, group="person").n == 292

    def test_verbs_of_ordinal_do_not_take_it(self) -> None:
        data = patients()
        shift = np.repeat(np.random.default_rng(3).normal(size=75), 4)
        fit = ordinal_mixed("grade ~ b12", data.assign(grade=np.digitize(data["grade"] + shift, [0.5, 1.5])), group="person")
        with pytest.raises(DataError, match="expected a fit from ordinal"):
            predict_ordinal(fit, data)
        with pytest.raises(DataError, match="expected a fit from ordinal_mixed"):
            random_intercepts(ordinal("severity ~ b12", data))


def simulated(rng: np.random.Generator, n: int, b: float, groups: int = 0) -> pd.DataFrame:
    frame = pd.DataFrame({"x": rng.normal(size=n), "g": (np.arange(n) % groups) if groups else 0})
    shift = rng.normal(size=groups)[frame["g"]] if groups else 0
    return frame.assign(y=np.digitize(b * frame["x"] + shift + rng.logistic(size=n), [-1, 0.5, 2]))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["model", "robust", "partial", "cluster"])
def test_coverage(kind: str) -> None:
    rng, hits, times = np.random.default_rng(20), 0, 1000
    for _ in range(times):
        data = simulated(rng, 240, 0.6, 60 if kind == "cluster" else 0)
        options: dict[str, Any] = {
            "model": {},
            "robust": {"robust": True},
            "partial": {"partial": ["x"]},
            "cluster": {"cluster": "g"},
        }[kind]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Thresholds cross", FitWarning)
            row = ordinal("y ~ x", data, **options).tidy().iloc[0]
        # 60 clusters of 4 with a random intercept: the average effect is what the model with clusters is for
        truth = 0.6 if kind != "cluster" else AVERAGE_EFFECT
        hits += row["conf_low"] <= truth <= row["conf_high"]
    assert 0.935 <= hits / times <= 0.965


AVERAGE_EFFECT = 0.5082  # limit of the estimate over 4,000,000 rows simulated so


@pytest.mark.slow
def test_coverage_with_random_intercept() -> None:
    rng, hits, times = np.random.default_rng(21), np.zeros(2), 1000
    for _ in range(times):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            fit = ordinal_mixed("y ~ x", simulated(rng, 200, 0.6, 40), group="g", points=5)
        row = fit.tidy().iloc[0]
        hits += [row["conf_low"] <= 0.6 <= row["conf_high"], fit.facts["sd_low"] <= 1 <= fit.facts["sd_high"]]
    assert 0.935 <= hits[0] / times <= 0.965
    assert 0.935 <= hits[1] / times <= 0.985  # Wald's interval of log(sd) is a little wide


@pytest.mark.slow
@pytest.mark.parametrize("method", ["brant", "score", "likelihood ratio"])
def test_proportional_odds_tests_hold_their_level(method: Any) -> None:
    rng, times = np.random.default_rng(22), 600
    p = [proportional_odds_test(ordinal("y ~ x", simulated(rng, 400, 0.6)), method)["p_value"].iloc[-1] for _ in range(times)]
    assert 0.03 <= np.mean(np.array(p) < 0.05) <= 0.075
