"""Fine-Gray regression and absolute risk: what they refuse, what they say, and extreme data."""

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
    FollowUpError,
    MissingRowsWarning,
    MissingValuesError,
)
from cobalamin.core.followup import FollowUp
from cobalamin.models.competing.absolute_risk import absolute_risk, cause_specific
from cobalamin.models.competing.fine_gray import fine_gray
from cobalamin.models.competing.fine_gray_likelihood import fine_gray_likelihood
from cobalamin.models.competing.fine_gray_weights import observation
from cobalamin.models.cox.cox import cox
from cobalamin.models.fit import Fit

EXACT = 1e-9  # the same numbers by another way


def people(n: int = 120, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    smoking = pd.Categorical(rng.choice(["never", "former", "current"], n), categories=["never", "former", "current"])
    x, event = rng.normal(size=n), rng.choice([0, 1, 2], n, p=[0.3, 0.4, 0.3])
    return pd.DataFrame(
        {"t": rng.integers(1, 30, n).astype(float), "e": event, "x": x, "smoking": smoking, "clinic": rng.integers(0, 12, n)}
    )


PEOPLE = people()


def fit(formula: str = "x + smoking", data: pd.DataFrame = PEOPLE, **options: Any) -> Fit:
    return fine_gray(formula, data, **{"exit": "t", "event": "e", **options})


class TestFit:
    def test_counts_and_says_what_it_is(self) -> None:
        result = fit()
        row = result.glance().iloc[0]
        assert row["events"] == (PEOPLE["e"] == 1).sum() and row["competing_events"] == (PEOPLE["e"] == 2).sum()
        assert row["events"] + row["competing_events"] + row["censored"] == row["n"] == 120
        assert result.family.measure == "subdistribution hazard ratio"
        assert result.call == "fine_gray('x + smoking', data, exit='t', event='e', cause=1)"
        assert result.variance == "robust" and fit(cluster="clinic").variance == "cluster"
        assert fit(cluster="clinic").glance()["n_clusters"][0] == PEOPLE["clinic"].nunique()

    def test_rows_of_weight_zero_are_nobody(self) -> None:
        """Every count, level counts included, is that of the rows of positive weight."""
        weighted = PEOPLE.assign(w=np.where(PEOPLE.index % 3 == 0, 0.0, 1.0), early=0.5)
        for options in ({}, {"entry": "early"}, {"cluster": "clinic"}):
            with_zero, without = fit(data=weighted, weights="w", **options), fit(data=weighted[weighted["w"] > 0], weights="w", **options)
            assert_allclose(with_zero.coefficients, without.coefficients, rtol=EXACT)
            assert_allclose(with_zero.covariance, without.covariance, rtol=EXACT)
            assert (with_zero.n, with_zero.events, with_zero.person_time) == (without.n, without.events, without.person_time)
            assert with_zero.counts == without.counts
            assert {**with_zero.facts} == pytest.approx({**without.facts, "n_zero_weight": 40.0}, rel=EXACT)

    def test_estimates_have_the_reference_level_and_its_events(self) -> None:
        frame = fit().estimates(analysis="primary", model="m", outcome="LS").frame
        reference = frame[(frame["term"] == "smoking") & (frame["level"] == "never")].iloc[0]
        assert reference["value"] == 1 and reference["events"] == ((PEOPLE["smoking"] == "never") & (PEOPLE["e"] == 1)).sum()

    def test_codes_of_competing_events_do_not_matter(self) -> None:
        other = PEOPLE.assign(e=PEOPLE["e"].map({0: 0, 1: 1, 2: 7}))
        assert_allclose(fit(data=other).covariance, fit().covariance, rtol=EXACT)
        swapped = PEOPLE.assign(e=PEOPLE["e"].map({0: 0, 1: 2, 2: 1}))
        assert_allclose(fit(data=swapped, cause=2).coefficients, fit().coefficients, rtol=EXACT)

    def test_missing_rows_are_left_out_and_counted(self) -> None:
        holes = PEOPLE.assign(x=PEOPLE["x"].where(PEOPLE.index > 4))
        with pytest.warns(MissingRowsWarning, match=r"5 of 120 .* x \(5\)"):
            result = fit(data=holes)
        assert (result.n, result.n_missing) == (115, 5)
        assert_allclose(result.coefficients, fit(data=PEOPLE[5:]).coefficients, rtol=EXACT)
        with pytest.raises(MissingValuesError):
            fit(data=holes, missing="error")

    def test_rows_of_weight_zero_are_as_good_as_absent(self) -> None:
        weighted = PEOPLE.assign(w=np.where(PEOPLE.index < 20, 0, 2.5))
        one, other = fit(data=weighted, weights="w", cluster="clinic"), fit(data=weighted[20:], weights="w", cluster="clinic")
        assert_allclose(one.coefficients, other.coefficients, rtol=EXACT)
        assert_allclose(one.covariance, other.covariance, rtol=EXACT)

    def test_an_alias_has_no_coefficient(self) -> None:
        with pytest.warns(FitWarning, match="linear combination"):
            result = fit("x + y", PEOPLE.assign(y=2 * PEOPLE["x"] + 1))
        assert np.isnan(result.coefficients[1]) and np.isnan(result.covariance[1]).all()
        assert_allclose(result.covariance[0, 0], fit("x").covariance[0, 0], rtol=1e-7)

    def test_a_coefficient_without_a_maximum_is_infinite(self) -> None:
        with pytest.warns(FitWarning, match="goes to minus infinity"):
            result = fit("x + never", PEOPLE.assign(never=((PEOPLE["e"] != 1) & (PEOPLE.index % 2 == 0)).astype(int)))
        assert result.coefficients[1] == -np.inf and np.isnan(result.covariance[1, 1])
        assert np.isfinite(result.covariance[0, 0]) and result.limits["never"][0] == -np.inf

    def test_near_ties_are_ties(self) -> None:
        shaken = PEOPLE.assign(t=PEOPLE["t"] * (1 + 1e-15 * np.arange(120)))
        assert_allclose(fit(data=shaken).covariance, fit().covariance, rtol=1e-8)

    def test_a_covariate_of_extreme_size_does_not_overflow(self) -> None:
        wild = PEOPLE.assign(x=np.where(PEOPLE.index == 3, 1e8, PEOPLE["x"]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            result = fit("x", wild)
        assert np.isfinite(result.loglik) and result.loglik >= result.loglik_null
        follow = FollowUp(np.full(120, -np.inf), PEOPLE["t"].to_numpy(), PEOPLE["e"].to_numpy())
        likelihood = fine_gray_likelihood(wild[["x"]].to_numpy(), follow, 1, observation(follow, None, "crr"), None, "breslow")
        # too far out it is minus infinity, which the solver steps back from, and never NaN
        assert likelihood.evaluate(np.array([2000.0])).loglik == -np.inf
        assert np.isfinite(likelihood.evaluate(np.array([-40.0])).loglik)

    def test_the_largest_risk_may_belong_to_somebody_with_a_competing_event(self) -> None:
        data = PEOPLE.assign(x=np.where(PEOPLE["e"] == 2, PEOPLE["x"] + 500, PEOPLE["x"]))
        follow = FollowUp(np.full(120, -np.inf), data["t"].to_numpy(), data["e"].to_numpy())
        likelihood = fine_gray_likelihood(data[["x"]].to_numpy(), follow, 1, observation(follow, None, "crr"), None, "breslow")
        assert np.isfinite(likelihood.evaluate(np.array([900.0])).loglik)


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"cause": 3}, DataError, "no event with code 3"),
            ({"cause": 0}, DataError, "expected an event code"),
            ({"ties": "exact"}, DataError, "ties: got 'exact'"),
            ({"censoring_ties": "km"}, DataError, "censoring_ties"),
            ({"event": "f"}, ColumnNotFoundError, "no column 'f'"),
            ({"entry": "t"}, FollowUpError, "is not after"),
        ],
    )
    def test_says_what_is_wrong(self, options: dict[str, Any], error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            fit(**options)

    def test_event_codes_are_checked(self) -> None:
        with pytest.raises(EventCodeError):
            fit(data=PEOPLE.assign(e=-PEOPLE["e"]))
        with pytest.raises(DataError, match="DataFrame"):
            fit(data=PEOPLE.to_dict())  # type: ignore[arg-type]

    def test_a_gap_in_delayed_entry_after_a_competing_event_is_refused(self) -> None:
        early = pd.DataFrame({"s": [0.0, 0.0], "t": [1.0, 2.0], "e": [2, 0], "x": [0.1, -0.3]})
        late = PEOPLE.assign(s=5.0, t=PEOPLE["t"] + 5)[["s", "t", "e", "x"]]
        with pytest.raises(DataError, match="Start follow-up later"):
            fit("x", pd.concat([early, late]), entry="s")
        # without a competing event before the gap nobody's weight runs across it
        harmless = fit("x", pd.concat([early.assign(e=[1, 0]), late]), entry="s")
        assert np.isfinite(harmless.covariance).all()


class TestAbsoluteRisk:
    def test_one_cause_is_one_minus_the_exponential_of_the_hazard(self) -> None:
        model = cox("x", PEOPLE.assign(d=PEOPLE["e"] > 0), exit="t", event="d")
        rows = absolute_risk(model, PEOPLE[:2], [0, 5, 100])
        assert rows["state"].unique().tolist() == ["event"]
        assert rows["estimate"][0] == 0 and rows["std_error"][0] == 0
        assert rows["estimate"].isna().tolist() == [False, False, True] * 2
        assert (rows["conf_low"][1] < rows["estimate"][1]) and (rows["estimate"][1] < rows["conf_high"][1])

    def test_clusters_and_missing_rows_of_different_fits_are_aligned(self) -> None:
        data = PEOPLE.assign(
            x=PEOPLE["x"].where(PEOPLE.index != 7), y=PEOPLE["x"] ** 2, clinic=PEOPLE["clinic"].map(lambda c: f"clinic {c}")
        )
        with pytest.warns(MissingRowsWarning):
            fits = cause_specific({1: "x", 2: "y"}, data, exit="t", event="e", cluster="clinic")
        with pytest.warns(MissingRowsWarning):
            single = cause_specific({1: "x", 2: "y"}, data.assign(own=range(120)), exit="t", event="e", cluster="own")
        with pytest.warns(MissingRowsWarning):
            plain = cause_specific({1: "x", 2: "y"}, data, exit="t", event="e")
        new = pd.DataFrame({"x": [0.3], "y": [1.0]})
        assert_allclose(absolute_risk(single, new, 9)["std_error"], absolute_risk(plain, new, 9)["std_error"], rtol=EXACT)
        assert not np.allclose(absolute_risk(fits, new, 9)["std_error"], absolute_risk(plain, new, 9)["std_error"], rtol=1e-3)

    def test_a_weight_of_two_is_two_people(self) -> None:
        data = PEOPLE.assign(copies=1 + PEOPLE.index % 2)
        twice = data.loc[data.index.repeat(data["copies"])]
        for entry in (None, "zero"):
            options: dict[str, Any] = {
                "exit": "t",
                "event": "e",
                "entry": entry,
                "ties": "breslow",
            }  # Efron's ties count deaths, not weight
            one = cause_specific("x", data.assign(zero=0.0), weights="copies", **options)
            other = cause_specific("x", twice.assign(zero=0.0), **options)
            assert_allclose(absolute_risk(one, PEOPLE[:2], 9)["std_error"], absolute_risk(other, PEOPLE[:2], 9)["std_error"], rtol=EXACT)
        one, other = fit("x", data, weights="copies"), fit("x", twice)
        assert_allclose(absolute_risk(one, PEOPLE[:2], 9)["std_error"], absolute_risk(other, PEOPLE[:2], 9)["std_error"], rtol=EXACT)

    def test_labels(self) -> None:
        fits = cause_specific("x", PEOPLE, exit="t", event="e", labels={1: "LS", 2: "death"})
        assert list(fits) == ["LS", "death"] and "e = LS" in fits["LS"].call

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: {}, "expected Cox fits"),
            (lambda: {"1": fit("x"), "2": fit("x", cause=2)}, "do not add up"),
            (lambda: cause_specific("x", PEOPLE, exit="t", event="e", strata="clinic"), "strata"),
            (
                lambda: {**cause_specific("x", PEOPLE, exit="t", event="e"), "2": cox("x", DEAD[:99], exit="t", event="d")},
                "different length",
            ),
        ],
    )
    def test_refuses_fits_it_cannot_put_together(self, make: Any, message: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            fits = make()
        with pytest.raises(DataError, match=message):
            absolute_risk(fits, PEOPLE[:1], 5)

    def test_refuses_a_cause_without_a_formula_and_missing_times(self) -> None:
        with pytest.raises(DataError, match="no formula for the codes 2"):
            cause_specific({1: "x"}, PEOPLE, exit="t", event="e")
        with pytest.raises(DataError, match="no events"):
            cause_specific("x", PEOPLE.assign(e=0), exit="t", event="e")
        with pytest.raises(MissingValuesError, match="times"):
            absolute_risk(fit("x"), PEOPLE[:1], np.nan)
        with pytest.raises(MissingValuesError):
            absolute_risk(fit("x"), pd.DataFrame({"x": [np.nan]}), 5)


DEAD = PEOPLE.assign(d=(PEOPLE["e"] == 2).astype(int))
