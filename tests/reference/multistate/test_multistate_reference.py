"""Multi-state models against R's survival (make.R wrote the numbers; no R is needed here)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.multistate.multistate import multi_state
from cobalamin.models.multistate.multistate_result import MultiState

# the same sums in another order, printed by R with 15 digits
SAME = 1e-9
NEAR_ZERO = 1e-12
STATES = ["well", "LS", "cancer", "dead"]
NAMES = {"person": "id", "entry": "entry", "exit": "exit", "from_state": "from", "to_state": "to"}


@cache
def expected() -> dict[str, Any]:
    return json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))


def fit(**options: Any) -> MultiState:
    return multi_state(pd.DataFrame(expected()["rows"]), **NAMES, **{"states": STATES, "confidence": "plain", **options})


def assert_states(got: pd.DataFrame, rows: list[dict[str, Any]], columns: tuple[str, ...] = ("estimate", "std_error")) -> None:
    want = pd.DataFrame(rows)
    want = want.assign(state=want["state"].astype(str), group=want["group"].astype(str))
    both = want.merge(got, on=["group", "state", "time"], suffixes=("_r", ""))
    assert len(both) == len(want)
    for name in columns:
        r = pd.to_numeric(both[f"{name}_r"]).to_numpy(float)
        ours = both[name].to_numpy(float)
        # R writes limits of 0 or 1 where an estimate of 0 has none
        known = ~np.isnan(ours) if name.startswith("conf") else np.ones(len(r), dtype=bool)
        assert known.mean() > 0.8
        assert_allclose(ours[known], r[known], rtol=SAME, atol=NEAR_ZERO, err_msg=name)


def times_of(rows: list[dict[str, Any]]) -> np.ndarray:
    return np.unique([row["time"] for row in rows]).astype(float)


@pytest.mark.parametrize("kind", ["log-log", "log", "plain"])
def test_made_up_people(kind: str) -> None:
    rows = expected()["made"][kind]
    assert_states(fit(confidence=kind).at(times_of(rows)), rows, ("estimate", "std_error", "conf_low", "conf_high", "n_at_risk"))


def test_groups() -> None:
    rows = expected()["made_by"]
    assert_states(fit(by="arm").at(times_of(rows)), rows, ("estimate", "std_error", "n_at_risk"))


def test_a_fixed_start_has_no_uncertainty() -> None:
    rows = expected()["made_fixed"]
    assert_states(fit(initial={"well": 0.5, "LS": 0.5}).at(times_of(rows)), rows)


@pytest.mark.parametrize("state", ["well", "LS"])
def test_transition_probabilities(state: str) -> None:
    rows = expected()["from_well" if state == "well" else "from_ls"]
    got = fit().transition_probabilities(6.5, times_of(rows)).query("from_state == @state")
    assert_states(got, rows)


def test_length_of_stay() -> None:
    want = pd.DataFrame(expected()["stay"])
    got = fit(initial={"well": 1}).length_of_stay(20)
    assert_allclose(got[["estimate", "std_error"]], want[["estimate", "std_error"]], rtol=SAME)


def test_ventilation_in_intensive_care(shared_data: Path) -> None:
    data = pd.read_csv(shared_data / "reference" / "etm_sir_cont.csv", dtype={"to": str}).sort_values(["id", "time"])
    data["entry"] = data.groupby("id")["time"].shift(fill_value=0)
    model = multi_state(data, **{**NAMES, "exit": "time"}, censored="cens", confidence="plain")
    rows = expected()["sir"]
    assert_states(model.at(times_of(rows)), rows, ("estimate", "std_error", "conf_low", "conf_high", "n_at_risk"))
    want = pd.DataFrame(expected()["sir_stay"])
    assert_allclose(model.length_of_stay(60)[["estimate", "std_error"]], want[["estimate", "std_error"]], rtol=SAME)
    moves = {(r.from_state, r.to_state): r.n for r in model.transitions.itertuples()}
    assert moves == {("0", "1"): 75, ("0", "2"): 606, ("0", ""): 5, ("1", "0"): 319, ("1", "2"): 127, ("1", ""): 9}


def test_pregnancies_observed_from_different_weeks(shared_data: Path) -> None:
    data = pd.read_csv(shared_data / "reference" / "etm_abortion.csv")
    data = data.assign(**{"from": "pregnant", "to": data["cause"].map({1: "1", 2: "2", 3: "3"})})
    model = multi_state(data, **NAMES, by="group", confidence="plain")
    rows = [{**row, "state": "pregnant" if row["state"] == "(s0)" else row["state"]} for row in expected()["abortion"]]
    assert_states(model.at(times_of(rows)), rows, ("estimate", "std_error", "n_at_risk"))


def test_diabetics_on_dialysis(shared_data: Path) -> None:
    data = pd.read_csv(shared_data / "reference" / "etm_fourD.csv")
    data = data.assign(**{"from": "alive", "to": data["status"].map({0: "censored", 1: "1", 2: "2"}), "entry": 0.0})
    model = multi_state(data, **{**NAMES, "exit": "time"})
    rows = [{**row, "state": "alive" if row["state"] == "(s0)" else row["state"]} for row in expected()["four"]]
    assert_states(model.at(times_of(rows)), rows, ("estimate", "std_error", "conf_low", "conf_high", "n_at_risk"))
