"""Table 1 against base R and its survey package."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.describe.describe import table1

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
PEOPLE = pd.DataFrame(EXPECTED["people"]).astype({"age": float})
SAME_SUMS = 1e-12  # the same sums in another order, printed by R with 15 digits
VARIABLES = ["age", "smoking", "ill"]


def numbers(frame: pd.DataFrame, group: str) -> dict[str, float]:
    rows = frame[(frame["term"] == "age") & (frame["subgroup"] == group)].set_index("measure")["value"]
    return {name: rows[name] for name in ("mean", "sd", "median", "q1", "q3")}


@pytest.mark.parametrize("group", ["Overall", "high", "low", "middle"])
def test_numbers_of_each_group(group: str) -> None:
    ours = numbers(table1(PEOPLE, by="arm", variables=VARIABLES).frame, group)
    assert_allclose([ours[k] for k in EXPECTED["age"][group]], list(EXPECTED["age"][group].values()), rtol=SAME_SUMS)


@pytest.mark.parametrize("group", ["Overall", "high", "low", "middle"])
def test_whole_weights_are_copies(group: str) -> None:
    ours = numbers(table1(PEOPLE, by="arm", variables=VARIABLES, weights="copies").frame, group)
    assert_allclose([ours[k] for k in EXPECTED["repeated"][group]], list(EXPECTED["repeated"][group].values()), rtol=SAME_SUMS)


def test_sampling_weights_are_those_of_the_survey_package() -> None:
    known = PEOPLE.dropna(subset="age")
    frame = table1(known, variables=VARIABLES, weights="weight").frame
    ours = numbers(frame, "Overall")
    never = frame.query("level == 'never' and measure == 'percent'")["value"].item()
    assert_allclose([ours["mean"], ours["sd"], never], list(EXPECTED["weighted"].values()), rtol=SAME_SUMS)


def test_standardized_differences_are_the_largest_of_the_pairs() -> None:
    frame = table1(PEOPLE, by="arm", variables=VARIABLES).frame.query("measure == 'smd'").set_index("term")["value"]
    assert_allclose([frame[name] for name in VARIABLES], [EXPECTED["smd"][name] for name in VARIABLES], rtol=1e-10)
