"""Survey designs: variance by its formula, and designs that cannot be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import ColumnNotFoundError, DataError, DesignError, MissingValuesError
from cobalamin.models.covariance import cluster_codes, expand_matrix, influence, sandwich, sum_by
from cobalamin.models.survey import Survey, read_design, survey_covariance


def sample() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "w": rng.uniform(1, 9, 120),
            "stratum": np.repeat(["a", "b", "c", "d"], 30),
            "psu": np.tile(np.repeat([1, 2, 3], 10), 4),
            "adult": rng.integers(0, 2, 120).astype(bool),
        }
    )


def test_variance_by_its_formula():
    data = sample()
    u = np.random.default_rng(6).normal(size=(120, 2))
    design = read_design(Survey(weights="w", strata="stratum", psu="psu"), data)
    want = np.zeros((2, 2))
    for _, rows in data.groupby("stratum"):
        totals = np.array([u[own.index].sum(axis=0) for _, own in rows.groupby("psu")])
        centred = totals - totals.mean(axis=0)
        want += 3 / 2 * centred.T @ centred
    assert_allclose(survey_covariance(u, design, np.ones(120, dtype=bool)), want)
    assert (design.n_strata, design.n_psu, design.degrees_of_freedom(np.ones(120, dtype=bool))) == (4, 12, 8)


def test_rows_outside_the_domain_count_with_influence_zero():
    data = sample()
    u = np.random.default_rng(6).normal(size=(120, 1))
    whole = read_design(Survey(weights="w", strata="stratum", psu="psu"), data)
    part = read_design(Survey(weights="w", strata="stratum", psu="psu", domain="adult"), data)
    inside = data["adult"].to_numpy()
    zeroed = np.where(inside[:, None], u, 0)
    assert_allclose(survey_covariance(u[inside], part, inside), survey_covariance(zeroed, whole, np.ones(120, dtype=bool)))


def test_units_are_numbered_within_strata():
    design = read_design(Survey(weights="w", strata="stratum", psu="psu"), sample())
    apart = sample().assign(psu=lambda d: d["stratum"] + d["psu"].astype(str))
    assert design.n_psu == read_design(Survey(weights="w", strata="stratum", psu="psu"), apart).n_psu == 12


@pytest.mark.parametrize(
    ("change", "given", "error", "text"),
    [
        ({"w": -1.0}, {}, DataError, "120 of 120 weights are negative"),
        ({"w": np.nan}, {}, MissingValuesError, "w: 120 of 120"),
        ({"psu": None}, {}, MissingValuesError, "psu"),
        ({}, {"strata": "strtum"}, ColumnNotFoundError, "Did you mean 'stratum'"),
        ({"adult": 2}, {"domain": "adult"}, DataError, "True or False"),
        ({"adult": "yes"}, {"domain": "adult"}, DataError, "True or False"),
    ],
)
def test_bad_designs(change, given, error, text):
    with pytest.raises(error, match=text):
        read_design(Survey(**{"weights": "w", "strata": "stratum", "psu": "psu", **given}), sample().assign(**change))


def test_a_stratum_with_one_unit():
    data = sample().assign(psu=lambda d: np.where(d["stratum"] == "b", 1, d["psu"]))
    u, every = np.random.default_rng(6).normal(size=(120, 1)), np.ones(120, dtype=bool)

    def variance(rule, **given):
        return survey_covariance(u, read_design(Survey(weights="w", strata="stratum", psu="psu", single_psu=rule, **given), data), every)[
            0, 0
        ]

    with pytest.raises(DesignError, match="1 of 4 strata have one primary sampling unit"):
        variance("error")
    certain = variance("certainty")
    assert_allclose(variance("average"), certain * 4 / 3)
    assert_allclose(variance("adjust"), certain + u[30:60].sum() ** 2)
    assert variance("center") == variance("adjust")
    with pytest.raises(DesignError, match="expected one of error"):
        variance("ignore")
    alone = read_design(Survey(weights="w", strata="stratum", psu="one", single_psu="average"), data.assign(one=1))
    with pytest.raises(DesignError, match="nothing to average"):
        survey_covariance(u, alone, every)


def test_a_lonely_stratum_outside_the_domain_is_no_matter():
    data = sample().assign(psu=lambda d: np.where(d["stratum"] == "b", 1, d["psu"]), adult=lambda d: d["stratum"] != "b")
    design = read_design(Survey(weights="w", strata="stratum", psu="psu", domain="adult"), data)
    assert np.isfinite(survey_covariance(np.ones((90, 1)), design, data["adult"].to_numpy())).all()


def test_sandwich():
    u = np.random.default_rng(2).normal(size=(30, 2))
    codes, count = cluster_codes(np.repeat([5, 1, 9], 10))
    total = np.array([u[:10].sum(0), u[10:20].sum(0), u[20:].sum(0)])
    assert_allclose(sum_by(u, codes, count), total)
    assert_allclose(sandwich(u, (codes, count)), total.T @ total)
    assert_allclose(sandwich(u, (codes, count), correction=True), 1.5 * total.T @ total)
    assert_allclose(sandwich(u), u.T @ u)
    assert_allclose(influence(u, 2 * np.eye(2)), 2 * u)
    assert np.isnan(expand_matrix(np.eye(1), np.array([False, True]))).sum() == 3
