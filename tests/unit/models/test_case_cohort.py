"""Case-cohort fits: worked by hand, what the design must say, and bad input."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import ColumnNotFoundError, DataError, DesignError, EventCodeError, FitWarning, MissingRowsWarning
from cobalamin.models.fit import Fit
from cobalamin.models.sampled.case_cohort import METHODS, case_cohort
from cobalamin.models.sampled.case_cohort_sums import stratified_spread

EXACT = 1e-9  # a closed form and an iterative solution


def cohort(n: int = 300) -> pd.DataFrame:
    i = np.arange(n)
    return pd.DataFrame(
        {
            "t": np.where(i == 1, 12.0, (i * 37 % 101) / 10 + 1),  # somebody of the subcohort stays to the end
            "d": (i % 6 == 0).astype(int),
            "x": (i * 17 % 23) / 10,
            "sub": (i % 4 == 1) | (i % 12 == 0),
            "area": np.where(i % 3 == 0, "east", "west"),
        }
    )


COHORT = cohort()
SAMPLE = COHORT[COHORT["sub"] | (COHORT["d"] == 1)]


def fit(data: pd.DataFrame = COHORT, formula: str = "x", **options: Any) -> Fit:
    return case_cohort(formula, data, **{"exit": "t", "event": "d", "subcohort": "sub", **options})


class TestByHand:
    def test_one_event_after_another(self) -> None:
        """Exposed cases at 1 and 3, unexposed at 2; in the subcohort for ever two exposed and three unexposed people."""
        case = pd.DataFrame({"t": [1, 2, 3], "d": 1, "x": [1, 0, 1], "sub": 0})
        rest = pd.DataFrame({"t": 9, "d": 0, "x": [1, 1, 0, 0, 0], "sub": 1})
        data = pd.concat([case, rest])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            inside = fit(data, method="self-prentice", cohort_size=50)
            itself = fit(data, method="prentice", cohort_size=50)
        # subcohort only: 2 - 3 * 2 r / (2 r + 3) = 0
        assert_allclose(np.exp(inside.coefficients), 3, rtol=EXACT)
        # with the case itself: 2 - 2 * 3 r / (3 r + 3) - 2 r / (2 r + 4) = 0 at r^2 - r - 4 = 0
        assert_allclose(np.exp(itself.coefficients), (1 + np.sqrt(17)) / 2, rtol=EXACT)
        # information of the subcohort's risk sets at r = 3: three times 2/3 * 1/3
        assert_allclose(inside.model_covariance, 1 / (3 * 2 / 3 * 1 / 3), rtol=EXACT)

    def test_sampling_variance_of_a_total(self) -> None:
        """Two of four people drawn: the variance of the estimated total is N (N - n) / n times that of a person."""
        effect = np.array([[1.0], [2.0]])
        assert_allclose(stratified_spread(effect, np.array([0, 0]), np.array([2.0])), 4 * 2 / 2 * 0.5, rtol=EXACT)
        assert_allclose(stratified_spread(effect, np.array([0, 1]), np.array([2.0, 2.0])), 0)

    def test_facts(self) -> None:
        model = fit()
        assert model.facts["cohort_size"] == 300 and model.facts["n_subcohort"] == COHORT["sub"].sum()
        assert (model.n, model.events, model.variance) == (len(SAMPLE), 50, "two-phase")
        assert np.isnan(model.person_time)  # rates of a sample chosen by outcome would mislead
        assert np.isnan(model.loglik) and np.isnan(model.aic) and np.isfinite(model.facts["pseudo_loglik"])
        assert (np.diag(model.covariance) > np.diag(model.model_covariance)).all()


class TestTheDesign:
    @pytest.mark.parametrize("method", METHODS)
    def test_the_sample_with_sizes_is_the_cohort(self, method: Any) -> None:
        by = {"stratum": "area"} if method.startswith("borgan") else {}
        sizes: Any = {"east": 100, "west": 200} if by else 300
        whole, sample = fit(method=method, **by), fit(SAMPLE, method=method, cohort_size=sizes, **by)
        assert_allclose(sample.coefficients, whole.coefficients, rtol=EXACT)
        assert_allclose(sample.covariance, whole.covariance, rtol=EXACT)

    def test_people_outside_the_sample_may_lack_covariates(self) -> None:
        blind = COHORT.assign(x=COHORT["x"].where(COHORT.index.isin(SAMPLE.index)))
        assert fit(blind).n_missing == 0
        assert_allclose(fit(blind).covariance, fit().covariance, rtol=EXACT)

    def test_incomplete_people_of_the_sample_are_counted_and_do_not_change_the_design(self) -> None:
        holes = COHORT.assign(x=COHORT["x"].mask(COHORT.index.isin(SAMPLE.index[:3])))
        with pytest.warns(MissingRowsWarning, match=r"x \(3\)"):
            model = fit(holes, method="lin-ying")
        assert (model.n_missing, model.n, model.facts["n_subcohort"]) == (3, len(SAMPLE) - 3, COHORT["sub"].sum())

    def test_unknown_membership_is_a_missing_value(self) -> None:
        unknown = COHORT.assign(sub=COHORT["sub"].astype(float).mask(COHORT.index == 1))
        with pytest.warns(MissingRowsWarning, match=r"sub \(1\)"):
            assert fit(unknown).n_missing == 1

    def test_events_without_a_subcohort_under_observation_are_counted(self) -> None:
        late = pd.concat([COHORT, pd.DataFrame({"t": [50.0], "d": [1], "x": [1.0], "sub": [False], "area": ["east"]})])
        with pytest.warns(FitWarning, match="n_events_without_subcohort = 1"):
            model = fit(late, method="self-prentice")
        assert_allclose(model.coefficients, fit(method="self-prentice", cohort_size=300).coefficients, rtol=EXACT)
        assert model.facts["n_events_without_subcohort"] == 1 and "1" not in model.warnings[0]

    def test_no_standard_error_without_spread_in_the_subcohort(self) -> None:
        """Cases outside the subcohort alone are exposed: Prentice's estimate has information, its variance has none."""
        rare = COHORT.assign(rare=((COHORT["d"] == 1) & ~COHORT["sub"] & (COHORT.index % 12 == 6)).astype(int), x=1.0 * (COHORT.index % 7))
        with pytest.warns(FitWarning):
            model = fit(rare, "x + rare")
        assert np.isfinite(np.sqrt(model.covariance[0, 0])) and not np.isfinite(model.covariance[1, 1])

    def test_one_person_stands_for_a_stratum(self) -> None:
        few = COHORT.assign(area=np.where(COHORT.index == 1, "north", np.where(COHORT.index == 2, "north", COHORT["area"])))
        with pytest.warns(FitWarning, match="n_single_person_strata = 1"):
            fit(few, method="borgan2", stratum="area")


