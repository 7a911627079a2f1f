"""Logistic regression: closed forms, separated and aliased data, and every coding of the outcome that needs a guess."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import (
    CobalaminError,
    ColumnNotFoundError,
    DataError,
    DesignError,
    EventCodeError,
    FitWarning,
    FormulaError,
    MissingRowsWarning,
    MissingValuesError,
)
from cobalamin.models.regression.likelihoods import LOGIT
from cobalamin.models.regression.newton import Objective, climb
from cobalamin.models.regression.regression import logistic
from cobalamin.models.regression.separation import separate
from cobalamin.models.survey import Survey

EXACT = 1e-9  # Newton's method ends with an error of the square of 1e-6


def two_by_two(a: int, b: int, c: int, d: int) -> pd.DataFrame:
    """a, b exposed with and without the outcome; c, d unexposed."""
    return pd.DataFrame({"ill": [1] * a + [0] * b + [1] * c + [0] * d, "exposed": [1] * (a + b) + [0] * (c + d)})


def people(n: int = 400, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.normal(55, 10, n), "smoking": rng.choice(["current", "former", "never"], n), "z": rng.normal(size=n)})
    return frame.assign(ill=(rng.random(n) < 1 / (1 + np.exp(3 - 0.05 * frame["age"]))).astype(int))


class TestClosedForms:
    def test_two_by_two(self) -> None:
        fit = logistic("ill ~ exposed", two_by_two(30, 20, 15, 40))
        row = fit.tidy().set_index("term").loc["exposed"]
        assert_allclose(row["estimate"], np.log(30 * 40 / (20 * 15)), rtol=EXACT)
        assert_allclose(row["std_error"], np.sqrt(1 / 30 + 1 / 20 + 1 / 15 + 1 / 40), rtol=EXACT)

    def test_cat_diet_table_of_epir(self) -> None:
        """13 of 2,176 and 5 of 3,354 (PEERS, section 3): OR 4.03 (1.43 to 11.31)."""
        data = pd.DataFrame({"ill": [1, 0, 1, 0], "dry": [1, 1, 0, 0], "n": [13, 2163, 5, 3349]})
        with pytest.warns(FitWarning, match="Fewer than 10"):
            fit = logistic("ill ~ dry", data, weights="n")
        row = fit.tidy(exponentiate=True).set_index("term").loc["dry", ["estimate", "conf_low", "conf_high"]]
        assert row.astype(float).round(2).tolist() == [4.03, 1.43, 11.31]

    def test_intercept_only_and_null_likelihood(self) -> None:
        data = two_by_two(30, 20, 15, 40)
        fit = logistic("ill ~ 1", data)
        assert_allclose(fit.coefficients, [np.log(45 / 60)], rtol=EXACT)
        assert_allclose(fit.loglik, 45 * np.log(45 / 105) + 60 * np.log(60 / 105), rtol=EXACT)
        assert_allclose(fit.loglik, fit.loglik_null, rtol=1e-12)

    def test_cluster_variance_of_a_mean(self) -> None:
        """With an intercept only the sandwich is G / (G - 1) sum of squared cluster totals over (n p q)^2."""
        data = pd.DataFrame({"ill": [1, 1, 0, 0, 1, 0] * 5, "clinic": np.repeat(np.arange(6), 5)})
        total = (data["ill"] - data["ill"].mean()).groupby(data["clinic"]).sum()
        wanted = 6 / 5 * (total**2).sum() / (30 * 0.25) ** 2
        assert_allclose(logistic("ill ~ 1", data, cluster="clinic").covariance, [[wanted]], rtol=1e-9)

    def test_statsmodels_agrees(self) -> None:
        import statsmodels.api as sm

        data = people()
        fit = logistic("ill ~ age + z", data)
        other = sm.Logit(data["ill"], sm.add_constant(data[["age", "z"]])).fit(disp=0, tol=1e-12)
        assert_allclose(fit.coefficients, other.params, rtol=1e-6)
        assert_allclose(np.sqrt(np.diag(fit.covariance)), other.bse, rtol=1e-6)


class TestSeparation:
    def test_a_level_without_events(self) -> None:
        data = people().assign(ill=lambda d: np.where(d["smoking"] == "former", 0, d["ill"]))
        with pytest.warns(FitWarning, match="Empty cell: where smoking is former, the outcome never happens"):
            fit = logistic("ill ~ smoking + age", data)
        table = fit.tidy(exponentiate=True).set_index("term")
        row = table.loc["smoking[T.former]"]
        assert (row["estimate"], row["conf_low"]) == (0, 0) and np.isnan(row["std_error"]) and 0 < row["conf_high"] < 1
        rest = logistic("ill ~ smoking + age", data[data["smoking"] != "former"]).tidy(exponentiate=True).set_index("term")
        assert_allclose(table.loc[rest.index], rest, rtol=1e-8)
        assert "former" in fit.term_warnings["smoking[T.former]"]

    def test_a_reference_without_events_makes_every_comparison_infinite(self) -> None:
        data = people().assign(ill=lambda d: np.where(d["smoking"] == "current", 0, d["ill"]))
        with pytest.warns(FitWarning, match="another reference level"):
            fit = logistic("ill ~ smoking + age", data)
        assert fit.coefficients[:3].tolist() == [-np.inf, np.inf, np.inf]
        assert np.isfinite(fit.coefficients[3])

    def test_a_level_in_which_everybody_is_ill(self) -> None:
        data = people().assign(ill=lambda d: np.where(d["smoking"] == "never", 1, d["ill"]))
        with pytest.warns(FitWarning, match="the outcome always happens"):
            fit = logistic("ill ~ smoking", data)
        assert fit.coefficients[2] == np.inf

    def test_profile_limit_of_an_empty_cell_in_closed_form(self) -> None:
        """0 of 30 against 20 of 40: l(b) is known in closed form once the intercept is profiled out; solved by bisection."""
        from scipy.optimize import brentq, minimize_scalar

        with pytest.warns(FitWarning):
            fit = logistic("ill ~ exposed", two_by_two(0, 30, 20, 20))

        def profile(b: float) -> float:
            return -float(
                minimize_scalar(lambda a: 40 * np.log1p(np.exp(a)) - 20 * a + 30 * np.log1p(np.exp(a + b)), (-5, 5), tol=1e-12).fun
            )

        wanted = brentq(lambda b: 40 * np.log(0.5) - profile(b) - 3.841458820694124 / 2, -20, 0)
        assert_allclose(fit.limits["exposed"], (-np.inf, wanted), rtol=1e-5)

    def test_complete_separation_by_a_number(self) -> None:
        data = people().assign(ill=lambda d: (d["age"] > 55).astype(int))
        with pytest.warns(FitWarning, match="No single cell is empty: age, z together"):
            fit = logistic("ill ~ age + z", data)
        assert fit.coefficients[:2].tolist() == [-np.inf, np.inf]
        assert np.isnan(fit.coefficients[2])  # neither sign of z is excluded
        assert fit.loglik == 0

    def test_quasi_separation_along_a_number(self) -> None:
        """Rows tie at the boundary with both outcomes: those rows overlap, the others are told exactly."""
        data = pd.DataFrame({"x": [1.0, 2, 3, 3, 3, 4, 5] * 5, "ill": [0, 0, 0, 1, 1, 1, 1] * 5})
        with pytest.warns(FitWarning, match="x: the coefficient is plus infinity"):
            fit = logistic("ill ~ x", data)
        assert_allclose(fit.loglik, 5 * np.log(1 / 3) + 10 * np.log(2 / 3), rtol=1e-9)

    def test_an_interaction_cell(self) -> None:
        data = people().assign(old=lambda d: np.where(d["age"] > 55, "old", "not old"))
        data["ill"] = np.where((data["smoking"] == "never") & (data["old"] == "old"), 0, data["ill"])
        with pytest.warns(FitWarning, match="never"):
            fit = logistic("ill ~ smoking * old", data)
        assert np.isinf(fit.coefficients[-1])

    def test_one_event_more_and_it_is_finite(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            fit = logistic("ill ~ exposed", two_by_two(1, 3000, 20, 3000))
        assert_allclose(fit.coefficients[1], np.log(1 * 3000 / (3000 * 20)), rtol=1e-8)

    def test_a_direction_that_does_not_separate_is_not_taken_for_proof(self) -> None:
        data = two_by_two(1, 30, 20, 20)
        x = np.column_stack([np.ones(len(data)), data["exposed"]])
        assert separate(x, 2 * data["ill"].to_numpy(float) - 1, np.zeros(len(x), dtype=bool), np.array([0.0, -1.0]), np.eye(2)) is None

    def test_clusters_and_surveys_say_infinite_too(self) -> None:
        data = people().assign(ill=lambda d: np.where(d["smoking"] == "former", 0, d["ill"]), clinic=np.arange(400) % 20, w=2.5)
        for options in ({"cluster": "clinic"}, {"survey": Survey(psu="clinic", weights="w")}):
            with pytest.warns(FitWarning, match="minus infinity"):
                fit = logistic("ill ~ smoking + age", data, **options)  # type: ignore[arg-type]
            row = fit.tidy().set_index("term").loc["smoking[T.former]"]
            assert row["estimate"] == -np.inf and np.isnan(row["conf_high"]) and np.isnan(row["std_error"])
            assert np.isfinite(fit.tidy()["std_error"].drop(1)).all()

    def test_warnings_hold_no_counts(self) -> None:
        with pytest.warns(FitWarning) as caught:
            logistic("ill ~ smoking", people().assign(ill=lambda d: np.where(d["smoking"] == "former", 0, d["ill"])))
        assert not [c for c in str(caught[0].message).replace("10", "") if c.isdigit()]


class TestOutcome:
    @pytest.mark.parametrize("kind", [bool, "boolean", "Int64", float])
    def test_booleans_and_numbers(self, kind: Any) -> None:
        data = people()
        assert_allclose(
            logistic("ill ~ age", data.assign(ill=data["ill"].astype(kind))).coefficients, logistic("ill ~ age", data).coefficients
        )

    @pytest.mark.parametrize(
        ("outcome", "message"),
        [
            (lambda y: y + 1, r"codes 1 and 2.*data\['ill'\] == 2"),
            (lambda y: y.map({0: "no", 1: "yes"}), r"is text with the values no, yes"),
            (lambda y: pd.Categorical(y.map({0: "no", 1: "yes"})), "is a Categorical with the values no, yes"),
            (lambda y: y * 7.5, "2 different numbers"),
            (lambda y: y * 0, "is 0 in every row"),
            (lambda y: y * 0 == 0, "is 1 in every row"),
        ],
    )
    def test_every_coding_that_needs_a_guess_is_refused(self, outcome: Any, message: str) -> None:
        data = people()
        with pytest.raises(EventCodeError, match=message):
            logistic("ill ~ age", data.assign(ill=outcome(data["ill"])))

    def test_a_missing_outcome_is_a_missing_row_and_none_at_all_is_refused(self) -> None:
        data = people().astype({"ill": float})
        data.loc[:9, "ill"] = np.nan
        with pytest.warns(MissingRowsWarning, match=r"ill \(10\)"):
            fit = logistic("ill ~ age", data)
        assert (fit.n, fit.n_missing) == (390, 10)
        with pytest.raises(MissingValuesError, match="ill"):
            logistic("ill ~ age", data, missing="error")
        with pytest.raises(MissingValuesError, match="all 400"):
            logistic("ill ~ age", data.assign(ill=np.nan))


class TestOtherInput:
    def test_weight_zero_is_an_absent_row(self) -> None:
        data = people().assign(w=lambda d: (d["z"] > -1) * 1.0)
        ours, theirs = logistic("ill ~ age + smoking", data, weights="w"), logistic("ill ~ age + smoking", data[data["z"] > -1])
        assert_allclose(ours.tidy()[["estimate", "std_error"]], theirs.tidy()[["estimate", "std_error"]], rtol=1e-9)

    def test_few_events_are_said(self) -> None:
        with pytest.warns(FitWarning, match="Fewer than 10 events"):
            fit = logistic("ill ~ exposed", two_by_two(5, 50, 4, 60))
        assert "Fewer than 10" in fit.estimates(analysis="primary", model="m", outcome="o").frame["warning"].iloc[-1]

    def test_one_level_factor_and_missing_exposure(self) -> None:
        with pytest.raises(DataError, match="one level"):
            logistic("ill ~ smoking", people().assign(smoking="never"))
        with pytest.raises(MissingValuesError, match="age"):
            logistic("ill ~ age", people().assign(age=np.nan))

    def test_arguments_that_contradict(self) -> None:
        data = people().assign(w=1.0)
        with pytest.raises(DesignError, match="person-time"):
            logistic("ill ~ age", data, exposure="w")
        with pytest.raises(DesignError, match="leave out weights"):
            logistic("ill ~ age", data, survey=Survey(weights="w"), weights="w")
        with pytest.raises(DataError, match="negative"):
            logistic("ill ~ age", data.assign(w=-1.0), weights="w")
        with pytest.raises(ColumnNotFoundError, match="Did you mean 'age'"):
            logistic("ill ~ agee", data)
        with pytest.raises(FormulaError):
            logistic("age + z", data)

    def test_code_in_a_formula_does_not_run(self) -> None:
        with pytest.raises(CobalaminError):
            logistic("ill ~ __import__('os').getpid()", people())

    def test_covariates_far_from_zero_and_of_very_different_size(self) -> None:
        data = people()
        plain = logistic("ill ~ age + z", data)
        moved = logistic("ill ~ year + tiny", data.assign(year=data["age"] * 1e4 + 1e7, tiny=data["z"] / 1e6))
        assert_allclose(moved.coefficients[1:] * [1e4, 1e-6], plain.coefficients[1:], rtol=1e-7)
        assert_allclose(moved.loglik, plain.loglik, rtol=1e-12)


class TestResult:
    fit = logistic("ill ~ smoking + age", people())

    def test_columns_of_the_contract(self) -> None:
        assert self.fit.tidy().columns.tolist() == ["term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
        assert {"n", "n_missing", "events", "loglik", "loglik_null", "aic"} <= set(self.fit.glance().columns)

    def test_estimates_are_odds_ratios_with_reference_rows(self) -> None:
        frame = self.fit.estimates(analysis="primary", model="adjusted", outcome="illness").frame.query("context == 'estimate'")
        assert set(frame["measure"]) == {"odds ratio"}
        assert frame[["term", "level"]].to_numpy().tolist() == [["smoking", k] for k in ("current", "former", "never")] + [["age", ""]]
        assert frame["value"].iloc[0] == 1 and frame["n"].iloc[:3].sum() == 400

    def test_the_score_is_zero_at_the_maximum(self) -> None:
        x, y = self.fit.parts["matrix"].X, self.fit.parts["response"]
        score = x.T @ (y - self.fit.parts["fitted"])
        assert_allclose(score / np.abs(x).sum(axis=0), 0, atol=1e-12)

    def test_an_offset_takes_its_share(self) -> None:
        x, y = self.fit.parts["matrix"].X, self.fit.parts["response"]
        part = climb(Objective(x[:, :3], y, np.ones(len(y)), LOGIT, self.fit.coefficients[3] * x[:, 3]), np.zeros(3))
        assert_allclose(part.beta, self.fit.coefficients[:3], rtol=1e-7)
