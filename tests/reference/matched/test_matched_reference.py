"""Conditional logistic regression against R's clogit, and Breslow and Day's endometrial cancer study."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import FitWarning, MissingRowsWarning
from cobalamin.models.fit import Fit
from cobalamin.models.sampled.matched import conditional_logistic

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
SAME_MAXIMUM = 1e-8  # both solved to the last digits
PRINTED = 6e-7  # golden numbers of six decimals


def fit(formula: str, data: pd.DataFrame, **options: Any) -> Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        warnings.simplefilter("ignore", MissingRowsWarning)
        return conditional_logistic(formula, data, matched_set="set", **options)


def assert_same(found: Fit, wanted: dict[str, Any]) -> None:
    assert_allclose(found.coefficients, np.atleast_1d(wanted["coef"]), rtol=SAME_MAXIMUM)
    assert_allclose(np.sqrt(np.diag(found.covariance)), np.atleast_1d(wanted["se"]), rtol=SAME_MAXIMUM)
    assert_allclose([found.loglik_null, found.loglik], wanted["loglik"], rtol=SAME_MAXIMUM)
    assert found.n == wanted["n"]


@pytest.mark.parametrize("name", ["pairs", "one_to_many", "many", "large"])
def test_exact_likelihood_of_sets_of_every_shape(name: str) -> None:
    assert_same(fit("case ~ x + z", pd.DataFrame(EXPECTED["data"][name])), EXPECTED["fits"][name])


@pytest.mark.parametrize("method", ["efron", "breslow"])
def test_approximations(method: str) -> None:
    data, wanted = pd.DataFrame(EXPECTED["data"]["many"]), EXPECTED["fits"][f"both_{method}"]
    share = data.groupby("set")["case"].transform("mean")
    assert_same(fit("case ~ x + z", data[(share > 0) & (share < 1)], method=method), wanted)
    # sets of cases only are left out by us, whatever the likelihood
    assert_allclose(fit("case ~ x + z", data, method=method).coefficients, wanted["coef"], rtol=SAME_MAXIMUM)


def test_endometrial_cancer(shared_data: Path) -> None:
    data = pd.read_csv(shared_data / "reference" / "epi_bdendo.csv")
    terms = {"est": "est", "gall": "gall", "joint": "gall + hyp + est", "missing": "est + gall + ob"}
    found = {name: fit(f"d ~ {text}", data) for name, text in terms.items()}
    for name, model in found.items():
        assert_same(model, EXPECTED["bdendo"][name])
    assert_allclose([found["est"].coefficients[0], np.sqrt(found["est"].covariance[0, 0])], [2.073761, 0.420825], atol=PRINTED)
    assert_allclose([found["gall"].coefficients[0], np.sqrt(found["gall"].covariance[0, 0])], [1.306143, 0.371839], atol=PRINTED)
    assert_allclose(found["joint"].coefficients, [1.276108, -0.040108, 2.124388], atol=PRINTED)
    assert_allclose(found["joint"].loglik, -78.864468, atol=PRINTED)
    oracle = pd.read_csv(shared_data / "reference" / "R_ORACLE.csv").query("model == 'bdendo_clogit'").set_index("term")
    rows = oracle.loc[["estYes", "gallYes", "obYes"]]
    model = found["missing"]
    assert_allclose(model.coefficients, rows["coef"], rtol=1e-6)
    assert_allclose(np.sqrt(np.diag(model.covariance)), rows["se"], rtol=1e-6)
    assert (model.n, model.events, model.n_missing) == (265, 57, 50)
    assert_allclose(model.loglik, rows["loglik"].iloc[0], rtol=1e-6)