class TestRefusals:
    def test_sizes(self) -> None:
        with pytest.raises(DataError, match="how many people the whole cohort has"):
            fit(SAMPLE)
        with pytest.raises(DataError, match="smaller than the number of sampled people"):
            fit(SAMPLE, cohort_size=20)
        with pytest.raises(DataError, match="neither cases nor in the subcohort"):
            fit(cohort_size=1000)
        with pytest.raises(DataError, match="one number"):
            fit(SAMPLE, cohort_size={"a": 300})
        with pytest.raises(DataError, match="whole numbers"):
            fit(SAMPLE, cohort_size=300.5)
        with pytest.raises(DataError, match="for each value of area"):
            fit(SAMPLE, cohort_size=300, method="borgan1", stratum="area")
        with pytest.raises(DataError, match=r"strata of area \(2 strata\); 1 have no size, and 1 of the names"):
            fit(SAMPLE, cohort_size={"east": 200, "north": 100}, method="borgan1", stratum="area")
        with pytest.raises(DataError, match="east, west"):
            fit(SAMPLE.astype({"area": "category"}), cohort_size={"east": 200, "north": 100}, method="borgan1", stratum="area")

    def test_strata(self) -> None:
        with pytest.raises(DesignError, match="needs stratum="):
            fit(method="borgan2")
        with pytest.raises(DesignError, match="has no strata"):
            fit(stratum="area")
        with pytest.raises(DataError, match="nobody stands for the people there"):
            fit(COHORT.assign(sub=COHORT["sub"] & (COHORT["area"] == "east")), method="borgan2", stratum="area")

    def test_codes(self) -> None:
        with pytest.raises(DataError, match="something else in 100"):
            fit(COHORT.assign(sub=np.where(COHORT["sub"], 2, 0)), cohort_size=300)
        with pytest.raises(DataError, match="no row is a member"):
            fit(COHORT.assign(sub=0))
        with pytest.raises(EventCodeError, match="competing"):
            fit(COHORT.assign(d=COHORT["d"] * 2 + COHORT["sub"]))
        with pytest.raises(DataError, match="no events"):
            fit(COHORT.assign(d=0))
        with pytest.raises(ColumnNotFoundError, match="'subb'"):
            fit(subcohort="subb")

    @pytest.mark.parametrize("options", [{"method": "barlow"}, {"ties": "exact"}, {"robust": True}])
    def test_choices(self, options: dict[str, Any]) -> None:
        with pytest.raises(DataError, match=next(iter(options))):
            fit(**options)
