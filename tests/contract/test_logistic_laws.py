"""Laws of every logistic regression, and the proof of separation against a linear program over all rows."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.core.errors import FitWarning
from cobalamin.models.fit import Fit
from cobalamin.models.regression.likelihoods import LOGIT
from cobalamin.models.regression.newton import Objective, climb
from cobalamin.models.regression.regression import logistic
from cobalamin.models.survey import Survey

SAME_MAXIMUM = 1e-8  # two Newton paths to one maximum
NUMBERS = ["estimate", "std_error", "conf_low", "conf_high"]


def people(n: int = 300, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"age": rng.normal(55, 10, n), "z": rng.normal(size=n), "arm": rng.choice(["a", "b", "c"], n), "clinic": np.arange(n) % 30}
    )
    odds = np.exp(-2.5 + 0.04 * frame["age"] + 0.3 * (frame["arm"] == "b"))
    return frame.assign(ill=(rng.random(n) < odds / (1 + odds)).astype(int), copies=rng.integers(1, 4, n))


VARIANTS = [
    {},
    {"cluster": "clinic"},
    {"weights": "copies"},
    {"weights": "copies", "cluster": "clinic"},
    {"survey": Survey(weights="copies", psu="clinic")},
]
every_variant = pytest.mark.parametrize("options", VARIANTS, ids=["model", "cluster", "weights", "weights-cluster", "survey"])


def fit(data: pd.DataFrame, formula: str = "ill ~ age + arm + z", **options: object) -> Fit:
    return logistic(formula, data, **options)  # type: ignore[arg-type]


def assert_same(one: Fit, other: Fit) -> None:
    assert_allclose(one.tidy()[NUMBERS], other.tidy()[NUMBERS], rtol=SAME_MAXIMUM, atol=SAME_MAXIMUM)


@every_variant
def test_row_order_does_not_matter(options: dict[str, object]) -> None:
    data = people()
    assert_same(fit(data, **options), fit(data.sample(frac=1, random_state=1), **options))


@every_variant
def test_shifting_and_scaling_a_covariate(options: dict[str, object]) -> None:
    data = people()
    moved = data.assign(age=(data["age"] - 50) / 10)
    one, other = (fit(d, **options).tidy().set_index("term")[NUMBERS] for d in (data, moved))
    assert_allclose(one.loc["age"] * 10, other.loc["age"], rtol=1e-7)
    assert_allclose(one.drop(["Intercept", "age"]), other.drop(["Intercept", "age"]), rtol=1e-7)


@every_variant
def test_the_other_outcome_turns_the_signs(options: dict[str, object]) -> None:
    data = people()
    one, other = fit(data, **options).tidy(), fit(data.assign(ill=1 - data["ill"]), **options).tidy()
    assert_allclose(one["estimate"], -other["estimate"], rtol=SAME_MAXIMUM)
    assert_allclose(one["std_error"], other["std_error"], rtol=SAME_MAXIMUM)


@pytest.mark.parametrize("options", [{}, {"cluster": "clinic"}], ids=["model", "cluster"])
def test_weight_2_is_two_copies(options: dict[str, object]) -> None:
    data = people()
    assert_same(fit(data, weights="copies", **options), fit(data.loc[data.index.repeat(data["copies"])], **options))


def test_a_reference_level_changes_the_terms_not_the_model() -> None:
    data = people()
    one, other = fit(data), fit(data.assign(arm=pd.Categorical(data["arm"], ["b", "a", "c"])))
    assert_allclose(one.loglik, other.loglik, rtol=1e-12)
    b, a = one.tidy().set_index("term").loc["arm[T.b]"], other.tidy().set_index("term").loc["arm[T.a]"]
    assert_allclose([b["estimate"], b["std_error"], b["conf_low"]], [-a["estimate"], a["std_error"], -a["conf_high"]], rtol=SAME_MAXIMUM)


def test_clusters_of_one_row_are_a_survey_of_single_rows() -> None:
    data = people().assign(row=range(300), w=1.0)
    one, other = fit(data, cluster="row"), fit(data, survey=Survey(weights="w"))
    assert_allclose(one.covariance, other.covariance, rtol=1e-9)
    assert other.df_residual == 300 - len(other.names)


def test_the_scale_of_survey_weights_says_nothing() -> None:
    data = people()
    data["many"] = data["copies"] * 12345.6
    assert_same(*(fit(data, survey=Survey(weights=w, psu="clinic")) for w in ("copies", "many")))


def test_score_and_information_are_the_derivatives() -> None:
    rng = np.random.default_rng(4)
    x, w = np.column_stack([np.ones(60), rng.normal(size=(60, 2))]), rng.uniform(0.5, 2, 60)
    y = (rng.random(60) < 0.4).astype(float)
    objective = Objective(x, y, w, LOGIT)
    found = climb(objective, np.zeros(3))

    def value(b: np.ndarray) -> float:
        return objective.evaluate(b).loglik

    h = 1e-4
    units = np.eye(3) * h
    score = [(value(found.beta + u) - value(found.beta - u)) / (2 * h) for u in units]
    assert_allclose(score, 0, atol=1e-6)
    second = [
        [
            (value(found.beta + u + v) - value(found.beta + u - v) - value(found.beta - u + v) + value(found.beta - u - v)) / (4 * h * h)
            for u in units
        ]
        for v in units
    ]
    assert_allclose(-np.array(second), found.information, rtol=1e-4)


def is_separated(x: np.ndarray, y: np.ndarray) -> bool:
    """Konis' linear program over all rows: is there a direction that no row loses by and some row gains by?"""
    from scipy.optimize import linprog

    gain = (2 * y - 1)[:, None] * x
    found = linprog(-gain.sum(axis=0), A_ub=-gain, b_ub=np.zeros(len(y)), bounds=[(-1, 1)] * x.shape[1], method="highs")
    return bool(-found.fun > 1e-6)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-2, 2), st.sampled_from("abc")), min_size=8, max_size=40))
@settings(max_examples=40, deadline=None)
def test_infinite_exactly_where_a_linear_program_finds_separation(rows: list[tuple[int, int, str]]) -> None:
    data = pd.DataFrame(rows, columns=["ill", "dose", "arm"])
    if data["ill"].nunique() < 2 or data["arm"].nunique() < 2:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        found = fit(data, "ill ~ dose + arm")
    kept = ~np.array(["linear combination" in found.term_warnings.get(name, "") for name in found.names])
    x = found.parts["matrix"].X[:, kept]
    separated = is_separated(x, data["ill"].to_numpy(float))
    assert separated == bool((~np.isfinite(found.coefficients[kept])).any())
    assert np.abs(found.coefficients[np.isfinite(found.coefficients)]).max(initial=0) < 25
    if not separated:
        score = x.T @ (found.parts["response"] - found.parts["fitted"])
        assert_allclose(score, 0, atol=1e-7)


def test_95_percent_limits_cover_the_truth_about_95_times_in_100() -> None:
    """250 samples of 300; Monte Carlo error 1.4 points, asked within 4.5."""
    rng, covered = np.random.default_rng(11), 0
    for _ in range(250):
        x = rng.normal(size=300)
        data = pd.DataFrame({"x": x, "ill": (rng.random(300) < 1 / (1 + np.exp(1 - 0.5 * x))).astype(int)})
        row = logistic("ill ~ x", data).tidy().iloc[1]
        covered += row["conf_low"] <= 0.5 <= row["conf_high"]
    assert abs(covered / 250 - 0.95) < 0.045
