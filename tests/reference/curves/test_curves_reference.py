"""Survival curves against R's survival package, on published tables and on people who enter late."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.curves.curves import Curves, survival_curve

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
PEOPLE = pd.DataFrame(EXPECTED["people"])
SAME_SUMS = 1e-10  # the same sums in another order, printed by R with 15 digits
COLUMNS = {
    "surv": "estimate",
    "std_err": "std_error",
    "lower": "conf_low",
    "upper": "conf_high",
    "n_risk": "n_at_risk",
    "n_event": "n_event",
}

# Miller 1997, Survival Analysis, p. 49: acute myelogenous leukaemia, weeks, 0 = censored
AML = {
    "Maintained": ([9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161], [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0]),
    "Nonmaintained": ([5, 5, 8, 8, 12, 16, 23, 27, 30, 33, 43, 45], [1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1]),
}
# Freireich et al. 1963: remission of leukaemia, weeks
GEHAN = {
    "6-MP": (
        [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35],
        [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
    ),
    "control": ([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], [1] * 21),
}


def table(groups: dict[str, tuple[list[int], list[int]]]) -> pd.DataFrame:
    parts = [pd.DataFrame({"arm": arm, "weeks": weeks, "event": event}) for arm, (weeks, event) in groups.items()]
    return pd.concat(parts, ignore_index=True)


def assert_steps(curves: Curves, rows: list[dict[str, Any]], group: str = "Overall") -> None:
    """Compare every step; R's SE of 0 once a robust curve has reached 0 is NaN here, as its Greenwood SE."""
    ours, theirs = curves.steps(group), pd.DataFrame(rows).astype(float)
    assert_allclose(ours["time"], theirs["time"])
    fallen = (theirs["surv"] == 0).to_numpy()
    for name, column in COLUMNS.items():
        wanted = theirs[name].to_numpy()
        if name in ("std_err", "lower", "upper"):
            wanted = np.where(fallen, np.nan, wanted)
        assert_allclose(ours[column], wanted, rtol=SAME_SUMS, atol=SAME_SUMS, err_msg=name)


@pytest.mark.parametrize("confidence", ["log-log", "log", "plain"])
def test_aml_step_by_step(confidence: str) -> None:
    curves = survival_curve(table(AML), exit="weeks", event="event", by="arm", confidence=confidence)
    for arm in AML:
        assert_steps(curves, EXPECTED["aml"][arm][confidence], arm)


@pytest.mark.parametrize("confidence", ["log-log", "log", "plain"])
def test_aml_quantiles(confidence: str) -> None:
    found = survival_curve(table(AML), exit="weeks", event="event", confidence=confidence).quantile([0.1, 0.25, 0.5, 0.75])
    numbers = found[["estimate", "conf_low", "conf_high"]].to_numpy()
    wanted = EXPECTED["aml_quantiles"][confidence]
    theirs = np.column_stack([np.array(wanted[name], dtype=float) for name in ("quantile", "lower", "upper")])
    # R's quantile() sorts the upper log limit, which rises at week 48; its print() takes the first crossing, as we do
    assert_allclose(numbers[[0, 1, 3]], theirs[[0, 1, 3]])
    assert_allclose(numbers[2], np.array(EXPECTED["aml_printed"][confidence], dtype=float))


def test_aml_rows_of_the_shared_oracle(shared_data: Path) -> None:
    oracle = pd.read_csv(shared_data / "reference" / "R_ORACLE.csv").query("model == 'aml_km'")
    curves = survival_curve(table(AML), exit="weeks", event="event", by="arm").at([9, 18, 31])
    ours = {f"x={row.group}_{row.time:g}": row.estimate for row in curves.itertuples()}
    assert len(oracle) == 6
    assert_allclose([ours[term] for term in oracle["term"]], oracle["coef"], rtol=SAME_SUMS)


