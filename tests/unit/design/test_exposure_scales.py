"""Scales of an exposure: classes, quantiles, logarithm, and results beyond a measuring limit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import DataError, DesignError
from cobalamin.design import ExposureScales
from cobalamin.design.scales import add_scales

ALL = np.ones(6, dtype=bool)


def frame(*values: float, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"b12": values} | columns)


def test_a_class_contains_its_lower_limit_and_the_reference_comes_first() -> None:
    out, cuts, _ = add_scales(frame(147.9, 148, 220.9, 221, np.nan, 900), "b12", ExposureScales(cutoffs=(148, 221)), ALL)
    column = out["b12_class"]
    assert column.astype(object).where(column.notna(), None).tolist() == ["<148", "148 to <221", "148 to <221", ">=221", None, ">=221"]
    assert column.cat.categories.tolist() == [">=221", "148 to <221", "<148"] and column.cat.ordered
    assert cuts == {"b12_class": (148, 221)}
    middle, _, _ = add_scales(frame(*[100.0] * 6), "b12", ExposureScales(cutoffs=(148, 221), reference="148 to <221"), ALL)
    assert middle["b12_class"].cat.categories.tolist() == ["148 to <221", "<148", ">=221"] and not middle["b12_class"].cat.ordered


def test_a_result_below_a_limit_is_below_that_limit() -> None:
    side = pd.Categorical(["left", "", "left", "right", "right", "both"], categories=["", "left", "right", "both"])
    out, _, notes = add_scales(frame(148, 148, 300, 1500, 180, 200, b12_censored=side), "b12", ExposureScales(cutoffs=(148, 221)), ALL)
    labels = out["b12_class"].astype(object).where(out["b12_class"].notna(), None).tolist()
    # "<148" is in the lowest class; "<300" could be in any; ">1500" is in the highest; ">180" could be in two
    assert labels == ["<148", "148 to <221", None, ">=221", None, None]
    assert [(n.reason, n.n_people) for n in notes] == [("value beyond a measuring limit inside a class", 3)]


def test_quantiles_are_those_of_the_members_and_a_cut_point_belongs_below() -> None:
    member = np.array([1, 1, 1, 1, 1, 0], dtype=bool)
    out, cuts, _ = add_scales(frame(1, 2, 3, 4, 5, 1000), "b12", ExposureScales(quantiles=4), member)
    assert cuts["b12_q4"] == (2.0, 3.0, 4.0)
    assert out["b12_q4"].tolist() == ["Q1", "Q1", "Q2", "Q3", "Q4", "Q4"]
    last, _, _ = add_scales(frame(1, 2, 3, 4, 5, 1000), "b12", ExposureScales(quantiles=4, quantile_reference=4), member)
    assert last["b12_q4"].cat.categories.tolist() == ["Q4", "Q3", "Q2", "Q1"]


def test_quantiles_and_spread_within_each_assay() -> None:
    table = frame(1, 2, 3, 10, 20, 30, assay=["x"] * 3 + ["y"] * 3)
    scales = ExposureScales(quantiles=3, within="assay", standardise="value")
    out, cuts, _ = add_scales(table, "b12", scales, ALL)
    assert out["b12_q3"].tolist() == ["Q1", "Q2", "Q3"] * 2
    assert_allclose(out["b12_z"], [-1, 0, 1] * 2)
    assert cuts["b12_z [y]"] == (20.0, 10.0)


def test_one_unit_of_the_logarithm_is_a_doubling() -> None:
    out, _, _ = add_scales(frame(1, 2, 4, 8, np.nan, 16), "b12", ExposureScales(log2=True, standardise="log2"), ALL)
    assert_allclose(out["b12_log2"], [0, 1, 2, 3, np.nan, 4])
    assert_allclose(np.nanmean(out["b12_z"]), 0, atol=1e-15)
    assert_allclose(np.nanstd(out["b12_z"], ddof=1), 1)


def test_zero_has_no_logarithm_and_outsiders_do_not_stop_the_study() -> None:
    with pytest.raises(DataError, match="1 of 6 members have a value of 0 or less"):
        add_scales(frame(0, 1, 1, 1, 1, 1), "b12", ExposureScales(log2=True), ALL)
    out, _, _ = add_scales(frame(0, 1, 1, 1, 1, 1), "b12", ExposureScales(log2=True), ~np.eye(6, dtype=bool)[0])
    assert np.isnan(out["b12_log2"][0])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cutoffs": (221, 148)}, "cutoffs must rise"),
        ({"cutoffs": (148,), "labels": ("low",)}, "1 cutoffs make 2 classes; got 1 labels"),
        ({"cutoffs": (148, 221), "reference": ">221"}, "Did you mean '>=221'"),
        ({"quantiles": 1}, "2 or more groups"),
        ({"quantiles": 4, "quantile_reference": 5}, "one of them"),
        ({"standardise": "log"}, "expected 'value' or 'log2'"),
    ],
)
def test_contradictory_scales_are_refused(given: dict, message: str) -> None:
    with pytest.raises(DesignError, match=message):
        ExposureScales(**given)


def test_values_without_spread_cannot_be_standardised() -> None:
    with pytest.raises(DataError, match="without spread"):
        add_scales(frame(*[5.0] * 6), "b12", ExposureScales(standardise="value"), ALL)


def test_labels_have_no_scale() -> None:
    with pytest.raises(DesignError, match="scales need numbers"):
        add_scales(pd.DataFrame({"b12": pd.Categorical(["low"] * 6)}), "b12", ExposureScales(log2=True), ALL)
