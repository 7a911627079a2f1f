"""Additive interaction beside epiR, for logistic and Cox regression."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from numpy.testing import assert_allclose

import cobalamin as cb
from cobalamin.models.after.interaction import interaction

EXPECTED = json.loads((Path(__file__).parent / "expected.json").read_text())
NAMES = {"RERI": "reri", "AP": "apab", "S": "s", "multiplicative": "multiplicative"}
SAME = 1e-6  # both maximise to their last digit; epiR's formulas are the same delta method


def assert_like_epir(found: pd.DataFrame, theirs: dict[str, list[float]], wald: bool) -> None:
    table = found.set_index("measure")[["estimate", "conf_low", "conf_high"]]
    for ours, name in NAMES.items():
        shown = 1 if name == "multiplicative" and not wald else 3  # of a glm epiR gives profile limits there
        assert_allclose(table.loc[ours].astype(float)[:shown], theirs[name][:shown], rtol=SAME)


def test_oral_cancer_smoking_and_alcohol() -> None:
    fit = cb.logistic("can ~ smk * alc", pd.DataFrame(EXPECTED["cancer"]))
    found = interaction(fit, "smk", "alc")
    assert_like_epir(found, EXPECTED["glm"], wald=False)
    # Hosmer and Lemeshow 1992, table 2: RERI 3.74 (-1.84 to 9.32), AP 0.41, S 1.87 (0.65 to 5.42)
    assert found.set_index("measure")["estimate"].round(2)[["RERI", "AP", "S"]].tolist() == [3.74, 0.41, 1.87]


def test_hazard_ratios() -> None:
    fit = cb.cox("x * z + age", pd.DataFrame(EXPECTED["cox_data"]), exit="t", event="d")
    assert_like_epir(interaction(fit, "x", "z"), EXPECTED["cox"], wald=True)
