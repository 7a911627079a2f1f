"""One test per finding of the review of the models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.cox import cox
from cobalamin.models.regression import logistic
from cobalamin.models.survey import Survey

pytestmark = pytest.mark.filterwarnings("ignore::cobalamin.core.errors.FitWarning")


def cohort(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(20)
    levels = np.array(["never", "former", "current"])
    x = rng.normal(size=n)
    return pd.DataFrame(
        {
            "x": x,
            "smoking": pd.Categorical(rng.choice(levels, n), levels),
            "parent_smoking": pd.Categorical(rng.choice(levels, n), levels),
            "t": rng.exponential(np.exp(-0.3 * x)) + 0.01,
            "d": rng.binomial(1, 0.6, n),
            "ill": rng.binomial(1, 0.4, n),
            "clinic": rng.integers(0, 20, n),
            "w": np.where(np.arange(n) % 4 == 0, 0.0, 2.0),
        }
    )


def test_rows_of_weight_zero_are_not_counted_as_people() -> None:
    data = cohort()
    there = data[data["w"] > 0]
    for options in ({"weights": "w"}, {"survey": Survey(psu="clinic", weights="w")}):
        pairs = [
            (cox("x + smoking", data, exit="t", event="d", **options), cox("x + smoking", there, exit="t", event="d", **options)),
            (logistic("ill ~ x + smoking", data, **options), logistic("ill ~ x + smoking", there, **options)),
        ]
        for ours, wanted in pairs:
            assert (ours.n, ours.events) == (len(there), wanted.events)
            assert_allclose(ours.person_time, wanted.person_time)
            assert list(ours.counts) == list(wanted.counts)
            for level, count in wanted.counts.items():
                found = ours.counts[level]
                assert_allclose([found.n, found.events, found.person_time], [count.n, count.events, count.person_time])
            assert_allclose(ours.coefficients, wanted.coefficients, rtol=1e-6)
            assert ours.facts["n_zero_weight"] == 100
            assert "n_zero_weight" not in wanted.facts
