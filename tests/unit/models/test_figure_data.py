"""Rows behind figures, held to slow or independent ways of the same numbers."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import ColumnNotFoundError, DataError, DesignError
from cobalamin.models.cox.cox import cox
from cobalamin.models.cox.cox_residuals import cox_residuals, event_rows
from cobalamin.models.cox.ph_test import ph_test
from cobalamin.models.curves.bands import confidence_band
from cobalamin.models.curves.curves import survival_curve
from cobalamin.models.figures.figure_curves import band_estimates, loglog_estimates, transition_estimates
from cobalamin.models.figures.figure_data import dose_response_estimates, ph_estimates
from cobalamin.models.fit import Fit
from cobalamin.models.matrix.spline import restricted_cubic
from cobalamin.models.multistate.multistate import multi_state
from cobalamin.release.disclosure import disclose

SAME = {"rtol": 1e-9, "atol": 1e-12}
# a spline refitted as one number converges to its own tolerance
REFIT = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    n = 600
    x, group = np.exp(rng.normal(5.6, 0.4, n)), rng.choice(["a", "b", "c"], n)
    hazard = 0.05 * np.exp(0.8 * np.abs(np.log(x / 270)) + 0.4 * (group == "b"))
    event, end = rng.exponential(1 / hazard), rng.uniform(3, 12, n)
    frame = pd.DataFrame({"x": x, "z": rng.normal(size=n), "group": group, "years": np.minimum(event, end), "ls": (event <= end) * 1})
    return frame.round({"years": 3})


@pytest.fixture(scope="module")
def fit(people: pd.DataFrame) -> Fit:
    return cox("rcs(x, 4) + z + group", people, exit="years", event="ls")


def test_the_smooth_is_the_least_squares_spline_through_the_scaled_residuals(people: pd.DataFrame) -> None:
    fit = cox("z", people, exit="years", event="ls")
    rows = ph_estimates(fit, transform="identity").where(measure="coefficient over time").frame
    residual, t = cox_residuals(fit, "scaled schoenfeld")[:, 0], event_rows(fit)["time"].to_numpy()
    knots = [t.min(), *np.quantile(t, [1 / 3, 2 / 3]), t.max()]
    # the same space of functions from another basis
    q, p = (np.column_stack([np.ones(len(v)), restricted_cubic(v, knots)]) for v in (t, rows["at"].to_numpy()))
    assert_allclose(rows["value"], p @ np.linalg.lstsq(q, residual, rcond=None)[0], rtol=1e-7)
    spread = np.einsum("ij,jk,ik->i", p, np.linalg.inv(q.T @ q), p)
    assert_allclose(rows["std_error"], np.sqrt(len(t) * fit.model_covariance[0, 0] * spread), rtol=1e-7)
    assert_allclose(rows["high"] - rows["value"], 1.959963984540054 * rows["std_error"], **SAME)


def test_a_spline_is_one_panel_equal_to_its_curve_as_a_covariate(people: pd.DataFrame, fit: Fit) -> None:
    h = fit.parts["matrix"].X
    spline = [j for j, name in enumerate(fit.names) if name.startswith("rcs")]
    single = cox("eta + z + group", people.assign(eta=h[:, spline] @ fit.coefficients[spline]), exit="years", event="ls")
    ours = ph_estimates(fit).where(measure="effect over time").frame
    theirs = ph_estimates(single).where(measure="coefficient over time", term="eta").frame
    assert set(ours["term"]) == {"rcs(x, 4)"}
    for column in ("at", "value", "low", "high"):
        assert_allclose(ours[column], theirs[column], **REFIT)


def test_the_tests_are_those_of_ph_test_and_every_coefficient_has_a_panel(fit: Fit) -> None:
    rows, table = ph_estimates(fit, model="m", outcome="o", unit="years"), ph_test(fit).set_index("term")
    tests = rows.where(measure="ph test").frame.set_index("term")
    assert_allclose(tests["p"], table.loc[tests.index, "p_value"], **SAME)
    assert_allclose(rows.where(measure="ph test df").frame["value"], table.loc[tests.index, "df"], **SAME)
    panels = rows.where(measure=("coefficient over time", "effect over time")).frame[["term", "level"]].drop_duplicates()
    assert panels.to_numpy().tolist() == [["rcs(x, 4)", ""], ["z", ""], ["group", "b"], ["group", "c"]]


def test_no_row_of_the_smooth_stands_at_the_time_of_an_event_unless_round(people: pd.DataFrame, fit: Fit) -> None:
    at = ph_estimates(fit).where(measure="coefficient over time").frame["at"]
    first, last = people.loc[people["ls"] == 1, "years"].agg(["min", "max"])
    assert first <= at.min() and at.max() <= last
    step = np.diff(np.unique(at))[0]
    assert_allclose(at / step, np.round(at / step), rtol=1e-9)
    assert len(np.unique(at)) <= 62


def test_too_few_events_have_no_smooth(people: pd.DataFrame) -> None:
    few = people.iloc[:30]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = cox("z", few, exit="years", event="ls")
    with pytest.raises(DataError, match="five events per degree of freedom"):
        ph_estimates(fit, df=10)


def test_the_curve_of_ratios_is_that_of_the_linear_predictor(people: pd.DataFrame, fit: Fit) -> None:
    rows = dose_response_estimates(fit, "x", people, reference=250).where(measure="hazard ratio").frame
    template = people.iloc[[5] * len(rows)].reset_index(drop=True)
    h = fit.parts["matrix"].apply(template.assign(x=rows["at"])) - fit.parts["matrix"].apply(template.assign(x=250.0))
    error = np.sqrt(np.einsum("ij,jk,ik->i", h, fit.covariance, h))
    assert_allclose(rows["value"], np.exp(h @ fit.coefficients), **SAME)
    assert_allclose(rows["std_error"], error, rtol=1e-6, atol=1e-9)
    assert_allclose(np.log(rows["high"] / rows["value"]), 1.959963984540054 * error, rtol=1e-6, atol=1e-9)
    assert rows.loc[rows["at"] == 250, ["value", "low", "high"]].to_numpy().tolist() == [[1.0, 1.0, 1.0]]
    assert set(rows["reference"]) == {"250"}
    low, high = people["x"].quantile([0.01, 0.99])
    assert low <= rows["at"].min() and rows["at"].max() <= high


def test_per_doubling_the_curve_goes_through_the_hazard_ratio(people: pd.DataFrame) -> None:
    fit = cox("log2(x) + z", people, exit="years", event="ls")
    rows = dose_response_estimates(fit, "x", people, reference=400).where(measure="hazard ratio").frame
    ours = np.interp(np.log(200.0), np.log(rows["at"]), np.log(rows["value"]))
    assert_allclose(ours, -fit.coefficients[0], **SAME)


def test_the_histogram_counts_everybody_in_the_model(people: pd.DataFrame, fit: Fit) -> None:
    bars = dose_response_estimates(fit, "x", people, log=True).where(measure="histogram").frame
    assert bars["n"].sum() == fit.n
    assert bars["n"].min() >= 10


def test_what_has_no_single_curve_is_refused(people: pd.DataFrame, fit: Fit) -> None:
    with pytest.raises(DesignError, match="interacts with group"):
        dose_response_estimates(cox("x * group", people, exit="years", event="ls"), "x", people)
    with pytest.raises(ColumnNotFoundError, match="not in the formula"):
        dose_response_estimates(fit, "years", people)
    with pytest.raises(DataError, match="not a number"):
        dose_response_estimates(fit, "group", people)
    with pytest.raises(DataError, match="Give the same data"):
        dose_response_estimates(fit, "x", people.iloc[:10])


def test_log_log_rows_transform_the_curve_and_its_limits(people: pd.DataFrame) -> None:
    curves = survival_curve(people, exit="years", event="ls", by="group")
    s, rows = curves.estimates().where(measure="survival").frame, loglog_estimates(curves).frame
    inside = (s["value"] < 1).to_numpy()
    assert_allclose(rows["value"][inside], np.log(-np.log(s["value"][inside])), **SAME)
    assert_allclose(rows["low"][inside], np.log(-np.log(s["high"][inside])), **SAME)
    assert rows["value"][~inside].isna().all()
    assert (rows["low"][inside] < rows["value"][inside]).all()


def test_band_rows_hold_the_band_where_it_holds(people: pd.DataFrame) -> None:
    curves = survival_curve(people, exit="years", event="ls", by="group")
    rows, band = band_estimates(curves).frame, confidence_band(curves)
    for group in ("a", "b", "c"):
        mine, own = rows[rows["subgroup"] == group].dropna(subset=["low"]), band[band["group"] == group]
        merged = mine.merge(own, left_on="at", right_on="time")
        assert len(merged) > 20
        assert_allclose(merged["low"], merged["conf_low"], **SAME)
        assert_allclose(merged["high"], merged["conf_high"], **SAME)
        assert (own["time"].min(), own["time"].max()) == (mine["at"].min(), mine["at"].max())


@pytest.mark.parametrize("policy", ["opensafely", "acro"])
def test_disclosure_control_puts_curve_band_and_log_log_on_one_grid(people: pd.DataFrame, policy: str) -> None:
    from cobalamin.core.estimates import Estimates

    curves = survival_curve(people, exit="years", event="ls")
    rows = Estimates.concat([curves.estimates(), band_estimates(curves), loglog_estimates(curves)])
    frame = disclose(rows, policy).estimates.frame
    times = frame[frame["measure"] != "at risk"].groupby("measure")["at"].apply(list)
    assert len(times.iloc[0]) > 5
    assert times.iloc[0] == times.iloc[1] == times.iloc[2]


def test_transitions_are_counted_with_their_person_time() -> None:
    rows = pd.DataFrame(
        [(1, 0, 2, "well", "LS"), (1, 2, 5, "LS", "dead"), (2, 0, 4, "well", "dead"), (3, 1, 6, "well", "censored"), (4, 0, 1, "LS", "LS")],
        columns=["id", "in", "out", "was", "then"],
    )
    names = {"person": "id", "entry": "in", "exit": "out", "from_state": "was", "to_state": "then"}
    made = transition_estimates(multi_state(rows, **names, states=["well", "LS", "dead"], unit="years"))
    moves = made.where(measure="transition").frame
    assert moves[["term", "level", "events", "person_time"]].to_numpy().tolist() == [
        ["well", "LS", 1, 11],
        ["well", "dead", 1, 11],
        ["LS", "dead", 1, 4],
    ]
    states = made.where(measure="state").frame
    assert states[["term", "n"]].to_numpy().tolist() == [["well", 3], ["LS", 2], ["dead", 2]]
    assert moves["value"].isna().all()  # a rate beside a rounded count gives the count away
