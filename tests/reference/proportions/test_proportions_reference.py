"""Shares, their differences and tests of counts beside R's prop.test, binom.test, chisq.test and mcnemar.test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.tables.count_tests import chi_squared, mcnemar
from cobalamin.models.tables.proportion import proportion, proportion_difference

EXPECTED = json.loads((Path(__file__).parent / "expected.json").read_text())
CLOSED = 1e-10  # closed formulas on both sides; R's numbers are stored with 15 digits
TINY = 1e-14  # limits that are 0 in truth


@pytest.mark.parametrize("case", EXPECTED["shares"], ids=lambda c: f"{c['events']} of {c['n']}")
def test_shares(case: dict[str, Any]) -> None:
    for key, options in {"wilson": {}, "exact": {"method": "exact"}, "exact90": {"method": "exact", "level": 0.9}}.items():
        found = proportion(case["events"], case["n"], **options).loc[0]
        assert_allclose(found[["conf_low", "conf_high"]].astype(float), case[key], rtol=CLOSED, atol=TINY)


@pytest.mark.parametrize("case", EXPECTED["differences"], ids=lambda c: str(c["cells"]))
def test_differences(case: dict[str, Any]) -> None:
    for method, key in {"newcombe": "limits", "wald": "wald"}.items():
        found = proportion_difference(*case["cells"], method=method).loc[0]
        assert_allclose(found[["conf_low", "conf_high"]].astype(float), case[key], rtol=CLOSED, atol=TINY)


@pytest.mark.parametrize("case", EXPECTED["tables"], ids=lambda c: str(c["table"]))
def test_chi_squared(case: dict[str, Any]) -> None:
    assert_allclose(chi_squared(case["table"]).to_numpy()[0], case["plain"], rtol=CLOSED)
    if np.shape(case["table"]) == (2, 2):
        assert_allclose(chi_squared(case["table"], correction=True).to_numpy()[0], case["yates"], rtol=CLOSED, atol=TINY)


@pytest.mark.parametrize("case", EXPECTED["pairs"], ids=lambda c: f"{c['b']} against {c['c']}")
def test_mcnemar(case: dict[str, Any]) -> None:
    for method, key in {"exact": "exact", "mid-p": "midp", "asymptotic": "asymptotic", "corrected": "corrected"}.items():
        found = mcnemar(case["b"], case["c"], method=method).loc[0]
        assert_allclose(found["p_value"], case[key], rtol=CLOSED)
        limits = [np.inf if x in (None, "Inf") else x for x in case["limits"]]
        assert_allclose(found[["conf_low", "conf_high"]].astype(float), limits, rtol=CLOSED, atol=TINY)
