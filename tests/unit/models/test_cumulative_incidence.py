"""Cumulative incidence and Gray's test: what they refuse, what they say, and how curves are read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import ColumnNotFoundError, DataError, EventCodeError, FitWarning, FollowUpError, MissingRowsWarning
from cobalamin.models.competing.cumulative_incidence import cumulative_incidence
from cobalamin.models.competing.gray import gray_test
from cobalamin.models.curves.curve_set import AT_COLUMNS, Curves

PEOPLE = pd.DataFrame(
    {
        "years": [1.0, 2, 2, 3, 4, 5, 6, 7],
        "event": [1, 2, 0, 1, 0, 2, 1, 0],
        "sex": ["m", "f", "f", "m", "m", "f", "m", "f"],
        "w": [1, 1, 2, 1, 1, 0, 1, 1.5],
        "clinic": [1, 1, 2, 2, 3, 3, 4, 4],
    }
)


def fit(data: pd.DataFrame = PEOPLE, **options: Any) -> Any:
    return cumulative_incidence(data, **{"exit": "years", "event": "event", **options})


class TestReading:
    def test_at_has_the_columns_of_every_curve(self) -> None:
        rows = fit(by="sex").at([1, 3])
        assert list(rows.columns) == AT_COLUMNS
        assert rows[["group", "state", "time"]].to_numpy().tolist() == [[g, s, t] for g in "fm" for s in "12" for t in (1.0, 3.0)]

    def test_is_a_kind_of_curves(self) -> None:
        assert isinstance(fit(), Curves)
        assert fit().states == ("1", "2")

    def test_by_hand(self) -> None:
        rows = fit().at([0, 1, 2, 2.5, 3])
        # at 2 one of the seven left has the competing event, and one is censored; so five are left at 3
        assert_allclose(rows["estimate"][:5], [0, 1 / 8, 1 / 8, 1 / 8, 1 / 8 + 7 / 8 * 6 / 7 / 5])
        assert_allclose(rows["estimate"][5:], [0, 0, 1 / 8, 1 / 8, 1 / 8])
        assert_allclose(rows["n_at_risk"][:5], [8, 8, 7, 5, 5])
        assert_allclose(rows["std_error"][1], np.sqrt(1 / 8 * 7 / 8 / 8))

    def test_nothing_is_known_before_the_origin_and_after_the_last_follow_up(self) -> None:
        rows = fit().at([-1, 7, 8])
        assert np.isnan(rows["estimate"]).tolist() == [True, False, True] * 2

    def test_a_curve_whose_people_all_had_an_event_holds_for_ever(self) -> None:
        everybody = PEOPLE.assign(event=np.where(PEOPLE["event"] == 0, 2, PEOPLE["event"]))
        assert_allclose(fit(everybody).at(99)["estimate"], [3 / 8, 5 / 8])

    def test_labels_name_the_states_and_may_name_one_without_events(self) -> None:
        curves = fit(labels={1: "lichen sclerosus", 2: "death", 3: "emigration"})
        assert curves.at(3)["state"].tolist() == ["lichen sclerosus", "death", "emigration"]
        assert_allclose(curves.at(3)["estimate"].iloc[2], 0)
        assert np.isnan(curves.at(3)["conf_high"].iloc[2])

    def test_quantile_is_the_first_time_the_share_is_reached(self) -> None:
        found = fit().quantile([0.1, 0.2, 0.9])
        first = found[found["state"] == "1"]["estimate"].to_numpy()
        assert_allclose(first, [1, 3, np.nan])
        assert (found["conf_low"].dropna() <= found["estimate"].dropna()).all()
        with pytest.raises(DataError, match="shares between 0 and 1"):
            fit().quantile(2)

    def test_estimates_count_persons_by_event(self) -> None:
        frame = fit(by="sex", unit="years").estimates(outcome="LS", grid=[0, 4]).frame
        curve, risk = frame[frame["measure"] == "cumulative incidence"], frame[frame["measure"] == "at risk"]
        assert set(curve["level"]) == {"1", "2"} and set(curve["subgroup"]) == {"m", "f"}
        last = curve[(curve["subgroup"] == "m") & (curve["level"] == "1")].iloc[-1]
        assert (last["events"], last["n"]) == (3, 1)
        assert risk[(risk["level"] == "2") & (risk["subgroup"] == "f")]["events"].tolist() == [0, 1]
        assert set(frame["context"]) == {"curve"} and set(frame["unit"]) == {"years"}

    def test_shows_itself(self) -> None:
        assert repr(fit(by="sex")).startswith("IncidenceCurves(event by sex: 2 group(s), 8 rows, 5 events")
        assert fit(labels={1: "<LS>", 2: "d"})._repr_html_().count("&lt;LS&gt;") == 1

    def test_limits_lie_around_the_estimate_and_widen_with_the_level(self) -> None:
        narrow, wide = fit(level=0.5).at(4), fit(level=0.99).at(4)
        assert (wide["conf_low"] < narrow["conf_low"]).all() and (narrow["conf_low"] < narrow["estimate"]).all()
        assert (wide["conf_high"] > narrow["conf_high"]).all()


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"confidence": "logit"}, DataError, "confidence: got 'logit'"),
            ({"variance": "greenwood"}, DataError, "variance: got 'greenwood'"),
            ({"variance": "aalen", "weights": "w"}, DataError, "use 'jackknife'"),
            ({"variance": "delta", "cluster": "clinic"}, DataError, "use 'jackknife'"),
            ({"level": 95}, DataError, "level: got 95"),
            ({"labels": {1: "LS"}}, EventCodeError, "codes 2 have no label"),
            ({"labels": {1: "LS", 2: "LS"}}, DataError, "different labels"),
            ({"labels": {0: "none", 1: "LS", 2: "d"}}, DataError, "event codes 1, 2"),
            ({"exit": "year"}, ColumnNotFoundError, "Did you mean 'years'"),
            ({"entry": "years"}, FollowUpError, "is not after"),
        ],
    )
    def test_says_what_is_wrong(self, options: dict[str, Any], error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            fit(**options)

    def test_event_codes_must_be_whole_numbers(self) -> None:
        with pytest.raises(EventCodeError, match="got text"):
            fit(PEOPLE.assign(event=list("abababab")))
        with pytest.raises(EventCodeError):
            fit(PEOPLE.assign(event=PEOPLE["event"] + 0.5))

    def test_missing_groups_are_counted(self) -> None:
        with pytest.warns(MissingRowsWarning, match=r"1 of 8 rows .* sex \(1\)"):
            curves = fit(PEOPLE.assign(sex=[None, *PEOPLE["sex"][1:]]), by="sex")
        assert (curves.n, curves.n_missing) == (7, 1)

    def test_no_event_at_all_is_a_flat_curve(self) -> None:
        curves = fit(PEOPLE.assign(event=0))
        assert curves.states == ("1",) and curves.at(3)["estimate"].tolist() == [0.0]

    def test_warns_when_an_early_risk_set_dies_out(self) -> None:
        data = pd.DataFrame({"entry": [0.0, 0, 5, 5, 5], "years": [1.0, 2, 7, 8, 9], "event": [1, 2, 1, 0, 0]})
        with pytest.warns(FitWarning, match="flat from then on"):
            curves = fit(data, entry="entry")
        assert curves.warnings


class TestGray:
    def test_refuses_one_group_and_no_events(self) -> None:
        with pytest.raises(DataError, match="compares groups; got 1"):
            gray_test(PEOPLE[PEOPLE["sex"] == "m"], exit="years", event="event", by="sex")
        with pytest.raises(DataError, match="no event with code 3"):
            gray_test(PEOPLE, exit="years", event="event", by="sex", cause=3)

    def test_missing_strata_are_counted(self) -> None:
        with pytest.warns(MissingRowsWarning, match="Gray's test"):
            gray_test(PEOPLE.assign(clinic=[np.nan, *[1] * 7]), exit="years", event="event", by="sex", strata="clinic")

    def test_several_grouping_columns_are_crossed(self) -> None:
        data = PEOPLE.assign(old=[0, 1] * 4)
        crossed = data.assign(both=data["sex"] + data["old"].astype(str))
        one = gray_test(data, exit="years", event="event", by=["sex", "old"])
        pd.testing.assert_frame_equal(one, gray_test(crossed, exit="years", event="event", by="both"))

    def test_a_group_without_events_of_interest_still_counts(self) -> None:
        data = pd.DataFrame({"t": np.arange(1.0, 21), "e": [1, 2] * 10, "g": ["a", "a", "b", "b"] * 5})
        data.loc[data["g"] == "b", "e"] = 2
        row = gray_test(data, exit="t", event="e", by="g").iloc[0]
        assert row["df"] == 1 and row["p_value"] < 0.05
