"""Recurrent events and mean numbers of events against R's survival (make.R wrote the numbers; no R is needed here)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import FitWarning
from cobalamin.models.cox.ph_test import ph_test
from cobalamin.models.fit import Fit
from cobalamin.models.recurrent.mean_cumulative import mean_cumulative
from cobalamin.models.recurrent.recurrent import recurrent_events

# both programs iterate to rounding error; what is left is the order of summation
SAME = 1e-8
# numbers of R_ORACLE.csv come from R's default stopping rule
PRINTED = 2e-6
MODELS = {"ag": "andersen-gill", "pwp_total": "pwp-total", "pwp_gap": "pwp-gap", "wlw": "wlw"}
BLADDER = {"person": "id", "entry": "start", "exit": "stop", "event": "event"}


@cache
def expected() -> dict[str, Any]:
    return json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))


def people() -> pd.DataFrame:
    return pd.DataFrame(expected()["rows"])


def bladder() -> pd.DataFrame:
    return pd.DataFrame(expected()["bladder"])


def assert_fit(fit: Fit, want: dict[str, Any], tolerance: float = SAME) -> None:
    assert_allclose(fit.coefficients, want["coef"], rtol=tolerance)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), want["se"], rtol=tolerance)
    assert_allclose([fit.loglik_null, fit.loglik], want["loglik"], rtol=tolerance)
    assert fit.events == want["events"]


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("key", ["ag", "ag_3", "pwp_total", "pwp_total_3", "pwp_gap_3", "wlw_3"])
def test_made_up_people(key: str, ties: Any) -> None:
    most = 3 if key.endswith("_3") else None
    model: Any = MODELS[key.removesuffix("_3")]
    names = {"person": "id", "entry": "entry", "exit": "exit", "event": "event"}
    # shuffled rows: the event numbers come from the times
    data = people().sample(frac=1, random_state=1)
    assert_fit(recurrent_events("x + arm", data, **names, model=model, max_number=most, ties=ties), expected()["made"][ties][key])


@pytest.mark.parametrize("key", list(MODELS))
def test_bladder_cancer_trial(key: str) -> None:
    model: Any = MODELS[key]
    fit = recurrent_events("rx + number + size", bladder(), **BLADDER, model=model, max_number=4 if key == "wlw" else None)
    assert_fit(fit, expected()["bladder_fits"][key])
    assert fit.facts["n_persons"] == 85


def test_bladder_cancer_trial_with_a_treatment_effect_for_each_recurrence() -> None:
    with pytest.warns(FitWarning, match="event_number"):
        fit = recurrent_events("number + size + rx * C(event_number)", bladder(), **BLADDER, model="wlw", max_number=4)
    want = expected()["bladder_fits"]["wlw_each"]
    assert_allclose(fit.loglik, want["loglik"][1], rtol=SAME)
    names = list(fit.names)
    first = fit.coefficients[names.index("rx")]
    later = [first + fit.coefficients[i] for i, name in enumerate(names) if ":" in name]
    assert_allclose([first, *later], want["coef"][2:], rtol=1e-7)


def test_rx_of_the_bladder_trial_has_the_published_andersen_gill_error() -> None:
    fit = recurrent_events("rx + number + size", bladder(), **BLADDER)
    assert_allclose(np.sqrt(fit.covariance[0, 0]), 0.265561, atol=5e-7)


def test_chronic_granulomatous_disease(shared_data: Path) -> None:
    data = pd.read_csv(shared_data / "reference" / "cgd.csv").assign(
        treat=lambda d: pd.Categorical(d["treat"], ["placebo", "rIFN-g"]),
        inherit=lambda d: pd.Categorical(d["inherit"], ["X-linked", "autosomal"]),
    )
    names = {"person": "id", "entry": "tstart", "exit": "tstop", "event": "status"}
    fit = recurrent_events("treat + inherit + steroids", data, **names)
    assert_fit(fit, expected()["cgd"])
    assert_allclose(ph_test(fit)["chi2"], expected()["cgd_ph"], rtol=1e-6)
    assert_allclose(fit.coefficients, [-1.072221, 0.177676, 0.772550], atol=5e-7)
    assert_allclose([np.sqrt(fit.covariance[0, 0]), fit.loglik], [0.311830, -330.898039], atol=5e-7)
    oracle = pd.read_csv(shared_data / "reference" / "R_ORACLE.csv").query("model == 'cgd_AG'")
    fit = recurrent_events('treat + age + C(inherit, Treatment("autosomal"))', data, **names)
    assert_allclose(fit.coefficients, oracle["coef"], rtol=PRINTED)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), oracle["se"], rtol=PRINTED)
    assert_allclose(fit.loglik, oracle["loglik"].iloc[0], rtol=PRINTED)
    curves = mean_cumulative(data, **names, by="treat")
    assert_means(curves, "mean_cgd")


def test_colon_cancer_by_kind_of_event(shared_data: Path) -> None:
    data = pd.read_csv(shared_data / "reference" / "colon.csv")
    oracle = pd.read_csv(shared_data / "reference" / "R_ORACLE.csv").query("model == 'colon_WLW'")
    with pytest.warns(FitWarning, match="C\\(etype\\)"):
        fit = recurrent_events("rx * C(etype)", data, person="id", exit="time", event="status", model="wlw", kind="etype")
    kept = [i for i, name in enumerate(fit.names) if "rx" in name]
    order = [name.split("[T.")[1].split("]")[0] for name in np.array(fit.names)[kept][:2]]
    assert order == ["Lev+5FU", "Obs"]
    assert_allclose(fit.coefficients[kept], oracle["coef"], rtol=PRINTED)
    assert_allclose(np.sqrt(np.diag(fit.covariance))[kept], oracle["se"], rtol=PRINTED)
    assert_allclose(fit.loglik, oracle["loglik"].iloc[0], rtol=PRINTED)
    assert fit.facts["n_persons"] == 929


def assert_means(curves: Any, key: str) -> None:
    want = pd.DataFrame(expected()[key])
    for label, rows in want.groupby("group", sort=False):
        got = curves.at(rows["time"].to_numpy(float)).query("group == @label")
        for name in ("estimate", "std_error", "n_at_risk"):
            assert_allclose(got[name], rows[name], rtol=SAME, atol=1e-12, err_msg=f"{key} {label} {name}")


def test_mean_numbers() -> None:
    assert_means(mean_cumulative(people(), person="id", entry="entry", exit="exit", event="event", by="arm"), "mean_made")
    assert_means(mean_cumulative(bladder(), **BLADDER, by="rx"), "mean_bladder")
