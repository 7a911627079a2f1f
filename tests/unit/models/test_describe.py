"""Table 1 and histograms: worked by hand, and with bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import ColumnNotFoundError, DataError, EventCodeError, MissingRowsWarning, MissingValuesError
from cobalamin.models.describe.describe import histogram, quantiles, table1
from cobalamin.models.describe.histogram import merge, outward
from cobalamin.models.describe.standardized_difference import difference_in_means, difference_in_shares

PEOPLE = pd.DataFrame(
    {
        "arm": ["low", "low", "low", "low", "normal", "normal"],
        "age": [40.0, 50, 60, np.nan, 30, 50],
        "smoker": [True, False, False, True, False, False],
        "site": pd.Categorical(["a", "a", "b", "b", "a", "c"], categories=["c", "b", "a", "never"]),
        "ill": [1, 0, 0, 2, 1, 0],
        "years": [1.0, 2, 3, 4, 5, 6],
    }
)


def value(frame: pd.DataFrame, **where: str) -> tuple[float, float]:
    rows = frame
    for name, wanted in where.items():
        rows = rows[rows[name] == wanted]
    assert len(rows) == 1
    return rows["value"].item(), rows["n"].item()


class TestTable1:
    frame = table1(PEOPLE, by="arm", event="ill", person_time="years").frame

    def test_totals_count_people_events_of_kind_1_and_time(self) -> None:
        totals = self.frame[self.frame["measure"] == "total"].set_index("subgroup")[["n", "events", "person_time"]]
        assert totals.loc["Overall"].tolist() == [6, 2, 21]
        assert totals.loc["low"].tolist() == [4, 1, 10]

    def test_numbers(self) -> None:
        assert value(self.frame, term="age", subgroup="low", measure="mean") == (50, 3)
        assert value(self.frame, term="age", subgroup="low", measure="sd") == (10, 3)
        assert value(self.frame, term="age", subgroup="Overall", measure="median") == (50, 5)
        assert value(self.frame, term="age", subgroup="Overall", measure="q1") == (40, 5)

    def test_shares_are_of_the_known_in_the_order_of_the_categories(self) -> None:
        rows = self.frame.query("term == 'site' and measure == 'percent' and subgroup == 'Overall'")
        assert rows["level"].tolist() == ["c", "b", "a", "never"]
        assert_allclose(rows["value"], [100 / 6, 200 / 6, 50, 0])
        assert value(self.frame, term="smoker", level="yes", subgroup="low", measure="percent") == (50, 2)

    def test_missing_is_counted_for_every_variable(self) -> None:
        assert value(self.frame, term="age", subgroup="low", measure="missing") == (25, 1)
        assert value(self.frame, term="site", subgroup="Overall", measure="missing") == (0, 0)

    def test_standardized_differences_by_hand(self) -> None:
        # age: means 50 and 40, variances 100 and 200; smoker: shares 1/2 and 0
        assert_allclose(value(self.frame, term="age", measure="smd")[0], 10 / np.sqrt(150), rtol=1e-14)
        assert_allclose(value(self.frame, term="smoker", measure="smd")[0], 0.5 / np.sqrt(0.25 / 2), rtol=1e-12)

    def test_every_row_is_a_summary_of_the_grouping(self) -> None:
        assert set(self.frame["analysis"]) == {"table1"} and set(self.frame["context"]) == {"summary"}
        assert set(self.frame["model"]) == {"arm"}

    def test_without_groups_there_is_one_column_and_no_difference(self) -> None:
        frame = table1(PEOPLE, variables=["age"]).frame
        assert set(frame["subgroup"]) == {"Overall"} and "smd" not in set(frame["measure"])

    def test_labels_replace_names(self) -> None:
        assert set(table1(PEOPLE, variables=["age"], labels={"age": "Age, years"}).frame["term"]) == {"", "Age, years"}

    def test_a_group_without_a_known_value_is_empty_not_an_error(self) -> None:
        people = pd.concat([PEOPLE, PEOPLE.tail(1)]).assign(age=[np.nan] * 4 + [30.0, 50, 55])
        frame = table1(people, by="arm", variables=["age"]).frame
        assert np.isnan(value(frame, term="age", subgroup="low", measure="mean")[0])
        assert np.isnan(value(frame, term="age", measure="smd")[0])


class TestWeights:
    def test_two_copies_and_weight_2_are_the_same(self) -> None:
        copies = np.array([2, 1, 1, 3, 1, 2])
        repeated = PEOPLE.loc[PEOPLE.index.repeat(copies)]
        ours = table1(PEOPLE.assign(w=copies), by="arm", weights="w", variables=["age", "smoker", "site"]).frame
        theirs = table1(repeated, by="arm", variables=["age", "smoker", "site"]).frame
        same = ours["measure"] != "total"
        assert_allclose(ours.loc[same, "value"], theirs.loc[same, "value"], rtol=1e-12)

    def test_the_scale_of_fractional_weights_says_nothing(self) -> None:
        w = np.array([0.5, 1.25, 2, 1, 0.75, 3])
        one, other = (table1(PEOPLE.assign(w=k * w), by="arm", weights="w", variables=["age", "site"]).frame for k in (1, 1000.1))
        assert_allclose(one["value"], other["value"], rtol=1e-9)

    def test_counts_stay_people(self) -> None:
        frame = table1(PEOPLE.assign(w=2.5), by="arm", weights="w", variables=["smoker"]).frame
        assert value(frame, term="smoker", level="yes", subgroup="low", measure="percent") == (50, 2)

    @pytest.mark.parametrize("probability", [0, 0.1, 0.25, 0.5, 0.9, 1])
    def test_weighted_quantiles_are_those_of_the_copies(self, probability: float) -> None:
        rng = np.random.default_rng(7)
        x, w = rng.normal(size=41), rng.integers(1, 5, 41)
        assert_allclose(quantiles(x, w.astype(float), [probability])[0], np.quantile(np.repeat(x, w), probability), rtol=1e-12)


class TestRefusals:
    def test_rows_without_group_are_left_out_counted_and_named(self) -> None:
        people = PEOPLE.assign(arm=["low", None, "low", "low", "normal", "normal"])
        with pytest.warns(MissingRowsWarning, match=r"1 of 6 rows .* arm \(1\)"):
            frame = table1(people, by="arm", variables=["age"]).frame
        assert value(frame, term="arm", measure="missing") == (pytest.approx(100 / 6), 1)
        assert value(frame[frame["measure"] == "total"], subgroup="Overall")[1] == 5

    @pytest.mark.parametrize(
        ("column", "message"),
        [
            (pd.date_range("2020-01-01", periods=6), "datetime64"),
            ([1, "a", 2, "b", 1, 2], "mixed"),
            ([1.0, np.inf, 2, 3, 4, 5], "1 of 6 values are infinite"),
        ],
    )
    def test_unknown_types(self, column: Any, message: str) -> None:
        with pytest.raises(DataError, match=message):
            table1(PEOPLE.assign(x=column), variables=["x"])

    def test_a_text_for_every_person_is_not_a_category(self) -> None:
        people = pd.DataFrame({"name": [f"person {i}" for i in range(60)]})
        with pytest.raises(DataError, match="60 different texts") as caught:
            table1(people)
        assert "person 1" not in str(caught.value)

    def test_other_bad_input(self) -> None:
        with pytest.raises(ColumnNotFoundError, match="Did you mean 'age'"):
            table1(PEOPLE, variables=["agee"])
        with pytest.raises(EventCodeError, match="codes 1, 2 and no 0"):
            table1(PEOPLE.assign(ill=[1, 2, 1, 2, 1, 2]), event="ill")
        with pytest.raises(MissingValuesError, match="years: 1 of 6"):
            table1(PEOPLE.assign(years=[np.nan, 1, 1, 1, 1, 1]), person_time="years")
        with pytest.raises(DataError, match="called 'Overall'"):
            table1(PEOPLE.assign(arm="Overall"), by="arm")
        with pytest.raises(DataError, match="no rows"):
            table1(PEOPLE.iloc[:0])


class TestStandardizedDifference:
    def test_three_categories_by_hand(self) -> None:
        """Shares (1/2, 1/4, 1/4) and (1/4, 1/4, 1/2): over the last two S = [[3/16, -3/32], [-3/32, 7/32]]."""
        difference, s = np.array([0, -0.25]), np.array([[3 / 16, -3 / 32], [-3 / 32, 7 / 32]])
        by_hand = np.sqrt(difference @ np.linalg.inv(s) @ difference)
        assert_allclose(difference_in_shares(np.array([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])), by_hand, rtol=1e-12)

    def test_which_category_is_left_out_does_not_matter(self) -> None:
        shares = np.array([[0.5, 0.2, 0.2, 0.1], [0.1, 0.3, 0.2, 0.4]])
        assert_allclose(difference_in_shares(shares), difference_in_shares(shares[:, [2, 0, 3, 1]]), rtol=1e-12)

    def test_ends(self) -> None:
        assert difference_in_shares(np.array([[1.0, 0], [0, 1]])) == np.inf
        assert difference_in_shares(np.array([[0.3, 0, 0.7], [0.3, 0, 0.7]])) == 0
        assert difference_in_means(np.array([1.0, 2]), np.zeros(2)) == np.inf
        assert difference_in_means(np.array([1.0, 1]), np.zeros(2)) == 0

    def test_the_largest_pair_of_three_groups(self) -> None:
        assert difference_in_means(np.array([0.0, 1, 3]), np.ones(3)) == 3


class TestHistogram:
    rng = np.random.default_rng(12)
    people = pd.DataFrame({"b12": np.exp(rng.normal(5.8, 0.5, 3000)), "arm": rng.choice(["low", "normal"], 3000, p=[0.02, 0.98])})

    @pytest.mark.parametrize("log", [False, True])
    @pytest.mark.parametrize("by", [None, "arm"])
    def test_everybody_is_in_one_bin_and_no_bin_is_small(self, log: bool, by: str | None) -> None:
        frame = histogram(self.people, "b12", log=log, by=by, minimum=12).frame.query("measure == 'histogram'")
        assert frame["n"].sum() == 3000 and frame["n"].min() >= 12
        for label, rows in frame.groupby("subgroup"):
            values = self.people["b12"] if by is None else self.people.loc[self.people["arm"] == label, "b12"]
            assert (rows["low"].to_numpy()[1:] == rows["high"].to_numpy()[:-1]).all()
            counted = [((values >= low) & (values < high)).sum() for low, high in zip(rows["low"], rows["high"], strict=True)]
            assert rows["n"].tolist() == counted

    def test_the_outer_edges_do_not_give_away_the_extremes(self) -> None:
        people = pd.DataFrame({"x": [*np.linspace(100, 199, 500), 1730.0, 3.7]})
        frame = histogram(people, "x").frame.query("measure == 'histogram'")
        assert frame["high"].max() == 2000 and frame["low"].min() == 2

    def test_missing_values_have_their_row(self) -> None:
        frame = histogram(PEOPLE, "age", by="arm").frame.query("measure == 'missing'")
        assert frame.set_index("subgroup")["n"].to_dict() == {"low": 1, "normal": 0}

    def test_one_value_and_whole_numbers_on_edges(self) -> None:
        frame = histogram(pd.DataFrame({"x": [5.0] * 30}), "x", bins=10).frame.query("measure == 'histogram'")
        assert frame["n"].tolist() == [30] and (frame["low"] <= 5).all() and (frame["high"] > 5).all()

    def test_bad_input(self) -> None:
        with pytest.raises(DataError, match="1 values are 0 or below"):
            histogram(pd.DataFrame({"x": [1.0, 0.0]}), "x", log=True)
        with pytest.raises(DataError, match="needs numbers"):
            histogram(PEOPLE, "arm")
        with pytest.raises(DataError, match="bins=0"):
            histogram(PEOPLE, "age", bins=0)

    def test_merge_and_outward_by_hand(self) -> None:
        assert merge(np.array([1, 1, 1]), 10).tolist() == [0, 3]
        assert merge(np.array([10, 3, 10, 3]), 10).tolist() == [0, 1, 4]
        assert [outward(v, d) for v, d in ((0.03, 1), (5, 1), (6, 1), (-6, 1), (-6, -1), (0, 1))] == [0.05, 5, 10, -5, -10, 0]
