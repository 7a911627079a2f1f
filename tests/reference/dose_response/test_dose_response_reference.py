"""Every scale of an exposure beside coxph, glm and lm; splines beside rms; fractional polynomials beside all powers tried in R."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import cobalamin as cb
from cobalamin.models.after.dose_response import DoseResponse, dose_response
from cobalamin.models.after.wald import wald_test

EXPECTED = json.loads((Path(__file__).parent / "expected.json").read_text())
PEOPLE = pd.DataFrame(EXPECTED["data"])
SAME = 1e-6  # maximised to their last digits; the variances of lrm and glm are those of the step before
MODELS: dict[str, Any] = {
    "cox": (lambda f, d: cb.cox(f, d, exit="t", event="d"), ""),
    "logistic": (cb.logistic, "y"),
    "linear": (cb.linear, "s"),
}


def declared(name: str, **more: Any) -> DoseResponse:
    model, outcome = MODELS[name]
    common: dict[str, Any] = {"exposure": "b12", "adjust": "age + sex", "outcome": outcome, "cutoffs": (148, 221), "quantiles": 4}
    return dose_response(model, PEOPLE, **common, fractional=True, per=(1.0, "doubling", "sd", "iqr"), **more)


@pytest.fixture(scope="module", params=list(MODELS))
def case(request: pytest.FixtureRequest) -> tuple[str, DoseResponse]:
    return request.param, declared(request.param)


def linear_scale(found: DoseResponse, rows: pd.DataFrame) -> Any:
    values = rows["estimate"].to_numpy(dtype=float)
    return np.log(values) if found.fits["linear"].family.ratio else values


def test_steps_and_groups(case: tuple[str, DoseResponse]) -> None:
    name, found = case
    theirs, table = EXPECTED[name], found.table.set_index("scale")
    assert_allclose(linear_scale(found, table.loc[["per 1"]]), theirs["linear"]["b"], rtol=SAME)
    assert_allclose(linear_scale(found, table.loc[["per SD"]]), theirs["linear"]["b"] * EXPECTED["sd"], rtol=SAME)
    assert_allclose(linear_scale(found, table.loc[["per interquartile range"]]), theirs["linear"]["b"] * EXPECTED["iqr"], rtol=SAME)
    assert_allclose(table.loc["per SD", "std_error"], theirs["linear"]["se"] * EXPECTED["sd"], rtol=SAME)
    assert_allclose(linear_scale(found, table.loc[["per doubling"]]), theirs["doubling"]["b"], rtol=SAME)
    for scale, rows, key in (("4 quantile groups", slice(1, 4), "quarters"), ("classes", slice(0, 2), "classes")):
        own = table.loc[[scale]].iloc[rows]
        assert_allclose(linear_scale(found, own), theirs[key]["b"], rtol=SAME)
        assert_allclose(own["std_error"], theirs[key]["se"], rtol=SAME)


def test_tests_of_groups(case: tuple[str, DoseResponse]) -> None:
    name, found = case
    tests = found.tests.set_index(["scale", "test"])
    for scale, key in (("4 quantile groups", "quarters"), ("classes", "classes")):
        for test in ("overall", "trend"):
            theirs, ours = EXPECTED[name][f"{key}_{test}"], tests.loc[(scale, test)]
            statistic = ours["chi2"] / (ours["df"] if name == "linear" else 1)
            assert_allclose([statistic, ours["df"], ours["p_value"]], [theirs["statistic"], theirs["df"], theirs["p"]], rtol=SAME)


def test_splines_beside_rms(case: tuple[str, DoseResponse]) -> None:
    name, found = case
    assert_allclose(found.cutpoints["spline"], EXPECTED["knots"], rtol=1e-12)
    tests = found.tests.set_index(["scale", "test"]).loc["spline"]
    for test, theirs in zip(("overall", "non-linearity"), EXPECTED["splines"][name], strict=True):
        statistic = tests.loc[test, "chi2"] / (theirs["d.f."] if name == "linear" else 1)
        assert_allclose(statistic, theirs["F" if name == "linear" else "Chi-Square"], rtol=SAME)
        assert tests.loc[test, "df"] == theirs["d.f."]
        assert_allclose(tests.loc[test, "p_value"], theirs["P"], rtol=SAME, atol=1e-14)  # R prints 1 - F(x): no more digits below


def test_fractional_polynomials_beside_all_powers(case: tuple[str, DoseResponse]) -> None:
    name, found = case
    theirs, table = EXPECTED["fp"][name], found.selection
    assert table is not None
    deviances = [theirs["null"], theirs["linear"], theirs["fp1"]["deviance"], theirs["fp2"]["deviance"]]
    assert_allclose(table["deviance"].diff()[1:], np.diff(deviances), rtol=1e-5, atol=1e-7)
    assert table["powers"].iloc[2] == f"{theirs['fp1']['powers']:g}"
    assert found.cutpoints["fractional polynomial"] == tuple(theirs["fp2"]["powers"])


def test_cutpoints_counts_and_medians() -> None:
    found = declared("cox")
    own = found.table.query("scale == '4 quantile groups'")
    assert found.cutpoints["4 quantile groups"] == tuple(EXPECTED["q"])
    assert own["n"].tolist() == EXPECTED["counts"]["n"]
    assert own["events"].tolist() == EXPECTED["counts"]["events"]
    assert_allclose(own["person_time"], EXPECTED["counts"]["time"])
    assert own["median"].tolist() == EXPECTED["medians"]


def test_curve_against_a_reference_value() -> None:
    found, theirs = declared("cox"), EXPECTED["curve"]
    from cobalamin.models.after.dose_curve import effect_along

    effect, error = effect_along(found.fits["spline"], "b12", PEOPLE, np.array(theirs["at"], dtype=float), 221.0)
    assert_allclose(effect, theirs["value"], rtol=SAME)
    assert_allclose(error, theirs["se"], rtol=SAME)


def test_survey_classes_beside_svyglm() -> None:
    survey, theirs = cb.Survey(weights="w", psu="psu"), EXPECTED["survey"]
    model = {"exposure": "b12", "adjust": "age + sex", "outcome": "y", "cutoffs": (148, 221)}
    found = dose_response(lambda f, d: cb.logistic(f, d, survey=survey), PEOPLE, **model)
    own = found.table.query("scale == 'classes'")
    assert_allclose(np.log(own["estimate"][:2]), theirs["b"], rtol=SAME)
    assert_allclose(own["std_error"][:2], theirs["se"], rtol=SAME)
    test = found.tests.iloc[0]
    assert_allclose([test["chi2"] / 2, test["p_value"]], [theirs["f"], theirs["p"]], rtol=SAME)
    assert_allclose(wald_test(found.fits["classes"], "b12")["p_value"], theirs["p"], rtol=SAME)
