"""The documented register design on the simulated cohort, checked by its dictionary: from raw tables to a cohort."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from cobalamin.design import Cohort, build_cohort, design_from_mapping
from cobalamin.dictionary.check import check
from cobalamin.dictionary.dictionary import load_dictionary
from cobalamin.sources.simulated import SimulatedSource

PROJECT = Path(__file__).resolve().parents[3]
LATER = ("outcome", "event_date", "end_of_follow_up", "follow_up")


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    dictionary = load_dictionary(PROJECT / "data_dictionary" / "ls_cohort")
    text = (PROJECT / "docs" / "protocol-design.md").read_text(encoding="utf-8")
    mapping = tomllib.loads(re.findall(r"```toml\n(.*?)```", text, re.S)[0])["design"]
    later = [v.name for table in dictionary.tables.values() for v in table.variables.values() if v.role in LATER]
    design = design_from_mapping(mapping, codelists=dictionary.codelists, after_time_zero=later)
    return build_cohort(check(SimulatedSource(3000, 20260101), dictionary).valid, design)


def test_the_documented_study_runs(cohort: Cohort) -> None:
    data = cohort.data
    assert cohort.n > 500 and cohort.attrition["n"].iloc[0] == 3000
    assert data["age"].min() >= 18 and set(data["sex"].cat.categories) == {"female", "male"}
    assert data["b12"].notna().all() and (data["b12_days_before"] == 0).all()  # time zero is the first sample, so it is the one chosen
    assert data["b12_class"].cat.categories[0] == ">=221"
    assert np.isin(data["metformin"], [0.0, 1.0]).all() and data["gastritis"].sum() > 0
    assert (data["entry"] < data["exit"]).all() and set(data["event"]) <= {0, 1, 2}
    assert data["b12_assay"].notna().mean() > 0.5
    assert "person not in the person table" not in set(cohort.notes["reason"])
