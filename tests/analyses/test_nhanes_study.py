"""The NHANES study end to end on the real table: R's numbers come out of the protocol."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from support.studies import PROJECT, copy_study

from cobalamin.core.estimates import Estimates
from cobalamin.study.study import load_study

COEFFICIENT = 2e-6  # both sides iterate to their own tolerance
STANDARD_ERROR = 1e-5
EXPECTED = json.loads((PROJECT / "tests/reference/nhanes/expected.json").read_text())


@pytest.fixture(scope="module")
def estimates(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Estimates:
    folder = copy_study("nhanes_b12", tmp_path_factory.mktemp("nhanes"))
    return load_study(folder).run().estimates


def coefficient(estimates: Estimates, model: str, term: str, level: str = "") -> pd.Series:
    rows = estimates.where(context="estimate", model=model, term=term, level=level).frame
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.parametrize(
    ("model", "reference", "term", "level", "position"),
    [
        ("mortality_unweighted", "cox", "b12_log2", "", 0),
        ("mortality_unweighted", "cox", "male", "", 1),
        ("mortality_unweighted", "cox", "smoking", "current", 3),
        ("mortality", "svycoxph", "b12_log2", "", 0),
        ("mortality", "svycoxph", "male", "", 1),
        ("mortality_classes", "svycoxph_groups", "b12_class", "<148", 0),
        ("low_b12_unweighted", "logistic", "metformin", "", 1),
        ("low_b12_weighted", "svyglm", "metformin", "", 1),
        ("low_b12_weighted", "svyglm", "ppi", "", 2),
    ],
)
def test_the_protocol_gives_the_numbers_of_r(
    estimates: Estimates, model: str, reference: str, term: str, level: str, position: int
) -> None:
    row = coefficient(estimates, model, term, level)
    known = EXPECTED[reference]
    assert_allclose(np.log(row["value"]), known["estimate"][position], rtol=0, atol=COEFFICIENT)
    assert_allclose(row["std_error"], known["std_error"][position], rtol=STANDARD_ERROR * 10)


def test_the_flow_chart_counts_everyone(estimates: Estimates) -> None:
    flow = estimates.where(context="attrition").frame
    people, deaths = EXPECTED["flow"]["n"], EXPECTED["flow"]["deaths"]
    assert flow["n"].iloc[0] == people[0]
    assert (flow["n"].iloc[-1], flow["events"].iloc[-1]) == (people[-1], deaths[-1])
    for step in people:
        assert step in set(flow["n"])


def test_metformin_comes_out_as_the_positive_control(estimates: Estimates) -> None:
    for model in ("low_b12_weighted", "low_b12_unweighted"):
        assert coefficient(estimates, model, "metformin")["low"] > 1.3


def test_the_person_time_is_the_sum_over_people(estimates: Estimates) -> None:
    rows = estimates.where(context="diagnostic", model="mortality_unweighted", measure="person_time").frame
    assert_allclose(rows["value"], EXPECTED["person_years"], rtol=1e-9)
