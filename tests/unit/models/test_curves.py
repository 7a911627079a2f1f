"""Survival curves: worked by hand, at their ends, with late entry, and with bad input."""

from __future__ import annotations

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
from cobalamin.models.curves.curve_set import nice_times
from cobalamin.models.curves.curves import Curves, survival_curve

EXACT = 1e-14  # a closed form in the same few operations

#   person  0    1    2    3    4    5   time
#   a       |---------X                        event at 2
#   b       |----o                             censored at 1
#   c       |--------------X                   event at 3
#   d                 |--------------o         enters at 2, censored at 5: not at risk at 2
#   e            |---------X                   enters at 1, event at 3
LATE = pd.DataFrame({"in": [0.0, 0, 0, 2, 1], "out": [2.0, 1, 3, 5, 3], "ill": [1, 0, 1, 0, 1]})
# at 2: a, c, e at risk, 1 event: S = 2/3; at 3: c, d, e at risk, 2 events: S = 2/3 * 1/3 = 2/9


def late(**options: object) -> Curves:
    return survival_curve(LATE, exit="out", event="ill", entry="in", **options)  # type: ignore[arg-type]


class TestByHand:
    def test_survival_and_risk_sets_with_late_entry(self) -> None:
        rows = late().at([0, 1, 2, 2.5, 3, 5])
        assert_allclose(rows["estimate"], [1, 1, 2 / 3, 2 / 3, 2 / 9, 2 / 9], rtol=EXACT)
        assert rows["n_at_risk"].tolist() == [3, 3, 3, 3, 3, 1]

    def test_greenwood(self) -> None:
        rows = late().at([2, 3])
        variance = np.cumsum([1 / (3 * 2), 2 / (3 * 1)])
        assert_allclose(rows["std_error"], np.array([2 / 3, 2 / 9]) * np.sqrt(variance), rtol=EXACT)

    def test_limits_of_each_kind(self) -> None:
        z, s, survival = 1.959963984540054, np.sqrt(1 / 6), 2 / 3
        wanted = {
            "plain": (survival - z * s * survival, 1.0),
            "log": (survival * np.exp(-z * s), 1.0),
            "log-log": (survival ** np.exp(-z * s / np.log(survival)), survival ** np.exp(z * s / np.log(survival))),
        }
        for kind, limits in wanted.items():
            assert_allclose(late(confidence=kind).at(2)[["conf_low", "conf_high"]].iloc[0].astype(float), limits, rtol=1e-12)

    def test_columns_are_those_of_the_contract(self) -> None:
        columns = ["group", "state", "time", "estimate", "std_error", "conf_low", "conf_high", "n_at_risk"]
        assert late().at(1).columns.tolist() == columns
        assert set(late().at(1)["state"]) == {"ill"}

    def test_robust_variance_of_two_people_in_one_cluster(self) -> None:
        """Two clusters {a, b} and {c}; events a at 1 and c at 3: S(1) = 2/3, influence of a: -1/3, of b and c: 1/6 each."""
        people = pd.DataFrame({"t": [1.0, 2, 3], "d": [1, 0, 1], "family": [1, 1, 2]})
        alone = survival_curve(people.assign(person=range(3)), exit="t", event="d", cluster="person").at(1)["std_error"].item()
        family = survival_curve(people, exit="t", event="d", cluster="family").at(1)["std_error"].item()
        assert_allclose(alone, 2 / 3 * np.sqrt(1 / 9 + 2 / 36), rtol=1e-12)
        assert_allclose(family, 2 / 3 * np.sqrt((-1 / 3 + 1 / 6) ** 2 + 1 / 36), rtol=1e-12)


class TestEnds:
    def test_nothing_is_said_after_the_last_follow_up(self) -> None:
        rows = late().at([5, 5.001])
        assert rows["estimate"].notna().tolist() == [True, False]
        assert rows["n_at_risk"].tolist() == [1, 0]

    def test_a_curve_at_zero_stays_there_without_standard_error(self) -> None:
        people = pd.DataFrame({"t": [1.0, 2], "d": [1, 1]})
        rows = survival_curve(people, exit="t", event="d").at([1, 2, 9])
        assert rows["estimate"].tolist() == [0.5, 0, 0]
        assert rows.loc[1:, ["std_error", "conf_low", "conf_high"]].isna().all(axis=None)

    def test_no_event_at_all(self) -> None:
        people = pd.DataFrame({"t": [1.0, 2], "d": [0, 0]})
        curves = survival_curve(people, exit="t", event="d", confidence="log")
        assert curves.at(2)[["estimate", "std_error", "conf_low", "conf_high"]].iloc[0].tolist() == [1, 0, 1, 1]
        assert curves.quantile(0.5)["estimate"].isna().all()

    def test_nothing_is_said_before_the_first_entry(self) -> None:
        rows = survival_curve(LATE.query("`in` > 0"), exit="out", event="ill", entry="in").at([0.5, 1])
        assert rows["estimate"].isna().tolist() == [True, False]
        assert rows["n_at_risk"].tolist() == [0, 1]

    def test_events_at_time_zero_count(self) -> None:
        people = pd.DataFrame({"t": [0.0, 1, 2, 3], "d": [1, 0, 1, 0]})
        assert survival_curve(people, exit="t", event="d").at([0, 1])["estimate"].tolist() == [0.75, 0.75]

    def test_missing_time_is_refused(self) -> None:
        with pytest.raises(MissingValuesError, match="1 of 2"):
            late().at([1, np.nan])


