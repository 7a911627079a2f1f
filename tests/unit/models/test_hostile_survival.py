"""What a hostile statistician found wrong, one test per finding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import cobalamin as cb
from cobalamin.core.errors import DataError, FitWarning

ROUNDING = 1e-12  # the same sums of a few dozen rows, in another order


def ages(noise: float) -> pd.DataFrame:
    """Entries and exits on a grid of 30 times, so that many enter when others die; ``noise`` is the error of their arithmetic."""
    i = np.arange(300)
    entry = (i * 7) % 20 * (i % 3 > 0)
    stop = entry + 1 + (i * 11) % 10
    return pd.DataFrame(
        {
            "entry": 60 + entry / 3 + noise * np.sin(i),
            "exit": 60 + stop / 3 + noise * np.cos(3 * i),
            "died": (i % 7 < 2).astype(int),
            "g": np.where(i % 60 < 30, "a", "b"),
        }
    )


def test_times_equal_up_to_rounding_are_ties_in_every_curve() -> None:
    times = [61.5, 63.2, 66.1]
    columns = {"entry": "entry", "exit": "exit", "event": "died", "by": "g"}
    for curve in (cb.survival_curve, cb.cumulative_hazard, cb.cumulative_incidence):
        clean, noisy = (curve(ages(noise), **columns) for noise in (0.0, 1e-11))
        assert len(clean.frame) == len(noisy.frame)
        for column in ("estimate", "std_error", "n_at_risk"):
            assert_allclose(noisy.at(times)[column], clean.at(times)[column], rtol=ROUNDING)
    clean, noisy = (cb.rmst(ages(noise), **columns, tau=66.0) for noise in (0.0, 1e-11))
    assert_allclose(noisy["estimate"], clean["estimate"], rtol=1e-10)  # the times themselves differ by 1e-11


USES: dict[str, Callable[[Any], object]] = {
    "survival_curve": lambda data: cb.survival_curve(data, exit="exit", event="died"),
    "cumulative_hazard": lambda data: cb.cumulative_hazard(data, exit="exit", event="died"),
    "cumulative_incidence": lambda data: cb.cumulative_incidence(data, exit="exit", event="died"),
    "interval_survival": lambda data: cb.interval_survival(data, lower="entry", upper="exit"),
    "logrank": lambda data: cb.logrank(data, exit="exit", event="died", by="g"),
    "gray_test": lambda data: cb.gray_test(data, exit="exit", event="died", by="g"),
    "rmst": lambda data: cb.rmst(data, exit="exit", event="died", tau=66.0),
    "rmst_difference": lambda data: cb.rmst_difference(data, exit="exit", event="died", tau=66.0, by="g"),
    "mean_cumulative": lambda data: cb.mean_cumulative(data, person="g", exit="exit", event="died"),
    "multi_state": lambda data: cb.multi_state(data, person="g", entry="entry", exit="exit", from_state="g", to_state="died"),
    "recurrent_events": lambda data: cb.recurrent_events("entry", data, person="g", exit="exit", event="died"),
    "cox": lambda data: cb.cox("entry", data, exit="exit", event="died"),
    "fine_gray": lambda data: cb.fine_gray("entry", data, exit="exit", event="died"),
    "aft": lambda data: cb.aft("entry", data, exit="exit", event="died"),
    "flexible_parametric": lambda data: cb.flexible_parametric("entry", data, exit="exit", event="died"),
    "case_cohort": lambda data: cb.case_cohort("entry", data, exit="exit", event="died", subcohort="g"),
    "conditional_logistic": lambda data: cb.conditional_logistic("died ~ entry", data, matched_set="g"),
    "cause_specific": lambda data: cb.cause_specific("entry", data, exit="exit", event="died"),
    "transition_rows": lambda data: cb.transition_rows(data, person="g", exit="exit", passing={"entry": "ill"}, final={"died": "dead"}),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_other_tables_and_tables_without_rows_are_refused(use: Callable[[Any], object]) -> None:
    for table in (ages(0.0).to_numpy(), ages(0.0).to_dict("list"), None):
        with pytest.raises(DataError, match=f"expected a pandas DataFrame; got {type(table).__name__}"):
            use(table)
    with pytest.raises(DataError, match=r"[Nn]o row|no event"):
        use(ages(0.0).iloc[:0])


def test_recurrent_events_without_events_name_the_column_of_the_caller() -> None:
    rows = ages(0.0).assign(person=np.arange(300), died=0)
    with pytest.raises(DataError, match=r"^died: no events in the 300 rows"):
        cb.recurrent_events("g", rows, person="person", exit="exit", entry="entry", event="died")


def test_rows_of_weight_zero_are_nobody_in_what_is_computed_from_a_fit() -> None:
    people = ages(0.0).assign(x=np.cos(np.arange(300)), w=1 + np.arange(300) % 3)
    others = people[:40].assign(w=0, exit=lambda d: d["exit"] + 0.17, died=1)
    both = pd.concat([people, others], ignore_index=True)
    columns = {"exit": "exit", "entry": "entry", "event": "died", "weights": "w"}
    for formula, strata in (("x", None), ("x + entry_year", "g")):
        one, two = (
            cb.cox(formula, data.assign(entry_year=data["entry"].round()), **columns, strata=strata, robust=False)
            for data in (people, both)
        )
        for transform in ("km", "rank", "identity", "log"):
            assert_allclose(cb.ph_test(two, transform)[["chi2"]], cb.ph_test(one, transform)[["chi2"]], rtol=1e-7)  # two Newton climbs
        curves = [cb.predict_survival(fit).at([61.5, 64.0, 68.9, 70.0]) for fit in (one, two)]
        assert list(curves[1]["n_at_risk"]) == list(curves[0]["n_at_risk"])
        assert_allclose(curves[1]["std_error"], curves[0]["std_error"], rtol=1e-7)


def test_a_stratum_of_weight_zero_has_no_predicted_curve() -> None:
    people = ages(0.0).assign(x=np.cos(np.arange(300)))
    fit = cb.cox("x", people.assign(w=(people["g"] == "a").astype(int)), exit="exit", event="died", weights="w", strata="g", robust=False)
    found = cb.predict_survival(fit).at([63.0]).set_index("stratum")
    assert 0 < found.loc["g=a", "estimate"] < 1
    assert np.isnan(found.loc["g=b", "estimate"])
    assert found.loc["g=b", "n_at_risk"] == 0


def test_frailties_of_rows_of_weight_zero_do_not_count() -> None:
    i = np.arange(120)
    people = pd.DataFrame({"t": 1 + (i * 17) % 31, "d": (i % 4 > 0).astype(int), "x": np.sin(i), "family": i // 4, "w": 1})
    both = pd.concat([people, people[:9].assign(w=0)], ignore_index=True)
    columns = {"exit": "t", "event": "d", "cluster": "family", "weights": "w", "theta": 0.5}
    one, two = (cb.cox_frailty("x", data, **columns) for data in (people, both))
    assert_allclose(two.coefficients, one.coefficients, rtol=1e-6)  # two climbs to one maximum
    assert_allclose(two.glance()["loglik_marginal"], one.glance()["loglik_marginal"], rtol=1e-8)


def test_the_mean_person_of_weighted_rows_is_that_of_their_copies() -> None:
    people = ages(0.0).assign(x=np.cos(np.arange(300)), known=np.sin(np.arange(300)), w=1 + np.arange(300) % 3)
    copies = people.loc[people.index.repeat(people["w"])]
    columns = {"exit": "exit", "entry": "entry", "event": "died", "offset": "known", "ties": "breslow"}
    weighted, copied = cb.cox("x + g", people, **columns, weights="w"), cb.cox("x + g", copies, **columns)
    for column in ("estimate", "std_error"):
        ours, wanted = (cb.predict_survival(fit).at([61.5, 64.0, 68.9])[column] for fit in (weighted, copied))
        assert_allclose(ours, wanted, rtol=1e-7)  # two Newton climbs
    ours, wanted = (cb.cox_baseline(fit, centered=True)["hazard"] for fit in (weighted, copied))
    assert_allclose(ours, wanted, rtol=1e-7)  # two Newton climbs


def test_groups_that_grays_test_cannot_compare_are_said_not_nan() -> None:
    people = ages(0.0)[["g", "exit"]].assign(cause=np.arange(300) % 3)
    gone = pd.DataFrame({"g": "gone", "exit": [1.0, 2.0], "cause": 0})
    with pytest.warns(FitWarning, match="left out of the test: 1 group"):
        found = cb.gray_test(pd.concat([people, gone]), exit="exit", event="cause", by="g")
    pd.testing.assert_frame_equal(found, cb.gray_test(people, exit="exit", event="cause", by="g"))
    with pytest.raises(DataError, match="nothing to compare"):
        cb.gray_test(people.assign(exit=1.0, cause=1), exit="exit", event="cause", by="g")


def test_far_origins_of_a_covariate_change_no_coefficient() -> None:
    i = np.arange(300)
    people = pd.DataFrame(
        {"t": 1 + (i * 17) % 31, "d": (i % 4 > 0).astype(int), "x": np.round(np.sin(i) * 4), "g": np.where(i % 3 > 0, "a", "b")}
    )
    one, two = (cb.flexible_parametric("x + g", people.assign(x=people["x"] + far), exit="t", event="d") for far in (0.0, 1e13))
    for column in ("estimate", "std_error"):
        assert_allclose(two.tidy()[column][:2], one.tidy()[column][:2], rtol=1e-5)
