"""Conditional logistic regression: worked by hand, sets that say nothing, separation, and bad input."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import (
    ColumnNotFoundError,
    DataError,
    EventCodeError,
    FitWarning,
    FormulaError,
    MissingRowsWarning,
    MissingValuesError,
)
from cobalamin.models.fit import Fit
from cobalamin.models.sampled.matched import conditional_logistic

EXACT = 1e-9  # a closed form and an iterative solution


def pairs(exposed_case: int, exposed_control: int, both: int = 4) -> pd.DataFrame:
    """1:1 sets: only the case exposed, only the control exposed, both or none."""
    kinds = [(1, 0)] * exposed_case + [(0, 1)] * exposed_control + [(1, 1), (0, 0)] * (both // 2)
    rows = [{"set": s, "case": 1 - j, "x": kind[j]} for s, kind in enumerate(kinds) for j in (0, 1)]
    return pd.DataFrame(rows)


PAIRS = pairs(18, 6)


def fit(data: pd.DataFrame = PAIRS, formula: str = "case ~ x", **options: Any) -> Fit:
    return conditional_logistic(formula, data, **{"matched_set": "set", **options})


class TestByHand:
    def test_pairs_are_mcnemars_odds_ratio(self) -> None:
        row = fit().tidy().iloc[0]
        assert_allclose([row["estimate"], row["std_error"]], [np.log(18 / 6), np.sqrt(1 / 18 + 1 / 6)], rtol=EXACT)

    def test_one_case_in_three(self) -> None:
        """Sets of 3 with one exposed member, the case in 8 of 14: the chance is r / (r + 2)."""
        data = pd.DataFrame({"set": np.repeat(range(14), 3), "case": [1, 0, 0] * 14, "x": [1, 0, 0] * 8 + [0, 1, 0] * 6})
        ratio = 2 * 8 / 6
        assert_allclose(np.exp(fit(data).coefficients), ratio, rtol=EXACT)
        assert_allclose(fit(data).loglik, 8 * np.log(ratio / (ratio + 2)) + 6 * np.log(1 / (ratio + 2)), rtol=EXACT)

    def test_two_cases_in_four(self) -> None:
        """Two exposed of four: 6 subsets, of which r^2, 4 r and 1 have two, one and no exposed case."""
        members = {2: [1, 1, 0, 0], 1: [1, 0, 1, 0], 0: [0, 0, 1, 1]}
        counts = {2: 5, 1: 9, 0: 4}
        data = pd.concat(
            [pd.DataFrame({"set": f"{k}-{i}", "case": [1, 1, 0, 0], "x": members[k]}) for k, n in counts.items() for i in range(n)]
        )
        # score: 2 * 5 + 9 = 18 (2 r^2 + 4 r) / (r^2 + 4 r + 1), a quadratic equation
        total, cases = 18, 19
        r = max(np.roots([2 * total - cases, 4 * total - 4 * cases, -cases]).real)
        assert_allclose(np.exp(fit(data).coefficients), r, rtol=EXACT)

    def test_facts(self) -> None:
        model = fit()
        assert (model.n, model.events, model.variance, model.family.measure) == (56, 28, "model", "odds ratio")
        assert_allclose(model.loglik_null, -28 * np.log(2), rtol=EXACT)
        assert model.facts["n_sets"] == 28 and model.facts["n_sets_used"] == 28
        assert np.isnan(model.person_time) and model.converged

    def test_booleans_and_factors(self) -> None:
        named = PAIRS.assign(case=PAIRS["case"] == 1, x=PAIRS["x"].map({0: "never", 1: "ever"}))
        named["x"] = pd.Categorical(named["x"], ["never", "ever"])
        model = fit(named)
        assert model.names == ("x[T.ever]",)
        assert_allclose(np.exp(model.coefficients), 3, rtol=EXACT)
        rows = model.estimates(analysis="primary", model="matched", outcome="case").frame
        assert set(rows.loc[rows["term"] == "x", "level"]) == {"never", "ever"}

    def test_a_set_may_have_a_name_of_several_columns(self) -> None:
        data = PAIRS.assign(area=PAIRS["set"] % 2, number=PAIRS["set"] // 2)
        assert_allclose(fit(data, matched_set=["area", "number"]).coefficients, fit().coefficients, rtol=EXACT)

    def test_a_person_may_be_in_several_sets(self) -> None:
        """Nested case-control: a control of one set is the case of another."""
        again = pd.concat([PAIRS, PAIRS.assign(set=PAIRS["set"] + 100)])
        assert_allclose(fit(again).covariance, fit().covariance / 2, rtol=EXACT)


class TestSetsThatSayNothing:
    def test_they_are_counted_by_kind(self) -> None:
        idle = pd.DataFrame({"set": [91, 91, 92, 93, 93], "case": [0, 0, 0, 1, 1], "x": [1, 0, 1, 0, 1]})
        with pytest.warns(FitWarning, match="2 without a case and 1 without a control of 31 matched sets"):
            model = fit(pd.concat([PAIRS, idle]))
        assert_allclose(model.coefficients, fit().coefficients, rtol=EXACT)
        assert model.facts["n_sets_without_contrast"] == 3 and model.n == 61
        # counts stay in the facts: the texts are printed beside results whose counts the disclosure rules protect
        assert model.warnings[0] == "Matched sets without a case and without a control: they say nothing about the odds ratios."

    def test_a_case_lost_to_a_missing_value_leaves_its_set_without_one(self) -> None:
        holes = PAIRS.astype(float)
        holes.loc[0, "x"] = np.nan
        with pytest.warns() as told:
            model = fit(holes)
        assert {warning.category for warning in told} == {MissingRowsWarning, FitWarning}
        assert (model.n_missing, model.missing, model.facts["n_sets_without_contrast"]) == (1, {"x": 1}, 1)
        assert_allclose(np.exp(model.coefficients), 17 / 6, rtol=EXACT)

    def test_a_missing_set_is_a_missing_value(self) -> None:
        with pytest.warns(MissingRowsWarning, match=r"set \(2\)"):
            model = fit(PAIRS.assign(set=PAIRS["set"].where(PAIRS["set"] > 0)))
        assert_allclose(np.exp(model.coefficients), 17 / 6, rtol=EXACT)
        with pytest.raises(MissingValuesError, match="set"):
            fit(PAIRS.assign(set=PAIRS["set"].where(PAIRS["set"] > 0)), missing="error")

    def test_no_set_with_both(self) -> None:
        with pytest.raises(DataError, match="none of the 28 matched sets has both"):
            fit(PAIRS.assign(case=0))


class TestSeparation:
    def test_every_case_exposed_more_than_its_control(self) -> None:
        with pytest.warns(FitWarning, match="infinity"):
            model = fit(pairs(9, 0))
        assert model.coefficients[0] == np.inf and np.isnan(model.covariance[0, 0])
        row = model.tidy().iloc[0]
        # the profile likelihood 9 log(r / (1 + r)) is half the 95% point of chi-squared below its supremum 0
        share = np.exp(-1.920729410347062 / 9)
        assert_allclose(row["conf_low"], np.log(share / (1 - share)), rtol=1e-6)
        assert row["conf_high"] == np.inf
        assert_allclose(model.loglik, 4 * np.log(0.5), rtol=1e-6)

    def test_in_sets_with_several_cases(self) -> None:
        data = pd.DataFrame(
            {"set": np.repeat(range(6), 5), "case": [1, 1, 0, 0, 0] * 6, "x": [3.0, 2, 1, 0, 0] * 6, "z": [0, 1, 0, 1, 2] * 6}
        )
        with pytest.warns(FitWarning, match="infinity"):
            model = fit(data, "case ~ x + z")
        assert np.isinf(model.coefficients).any()

    def test_what_a_set_shares_has_no_coefficient(self) -> None:
        with pytest.warns(FitWarning, match="does not vary within the risk sets"):
            model = fit(PAIRS.assign(age=PAIRS["set"] % 5), "case ~ x + age")
        assert np.isnan(model.coefficients[1])
        assert_allclose(model.coefficients[0], fit().coefficients[0], rtol=EXACT)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            slopes = fit(PAIRS.assign(age=PAIRS["set"] % 5), "case ~ x + age + x:age")
        assert np.isfinite(slopes.coefficients[2])

    def test_a_copy_in_sets_with_several_cases_is_an_alias(self) -> None:
        rng = np.random.default_rng(1)
        data = pd.DataFrame({"set": np.repeat(range(20), 5), "case": [1, 1, 0, 0, 0] * 20, "x": rng.normal(size=100)})
        with pytest.warns(FitWarning, match="x2"):
            model = fit(data.assign(x2=2 * data["x"]), "case ~ x + x2")
        assert np.isnan(model.coefficients[1])
        assert_allclose(model.coefficients[0], fit(data).coefficients[0], rtol=EXACT)


class TestRefusals:
    def test_codes_of_cases(self) -> None:
        with pytest.raises(EventCodeError, match="case"):
            fit(PAIRS.assign(case=PAIRS["case"] + 1))
        with pytest.raises(EventCodeError, match="text"):
            fit(PAIRS.assign(case=np.where(PAIRS["case"] == 1, "yes", "no")))

    def test_arguments(self) -> None:
        with pytest.raises(ColumnNotFoundError, match="'sett'"):
            fit(matched_set="sett")
        with pytest.raises(FormulaError, match="no response"):
            fit(formula="x")
        with pytest.raises(DataError, match="method"):
            fit(method="exakt")
        with pytest.raises(DataError, match="matched_set"):
            fit(matched_set=[])
        with pytest.raises(DataError, match="DataFrame"):
            conditional_logistic("case ~ x", [1, 2], matched_set="set")  # type: ignore[arg-type]

    def test_a_formula_without_terms(self) -> None:
        with pytest.raises(FormulaError):
            fit(formula="case ~ ")