class TestQuantile:
    def test_the_midpoint_where_the_curve_lies_on_the_level(self) -> None:
        people = pd.DataFrame({"t": [1.0, 2, 4, 6], "d": [1, 1, 1, 0]})
        assert survival_curve(people, exit="t", event="d").quantile([0.25, 0.5, 0.6])["estimate"].tolist() == [1.5, 3, 4]

    def test_a_share_outside_0_to_1_is_refused(self) -> None:
        with pytest.raises(DataError, match="between 0 and 1"):
            late().quantile(50)


class TestLateEntry:
    def test_the_early_collapse_is_said_on_the_result(self) -> None:
        people = pd.DataFrame({"in": [0.0, 1, 1, 1, 1], "out": [1.0, 3, 4, 5, 6], "ill": [1, 1, 0, 1, 0]})
        with pytest.warns(FitWarning, match="falls to 0 early"):
            curves = survival_curve(people, exit="out", event="ill", entry="in")
        assert curves.at([1, 5])["estimate"].tolist() == [0, 0]
        assert "falls to 0 early" in curves.estimates().frame["warning"].iloc[0]
        later = survival_curve(people, exit="out", event="ill", entry="in", start=1)
        assert_allclose(later.at([1, 3, 5])["estimate"], [1, 3 / 4, 3 / 8], rtol=EXACT)
        assert (later.n, later.n_before_start, later.warnings) == (4, 1, ())

    def test_an_empty_gap_is_said(self) -> None:
        people = pd.DataFrame({"in": [0.0, 0, 5, 5], "out": [1.0, 2, 6, 7], "ill": [1, 0, 1, 0]})
        with pytest.warns(FitWarning, match="nobody is left under observation"):
            survival_curve(people, exit="out", event="ill", entry="in")

    def test_the_curve_is_near_the_truth_that_ignoring_entry_misses(self) -> None:
        """Exponential survival at rate 1 with staggered entry: S(0.5, 1, 2) = 0.607, 0.368, 0.135."""
        rng = np.random.default_rng(1178)
        n = 6000
        entry, death = rng.uniform(0, 1.5, n), rng.exponential(1, n)
        seen = entry < death
        people = pd.DataFrame({"in": entry, "out": np.minimum(death, 4), "ill": (death < 4).astype(int)})[seen]
        rows = survival_curve(people, exit="out", event="ill", entry="in", start=0.02).at([0.5, 1, 2])
        truth = np.exp(-(np.array([0.5, 1, 2]) - 0.02))
        assert (np.abs(rows["estimate"] - truth) < 4 * rows["std_error"]).all()
        naive = survival_curve(people, exit="out", event="ill").at([0.5, 1, 2])["estimate"]
        assert (naive - truth > 0.05).all()


class TestGroupsAndMissing:
    def test_categories_keep_their_order_and_unused_ones_have_no_curve(self) -> None:
        people = LATE.assign(arm=pd.Categorical(list("bbaab"), categories=["b", "never seen", "a"]))
        curves = survival_curve(people, exit="out", event="ill", by="arm")
        assert curves.groups == ("b", "a")

    def test_two_columns_make_joint_groups(self) -> None:
        people = LATE.assign(sex=[0, 0, 1, 1, 1], arm=list("xyxyx"))
        curves = survival_curve(people, exit="out", event="ill", by=["sex", "arm"])
        assert curves.groups == ("0, x", "0, y", "1, x", "1, y")
        assert curves.by == "sex x arm"

    def test_rows_without_group_or_weight_are_counted_and_named(self) -> None:
        people = LATE.assign(arm=["x", None, "x", "y", "y"], w=[1, 1, np.nan, 1, 1])
        with pytest.warns(MissingRowsWarning, match=r"2 of 5 rows .* arm \(1\), w \(1\)"):
            curves = survival_curve(people, exit="out", event="ill", by="arm", weights="w")
        assert (curves.n, curves.n_missing) == (3, 2)

    def test_missing_times_and_events_are_refused(self) -> None:
        with pytest.raises(MissingValuesError, match="out: 1 of 5"):
            survival_curve(LATE.assign(out=[1, 2, np.nan, 4, 5]), exit="out", event="ill")
        with pytest.raises(MissingValuesError, match="ill: 1 of 5"):
            survival_curve(LATE.assign(ill=[1, 0, None, 0, 0]), exit="out", event="ill")


