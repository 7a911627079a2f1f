"""Restricted means: worked by hand, at the horizon, and with bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import ColumnNotFoundError, DataError, MissingRowsWarning
from cobalamin.models.curves.rmst import rmst, rmst_difference

EXACT = 1e-12  # a closed form in the same few operations
# S = 3/4 from 1, 1/2 from 2 to 4
FOUR = pd.DataFrame({"t": [1.0, 2, 4, 4], "e": [1, 1, 0, 0], "g": "a"})
# everybody dies: S = 1/2 from 1, 0 from 3
TWO = pd.DataFrame({"t": [1.0, 3], "e": [1, 1], "g": "b"})
BOTH = pd.concat([FOUR, TWO], ignore_index=True)


def means(data: pd.DataFrame = FOUR, **options: Any) -> pd.DataFrame:
    return rmst(data, **{"exit": "t", "event": "e", "tau": 4, **options})


def pair(data: pd.DataFrame = BOTH, **options: Any) -> pd.DataFrame:
    return rmst_difference(data, **{"exit": "t", "event": "e", "by": "g", "tau": 4, **options})


class TestByHand:
    def test_area_and_variance(self) -> None:
        found = means().iloc[0]
        assert_allclose(found["estimate"], 1 + 0.75 + 2 * 0.5, rtol=EXACT)
        # ahead of 1: 0.75 + 1, ahead of 2: 1
        assert_allclose(found["std_error"], np.sqrt(1.75**2 / (4 * 3) + 1 / (3 * 2)), rtol=EXACT)
        assert_allclose(found["conf_high"] - found["estimate"], 1.959964 * found["std_error"], rtol=1e-6)

    def test_a_horizon_inside_a_step(self) -> None:
        found = means(tau=1.5).iloc[0]
        assert_allclose([found["estimate"], found["std_error"]], [1 + 0.5 * 0.75, np.sqrt((0.5 * 0.75) ** 2 / 12)], rtol=EXACT)

    def test_before_the_first_event_nothing_is_uncertain(self) -> None:
        assert means(tau=0.5)[["estimate", "std_error"]].iloc[0].tolist() == [0.5, 0.0]

    def test_an_event_at_the_horizon_does_not_count(self) -> None:
        assert_allclose(means(tau=2)[["estimate", "std_error"]], [[1.75, np.sqrt(0.75**2 / 12)]], rtol=EXACT)

    def test_start_conditions_on_survival(self) -> None:
        # at 1 three people go on: one dies at 2
        assert_allclose(means(start=1)["estimate"], 1 + 2 * 2 / 3, rtol=EXACT)

    def test_difference_and_ratios(self) -> None:
        rows = pair().set_index("measure")
        a, b = 2.75, 1 + 2 * 0.5
        assert rows["group"].tolist() == ["b"] * 3 and rows["reference"].tolist() == ["a"] * 3
        assert_allclose(rows["estimate"], [b - a, b / a, (4 - b) / (4 - a)], rtol=EXACT)
        own = means()["std_error"].item(), means(TWO)["std_error"].item()
        assert_allclose(own[1], np.sqrt(1 / 2), rtol=EXACT)
        assert_allclose(rows.loc["difference", "std_error"], np.hypot(*own), rtol=EXACT)
        assert_allclose(rows.loc["ratio", "std_error"], np.hypot(own[0] / a, own[1] / b), rtol=EXACT)
        turned = pair(reference="b").set_index("measure")
        assert_allclose(turned["estimate"], [a - b, a / b, (4 - a) / (4 - b)], rtol=EXACT)
        assert_allclose(turned["p_value"], rows["p_value"], rtol=EXACT)

    def test_a_group_without_loss_has_no_ratio_of_loss(self) -> None:
        rows = pair(BOTH.assign(e=[0, 0, 0, 0, 1, 1]), tau=2).set_index("measure")
        assert np.isnan(rows.loc["ratio of time lost", "estimate"]) and rows.loc["ratio", "estimate"] == 0.75


class TestHorizon:
    def test_a_curve_that_ends_above_0_is_not_known_later(self) -> None:
        with pytest.raises(DataError, match="after the last follow-up of group a"):
            means(tau=4.1, by="g")

    def test_a_curve_that_has_reached_0_is(self) -> None:
        assert_allclose(means(TWO, tau=100)["estimate"], 2, rtol=EXACT)
        with pytest.raises(DataError, match="group a"):
            pair(tau=100)

    @pytest.mark.parametrize(("tau", "start"), [(0, None), (-1, None), (np.nan, None), (np.inf, None), (2, 2), (1, 2)])
    def test_it_lies_after_the_start(self, tau: float, start: float | None) -> None:
        with pytest.raises(DataError, match="tau"):
            means(tau=tau, start=start)


class TestRows:
    def test_missing_groups_are_counted(self) -> None:
        with pytest.warns(MissingRowsWarning, match=r"1 of 5 rows are left out of the means because of missing values in g \(1\)"):
            found = means(pd.concat([FOUR, pd.DataFrame({"t": [1.0], "e": [1], "g": [None]})]), by="g")
        assert_allclose(found["estimate"], 2.75, rtol=EXACT)

    def test_weight_0_is_absence(self) -> None:
        found = means(BOTH.assign(w=[1, 1, 1, 1, 0, 0]), weights="w")
        assert_allclose(found[["estimate", "std_error"]], means()[["estimate", "std_error"]], rtol=EXACT)

    def test_refusals(self) -> None:
        with pytest.raises(ColumnNotFoundError, match="'T'"):
            means(exit="T")
        with pytest.raises(DataError, match="level"):
            means(level=95)
        with pytest.raises(DataError, match="two groups"):
            pair(FOUR)
        with pytest.raises(DataError, match=r"no group 'c'\. g has: 2 groups"):
            pair(reference="c")
        with pytest.raises(DataError, match=r"no group 'c'\. g has: a, b"):
            pair(BOTH.astype({"g": "category"}), reference="c")
        with pytest.raises(DataError, match="under observation after start"):
            means(start=4, tau=5)