def test_gehan_medians_are_23_and_8_weeks() -> None:
    found = survival_curve(table(GEHAN), exit="weeks", event="event", by="arm").quantile(0.5).set_index("group")["estimate"]
    assert found.to_dict() == {"6-MP": 23.0, "control": 8.0}
    assert EXPECTED["gehan_median"] == {"treat=6-MP": 23, "treat=control": 8}


def test_gehan_remission_is_the_published_0_448_and_0() -> None:
    found = survival_curve(table(GEHAN), exit="weeks", event="event", by="arm").at(23).set_index("group")["estimate"]
    assert_allclose(found["6-MP"], 0.44817927170868344, rtol=SAME_SUMS)  # Cox and Oakes 1984, table 1.1, 0.448
    assert found["control"] == 0


def test_lung(shared_data: Path) -> None:
    lung = pd.read_csv(shared_data / "reference" / "lung.csv").assign(died=lambda d: d["status"] - 1)
    median = survival_curve(lung, exit="time", event="died", confidence="log").quantile(0.5)
    assert median[["estimate", "conf_low", "conf_high"]].iloc[0].tolist() == [310.0, 285.0, 363.0]
    wanted = pd.DataFrame(EXPECTED["lung_level_90"])
    steps = survival_curve(lung, exit="time", event="died", level=0.9).at(wanted["time"])
    for name, column in COLUMNS.items():
        if column in steps:
            assert_allclose(steps[column], wanted[name], rtol=SAME_SUMS, err_msg=name)


def test_channing_residents_enter_late(shared_data: Path) -> None:
    """Klein and Moeschberger, section 4.6: men's curve falls to 0 in the first months, and we say so."""
    residents = pd.read_csv(shared_data / "reference" / "kmsurv_channing.csv").query("ageentry < age")
    with pytest.warns(UserWarning, match="falls to 0 early"):
        naive = survival_curve(residents, exit="age", event="death", entry="ageentry", by="gender")
    assert naive.at(900).query("group == '1'")["estimate"].item() == 0
    later = survival_curve(residents, exit="age", event="death", entry="ageentry", by="gender", start=68 * 12)
    assert 0.4 < later.at(80 * 12).query("group == '1'")["estimate"].item() < 0.9
    assert not later.warnings


def test_delayed_entry_step_by_step() -> None:
    curves = survival_curve(PEOPLE, exit="exit", event="event", entry="entry")
    assert_steps(curves, EXPECTED["delayed"])
    assert_steps(survival_curve(PEOPLE, exit="exit", event="event", entry="entry", confidence="log"), EXPECTED["delayed_log"])
    found, wanted = curves.quantile([0.1, 0.25, 0.5, 0.75]), EXPECTED["delayed_quantiles"]
    assert_allclose(found[["estimate", "conf_low", "conf_high"]], np.column_stack([wanted[k] for k in ("quantile", "lower", "upper")]))


def test_whole_weights_keep_greenwood() -> None:
    curves = survival_curve(PEOPLE, exit="exit", event="event", entry="entry", weights="copies")
    assert curves.variance == "greenwood"
    assert_steps(curves, EXPECTED["delayed_copies"])


def test_fractional_weights_have_the_robust_variance() -> None:
    curves = survival_curve(PEOPLE, exit="exit", event="event", entry="entry", weights="weight", confidence="plain")
    assert curves.variance == "robust"
    assert_steps(curves, EXPECTED["delayed_weighted"])
    assert_steps(survival_curve(PEOPLE, exit="exit", event="event", weights="weight", confidence="log"), EXPECTED["weighted"])


def test_clusters_are_summed_before_squaring() -> None:
    curves = survival_curve(PEOPLE, exit="exit", event="event", entry="entry", weights="weight", cluster="clinic", confidence="log")
    assert_steps(curves, EXPECTED["delayed_cluster"])


def test_conditional_on_a_start() -> None:
    assert_steps(survival_curve(PEOPLE, exit="exit", event="event", entry="entry", start=20), EXPECTED["from_20"])
