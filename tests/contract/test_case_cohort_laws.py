"""Laws of case-cohort estimators: the whole cohort as subcohort, risk sets by definition, and intervals that cover."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.core.errors import FitWarning
from cobalamin.models.cox.cox import cox
from cobalamin.models.fit import Fit
from cobalamin.models.sampled.case_cohort import METHODS, case_cohort

SAME_MAXIMUM = 1e-7  # two solutions of the same equations
SOLVED = 1e-6  # score of the definition at the solution, per event


def cohort(seed: int, n: int = 240, *, rate: float = 0.03) -> pd.DataFrame:
    """People who enter late, with tied times; membership of the subcohort depends on the area only."""
    rng = np.random.default_rng(seed)
    x, area = rng.normal(size=n), rng.choice(list("ab"), n)
    entry = rng.integers(0, 5, n)
    wait, end = np.ceil(rng.exponential(1 / (rate * np.exp(0.5 * x)))), rng.integers(3, 20, n)
    event, stay = (wait <= end).astype(int), np.minimum(wait, end)
    sub = rng.random(n) < np.where(area == "a", 0.25, 0.5)
    return pd.DataFrame({"in": entry, "out": entry + stay, "d": event, "x": x, "area": area, "sub": sub.astype(int), "id": range(n)})


cohorts = st.integers(0, 10**6).map(cohort)


def fit(data: pd.DataFrame, method: Any, **options: Any) -> Fit:
    if method.startswith("borgan"):
        options["stratum"] = "area"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        return case_cohort("x", data, **{"exit": "out", "event": "d", "entry": "in", "subcohort": "sub", "method": method, **options})


def numbers(model: Fit) -> list[float]:
    return [float(model.coefficients[0]), float(np.sqrt(model.covariance[0, 0]))]


@pytest.mark.parametrize("method", METHODS)
@given(data=cohorts, order=st.randoms(use_true_random=False))
@settings(max_examples=6, deadline=None)
def test_row_order_and_rows_outside_the_sample_do_not_matter(method: str, data: pd.DataFrame, order: Any) -> None:
    rows = list(range(len(data)))
    order.shuffle(rows)
    shuffled = data.iloc[rows]
    assert_allclose(numbers(fit(shuffled, method)), numbers(fit(data, method)), rtol=SAME_MAXIMUM)
    sample = shuffled[(shuffled["sub"] == 1) | (shuffled["d"] == 1)]
    size = shuffled["area"].value_counts().to_dict() if method.startswith("borgan") else len(data)
    assert_allclose(numbers(fit(sample, method, cohort_size=size)), numbers(fit(data, method)), rtol=SAME_MAXIMUM)


@pytest.mark.parametrize("method", METHODS)
@given(data=cohorts)
@settings(max_examples=6, deadline=None)
def test_only_the_order_of_times_matters(method: str, data: pd.DataFrame) -> None:
    stretched = data.assign(**{"in": np.sqrt(data["in"]) * 3 - 5, "out": np.sqrt(data["out"]) * 3 - 5})
    assert_allclose(numbers(fit(stretched, method)), numbers(fit(data, method)), rtol=SAME_MAXIMUM)


@pytest.mark.parametrize("method", METHODS)
@given(data=cohorts)
@settings(max_examples=6, deadline=None)
def test_a_subcohort_of_everybody_is_the_cohort(method: str, data: pd.DataFrame) -> None:
    everybody = data.assign(sub=1)
    size = data["area"].value_counts().to_dict() if method.startswith("borgan") else len(data)
    # cases count twice in the risk sets of the subcohort alone under Efron's method: compare without ties there
    alone = method in ("self-prentice", "borgan1")
    ties: Any = "breslow" if alone else "efron"
    whole = cox("x", data, exit="out", event="d", entry="in", ties=ties)
    assert_allclose(fit(everybody, method, ties=ties, cohort_size=size).coefficients, whole.coefficients, rtol=SAME_MAXIMUM)
    if not alone and method != "prentice":
        assert_allclose(numbers(fit(everybody, method, ties=ties, cohort_size=size))[1], np.sqrt(whole.covariance[0, 0]), rtol=SAME_MAXIMUM)


def score_by_definition(data: pd.DataFrame, b: float, method: str) -> float:
    """Sum over events of x less its mean over the risk set that the method's paper defines (Breslow's ties)."""
    sub, case = data["sub"].to_numpy() == 1, data["d"].to_numpy() == 1
    area = data["area"].to_numpy()
    weight = np.ones(len(data))
    for a in np.unique(area):
        own = (area == a) if method.startswith("borgan") else np.ones(len(data), dtype=bool)
        if method == "borgan1":
            weight[own] = own.sum() / (own & sub).sum()
        elif method in ("lin-ying", "borgan2"):
            weight[own & ~case] = (own & ~case).sum() / (own & sub & ~case).sum()
    total, x = 0.0, data["x"].to_numpy()
    for i in np.flatnonzero(case):
        t = data["out"].iloc[i]
        under = (data["in"].to_numpy() < t) & (t <= data["out"].to_numpy())
        if method == "prentice":
            risk = under & (sub | (case & (data["out"].to_numpy() == t)))
        else:
            risk = under & (sub if method in ("self-prentice", "borgan1") else (sub | case))
        if risk.any():
            share = weight[risk] * np.exp(x[risk] * b)
            total += x[i] - share @ x[risk] / share.sum()
    return total


@pytest.mark.parametrize("method", METHODS)
@given(data=cohorts)
@settings(max_examples=6, deadline=None)
def test_the_estimate_solves_the_equation_of_its_paper(method: str, data: pd.DataFrame) -> None:
    found = fit(data, method, ties="breslow")
    assert_allclose(score_by_definition(data, float(found.coefficients[0]), method) / found.events, 0, atol=SOLVED)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_95_percent_intervals_cover_the_truth_95_times_in_100(method: str) -> None:
    """2,000 cohorts of 1,500, 15 to 25% of them in the subcohort; the log hazard ratio is 0.5; between 93.5 and 96.5% is asked."""
    rng, times, covered = np.random.default_rng(24), 2000, 0
    for _ in range(times):
        x, area = rng.normal(size=1500), np.where(rng.random(1500) < 0.5, "a", "b")
        death = rng.exponential(12 * np.exp(-0.5 * x))
        sub = (rng.random(1500) < np.where(area == "a", 0.15, 0.25)) if method.startswith("borgan") else rng.random(1500) < 0.2
        data = pd.DataFrame({"out": np.minimum(death, 1), "d": (death < 1).astype(int), "x": x, "area": area, "sub": sub.astype(int)})
        row = fit(data, method, entry=None).tidy().iloc[0]
        covered += row["conf_low"] <= 0.5 <= row["conf_high"]
    assert 0.935 <= covered / times <= 0.965
