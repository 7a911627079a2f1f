"""Cumulative hazards and quantiles against R's survfit; critical values of bands against the printed tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.curves.band_values import equal_precision_value, hall_wellner_value
from cobalamin.models.curves.curves import survival_curve
from cobalamin.models.curves.nelson_aalen import cumulative_hazard

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
PEOPLE = pd.DataFrame(EXPECTED["people"])
SAME_SUMS = 1e-9  # the same sums in another order
PRINTED = 6e-5  # the tables have four decimals
# Nair's printed values solve an approximation for long intervals; those of short ones are up to 0.02 off (simulation agrees with ours)
APPROXIMATE = 0.02


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("aalen", {"entry": "entry"}),
        ("fleming", {"entry": "entry", "ties": "fleming-harrington"}),
        ("robust", {"weights": "weight"}),
        ("cluster", {"entry": "entry", "weights": "weight", "cluster": "clinic"}),
    ],
)
def test_hazards_and_standard_errors(name: str, options: dict[str, Any]) -> None:
    found, wanted = cumulative_hazard(PEOPLE, exit="exit", event="event", **options).frame, pd.DataFrame(EXPECTED[name])
    assert_allclose(found["time"], wanted["time"])
    assert_allclose(found["estimate"], wanted["hazard"], rtol=SAME_SUMS)
    assert_allclose(found["std_error"], wanted["se"], rtol=SAME_SUMS, atol=SAME_SUMS)


def test_groups_are_their_own() -> None:
    found = cumulative_hazard(PEOPLE, exit="exit", event="event", by="arm").steps("old")
    assert_allclose(found["estimate"], EXPECTED["right_old"]["hazard"], rtol=SAME_SUMS)
    assert_allclose(found["std_error"], EXPECTED["right_old"]["se"], rtol=SAME_SUMS)


def test_lung(shared_data: Path) -> None:
    lung = pd.read_csv(shared_data / "reference" / "lung.csv")
    found = cumulative_hazard(lung.assign(d=lung["status"] == 2), exit="time", event="d").frame.iloc[[0, 49, 99, 149]]
    assert_allclose(found["estimate"], EXPECTED["lung"]["hazard"], rtol=SAME_SUMS)
    assert_allclose(found["std_error"], EXPECTED["lung"]["se"], rtol=SAME_SUMS)


@pytest.mark.parametrize("confidence", ["log-log", "log", "plain"])
def test_quantiles_under_delayed_entry(confidence: str) -> None:
    curves = survival_curve(PEOPLE, exit="exit", event="event", entry="entry", confidence=confidence)
    found = curves.quantile([0.1, 0.25, 0.5, 0.75])
    wanted = EXPECTED["quantiles"][confidence]
    for ours, theirs in {"estimate": "quantile", "conf_low": "lower", "conf_high": "upper"}.items():
        assert_allclose(found[ours], np.array(wanted[theirs], dtype=float), err_msg=ours)


@pytest.mark.parametrize("level", [95, 90])
def test_hall_wellner_values_are_those_of_the_tables(level: int) -> None:
    table = EXPECTED[f"hall_wellner_{level}"]
    found = [hall_wellner_value(level / 100, low, high) for low, high in zip(table["low"], table["high"], strict=True)]
    assert_allclose(found, table["value"], atol=PRINTED)


@pytest.mark.parametrize("level", [95, 90])
def test_equal_precision_values_are_near_those_of_the_tables(level: int) -> None:
    from scipy.stats import norm

    table = EXPECTED[f"nair_{level}"]
    for low, high, printed in zip(table["low"], table["high"], table["value"], strict=True):
        assert_allclose(equal_precision_value(level / 100, low, high), printed, atol=APPROXIMATE)
        odds = np.log(high * (1 - low) / (low * (1 - high)))
        # what the tables solve: 4 phi(c) / c + phi(c) (c - 1 / c) log odds ratio = alpha
        tail = 4 * norm.pdf(printed) / printed + norm.pdf(printed) * (printed - 1 / printed) * odds
        assert_allclose(tail, 1 - level / 100, rtol=2e-3)
