"""Turnbull curves against Turnbull's own example, R's survfit, and an EM algorithm run to the end in R."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from cobalamin.models.interval.turnbull import interval_survival

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
VISITS, YEARS = pd.DataFrame(EXPECTED["visits"]), pd.DataFrame(EXPECTED["years"])
PRINTED = 5e-9  # eight digits
R_STOPS = 2e-3  # survfit stops its EM where a step changes the curve by less than 5e-5
EM = 1e-9  # the EM algorithm of make.R ran until nothing moved by more than 1e-14
COLUMNS = {"lower": "low", "upper": "high"}


def test_turnbulls_example() -> None:
    # JASA 1974, table 1: time, kind (1 = known, 0 = after, 2 = before), number
    table = [(1, 1, 12), (1, 0, 3), (1, 2, 2), (2, 1, 6), (2, 0, 2), (2, 2, 4), (3, 1, 2), (3, 2, 2), (4, 1, 3), (4, 0, 3), (4, 2, 5)]
    frame = pd.DataFrame(table, columns=["time", "kind", "n"])
    frame["low"] = frame["time"].where(frame["kind"] != 2)
    frame["high"] = frame["time"].where(frame["kind"] != 0)
    curves = interval_survival(frame, **COLUMNS, weights="n")
    found = curves.at([1, 2, 3, 4])["estimate"]
    assert_allclose(found, [0.53756771, 0.29459403, 0.20976021, 0.09484575], atol=2e-7)  # PEERS; published as .538 .295 .210 .095
    assert_allclose(found, EXPECTED["jasa_surv"], atol=2e-7)  # R stops earlier
    assert curves.n == 11 and curves.events == 8


def test_visits_at_any_time() -> None:
    curves = interval_survival(VISITS, **COLUMNS)
    ours = curves.frame
    at_ends = np.append(1.0, ours["estimate"])[np.searchsorted(ours["right"], EXPECTED["em_time"], side="right")]
    # between the ends of an innermost interval the EM of make.R may have spread the mass in another way
    inside = np.zeros(len(at_ends), dtype=bool)
    for left, right in zip(ours["left"], ours["right"], strict=True):
        inside |= (np.array(EXPECTED["em_time"]) > left) & (np.array(EXPECTED["em_time"]) < right)
    assert inside.sum() == 0
    assert_allclose(at_ends, EXPECTED["em_surv"], atol=EM)
    assert_allclose(curves.loglik["Overall"], EXPECTED["em_loglik"], rtol=1e-11)
    assert_allclose(
        curves.at(EXPECTED["grid"])["estimate"].dropna(),
        EXPECTED["r_at_grid"][: curves.at(EXPECTED["grid"])["estimate"].notna().sum()],
        atol=R_STOPS,
    )


def test_left_truncation() -> None:
    curves = interval_survival(VISITS, **COLUMNS, entry="entry")
    assert_allclose(curves.loglik["Overall"], EXPECTED["truncated_loglik"], rtol=1e-11)
    times, wanted = np.array(EXPECTED["truncated_time"]), np.array(EXPECTED["truncated_surv"])
    clear = np.array([not ((curves.frame["left"] < t) & (t < curves.frame["right"])).any() for t in times])
    ours = np.append(1.0, curves.frame["estimate"])[np.searchsorted(curves.frame["right"], times, side="right")]
    assert clear.mean() > 0.9
    assert_allclose(ours[clear], wanted[clear], atol=EM)
    assert abs(interval_survival(VISITS, **COLUMNS).loglik["Overall"] - EXPECTED["truncated_loglik"]) > 1


def test_common_visits_are_a_life_table_with_greenwoods_errors() -> None:
    curves = interval_survival(YEARS, **COLUMNS)
    assert curves.variance == "information"
    assert_allclose(curves.frame["right"], np.arange(1, 9))
    assert_allclose(curves.frame["estimate"], EXPECTED["life_surv"], rtol=1e-9)
    assert_allclose(curves.frame["std_error"], EXPECTED["life_se"], rtol=1e-6)


def test_breast_cosmesis_rows_of_the_shared_oracle(shared_data: Path) -> None:
    data = pd.read_csv(shared_data / "reference" / "kmsurv_bcdeter.csv")
    oracle = pd.read_csv(shared_data / "reference" / "R_ORACLE.csv").query("model == 'bcdeter_turnbull'")
    curves = interval_survival(data, lower="lower", upper="upper", by="treat")
    table = curves.at([10, 20, 30, 40])
    ours = {f"treat{row.group}_S{row.time:g}": row.estimate for row in table.itertuples()}
    # the oracle holds where survfit stopped; the likelihood there is lower than ours (see the EM run to the end)
    assert_allclose([ours[term] for term in oracle["term"]], oracle["coef"], atol=R_STOPS)
    for group, wanted in EXPECTED["bcdeter"].items():
        assert_allclose(table.loc[table["group"] == group, "estimate"], wanted["surv"], atol=EM)
        assert_allclose(curves.loglik[group], wanted["loglik"], rtol=1e-11)
