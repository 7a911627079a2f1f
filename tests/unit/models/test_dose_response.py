"""One exposure on every scale: hand-worked cases, laws, refusals; Wald tests and fp() beneath."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import ColumnNotFoundError, DataError, DesignError, FormulaError, MissingRowsWarning
from cobalamin.models.after.dose_response import DoseResponse, dose_response
from cobalamin.models.after.exposure_groups import clinical_classes, quantile_groups, spread, weighted_knots
from cobalamin.models.after.fractional_polynomial import fractional_polynomial
from cobalamin.models.after.wald import nonlinear_columns, wald_of_contrasts, wald_test
from cobalamin.models.cox.cox import cox
from cobalamin.models.fit import Fit
from cobalamin.models.matrix.matrix import build_matrix
from cobalamin.models.regression.regression import linear, logistic
from cobalamin.release.disclosure import disclose

SAME = 1e-8  # the same maximum reached from other numbers
LAW = 1e-6  # the same, where the steps of the solver differ


def make_people(n: int = 240, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    b12 = rng.gamma(4, 80, n).round() + 30
    age = rng.normal(55, 10, n).round(1)
    risk = -0.7 * np.log2(b12 / 300) + 0.03 * (age - 55)
    y = (rng.random(n) < 1 / (1 + np.exp(-risk))).astype(int)
    time = (rng.exponential(size=n) / np.exp(risk)).round(3) + 0.001
    return pd.DataFrame({"b12": b12, "age": age, "t": time, "d": rng.integers(0, 2, n), "y": y, "w": rng.integers(1, 4, n)})


PEOPLE = make_people()
PLAIN: dict[str, Any] = {
    "exposure": "b12",
    "adjust": "age",
    "cutoffs": (148, 221),
    "quantiles": 4,
    "per": (1.0, "doubling", "sd", "log sd"),
}


def survival(formula: str, data: pd.DataFrame) -> Fit:
    return cox(formula, data, exit="t", event="d")


def effects(found: DoseResponse, scale: str) -> Any:
    return found.table.loc[found.table["scale"] == scale, ["estimate", "conf_low", "conf_high"]].to_numpy(dtype=float)


class TestGroups:
    def test_ties_go_to_the_lower_quantile_group_and_to_the_upper_class(self) -> None:
        values = np.array([1.0, 2, 2, 3, 4, 4, 5, 6, 7])
        ones = np.ones(9)
        assert quantile_groups(values, ones, 4, 1).cutpoints == (2, 4, 5)
        assert quantile_groups(values, ones, 4, 1).code(values).tolist() == [0, 0, 0, 1, 1, 1, 2, 3, 3]
        assert clinical_classes(values, ones, (2, 4), (), "").code(values).tolist() == [0, 1, 1, 1, 2, 2, 2, 2, 2]

    def test_a_cut_point_that_interpolation_rounds_off_a_value_is_that_value(self) -> None:
        values = np.arange(101.0) / 10  # 0.29 * 100 is 28.999999999999996
        for k in range(2, 21):
            groups = quantile_groups(values, np.ones(101), k, 1)
            on_a_value = sum((100 * j) % k == 0 for j in range(1, k))
            assert np.isin(groups.cutpoints, values).sum() == on_a_value

    def test_weights_are_copies(self) -> None:
        rng = np.random.default_rng(1)
        values, weight = rng.normal(size=150), rng.integers(1, 4, 150).astype(float)
        copies = np.repeat(values, weight.astype(int))
        ones = np.ones(len(copies))
        assert_allclose(quantile_groups(values, weight, 5, 1).cutpoints, quantile_groups(copies, ones, 5, 1).cutpoints)
        assert_allclose(weighted_knots(values, weight, 5), weighted_knots(copies, ones, 5))

    def test_what_makes_no_groups_is_refused(self) -> None:
        equal = np.array([0.0] * 8 + [1, 2])
        with pytest.raises(DataError, match="coincide"):
            quantile_groups(equal, np.ones(10), 4, 1)
        with pytest.raises(DesignError, match="rising"):
            clinical_classes(equal, np.ones(10), (2, 1), (), "")
        with pytest.raises(DesignError, match="not one of"):
            clinical_classes(equal, np.ones(10), (1,), ("low", "high"), "middle")
        with pytest.raises(DataError, match="fill 1 of 2 classes"):
            clinical_classes(equal, np.ones(10), (-5,), (), "")


class TestLaws:
    @pytest.mark.parametrize("factor", [0.7378, 1000.0])
    def test_scaling_the_exposure(self, factor: float) -> None:
        first = dose_response(survival, PEOPLE, **PLAIN)
        scaled = PLAIN | {"cutoffs": tuple(c * factor for c in (148, 221)), "per": (factor, "doubling", "sd", "log sd")}
        other = dose_response(survival, PEOPLE.assign(b12=PEOPLE["b12"] * factor), **scaled)
        names = ["estimate", "conf_low", "conf_high", "p_value", "n", "events"]
        assert_allclose(other.table[names].astype(float), first.table[names].astype(float), rtol=LAW)
        assert_allclose(other.tests["p_value"], first.tests["p_value"], rtol=LAW)

    def test_order_of_rows(self) -> None:
        shuffled = PEOPLE.sample(frac=1, random_state=3)
        a, b = (dose_response(survival, rows, **PLAIN) for rows in (PEOPLE, shuffled))
        names = ["estimate", "conf_low", "conf_high", "n", "median"]
        assert_allclose(b.table[names].astype(float), a.table[names].astype(float), rtol=LAW)

    def test_weight_two_is_two_copies(self) -> None:
        copies = PEOPLE.loc[PEOPLE.index.repeat(PEOPLE["w"])].reset_index(drop=True)
        a = dose_response(lambda f, d: logistic(f, d, weights="w"), PEOPLE, **PLAIN, outcome="y")
        b = dose_response(logistic, copies, **PLAIN, outcome="y")
        names = ["estimate", "std_error", "size", "median", "low"]
        assert_allclose(a.table[names].astype(float), b.table[names].astype(float), rtol=LAW)
        assert_allclose(a.tests["chi2"], b.tests["chi2"], rtol=LAW)

    def test_rows_of_weight_zero_are_nobody(self) -> None:
        nobody = pd.concat([PEOPLE.assign(w=1), PEOPLE.assign(w=0, b12=9e5)], ignore_index=True)
        a = dose_response(lambda f, d: cox(f, d, exit="t", event="d", weights="w"), nobody, **PLAIN)
        b = dose_response(survival, PEOPLE, **PLAIN)
        names = ["estimate", "size", "median", "n", "events"]
        assert_allclose(a.table[names].astype(float), b.table[names].astype(float), rtol=LAW)
        assert a.curve(221).frame["n"].sum() == b.curve(221).frame["n"].sum()


def test_every_scale_uses_the_same_rows_and_says_so_once() -> None:
    holes = PEOPLE.assign(age=PEOPLE["age"].where(PEOPLE.index % 7 > 0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = dose_response(survival, holes, **PLAIN, fractional=True)
    assert [w.category for w in caught].count(MissingRowsWarning) == 1
    assert {fit.n for fit in found.fits.values()} == {205}
    assert found.n_missing == 35
    alone = dose_response(survival, holes.dropna(), **PLAIN)
    names = ["estimate", "median", "n"]
    assert_allclose(found.table[names].astype(float), alone.table[names].astype(float), rtol=SAME)


def test_differences_have_null_zero_and_their_curve() -> None:
    found = dose_response(linear, PEOPLE.assign(s=PEOPLE["y"] * 2.0 + PEOPLE["age"] / 9), **PLAIN, outcome="s")
    reference = found.table.query("level == reference and level != ''")
    assert reference["estimate"].tolist() == [0.0, 0.0]
    curve = found.curve(221, scale="linear", log=True).where(measure="mean difference").frame
    slope = effects(found, "per 1")[0, 0]
    assert_allclose(curve["value"], slope * (curve["at"] - 221), atol=1e-12)
    assert curve.loc[curve["at"] == 221, ["value", "low", "high"]].to_numpy().tolist() == [[0, 0, 0]]


def test_names_that_are_no_identifiers() -> None:
    a = dose_response(survival, PEOPLE.rename(columns={"b12": "serum b12"}), **(PLAIN | {"exposure": "serum b12"}))
    b = dose_response(survival, PEOPLE, **PLAIN)
    assert_allclose(a.table["estimate"], b.table["estimate"], rtol=SAME)


def test_rows_for_the_results_table_pass_disclosure_control() -> None:
    found = dose_response(survival, PEOPLE, **PLAIN, fractional=True, reference=221.0)
    rows = found.estimates("primary", "LS", model="adjusted")
    assert set(rows.frame["model"]) >= {"adjusted: classes", "adjusted: per doubling", "adjusted: spline"}
    assert rows.where(measure="knot").frame["value"].tolist() == list(found.cutpoints["spline"])
    shown = disclose(rows, "none").estimates.where(measure="hazard ratio").frame
    assert_allclose(shown["value"], found.table["estimate"], rtol=1e-3)
    assert found.curve().frame.query("at == 221")["value"].tolist() == [1.0]
    assert "DoseResponse(b12" in repr(found)
    assert "<table" in found._repr_html_()


def test_an_empty_class_is_shown_with_nobody() -> None:
    found = dose_response(survival, PEOPLE, **(PLAIN | {"cutoffs": (1, 148, 221)}))
    row = found.table.query("scale == 'classes'").iloc[0]
    assert (row["n"], row["warning"]) == (0, "nobody in this group")
    assert np.isnan(row["estimate"])


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"per": ("halving",)}, DesignError, "not a step"),
        ({"per": (-1.0,)}, DesignError, "not a step"),
        ({"adjust": "age + log(b12)"}, DesignError, "cannot adjust for itself"),
        ({"adjust": "0 + age"}, DesignError, "not the rest of a formula"),
        ({"exposure": "b13"}, ColumnNotFoundError, "b12"),
        ({"quantiles": 1}, DesignError, "2 to 20"),
        ({"knots": 9}, FormulaError, "3 to 7"),
        ({"cutoff_labels": ("low", "high")}, DesignError, "3 classes"),
    ],
)
def test_refusals(change: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        dose_response(survival, PEOPLE, **(PLAIN | change))


def test_an_exposure_without_a_logarithm_is_refused_with_its_count() -> None:
    zeros = PEOPLE.assign(b12=PEOPLE["b12"].where(PEOPLE.index >= 3, 0))
    with pytest.raises(DataError, match="3 of 240 values are 0 or negative"):
        dose_response(survival, zeros, **PLAIN)
    found = dose_response(survival, zeros, **(PLAIN | {"per": (1.0, "sd")}))
    assert found.n == 240
    with pytest.raises(DataError, match="one value only"):
        spread(np.ones(5), np.ones(5))
    with pytest.raises(DataError, match="column of numbers"):
        dose_response(survival, PEOPLE.assign(b12="low"), **PLAIN)
    with pytest.raises(ColumnNotFoundError, match="no curve"):
        found.curve(scale="classes")


class TestWald:
    def test_two_coefficients_by_hand(self) -> None:
        fit = survival("b12 + age", PEOPLE)
        b, v = fit.coefficients, fit.covariance
        assert_allclose(wald_test(fit, ["b12", "age"])["chi2"], b @ np.linalg.solve(v, b), rtol=1e-10)
        one = wald_test(fit, "age").iloc[0]
        assert_allclose(one["p_value"], fit.tidy()["p_value"][1], rtol=1e-9)

    def test_scales_far_apart_do_not_cost_rank(self) -> None:
        far = PEOPLE.assign(small=PEOPLE["b12"] * 1e-9, large=PEOPLE["age"] * 1e9)
        near, wide = survival("b12 + age", PEOPLE), survival("small + large", far)
        a, b = wald_test(near, ["b12", "age"]), wald_test(wide, ["small", "large"])
        assert b["df"].tolist() == [2]
        assert_allclose(a["chi2"], b["chi2"], rtol=1e-6)

    def test_contrasts_and_nonlinear_columns(self) -> None:
        fit = survival("rcs(b12, 5) + age", PEOPLE)
        assert nonlinear_columns(fit, "rcs(b12, 5)").tolist() == [1, 2, 3]
        same = wald_of_contrasts(fit, np.eye(5)[1:4])
        assert_allclose(same["chi2"], wald_test(fit, list(fit.names[1:4]))["chi2"], rtol=1e-10)
        with pytest.raises(DataError, match="one column"):
            nonlinear_columns(fit, "age")
        with pytest.raises(DataError, match="no term 'agee'"):
            wald_test(fit, "agee")


class TestFractionalPolynomial:
    def test_columns_by_hand(self) -> None:
        x = pd.DataFrame({"x": [1.0, 2.0, 4.0]})
        found = build_matrix("fp(x, -1, 0, 2)", x).X
        assert_allclose(found, np.column_stack([1 / x["x"], np.log(x["x"]), x["x"] ** 2]))
        assert_allclose(build_matrix("fp(x, 2, 2)", x).X[:, 1], x["x"] ** 2 * np.log(x["x"]))
        assert_allclose(build_matrix("fp(x, 0, 0)", x).X[:, 1], np.log(x["x"]) ** 2)

    def test_new_data_are_coded_alike(self) -> None:
        matrix = build_matrix("fp(b12, -0.5, 3)", PEOPLE)
        assert_allclose(matrix.apply(PEOPLE.iloc[5:7]), matrix.X[5:7])

    @pytest.mark.parametrize("text", ["fp(b12)", "fp(b12, 4)", "fp(b12, 1, 1, 1, 1)", "fp(b12, 'a')"])
    def test_refused_formulas(self, text: str) -> None:
        with pytest.raises(FormulaError):
            build_matrix(text, PEOPLE)

    def test_refused_values(self) -> None:
        with pytest.raises(DataError, match="1 of 240"):
            build_matrix("fp(b12, 1)", PEOPLE.assign(b12=PEOPLE["b12"].where(PEOPLE.index > 0, -1)))
        with pytest.raises(DataError, match="degree"):
            fractional_polynomial(survival, PEOPLE, exposure="b12", degree=3)

    def test_the_closed_test_keeps_the_simplest(self) -> None:
        x = np.linspace(0.5, 5, 200)
        noise = np.random.default_rng(2).normal(size=200)
        shapes = {(): noise, (1.0,): x + noise, (0.0,): 9 * np.log(x) + noise}
        for powers, y in shapes.items():
            assert fractional_polynomial(linear, pd.DataFrame({"x": x, "y": y}), exposure="x", outcome="y").selected == powers
