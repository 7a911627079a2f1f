"""Standardisation: what a saturated model must give, survival at a time, attributable fractions, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import cobalamin as cb
from cobalamin.core.errors import ColumnNotFoundError, DataError, FitWarning, MissingRowsWarning
from cobalamin.models.after.standardize import standardize


def people(n: int = 1200) -> pd.DataFrame:
    rng = np.random.default_rng(9)
    x, z = rng.integers(0, 2, n), rng.integers(0, 2, n)
    risk = 0.1 + 0.15 * x + 0.2 * z
    t = rng.exponential(1 / (0.05 * np.exp(0.7 * x + 0.4 * z)))
    end = rng.uniform(2, 20, n)
    return pd.DataFrame(
        {
            "x": x,
            "z": z,
            "y": (rng.random(n) < risk).astype(int),
            "t": np.minimum(t, end),
            "d": (t <= end).astype(int),
            "c": np.arange(n) // 4,
        }
    )


def value(frame: pd.DataFrame, measure: str, level: str = "1") -> pd.Series:
    return frame[(frame["measure"] == measure) & (frame["level"] == level)].iloc[0]


def test_a_saturated_model_is_direct_standardisation() -> None:
    data = people()
    found = standardize(cb.logistic("y ~ x * z", data), data, by="x").frame
    share = data["z"].value_counts(normalize=True)
    risk = data.groupby(["x", "z"])["y"].mean()
    by_hand = [sum(share[z] * risk[x, z] for z in (0, 1)) for x in (0, 1)]
    assert_allclose([value(found, "risk", "0")["estimate"], value(found, "risk")["estimate"]], by_hand, rtol=1e-7)
    assert_allclose(value(found, "risk", "as observed")["estimate"], data["y"].mean(), rtol=1e-9)
    assert_allclose(value(found, "risk difference")["estimate"], by_hand[1] - by_hand[0], rtol=1e-7)
    fraction = value(found, "attributable fraction", "as observed")
    assert_allclose(fraction["estimate"], 1 - by_hand[0] / data["y"].mean(), rtol=1e-7)
    needed = value(found, "number needed to harm")
    assert_allclose(needed["estimate"], 1 / (by_hand[1] - by_hand[0]), rtol=1e-7)
    difference = value(found, "risk difference")
    assert_allclose([needed["conf_low"], needed["conf_high"]], [1 / difference["conf_high"], 1 / difference["conf_low"]], rtol=1e-9)


def test_no_number_needed_where_the_difference_may_be_nothing() -> None:
    data = people().assign(x=lambda d: np.random.default_rng(1).integers(0, 2, len(d)))
    found = standardize(cb.logistic("y ~ x + z", data), data, by="x").frame
    needed = found[found["measure"].str.startswith("number needed")].iloc[0]
    assert np.isnan(needed["conf_low"]) and np.isnan(needed["conf_high"]) and np.isfinite(needed["estimate"])


def test_survival_at_a_time_is_the_adjusted_curve() -> None:
    data = people()
    fit = cb.cox("x + z", data, exit="t", event="d")
    found = standardize(fit, data, by="x", time=5.0).frame
    curve = cb.adjusted_curve(fit, data, by="x", times=[5.0]).frame
    assert_allclose([value(found, "risk", g)["estimate"] for g in "01"], 1 - curve["estimate"], rtol=1e-12)
    assert_allclose([value(found, "risk", g)["std_error"] for g in "01"], curve["std_error"], rtol=1e-12)
    assert 0 < value(found, "attributable fraction", "as observed")["estimate"] < 1
    with pytest.raises(DataError, match="name it, such as time=10"):
        standardize(fit, data, by="x")
    with pytest.raises(DataError, match="after the last follow-up"):
        standardize(fit, data, by="x", time=500.0)
    with pytest.raises(DataError, match="has no time"):
        standardize(cb.logistic("y ~ x + z", data), data, by="x", time=5.0)


def test_a_bootstrap_is_near_the_delta_method_and_repeats() -> None:
    data = people(600)
    fit = cb.logistic("y ~ x + z", data)
    options = {"by": "x", "refit": lambda d: cb.logistic("y ~ x + z", d), "replicates": 200, "seed": 4}
    one, two = standardize(fit, data, **options), standardize(fit, data, **options)
    pd.testing.assert_frame_equal(one.frame, two.frame)
    delta = standardize(fit, data, by="x")
    assert one.method == "bootstrap"
    assert_allclose(value(one.frame, "risk difference")["std_error"], value(delta.frame, "risk difference")["std_error"], rtol=0.2)
    with pytest.raises(DataError, match="needs seed="):
        standardize(fit, data, by="x", refit=lambda d: cb.logistic("y ~ x + z", d))


def test_people_of_a_cluster_variance_are_taken_as_fixed_unless_asked() -> None:
    data = people()
    fit = cb.logistic("y ~ x + z", data, cluster="c")
    default, fixed = standardize(fit, data, by="x"), standardize(fit, data, by="x", covariates="fixed")
    assert_allclose(default.frame["std_error"], fixed.frame["std_error"])
    random = standardize(fit, data, by="x", covariates="random")
    assert value(random.frame, "risk")["std_error"] > value(fixed.frame, "risk")["std_error"]


def test_row_order_and_doubled_people() -> None:
    data = people(300)
    fit = cb.logistic("y ~ x + z", data)
    one = standardize(fit, data, by="x", covariates="fixed").frame
    other = standardize(fit, data.sample(frac=1, random_state=2), by="x", covariates="fixed").frame
    doubled = standardize(fit, pd.concat([data, data]), by="x", covariates="fixed").frame
    for again in (other, doubled):
        assert_allclose(again[["estimate", "std_error"]], one[["estimate", "std_error"]], rtol=1e-9)
    weighted = standardize(fit, data.assign(w=2.0), by="x", weights="w", covariates="fixed").frame
    assert_allclose(weighted[["estimate", "std_error"]], one[["estimate", "std_error"]], rtol=1e-9)


def test_what_cannot_be_standardised() -> None:
    data = people()
    fit = cb.logistic("y ~ x + z", data)
    with pytest.raises(ColumnNotFoundError, match="'y' is not in the model"):
        standardize(fit, data, by="y")
    with pytest.raises(DataError, match="no level '7'"):
        standardize(fit, data, by="x", reference=7)
    with pytest.raises(DataError, match="at least two values"):
        standardize(fit, data, by="x", levels=[1])
    with pytest.raises(DataError, match="expected 'random' or 'fixed'"):
        standardize(fit, data, by="x", covariates="both")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="has 20 different values"):
        standardize(cb.logistic("y ~ u + z", data.assign(u=np.arange(len(data)) % 20)), data.assign(u=np.arange(len(data)) % 20), by="u")
    with pytest.raises(DataError, match="no means to standardise"):
        standardize(cb.aft("x", data, exit="t", event="d"), data, by="x")
    with pytest.warns(MissingRowsWarning):
        assert standardize(fit, data.assign(z=data["z"].where(data.index > 2)), by="x").n_missing == 3
    with pytest.warns(FitWarning):
        apart = cb.logistic("y ~ x + z", data.assign(y=data["x"]))
    with pytest.raises(DataError, match="infinite"):
        standardize(apart, data, by="x")


def test_rates_and_means_have_their_names() -> None:
    data = people()
    rate = standardize(cb.poisson("d ~ x + z", data, exposure="t"), data, by="x").frame
    assert rate["measure"].unique().tolist() == ["rate", "rate difference", "rate ratio", "attributable fraction"]
    mean = standardize(cb.linear("t ~ x + z", data), data, by="x").frame
    assert mean["measure"].unique().tolist() == ["mean", "mean difference", "mean ratio"]


def test_rows_of_the_results_table() -> None:
    data = people()
    found = (
        standardize(cb.cox("x + z", data, exit="t", event="d"), data, by="x", time=5).estimates(analysis="s", model="m", outcome="LS").frame
    )
    assert set(found["at"]) == {5.0}
    assert found["measure"].str.startswith("standardised ").all()
