"""Restricted means against R's survfit (rmean) and its influence residuals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.curves.rmst import rmst, rmst_difference

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
PEOPLE = pd.DataFrame(EXPECTED["people"])
OLD = PEOPLE[PEOPLE["arm"] == "old"]
SAME_SUMS = 1e-9  # the same sums in another order


def means(data: pd.DataFrame, **options: Any) -> pd.DataFrame:
    return rmst(data, **{"exit": "exit", "event": "event", "tau": 40, **options})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("right", {"by": "arm"}),
        ("right_short", {"by": "arm", "tau": 12.5}),
        ("late", {"by": "arm", "entry": "entry"}),
        ("one", {"entry": "entry", "tau": 45}),
    ],
)
def test_means_and_standard_errors(name: str, options: dict[str, Any]) -> None:
    found = means(PEOPLE, **options)
    assert_allclose(found["estimate"], np.atleast_1d(EXPECTED[name]["rmean"]), rtol=SAME_SUMS)
    assert_allclose(found["std_error"], np.atleast_1d(EXPECTED[name]["se"]), rtol=SAME_SUMS)


def test_start_counts_from_there() -> None:
    found = means(PEOPLE, by="arm", entry="entry", start=10)
    # R integrates from 0, where the curve is 1
    assert_allclose(found["estimate"] + 10, EXPECTED["start"]["rmean"], rtol=SAME_SUMS)
    assert_allclose(found["std_error"], EXPECTED["start"]["se"], rtol=SAME_SUMS)


def test_weights_and_clusters_are_the_jackknife_of_r() -> None:
    wanted = EXPECTED["weighted"]
    rows = means(OLD, weights="weight")
    assert_allclose(rows["estimate"], wanted["rmean"], rtol=SAME_SUMS)
    assert_allclose(rows["std_error"], wanted["rows"], rtol=SAME_SUMS)
    assert_allclose(means(OLD, weights="weight", cluster="clinic")["std_error"], wanted["clinics"], rtol=SAME_SUMS)


def test_lung_at_one_year(shared_data: Path) -> None:
    lung = pd.read_csv(shared_data / "reference" / "lung.csv")
    lung["died"] = lung["status"] == 2
    found = rmst(lung, exit="time", event="died", by="sex", tau=365)
    assert_allclose(found["estimate"], EXPECTED["lung"]["rmean"], rtol=SAME_SUMS)
    assert_allclose(found["std_error"], EXPECTED["lung"]["se"], rtol=SAME_SUMS)
    assert_allclose(found["estimate"], [241.4951, 297.4654], atol=5e-5)
    assert_allclose(found["std_error"], [10.3582, 10.7913], atol=5e-5)
    difference = rmst_difference(lung, exit="time", event="died", by="sex", tau=365).set_index("measure")
    mean, error = np.array(EXPECTED["lung"]["rmean"]), np.array(EXPECTED["lung"]["se"])
    assert_allclose(difference.loc["difference", ["estimate", "std_error"]].to_numpy(float), [np.diff(mean)[0], np.hypot(*error)])
    assert_allclose(difference.loc["ratio", ["estimate", "std_error"]].to_numpy(float), [mean[1] / mean[0], np.hypot(*(error / mean))])


def test_aml(shared_data: Path) -> None:
    found = rmst(pd.read_csv(shared_data / "reference" / "aml.csv"), exit="time", event="status", by="x", tau=40)
    assert_allclose(found["estimate"], EXPECTED["aml"]["rmean"], rtol=SAME_SUMS)
    assert_allclose(found["std_error"], EXPECTED["aml"]["se"], rtol=SAME_SUMS)
