"""Case-cohort estimators against R's cch: a made-up cohort with ties and delayed entry, and the Wilms tumour study."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.fit import Fit
from cobalamin.models.sampled.case_cohort import case_cohort

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
COHORT = pd.DataFrame(EXPECTED["cohort"])
SAMPLE = COHORT[(COHORT["sub"] == 1) | (COHORT["event"] == 1)]
ESTIMATORS = ["prentice", "self-prentice", "lin-ying", "robust", "borgan1", "borgan2"]
# cch stops when the log-likelihood no longer changes in the ninth digit
CCH_CONVERGES = 1e-6


def fit(formula: str, data: pd.DataFrame, name: str, size: Any, stratum: str, **columns: str) -> Fit:
    options: dict[str, Any] = {"robust": True} if name == "robust" else {}
    if name.startswith("borgan"):
        options["stratum"] = stratum
    method: Any = "lin-ying" if name == "robust" else name
    return case_cohort(
        formula, data, event=columns.pop("event", "event"), subcohort="sub", method=method, cohort_size=size, **columns, **options
    )


def assert_same(found: Fit, wanted: dict[str, Any]) -> None:
    assert_allclose(found.coefficients, wanted["coef"], rtol=CCH_CONVERGES)
    assert_allclose(np.sqrt(np.diag(found.covariance)), wanted["se"], rtol=CCH_CONVERGES)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("entry", [False, True])
def test_every_estimator(name: str, entry: bool) -> None:
    size: Any = COHORT["area"].value_counts().to_dict() if name.startswith("borgan") else len(COHORT)
    columns = {"exit": "exit", "entry": "entry"} if entry else {"exit": "exit"}
    assert_same(fit("x + z", SAMPLE, name, size, "area", **columns), EXPECTED["late" if entry else "right"][name])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_whole_cohort_says_its_own_size(name: str) -> None:
    blind = COHORT.assign(x=COHORT["x"].where((COHORT["sub"] == 1) | (COHORT["event"] == 1)))
    assert_same(fit("x + z", blind, name, None, "area", exit="exit"), EXPECTED["right"][name])


@pytest.fixture(scope="module")
def wilms(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """R's nwtco (not ours to store): asked from R where it is installed."""
    if shutil.which("Rscript") is None:
        pytest.skip("nwtco is in R's survival package, and Rscript is not on this machine")
    file = tmp_path_factory.mktemp("r") / "nwtco.csv"
    done = subprocess.run(["Rscript", "-e", f"write.csv(survival::nwtco, '{file}', row.names = FALSE)"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("R is here without its survival package")
    return pd.read_csv(file)


@pytest.mark.parametrize("name", ["prentice", "self-prentice", "lin-ying", "borgan1", "borgan2"])
def test_wilms_tumour(name: str, wilms: pd.DataFrame) -> None:
    data = wilms.assign(sub=wilms["in.subcohort"], unfavourable=wilms["histol"] - 1, years=wilms["age"] / 12)
    found = fit("C(stage) + unfavourable + years", data, name, None, "instit", exit="edrel", event="rel")
    assert_same(found, EXPECTED["nwtco"][name])
    assert found.facts["cohort_size"] == 4028 and found.facts["n_subcohort"] == 668
