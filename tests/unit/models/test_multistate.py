"""Multi-state models: a hand-worked cohort, what is refused, and rows from one row per person."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import DataError, DesignError, FollowUpError, MissingRowsWarning, MissingValuesError
from cobalamin.models.multistate.multistate import multi_state
from cobalamin.models.multistate.multistate_result import MARKOV, MultiState
from cobalamin.models.multistate.multistate_rows import transition_rows

NAMES = {"person": "id", "entry": "in", "exit": "out", "from_state": "was", "to_state": "then"}
EXACT = 1e-12  # quarters and halves, through a few products


def four() -> pd.DataFrame:
    """a: ill at 1, dead at 4; b: dead at 2; c: seen until 3; d: ill at 3, seen until 5."""
    rows = [
        ("a", 0, 1, "well", "LS"),
        ("a", 1, 4, "LS", "dead"),
        ("b", 0, 2, "well", "dead"),
        ("c", 0, 3, "well", "censored"),
        ("d", 0, 3, "well", "LS"),
        ("d", 3, 5, "LS", "censored"),
    ]
    return pd.DataFrame(rows, columns=["id", "in", "out", "was", "then"])


def fit(data: pd.DataFrame | None = None, **options: Any) -> MultiState:
    return multi_state(four() if data is None else data, **{**NAMES, "states": ["well", "LS", "dead"], **options})


class TestHandWorkedCohort:
    def test_state_probabilities(self) -> None:
        table = fit().at([0, 1, 2.5, 3, 4, 5]).pivot(index="time", columns="state", values="estimate")
        want = {
            0: (1, 0, 0),
            1: (3 / 4, 1 / 4, 0),
            2.5: (1 / 2, 1 / 4, 1 / 4),
            3: (1 / 4, 1 / 2, 1 / 4),
            4: (1 / 4, 1 / 4, 1 / 2),
            5: (1 / 4, 1 / 4, 1 / 2),
        }
        for time, shares in want.items():
            assert_allclose(table.loc[time, ["well", "LS", "dead"]], shares, atol=EXACT)

    def test_standard_errors(self) -> None:
        rows = fit().at([1, 2]).set_index(["state", "time"])["std_error"]
        # binomial as long as everybody is seen
        assert_allclose(rows["well"], [np.sqrt(3 / 4 / 4 * 1 / 4), np.sqrt(1 / 2 / 4 * 1 / 2)], rtol=1e-9)
        assert_allclose(rows["dead"], [0, np.sqrt(1 / 4 / 4 * 3 / 4)], rtol=1e-9)

    def test_numbers_at_risk_are_persons_in_the_state(self) -> None:
        rows = fit().at([0, 1, 2, 4, 5]).set_index("state")["n_at_risk"]
        assert rows["well"].tolist() == [4, 4, 3, 0, 0]
        assert rows["LS"].tolist() == [0, 0, 1, 2, 1]
        assert rows["dead"].tolist() == [0] * 5

    def test_transition_matrix(self) -> None:
        matrix = fit().matrix(1, 4)
        assert_allclose(matrix, [[1 / 3, 1 / 6, 1 / 2], [0, 1 / 2, 1 / 2], [0, 0, 1]])
        rows = fit().transition_probabilities(1, [4]).set_index(["from_state", "state"])
        assert_allclose(rows.loc["well", "estimate"], [1 / 3, 1 / 6, 1 / 2])
        assert rows["n_at_start"].tolist() == [3, 3, 3, 1, 1, 1]

    def test_counts(self) -> None:
        table = fit().transitions
        assert table[["from_state", "to_state", "n"]].to_numpy().tolist() == [
            ["well", "LS", 2],
            ["well", "dead", 1],
            ["well", "", 1],
            ["LS", "dead", 1],
            ["LS", "", 1],
        ]
        assert table["person_time"].tolist() == [9, 9, 9, 5, 5]

    def test_length_of_stay(self) -> None:
        stays = fit().length_of_stay(4).set_index("state")["estimate"]
        assert_allclose(stays[["well", "LS", "dead"]], [1 + 3 / 4 + 1 / 2 + 1 / 4, 1 / 4 + 1 / 4 + 1 / 2, 1 / 4 + 1 / 4])

    def test_hazards(self) -> None:
        rows = fit().hazards().query("from_state == 'well' and to_state == 'LS'")
        assert_allclose(rows["estimate"], [1 / 4, 1 / 4 + 1 / 2])
        assert_allclose(rows["std_error"], [1 / 4, np.sqrt(1 / 16 + 1 / 4)])

    def test_nothing_is_known_before_the_start_and_after_the_last_follow_up(self) -> None:
        assert fit().at([-1, 5.1])["estimate"].isna().all()
        ended = four().assign(then=["LS", "dead", "dead", "dead", "LS", "dead"])
        assert_allclose(fit(ended).at(99).set_index("state").loc["dead", "estimate"], 1)

    def test_estimates(self) -> None:
        rows = fit(unit="years").estimates(outcome="LS").frame
        curve = rows.query("measure == 'state probability' and level == 'LS'")
        assert curve["at"].tolist() == [0, 1, 2, 3, 4, 5]
        assert curve["events"].tolist() == [0, 1, 1, 2, 3, 3]
        assert curve["n"].tolist() == [4, 4, 4, 3, 2, 1]
        assert set(rows["measure"]) == {"state probability", "at risk"} and set(rows["unit"]) == {"years"}

    def test_it_says_what_it_is(self) -> None:
        model = fit()
        assert repr(model) == "MultiState(well, LS, dead: 4 persons, 6 rows, 4 transitions)"
        assert MARKOV in model.warnings and "<table" in model._repr_html_()

    def test_nobody_observed_in_a_state_is_said(self) -> None:
        rows = pd.DataFrame(
            [(1, 0, 1, "well", "LS"), (1, 1, 2, "LS", "censored"), (2, 0, 5, "well", "dead")], columns=["id", "in", "out", "was", "then"]
        )
        assert any("nobody is under observation in LS" in text for text in fit(rows).warnings)


def test_the_order_of_states_is_that_of_categories() -> None:
    data = four()
    labels = pd.CategoricalDtype(["well", "LS", "dead"])
    data = data.assign(was=data["was"].astype(labels), then=data["then"].astype(pd.CategoricalDtype(["well", "LS", "dead", "censored"])))
    assert multi_state(data, **NAMES).states == ("well", "LS", "dead")
    assert multi_state(four(), **NAMES).states == ("LS", "dead", "well")


def test_the_start_can_be_later_and_its_distribution_given() -> None:
    later = fit(start=1.5).at([1.5, 2]).set_index(["state", "time"])["estimate"]
    assert_allclose([later["well", 1.5], later["LS", 1.5], later["dead", 2]], [3 / 4, 1 / 4, 1 / 4])
    fixed = fit(initial={"LS": 1}, start=1).at(4).set_index("state")
    assert_allclose(fixed["estimate"][["LS", "dead"]], [1 / 2, 1 / 2])


def test_a_missing_group_is_counted() -> None:
    data = four().assign(arm=["x", "x", "x", "x", None, None])
    with pytest.warns(MissingRowsWarning, match="arm \\(2\\)"):
        model = fit(data, by="arm")
    assert (model.n, model.n_missing, model.n_persons) == (4, 2, 3)


def test_a_change_of_state_in_a_gap_is_counted_and_said() -> None:
    data = four()
    data.loc[1, "in"] = 2
    data.loc[0, "then"] = "censored"
    model = fit(data)
    assert (model.n_gaps, model.n_jumps) == (1, 1)
    assert any("changed state in a gap" in text for text in model.warnings)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"in": [0, 0, 0, 0, 0, 3]}, FollowUpError, "1 of 6 rows begin before the last row of the same id ends"),
        ({"was": ["well", "well", "well", "well", "well", "LS"]}, DesignError, "begin in another state"),
        ({"then": ["LS", "dead", "dead", None, "LS", "censored"]}, MissingValuesError, "write 'censored' in then"),
        ({"id": ["a", "a", None, "c", "d", "d"]}, MissingValuesError, "id: 1 of 6"),
        ({"was": ["well", "LS", "censored", "well", "well", "LS"]}, DataError, "nobody is at risk from no state"),
        ({"then": ["LS", "cancer", "dead", "censored", "LS", "censored"]}, DataError, "1 states of the data are not listed"),
        ({"out": [1, 4, 0, 3, 3, 5]}, FollowUpError, "out is not after in"),
    ],
)
def test_bad_rows_are_refused(change: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        fit(four().assign(**change))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"confidence": "normal"}, DataError, "log-log"),
        ({"level": 95}, DataError, "between 0 and 1"),
        ({"initial": {"well": 0.5}}, DataError, "add up to 0.5"),
        ({"initial": {"ill": 1}}, DataError, "no such state: ill"),
        ({"start": 9}, FollowUpError, "nobody of group Overall"),
        ({"states": ["well"]}, DataError, "not listed"),
        ({"states": ["well", "LS", "dead", "censored"]}, DataError, "none of them 'censored'"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        fit(**options)


def test_bad_questions_are_refused() -> None:
    model = fit(four().assign(arm=["x", "x", "y", "x", "y", "y"]), by="arm")
    with pytest.raises(DataError, match="several, x, y"):
        model.matrix(0, 1)
    with pytest.raises(DataError, match="no 'z'"):
        model.matrix(0, 1, group="z")
    with pytest.raises(DataError, match="before start"):
        model.matrix(2, 1, group="x")
    with pytest.raises(DataError, match="lie before start"):
        model.transition_probabilities(2, [1])
    with pytest.raises(DataError, match="last follow-up"):
        model.length_of_stay(99)
    with pytest.raises(MissingValuesError, match="1 of 2"):
        model.at([1, np.nan])


PEOPLE = pd.DataFrame(
    {
        "id": [1, 2, 3, 4, 5],
        "since": [0.0, 0, 2, 0, 0],
        "until": [9.0, 4, 8, 7, 6],
        "ls": [3.0, None, 1, 2, None],
        "cancer": [None, None, None, 5, None],
        "died": [9.0, None, None, 7, 6],
        "sex": list("fmfff"),
    }
)
PLAN = {"person": "id", "entry": "since", "exit": "until", "passing": {"ls": "LS"}, "final": {"cancer": "cancer", "died": "death"}}


class TestRowsFromPersons:
    def test_each_stay_is_a_row(self) -> None:
        rows = transition_rows(PEOPLE, **PLAN)
        assert rows.columns.tolist() == ["id", "sex", "entry", "exit", "from_state", "to_state"]
        assert rows.drop(columns="sex").to_numpy().tolist() == [
            [1, 0, 3, "healthy", "LS"],
            [1, 3, 9, "LS", "death"],
            [2, 0, 4, "healthy", "censored"],
            [3, 2, 8, "LS", "censored"],  # ill before entry: observed from entry on, in that state
            [4, 0, 2, "healthy", "LS"],
            [4, 2, 5, "LS", "cancer"],  # the first final state ends the history
            [5, 0, 6, "healthy", "death"],
        ]

    def test_they_fit_a_model(self) -> None:
        model = multi_state(
            transition_rows(PEOPLE, **PLAN), person="id", entry="entry", exit="exit", from_state="from_state", to_state="to_state"
        )
        assert model.states == ("healthy", "LS", "cancer", "death")
        assert_allclose(model.matrix(0, 9).sum(axis=1), 1)

    def test_a_state_can_be_passed_instead(self) -> None:
        plan = {**PLAN, "passing": {"ls": "LS", "cancer": "cancer"}, "final": {"died": "death"}}
        assert transition_rows(PEOPLE, **plan).query("id == 4")["to_state"].tolist() == ["LS", "cancer", "death"]

    def test_two_states_at_one_time(self) -> None:
        tied = PEOPLE.assign(ls=[9.0, None, 1, 2, None])
        with pytest.raises(FollowUpError, match="1 of 5 persons reach two states at one time"):
            transition_rows(tied, **PLAN)
        rows = transition_rows(tied, **PLAN, same_time="last").query("id == 1")
        assert rows[["from_state", "to_state"]].to_numpy().tolist() == [["healthy", "death"]]

    def test_illness_at_the_end_of_follow_up_is_a_transition(self) -> None:
        rows = transition_rows(PEOPLE.assign(ls=[3.0, 4, 1, 2, None]), **PLAN).query("id == 2")
        assert rows[["exit", "to_state"]].to_numpy().tolist() == [[4, "LS"]]

    @pytest.mark.parametrize(
        ("change", "error", "words"),
        [
            ({"died": [9.5, None, None, 7, 6]}, FollowUpError, "1 of 5 persons reach a state after until: died \\(1\\)"),
            ({"ls": [3.0, None, 1, 6, None]}, FollowUpError, "passing state after a final one"),
            ({"cancer": [None, None, None, 7, None]}, FollowUpError, "two final states at one time"),
            ({"died": [9.0, None, 2, 7, 6]}, FollowUpError, "at or before entry"),
            ({"id": [1, 1, 2, 3, 4]}, DesignError, "repeat a person"),
            ({"id": [1, None, 2, 3, 4]}, MissingValuesError, "whose history"),
            ({"ls": ["soon", None, None, None, None]}, DataError, "expected numbers"),
            ({"exit": 1}, DesignError, "columns named exit"),
        ],
    )
    def test_bad_histories_are_refused(self, change: dict[str, Any], error: type[Exception], words: str) -> None:
        with pytest.raises(error, match=words):
            transition_rows(PEOPLE.assign(**change), **PLAN)

    def test_bad_plans_are_refused(self) -> None:
        with pytest.raises(DesignError, match="different columns and labels"):
            transition_rows(PEOPLE, **{**PLAN, "final": {"died": "LS"}})
        with pytest.raises(DesignError, match="at least one column"):
            transition_rows(PEOPLE, **{**PLAN, "final": {}, "passing": {}})
        with pytest.raises(DataError, match="same_time"):
            transition_rows(PEOPLE, **PLAN, same_time="first")
