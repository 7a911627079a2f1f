"""Generalized linear models: names and numbers of the result, and every input that must be refused or said."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import (
    CobalaminError,
    ColumnNotFoundError,
    ConvergenceError,
    DataError,
    DesignError,
    EventCodeError,
    FitWarning,
    FormulaError,
    MissingRowsWarning,
    MissingValuesError,
)
from cobalamin.models.fit import Fit
from cobalamin.models.regression.profile import glm_profile_interval
from cobalamin.models.regression.rates import negative_binomial, poisson
from cobalamin.models.regression.regression import linear, logistic
from cobalamin.models.regression.risks import risk_difference, risk_ratio
from cobalamin.models.survey import Survey

SAME = 1e-9  # one maximum reached twice
Model = Callable[..., Fit]
pytestmark = pytest.mark.filterwarnings("ignore:The counts vary")  # said without person-time; asked for by name in one test


def people(n: int = 300, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.normal(55, 10, n), "arm": rng.choice(["a", "b", "c"], n), "years": rng.uniform(0.5, 5, n)})
    return frame.assign(
        ill=rng.integers(0, 2, n),
        falls=rng.poisson(frame["years"]),
        visits=rng.poisson(frame["years"] * rng.gamma(1, 1, n)),
        b12=rng.normal(400, 90, n),
        clinic=np.arange(n) % 12,
    )


EVERY: list[tuple[Model, str]] = [
    (linear, "b12"),
    (logistic, "ill"),
    (poisson, "falls"),
    (negative_binomial, "visits"),
    (risk_ratio, "ill"),
    (risk_difference, "ill"),
]
every_model = pytest.mark.parametrize(("model", "outcome"), EVERY, ids=[m.__name__ for m, _ in EVERY])
COUNTS: list[tuple[Model, str]] = [(poisson, "falls"), (negative_binomial, "visits")]
counts_only = pytest.mark.parametrize(("model", "outcome"), COUNTS, ids=[m.__name__ for m, _ in COUNTS])
BINARY: list[tuple[Model, str]] = [(logistic, "ill"), (risk_ratio, "ill"), (risk_difference, "ill")]
binary_only = pytest.mark.parametrize(("model", "outcome"), BINARY, ids=[m.__name__ for m, _ in BINARY])


class TestEveryModel:
    @every_model
    def test_columns_and_the_name_of_the_measure(self, model: Model, outcome: str) -> None:
        fit = model(f"{outcome} ~ arm + age", people())
        assert fit.tidy().columns.tolist() == ["term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
        measures = {
            "linear": "mean difference",
            "logistic": "odds ratio",
            "poisson": "rate ratio",
            "negative_binomial": "rate ratio",
            "risk_ratio": "risk ratio",
            "risk_difference": "risk difference",
        }
        frame = fit.estimates(analysis="primary", model="m", outcome="o").frame
        rows = frame[frame["context"] == "estimate"]
        assert set(rows["measure"]) == {measures[model.__name__]}
        reference = rows[rows["level"] == "a"].iloc[0]
        assert reference["value"] == (1 if fit.family.ratio else 0)
        assert rows["n"].iloc[:3].sum() == 300
        assert fit.call.startswith(f"{model.__name__}('{outcome} ~ arm + age'")

    @every_model
    def test_an_alias_is_named(self, model: Model, outcome: str) -> None:
        with pytest.warns(FitWarning, match="again: left out, because it is a linear combination of age"):
            fit = model(f"{outcome} ~ age + again", people().assign(again=lambda d: 2 * d["age"] + 3))
        assert fit.tidy().iloc[2, 1:].isna().all()
        assert_allclose(fit.coefficients[:2], model(f"{outcome} ~ age", people()).coefficients, rtol=1e-6)

    @every_model
    def test_missing_rows_are_counted_or_refused(self, model: Model, outcome: str) -> None:
        data = people().astype({outcome: float})
        data.loc[:4, outcome], data.loc[5:6, "age"], data.loc[7, "clinic"] = np.nan, np.nan, np.nan
        with pytest.warns(MissingRowsWarning, match="clinic"):
            fit = model(f"{outcome} ~ age", data, cluster="clinic")
        assert (fit.n, fit.n_missing) == (292, 8)
        with pytest.raises(MissingValuesError, match="age"):
            model(f"{outcome} ~ age", data, missing="error")
        with pytest.raises(MissingValuesError):
            model(f"{outcome} ~ age", data.assign(**{outcome: np.nan}))

    @every_model
    def test_arguments_that_contradict_or_do_not_exist(self, model: Model, outcome: str) -> None:
        data, formula = people().assign(w=1.0), f"{outcome} ~ age"
        for options, message in (
            ({"survey": Survey(weights="w"), "weights": "w"}, "leave out weights"),
            ({"survey": Survey(weights="w"), "robust": "HC0"}, "leave out robust"),
            ({"robust": "HC9"}, "expected one of HC0"),
            ({"robust": "HC3", "cluster": "clinic"}, "independent"),
            ({"cluster": "w"}, "1 cluster in the rows used"),
        ):
            with pytest.raises(DesignError, match=message):
                model(formula, data, **options)
        for name in ("weights", "cluster", "offset"):
            with pytest.raises(ColumnNotFoundError, match="agee"):
                model(formula, data, **{name: "agee"})
        with pytest.raises(FormulaError, match="response"):
            model("age", data)
        with pytest.raises(DataError, match="negative"):
            model(formula, data.assign(w=-1.0), weights="w")
        with pytest.raises(DataError, match="infinite"):
            model(formula, data.assign(w=np.inf), offset="w")
        with pytest.raises(DataError, match="infinite"):
            model(formula, data.assign(age=np.where(np.arange(300) == 3, np.inf, data["age"])))
        with pytest.raises(CobalaminError):
            model(f"{outcome} ~ __import__('os').getpid()", data)

    @every_model
    def test_more_columns_than_rows(self, model: Model, outcome: str) -> None:
        rng = np.random.default_rng(0)
        data = pd.DataFrame(rng.normal(size=(6, 8)), columns=[f"x{i}" for i in range(8)]).assign(
            ill=[0, 1] * 3, falls=1, visits=range(6), b12=range(6)
        )
        with pytest.raises(DataError, match="9 columns for 6 rows"):
            model(f"{outcome} ~ " + " + ".join(f"x{i}" for i in range(8)), data)

    @every_model
    def test_far_covariates_of_very_different_size(self, model: Model, outcome: str) -> None:
        data = people()
        plain = model(f"{outcome} ~ age", data)
        moved = model(f"{outcome} ~ year", data.assign(year=data["age"] * 1e-4 + 1e6))
        assert_allclose(moved.coefficients[1] * 1e-4, plain.coefficients[1], rtol=1e-4)

    @every_model
    def test_text_as_outcome(self, model: Model, outcome: str) -> None:
        with pytest.raises(EventCodeError, match="is text"):
            model(f"{outcome} ~ age", people().assign(**{outcome: ["x", "y", "z"] * 100}))


class TestCounts:
    @counts_only
    def test_person_time_must_be_above_zero(self, model: Model, outcome: str) -> None:
        data = people()
        data.loc[:2, "years"] = 0
        data.loc[3, "years"] = -1
        with pytest.raises(DataError, match="zero in 3 and negative in 1 of 300 rows"):
            model(f"{outcome} ~ age", data, exposure="years")
        with pytest.raises(DataError, match="1 of 300 values are infinite"):
            model(f"{outcome} ~ age", people().assign(years=[np.inf, *[1.0] * 299]), exposure="years")
        with pytest.raises(DataError, match="expected numbers"):
            model(f"{outcome} ~ age", people(), exposure="arm")

    @counts_only
    def test_counts_that_are_no_counts(self, model: Model, outcome: str) -> None:
        data = people()
        with pytest.raises(EventCodeError, match="are negative"):
            model(f"{outcome} ~ age", data.assign(**{outcome: data[outcome] - 1}))
        with pytest.raises(EventCodeError, match="not whole numbers"):
            model(f"{outcome} ~ age", data.assign(**{outcome: data[outcome] + 0.5}))
        with pytest.raises(EventCodeError, match="no event in any row"):
            model(f"{outcome} ~ age", data.assign(**{outcome: 0}))

    def test_numbers_that_are_not_whole_have_a_mean_model(self) -> None:
        data = people().assign(cost=lambda d: d["falls"] + 0.5)
        assert poisson("cost ~ age", data, robust="HC0").variance == "robust"

    @counts_only
    def test_events_and_person_time_per_level(self, model: Model, outcome: str) -> None:
        data = people()
        fit = model(f"{outcome} ~ arm", data, exposure="years")
        inside = data[data["arm"] == "b"]
        count = fit.counts[("arm", "b")]
        assert (count.n, count.events) == (len(inside), inside[outcome].sum())
        assert_allclose([count.person_time, fit.person_time], [inside["years"].sum(), data["years"].sum()])

    def test_a_rate_is_events_over_time(self) -> None:
        data = pd.DataFrame({"d": [30, 20], "t": [1000.0, 2000.0], "x": [1, 0]})
        row = poisson("d ~ x", data, exposure="t").tidy().iloc[1]
        assert_allclose([row["estimate"], row["std_error"]], [np.log(3), np.sqrt(1 / 30 + 1 / 20)], rtol=SAME)

    def test_overdispersed_counts_are_said_unless_the_variance_allows_them(self) -> None:
        data = people().assign(visits=lambda d: d["visits"] * 3)
        with pytest.warns(FitWarning, match="vary clearly more"):
            fit = poisson("visits ~ age", data, exposure="years")
        assert fit.facts["dispersion"] > 1.5
        assert poisson("visits ~ age", data, exposure="years", robust="HC1").warnings == ()
        assert poisson("falls ~ age", people(), exposure="years").warnings == ()

    def test_rates_far_from_one(self) -> None:
        """Millions of days and rare events: the start must not be at a rate of 1."""
        data = people().assign(days=lambda d: d["years"] * 1e7)
        assert_allclose(
            poisson("falls ~ age", data, exposure="days").coefficients[1],
            poisson("falls ~ age", data, exposure="years").coefficients[1],
            rtol=1e-6,
        )

    def test_a_level_without_events_has_firth_as_remedy(self) -> None:
        data = people().assign(falls=lambda d: np.where(d["arm"] == "b", 0, d["falls"]))
        with pytest.warns(FitWarning, match="penalty='firth' gives finite estimates"):
            fit = poisson("falls ~ arm", data, exposure="years")
        assert fit.coefficients[1] == -np.inf and np.isfinite(fit.limits["arm[T.b]"][1])
        table = glm_profile_interval(fit).set_index("term")
        assert_allclose(table.loc["arm[T.b]", "conf_high"], fit.limits["arm[T.b]"][1], rtol=1e-6)
        assert table.loc["arm[T.b]", "conf_low"] == -np.inf and table.loc["arm[T.b]", "p_value"] < 1e-6
        others = glm_profile_interval(poisson("falls ~ arm", data[data["arm"] != "b"], exposure="years")).set_index("term")
        assert_allclose(table.loc[others.index, ["conf_low", "conf_high"]], others[["conf_low", "conf_high"]], rtol=1e-6)
        finite = poisson("falls ~ arm", data, exposure="years", penalty="firth")
        assert np.isfinite(finite.tidy()["std_error"]).all() and finite.coefficients[1] < -3
        assert not finite.warnings

    @pytest.mark.parametrize("options", [{}, {"cluster": "clinic"}, {"robust": "HC3"}], ids=str)
    def test_a_negative_binomial_level_without_events(self, options: dict[str, Any]) -> None:
        data = people().assign(visits=lambda d: np.where(d["arm"] == "b", 0, d["visits"]))
        with pytest.warns(FitWarning, match="arm is b, the outcome never happens"):
            fit = negative_binomial("visits ~ arm", data, exposure="years", **options)
        rest = negative_binomial("visits ~ arm", data[data["arm"] != "b"], exposure="years")
        assert fit.coefficients[1] == -np.inf
        assert_allclose(fit.coefficients[[0, 2]], rest.coefficients, rtol=1e-6)
        assert_allclose(fit.facts["theta"], rest.facts["theta"], rtol=1e-6)


class TestBinary:
    @binary_only
    def test_outcomes_that_need_a_guess(self, model: Model, outcome: str) -> None:
        data = people()
        for values, message in ((data["ill"] + 1, "codes 1 and 2"), (data["ill"] * 7, "2 different numbers"), (0, "0 in every row")):
            with pytest.raises(EventCodeError, match=message):
                model("ill ~ age", data.assign(ill=values))

    @pytest.mark.parametrize("model", [linear, logistic, risk_ratio, risk_difference])
    def test_person_time_is_refused_not_ignored(self, model: Model) -> None:
        with pytest.raises(DesignError, match="person-time"):
            model("ill ~ age", people(), exposure="years")

    @pytest.mark.parametrize("model", [risk_ratio, risk_difference])
    def test_an_unknown_method(self, model: Model) -> None:
        with pytest.raises(DesignError, match="method: got 'probit'"):
            model("ill ~ age", people(), method="probit")

    def test_the_log_binomial_border_is_said_and_what_to_do(self) -> None:
        x = np.arange(1.0, 11)
        ill = np.concatenate([np.repeat([1, 0], [k, 10 - k]) for k in (0, 1, 1, 2, 3, 5, 8, 10, 10, 10)])
        data = pd.DataFrame({"x": np.repeat(x, 10), "ill": ill})
        with pytest.raises(ConvergenceError, match=r"still move most: .*method='poisson'"):
            risk_ratio("ill ~ x", data, method="log-binomial")
        with pytest.warns(FitWarning, match="Some fitted risks are outside"):
            risk_ratio("ill ~ x", data)

    def test_a_level_without_events_sends_the_risk_difference_to_least_squares(self) -> None:
        data = people().assign(ill=lambda d: np.where(d["arm"] == "b", 0, d["ill"]))
        with pytest.raises(ConvergenceError, match="method='linear'"):
            risk_difference("ill ~ arm", data, method="binomial")
        with pytest.warns(FitWarning, match="linear probability regression instead"):
            fit = risk_difference("ill ~ arm", data)
        assert "Linear probability" in fit.family.title and fit.variance == "robust"
        mean = data.groupby("arm")["ill"].mean()
        assert_allclose(fit.coefficients, [mean["a"], mean["b"] - mean["a"], mean["c"] - mean["a"]], rtol=SAME)

    @pytest.mark.parametrize("method", ["poisson", "log-binomial"])
    def test_a_risk_ratio_of_zero(self, method: Any) -> None:
        data = people().assign(ill=lambda d: np.where(d["arm"] == "b", 0, d["ill"]))
        with pytest.warns(FitWarning, match="arm is b, the outcome never happens"):
            fit = risk_ratio("ill ~ arm", data, method=method)
        assert fit.coefficients[1] == -np.inf and np.isnan(fit.tidy()["std_error"][1])

    def test_an_intercept_is_not_needed(self) -> None:
        data = people()
        one, other = (risk_ratio(f, data, method="log-binomial") for f in ("ill ~ arm", "ill ~ 0 + arm"))
        assert_allclose(one.loglik, other.loglik, rtol=SAME)
        assert_allclose(np.exp(other.coefficients), data.groupby("arm")["ill"].mean(), rtol=1e-7)

    def test_modified_poisson_has_no_likelihood(self) -> None:
        fit = risk_ratio("ill ~ age", people())
        assert np.isnan([fit.loglik, fit.aic]).all() and fit.variance == "robust"
        with pytest.raises(DataError, match="independent people"):
            glm_profile_interval(fit)


class TestFirth:
    def test_separation_names_the_remedy_and_the_remedy_is_finite(self) -> None:
        data = people().assign(ill=lambda d: (d["age"] > 55).astype(int))
        with pytest.warns(FitWarning, match="penalty='firth'"):
            logistic("ill ~ age", data)
        fit = logistic("ill ~ age", data, penalty="firth")
        assert 0 < fit.coefficients[1] < 50 and np.isfinite(fit.covariance).all()
        limits = glm_profile_interval(fit, "age").iloc[0]
        assert 0 < limits["conf_low"] < fit.coefficients[1] < limits["conf_high"]

    @pytest.mark.parametrize("options", [{"robust": "HC0"}, {"cluster": "clinic"}, {"survey": Survey(weights="years")}], ids=str)
    def test_no_robust_variance_with_a_penalty(self, options: dict[str, Any]) -> None:
        with pytest.raises(DesignError, match="penalty='firth'"):
            logistic("ill ~ age", people(), penalty="firth", **options)
        with pytest.raises(DesignError, match="weights that are not whole"):
            logistic("ill ~ age", people(), penalty="firth", weights="years")
        with pytest.raises(DesignError, match="expected 'firth'"):
            logistic("ill ~ age", people(), penalty="lasso")  # type: ignore[arg-type]


class TestLinear:
    def test_a_t_test_is_a_regression(self) -> None:
        from scipy.stats import ttest_ind

        data = people()
        row = linear("b12 ~ ill", data).tidy().iloc[1]
        test = ttest_ind(data.loc[data["ill"] == 1, "b12"], data.loc[data["ill"] == 0, "b12"])
        assert_allclose([row["statistic"], row["p_value"]], [test.statistic, test.pvalue], rtol=SAME)
        interval = test.confidence_interval()
        assert_allclose([row["conf_low"], row["conf_high"]], [interval.low, interval.high], rtol=SAME)

    @pytest.mark.parametrize("coefficients", [(1, 1, 1, 1, 1, 1), (1, 0.1, 0.01, 1e-3, 1e-4, 1e-5)], ids=["Wampler1", "Wampler2"])
    def test_polynomials_of_nist(self, coefficients: tuple[float, ...]) -> None:
        """NIST StRD Wampler1 and Wampler2: exact polynomials of degree 5 in 0..20, certified coefficients as given."""
        x = np.arange(21.0)
        data = pd.DataFrame({f"x{k}": x**k for k in range(1, 6)}).assign(y=sum(c * x**k for k, c in enumerate(coefficients)))
        with pytest.warns(FitWarning, match="tell the outcome exactly"):
            fit = linear("y ~ x1 + x2 + x3 + x4 + x5", data)
        assert_allclose(fit.coefficients, coefficients, rtol=1e-6)

    def test_no_degrees_of_freedom_and_no_variation(self) -> None:
        with pytest.raises(DataError, match="no degrees of freedom"):
            linear("y ~ x", pd.DataFrame({"y": [1.0, 3.0], "x": [0, 1]}))
        with pytest.raises(DataError, match="the same in every row"):
            linear("b12 ~ age", people().assign(b12=3.0))
        with pytest.raises(DataError, match="infinite"):
            linear("b12 ~ age", people().assign(b12=[np.inf, *[1.0] * 299]))

    def test_a_row_of_its_own_has_no_hc3(self) -> None:
        data = people().assign(own=[1, *[0] * 299])
        with pytest.raises(DataError, match="1 of 300 rows have leverage 1"):
            linear("b12 ~ age + own", data, robust="HC3")
        linear("b12 ~ age + own", data, robust="HC1")

    def test_outcomes_of_any_size(self) -> None:
        data = people().assign(tiny=lambda d: d["b12"] * 1e-9, far=lambda d: d["b12"] + 1e9)
        plain = linear("b12 ~ age", data)
        for name, scale in (("tiny", 1e-9), ("far", 1.0)):
            other = linear(f"{name} ~ age", data)
            assert_allclose(other.coefficients[1] / scale, plain.coefficients[1], rtol=1e-6)
            assert_allclose(other.facts["r_squared"], plain.facts["r_squared"], rtol=1e-6)

    def test_statsmodels_agrees(self) -> None:
        import statsmodels.formula.api as smf

        data = people()
        ours, theirs = linear("b12 ~ age + arm", data), smf.ols("b12 ~ age + arm", data).fit()
        assert_allclose(ours.tidy().set_index("term")["estimate"][theirs.params.index], theirs.params, rtol=1e-8)
        assert_allclose(ours.facts["adjusted_r_squared"], theirs.rsquared_adj, rtol=1e-8)
        for kind in ("HC0", "HC1", "HC2", "HC3"):
            mine = linear("b12 ~ age + arm", data, robust=kind).tidy().set_index("term")["std_error"]
            assert_allclose(mine[theirs.params.index], smf.ols("b12 ~ age + arm", data).fit(cov_type=kind).bse, rtol=1e-8)


class TestProfile:
    def test_terms_levels_and_refusals(self) -> None:
        fit = logistic("ill ~ age + arm", people())
        assert glm_profile_interval(fit, ["age", "arm[T.b]"])["term"].tolist() == ["age", "arm[T.b]"]
        wide, narrow = (glm_profile_interval(fit, "age", level=level).iloc[0] for level in (0.99, 0.5))
        assert wide["conf_low"] < narrow["conf_low"] < fit.coefficients[1] < narrow["conf_high"] < wide["conf_high"]
        for level in (0, 1, 95):
            with pytest.raises(DataError, match="level"):
                glm_profile_interval(fit, "age", level=level)
        with pytest.raises(DataError, match="Did you mean 'age'"):
            glm_profile_interval(fit, "agee")
        with pytest.raises(DataError, match="border"):
            glm_profile_interval(risk_ratio("ill ~ age", people(), method="log-binomial"))

    def test_of_a_linear_model_they_are_t_limits(self) -> None:
        fit = linear("b12 ~ age", people())
        assert_allclose(
            glm_profile_interval(fit, "age").iloc[0, 2:4].astype(float), fit.tidy().loc[1, ["conf_low", "conf_high"]].astype(float)
        )

    def test_an_alias_has_none(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            fit = poisson("falls ~ age + again", people().assign(again=lambda d: 2 * d["age"]))
        assert glm_profile_interval(fit, "again").iloc[0, 1:].isna().all()
