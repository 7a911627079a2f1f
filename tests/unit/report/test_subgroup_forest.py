"""The forest of subgroups: one line per level, counts, tests of interaction; and no stale risk in a sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from unit.report.examples import onset_facts

import cobalamin as cb
from cobalamin.core.estimates import Estimates
from cobalamin.release.policy import make_policy
from cobalamin.report.subgroup_forest import exhibits_subgroups


@pytest.fixture(scope="module")
def rows() -> Estimates:
    rng = np.random.default_rng(1)
    n = 1500
    people = pd.DataFrame({"x": rng.integers(0, 2, n), "sex": rng.choice(["f", "m"], n), "g": rng.integers(0, 2, n)})
    eta = 0.5 * people["x"] + 0.3 * people["x"] * people["g"] + 0.3 * people["g"] + 0.4 * (people["sex"] == "m")
    people["t"] = rng.exponential(1 / (0.1 * np.exp(eta)))
    people["d"] = (people["t"] < 5).astype(int)
    found = cb.subgroup_effects(
        lambda f, d: cb.cox(f, d, exit="t", event="d"), people, exposure="x", subgroups=["sex", "g"], adjust="sex + g"
    )
    return found.estimates("subgroups", "LS", "m")


def test_every_level_has_its_line_and_every_variable_its_test(rows: Estimates) -> None:
    exhibit = exhibits_subgroups(rows, onset_facts())[0]
    for words in ("Everybody", "p for interaction"):
        assert words in exhibit.body.svg or words in exhibit.alt
    assert exhibit.alt.count(":") >= 6
    assert "g yes" in exhibit.alt and "g no" in exhibit.alt and "Sex f" in exhibit.alt
    assert len(exhibit.estimates.frame) == 5 + 2
    assert "not of an effect in one of them" in exhibit.caption


def test_hidden_counts_stay_hidden(rows: Estimates) -> None:
    shown = cb.disclose(rows, make_policy("opensafely")).estimates
    exhibit = exhibits_subgroups(shown, onset_facts())[0]
    n = shown.where(context="estimate").frame["n"].dropna()
    assert (n % 5 == 0).all()
    assert exhibit.alt


def test_without_rows_there_is_no_figure() -> None:
    assert exhibits_subgroups(Estimates.from_rows([]), onset_facts()) == []
