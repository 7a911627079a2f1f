"""Log-rank tests: worked by hand, at their edges, and with bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import ColumnNotFoundError, DataError, EventCodeError, FitWarning, MissingRowsWarning, MissingValuesError
from cobalamin.models.curves.logrank import logrank, logrank_groups

EXACT = 1e-12  # a closed form in the same few operations
# at 1: a dies among 2 a and 2 b; at 2: b among 1 a and 2 b; at 3: a among 1 a and 1 b
FOUR = pd.DataFrame({"t": [1, 3, 2, 4], "e": [1, 1, 1, 0], "g": list("aabb")})


def run(data: pd.DataFrame, **options: Any) -> pd.DataFrame:
    return logrank(data, **{"exit": "t", "event": "e", "by": "g", **options})


class TestByHand:
    def test_score_and_variance(self) -> None:
        score = 1 - 2 / 4 + 0 - 1 / 3 + 1 - 1 / 2
        variance = 1 / 2 * 1 / 2 + 1 / 3 * 2 / 3 + 1 / 2 * 1 / 2
        found = run(FOUR)
        assert_allclose(found["chi2"], score**2 / variance, rtol=EXACT)
        assert list(found.columns) == ["chi2", "df", "p_value"] and found["df"].tolist() == [1]

    def test_tied_events_have_the_variance_of_drawing_without_replacement(self) -> None:
        data = pd.DataFrame({"t": [1, 1, 2, 2, 2], "e": [1, 1, 0, 0, 0], "g": list("ababb")})
        # 2 of 5 die, 2 of the 5 are a: variance 2 * 3 / 4 * 2/5 * 3/5
        assert_allclose(run(data)["chi2"], (1 - 0.8) ** 2 / (2 * 3 / 4 * 0.4 * 0.6), rtol=EXACT)

    def test_observed_and_expected(self) -> None:
        table = logrank_groups(FOUR, exit="t", event="e", by="g")
        assert table["n"].tolist() == [2, 2] and table["observed"].tolist() == [2, 1]
        assert_allclose(table["expected"], [1 / 2 + 1 / 3 + 1 / 2, 1 / 2 + 2 / 3 + 1 / 2], rtol=EXACT)

    def test_who_enters_at_the_time_of_an_event_is_not_at_risk_there(self) -> None:
        data = pd.DataFrame({"t": [2, 5, 5, 4], "e": [1, 0, 0, 1], "g": list("aabb"), "in": [0, 0, 2, 0]})
        # at 2: a dies among 2 a and 1 b (the other b enters at 2); at 4: b among 1 a and 2 b
        score, variance = 1 - 2 / 3 + 0 - 1 / 3, 2 / 9 + 2 / 9
        assert_allclose(run(data, entry="in")["chi2"], score**2 / variance, atol=EXACT)

    def test_trend_of_two_groups_is_the_test(self) -> None:
        assert_allclose(run(FOUR, trend=True), run(FOUR), rtol=EXACT)
        assert_allclose(run(FOUR, trend=[5, 1]), run(FOUR), rtol=EXACT)

    def test_times_equal_up_to_rounding_are_ties(self) -> None:
        tied = pd.DataFrame({"t": [0.3, 0.1 + 0.2, 1.0, 1.0], "e": [1, 1, 0, 0], "g": list("abab")})
        assert_allclose(run(tied), run(tied.assign(t=[0.3, 0.3, 1, 1])), rtol=EXACT)


class TestEdges:
    def test_strata_with_the_groups_apart_leave_fewer_degrees_of_freedom(self) -> None:
        """a and b meet in one stratum, c and d in the other: two comparisons, not three."""
        both = pd.concat([FOUR.assign(s=1), FOUR.assign(s=2, g=FOUR["g"].map({"a": "c", "b": "d"}))])
        found = run(both, strata="s")
        assert found["df"].item() == 2
        assert_allclose(found["chi2"], 2 * run(FOUR)["chi2"], rtol=EXACT)

    def test_a_group_that_is_never_compared_is_counted_and_named_where_it_was_declared(self) -> None:
        late = pd.concat([FOUR.assign(**{"in": 0}), pd.DataFrame({"t": [20, 30], "e": [1, 1], "g": ["c", "c"], "in": [10, 10]})])
        with pytest.warns(FitWarning, match="left out of the test: 1 group"):
            found = run(late, entry="in")
        assert_allclose(found, run(FOUR), rtol=EXACT)
        with pytest.warns(FitWarning, match="left out of the test: c"):
            run(late.astype({"g": "category"}), entry="in")

    def test_values_of_persons_are_not_in_messages(self) -> None:
        with pytest.raises(DataError, match="each of the 2 groups of g, not") as caught:
            run(FOUR, trend=[1, 1])
        assert "(a, b)" not in str(caught.value)
        with pytest.raises(DataError, match=r"2 groups of g \(a, b\)"):
            run(FOUR.astype({"g": "category"}), trend=[1, 1])

    def test_a_number_is_no_grouping(self) -> None:
        many = pd.DataFrame({"t": range(1, 32), "e": 1, "g": range(31)})
        with pytest.raises(DataError, match="g makes 31 groups, at most 30"):
            run(many)

    def test_nothing_to_compare(self) -> None:
        apart = pd.DataFrame({"t": [1, 2, 11, 12], "e": 1, "g": list("aabb"), "in": [0, 0, 10, 10]})
        with pytest.raises(DataError, match="nothing to compare"):
            run(apart, entry="in")
        with pytest.raises(DataError, match="trend"):
            run(apart, entry="in", trend=True)

    def test_missing_groups_and_strata_are_counted(self) -> None:
        holes = pd.concat([FOUR.assign(s=1.0), pd.DataFrame({"t": [5, 6], "e": [1, 1], "g": [None, "a"], "s": [1.0, np.nan]})])
        with pytest.warns(MissingRowsWarning, match=r"2 of 6 rows .* g \(1\), s \(1\)"):
            found = run(holes, strata="s")
        assert_allclose(found, run(FOUR), rtol=EXACT)
        with pytest.raises(MissingValuesError, match=r"g \(1\), s \(1\)"):
            run(holes, strata="s", missing="error")

    def test_a_missing_time_of_a_row_without_a_group_stops_nothing(self) -> None:
        holes = pd.concat([FOUR, pd.DataFrame({"t": [np.nan], "e": [1], "g": [None]})])
        with pytest.warns(MissingRowsWarning):
            assert_allclose(run(holes), run(FOUR), rtol=EXACT)

    def test_several_grouping_columns_are_one(self) -> None:
        data = pd.concat([FOUR, FOUR.assign(t=FOUR["t"] + 0.5)], ignore_index=True).assign(h=[0, 1] * 4)
        joint = data.assign(g=data["g"] + data["h"].astype(str))
        assert_allclose(run(data, by=["g", "h"]), run(joint), rtol=EXACT)
        assert_allclose(run(data, strata="h"), run(data, strata=["h"]), rtol=EXACT)


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "error", "words"),
        [
            ({"weights_family": "gehan"}, DataError, "weights_family"),
            ({"rho": 1}, DataError, "fleming-harrington"),
            ({"weights_family": "fleming-harrington", "rho": -1}, DataError, ">= 0"),
            ({"trend": [1, 2, 3]}, DataError, "one score for each of the 2 groups"),
            ({"trend": [1, 1]}, DataError, "not all the same"),
            ({"by": "G"}, ColumnNotFoundError, "'G'"),
            ({"missing": "skip"}, DataError, "missing"),
        ],
    )
    def test_arguments(self, options: dict[str, Any], error: type[Exception], words: str) -> None:
        with pytest.raises(error, match=words):
            run(FOUR, **options)

    def test_data(self) -> None:
        with pytest.raises(DataError, match="got 1 with known rows"):
            run(FOUR.assign(g="a"))
        with pytest.raises(DataError, match="no events"):
            run(FOUR.assign(e=0))
        with pytest.raises(EventCodeError, match="event"):
            run(FOUR.assign(e=[1, 2, 2, 1]))
        with pytest.raises(DataError, match="no rows"):
            run(FOUR.iloc[:0])
