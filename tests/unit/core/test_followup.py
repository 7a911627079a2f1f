"""Follow-up: one rule, (entry, exit], and a refusal that names what it got for everything else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from cobalamin.core.errors import EventCodeError, FollowUpError, MissingValuesError
from cobalamin.core.followup import follow_up


def test_booleans_categories_and_nullable_integers_are_events() -> None:
    expected = [1, 0, 1]
    for event in ([True, False, True], pd.Categorical([1, 0, 1]), pd.array([1, 0, 1], dtype="Int64"), np.array([1.0, 0.0, 1.0])):
        assert_array_equal(follow_up(exit=[1, 2, 3], event=event).event, expected)


@pytest.mark.parametrize(
    ("event", "error", "message"),
    [
        ([1, 2, 2], EventCodeError, "1 = censored, 2 = event"),
        ([0, 1, 2], EventCodeError, "competing events"),
        ([0, -1, 1], EventCodeError, "got codes -1, 0, 1"),
        ([0, 0.5, 1], EventCodeError, "3 different numbers"),
        (["dead", "alive", "dead"], EventCodeError, "text in 3 of 3"),
        ([0, None, 1], MissingValuesError, "1 of 3 rows are missing"),
        (np.array([0, np.nan, 1]), MissingValuesError, "1 of 3 rows are missing"),
    ],
)
def test_event_codes_that_peers_misread_are_refused(event: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        follow_up(exit=[1, 2, 3], event=event)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({"exit": [1, -2, 3]}, "negative in 1 of 3"),
        ({"exit": [1, 2, 3], "entry": [0, 2, 1]}, "not after entry in 1 of 3 rows .row positions 1"),
        ({"exit": [1, 2, 3], "entry": [5, 0, 1]}, "not after entry"),
        ({"exit": [1, np.inf, 3]}, "infinite in 1 of 3"),
        ({"exit": [1, "later", 3]}, "text in 1 of 3"),
        ({"exit": pd.to_datetime(["2020-01-01"] * 3)}, "holds dates"),
        ({"exit": [1, 2]}, "3"),
    ],
)
def test_times_that_run_backwards_or_nowhere_are_refused(times: dict[str, object], message: str) -> None:
    with pytest.raises(FollowUpError, match=message):
        follow_up(event=[0, 1, 0], **times)  # type: ignore[arg-type]


def test_no_message_shows_a_persons_time() -> None:
    with pytest.raises(FollowUpError) as caught:
        follow_up(exit=[17.31, 44.77], event=[0, 1], entry=[20.0, 1.0])
    assert "17.31" not in str(caught.value)
    assert "20" not in str(caught.value).replace("(row positions 0)", "")


def test_person_time_counts_from_entry() -> None:
    assert follow_up(exit=[5, 7], event=[0, 1]).person_time == 12
    late = follow_up(exit=[5, 7], event=[0, 1], entry=[1, 3])
    assert late.person_time == 8
    assert late.delayed
    assert follow_up(exit=[0, 7], event=[0, 1]).n_at_zero == 1


def test_missing_times_are_refused_with_a_count() -> None:
    with pytest.raises(MissingValuesError, match="2 of 3"):
        follow_up(exit=[1, None, np.nan], event=[0, 0, 0])