class TestBadInput:
    def test_events_coded_1_2(self) -> None:
        with pytest.raises(EventCodeError, match="1 = censored, 2 = event"):
            survival_curve(LATE.assign(ill=[1, 2, 1, 2, 2]), exit="out", event="ill")

    def test_exit_not_after_entry(self) -> None:
        with pytest.raises(FollowUpError, match="not after"):
            survival_curve(LATE.assign(out=LATE["in"]), exit="out", event="ill", entry="in")

    def test_negative_time(self) -> None:
        with pytest.raises(FollowUpError, match="negative"):
            survival_curve(LATE.assign(out=-LATE["out"]), exit="out", event="ill")

    def test_unknown_column(self) -> None:
        with pytest.raises(ColumnNotFoundError, match="Did you mean 'out'"):
            survival_curve(LATE, exit="outt", event="ill")

    def test_empty_table(self) -> None:
        with pytest.raises(DataError, match="no rows"):
            survival_curve(LATE.iloc[:0], exit="out", event="ill")

    def test_unknown_limits_level_and_negative_weights(self) -> None:
        with pytest.raises(DataError, match="log-log, log, plain"):
            late(confidence="loglog")
        with pytest.raises(DataError, match=r"0\.95"):
            late(level=95)
        with pytest.raises(DataError, match="1 of 5 weights"):
            survival_curve(LATE.assign(w=[1, 1, 1, 1, -1]), exit="out", event="ill", weights="w")

    def test_nobody_left_after_start(self) -> None:
        with pytest.raises(DataError, match="after start"):
            late(start=5)


class TestEstimates:
    def test_rows_follow_the_schema(self) -> None:
        frame = late(unit="years").estimates(outcome="illness", grid=[0, 2, 4]).frame
        assert set(frame["context"]) == {"curve"} and set(frame["analysis"]) == {"survival"}
        assert set(frame["outcome"]) == {"illness"} and set(frame["level"]) == {"ill"} and set(frame["unit"]) == {"years"}
        curve, risk = frame.query("measure == 'survival'"), frame.query("measure == 'at risk'")
        assert curve["at"].tolist() == [0, 2, 3, 5]  # the origin, the two times with events, the last follow-up
        assert curve["events"].tolist() == [0, 1, 3, 3]
        assert risk[["at", "n", "events"]].to_numpy().tolist() == [[0, 3, 0], [2, 3, 1], [4, 1, 3]]

    def test_counts_are_people_under_weights(self) -> None:
        weighted = survival_curve(LATE.assign(w=10.5), exit="out", event="ill", weights="w")
        assert weighted.at(0)["n_at_risk"].item() == 52.5
        assert weighted.estimates(grid=[0]).frame.query("measure == 'at risk'")["n"].item() == 5

    def test_under_late_entry_the_number_at_risk_may_rise(self) -> None:
        people = pd.DataFrame({"in": [0.0, 0, 1, 1, 1], "out": [3.0, 3, 3, 3, 3], "ill": [0, 0, 1, 0, 0]})
        curves = survival_curve(people, exit="out", event="ill", entry="in")
        assert curves.estimates(grid=[0, 2]).frame.query("measure == 'at risk'")["n"].tolist() == [2, 5]

    @pytest.mark.parametrize(("first", "last"), [(0, 35), (0, 0.7), (0, 3652), (41.3, 89.9), (0, 1)])
    def test_the_grid_is_round_and_covers(self, first: float, last: float) -> None:
        grid = nice_times(first, last)
        assert grid[0] <= first and grid[-1] <= last and 4 <= len(grid) <= 12
        assert_allclose(np.diff(grid), grid[1] - grid[0])

    def test_it_shows_itself_without_running_html(self) -> None:
        shown = survival_curve(LATE.assign(arm="<b>"), exit="out", event="ill", by="arm")._repr_html_()
        assert "&lt;b&gt;" in shown and "<b>" not in shown
        assert repr(late()) == "Curves(ill: 1 group(s), 5 rows, 3 events)"
