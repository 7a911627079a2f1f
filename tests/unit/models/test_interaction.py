"""Interaction: levels, recoding, refusals, the bootstrap."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import cobalamin as cb
from cobalamin.core.errors import ColumnNotFoundError, ConvergenceError, DataError, FitWarning
from cobalamin.models.after.bootstrap import bootstrap
from cobalamin.models.after.interaction import interaction, interaction_estimates


def people(n: int = 3000, preventive: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 2, n), rng.integers(0, 2, n)
    risk = 0.05 + (-0.03 if preventive else 0.10) * a + 0.10 * b + (0.0 if preventive else 0.10) * a * b
    smoking = pd.Categorical(rng.choice(["never", "former", "current"], n), categories=["never", "former", "current"])
    return pd.DataFrame({"a": a, "b": b, "y": (rng.random(n) < risk).astype(int), "s": smoking, "x": rng.normal(size=n)})


def by_measure(found: pd.DataFrame) -> pd.Series:
    return found.set_index("measure")["estimate"]


def test_a_saturated_model_gives_the_measures_of_the_four_groups() -> None:
    data = people()
    found = by_measure(interaction(cb.logistic("y ~ a * b", data), "a", "b"))
    odds = data.groupby(["a", "b"])["y"].mean().pipe(lambda p: p / (1 - p))
    ratio = odds / odds[0, 0]
    assert_allclose(found[["RR10", "RR01", "RR11"]], [ratio[1, 0], ratio[0, 1], ratio[1, 1]], rtol=1e-8)
    reri = ratio[1, 1] - ratio[1, 0] - ratio[0, 1] + 1
    assert_allclose(found[["RERI", "AP"]], [reri, reri / ratio[1, 1]], rtol=1e-7)
    assert_allclose(found["multiplicative"], ratio[1, 1] / ratio[1, 0] / ratio[0, 1], rtol=1e-8)


def test_the_order_of_the_exposures_and_of_the_formula_does_not_matter() -> None:
    data = people()
    one = by_measure(interaction(cb.logistic("y ~ s * a", data), "s", "a").query("a == 'current'"))
    other = by_measure(interaction(cb.logistic("y ~ a * s", data), "a", "s").query("b == 'current'"))
    assert_allclose(one[["RERI", "AP", "S", "RR11"]], other[["RERI", "AP", "S", "RR11"]], rtol=1e-7)
    assert_allclose(one["RR10"], other["RR01"], rtol=1e-7)


def test_each_level_of_a_factor_is_compared_with_its_reference() -> None:
    data = people()
    fit = cb.logistic("y ~ s * b + x", data)
    found = interaction(fit, "s", "b")
    assert found["a"].unique().tolist() == ["former", "current"]
    assert set(found["reference_a"]) == {"never"}
    b = dict(zip(fit.names, fit.coefficients, strict=True))
    both = found[(found["a"] == "current") & (found["measure"] == "RR11")]["estimate"].iloc[0]
    assert_allclose(both, np.exp(b["s[T.current]"] + b["b"] + b["s[T.current]:b"]), rtol=1e-10)


def test_values_of_a_number() -> None:
    fit = cb.logistic("y ~ x * b", people())
    found = by_measure(interaction(fit, "x", "b", a_values=(-1, 2), recode=False))
    c = dict(zip(fit.names, fit.coefficients, strict=True))
    assert_allclose(found[["RR10", "RR01"]], np.exp([3 * c["x"], c["b"] - c["x:b"]]), rtol=1e-10)
    with pytest.raises(DataError, match="the same"):
        interaction(fit, "x", "b", a_values=(1, 1))


def test_a_preventive_exposure_is_turned_round() -> None:
    data = people(preventive=True)
    fit = cb.logistic("y ~ a * b", data)
    with pytest.warns(FitWarning, match="'a' lowers the risk"):
        interaction(fit, "a", "b")
    turned = interaction(fit, "a", "b", recode=True)
    assert turned[["a", "reference_a", "b", "reference_b"]].iloc[0].tolist() == ["0", "1", "1", "0"]
    direct = interaction(cb.logistic("y ~ a * b", data.assign(a=1 - data["a"])), "a", "b")
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    assert_allclose(turned[columns], direct[columns], rtol=1e-6)


def test_what_has_no_interaction_to_read() -> None:
    data = people()
    with pytest.raises(DataError, match=r"Write a \* b"):
        interaction(cb.logistic("y ~ a + b", data), "a", "b")
    with pytest.raises(ColumnNotFoundError, match="Did you mean 's'"):
        interaction(cb.logistic("y ~ s * b", data), "ss", "b")
    with pytest.raises(DataError, match="third variable"):
        interaction(cb.logistic("y ~ a * b + a:x", data), "a", "b")
    with pytest.raises(DataError, match="categorise it"):
        interaction(cb.logistic("y ~ rcs(x, 4) * b", data), "rcs(x, 4)", "b")
    with pytest.raises(DataError, match="leave out its values"):
        interaction(cb.logistic("y ~ s * b", data), "s", "b", a_values=(0, 1))
    with pytest.raises(DataError, match="refit=, data= and seed="):
        interaction(cb.logistic("y ~ a * b", data), "a", "b", refit=lambda d: cb.logistic("y ~ a * b", d))


def test_a_joint_group_without_events_is_refused() -> None:
    data = people()
    data.loc[(data["a"] == 1) & (data["b"] == 1), "y"] = 0
    with pytest.warns(FitWarning):
        fit = cb.logistic("y ~ a * b", data)
    with pytest.raises(DataError, match="infinite"):
        interaction(fit, "a", "b")


def test_a_bootstrap_is_near_the_delta_method_and_repeats() -> None:
    data = people(1500)
    fit = cb.logistic("y ~ a * b", data)
    options = {"refit": lambda d: cb.logistic("y ~ a * b", d), "data": data, "replicates": 120, "seed": 3}
    one, again = (interaction(fit, "a", "b", **options).set_index("measure") for _ in range(2))
    pd.testing.assert_frame_equal(one, again)
    delta = interaction(fit, "a", "b").set_index("measure")
    assert_allclose(one.loc[["AP", "RERI"], "conf_low"], delta.loc[["AP", "RERI"], "conf_low"], atol=0.9)
    assert (one["conf_low"] < one["estimate"]).all() and (one["estimate"] < one["conf_high"]).all()


def test_bootstrap_draws_clusters_and_does_not_depend_on_workers() -> None:
    data = pd.DataFrame({"id": np.repeat(range(6), 3), "x": np.repeat([1.0, 2, 3, 4, 5, 6], 3)})
    one = bootstrap(lambda d: np.array([d["x"].mean(), d["id"].nunique()]), data, replicates=20, seed=2, cluster="id")
    two = bootstrap(_mean_and_clusters, data, replicates=20, seed=2, cluster="id", workers=2)
    assert_allclose(one.replicates, two.replicates)
    assert set(one.replicates[:, 1]) == {6.0}
    assert len(set((one.replicates[:, 0] * 6).round(6) % 1)) == 1  # means of whole clusters
    with pytest.raises(ConvergenceError, match="30 of 30"):
        bootstrap(_fails, data, replicates=30, seed=1)
    with pytest.raises(DataError, match="1 of 18 rows have no cluster"):
        bootstrap(_mean_and_clusters, data.assign(id=data["id"].where(data.index > 0)), replicates=2, seed=1, cluster="id")


def _mean_and_clusters(data: pd.DataFrame) -> np.ndarray:
    return np.array([data["x"].mean(), data["id"].nunique()])


def _fails(data: pd.DataFrame) -> np.ndarray:
    raise DataError("no")


def test_rows_of_the_results_table() -> None:
    found = interaction_estimates(
        cb.logistic("y ~ s * b", people()), "s", "b", analysis="secondary", model="m", outcome="LS", recode=True
    ).frame
    assert found["measure"].iloc[:7].tolist() == ["RR10", "RR01", "RR11", "multiplicative", "RERI", "AP", "S"]
    assert (found["term"] == "s x b").all()
    assert found["level"].str.contains(" x ").all()


def test_differences_have_their_interaction_in_the_product() -> None:
    fit = cb.logistic("y ~ a * b", people())
    from dataclasses import replace

    with pytest.raises(DataError, match="additive interaction"):
        interaction(replace(fit, family=replace(fit.family, ratio=False)), "a", "b")
