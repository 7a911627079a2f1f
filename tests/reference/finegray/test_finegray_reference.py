"""Fine-Gray regression and absolute risk against R's cmprsk::crr, survival::finegray with coxph, and multi-state survfit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.followup import FollowUp
from cobalamin.models.competing.absolute_risk import absolute_risk, cause_specific
from cobalamin.models.competing.fine_gray import fine_gray
from cobalamin.models.competing.fine_gray_weights import observation
from cobalamin.models.cox.cox import cox
from cobalamin.models.fit import Fit

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
PEOPLE = pd.DataFrame(EXPECTED["people"])
CONVERGED = 1e-8  # both stop where the next step is below rounding
SAME_SUMS = 1e-9  # the same sums in another order
PRINTED = 5e-7  # six decimals, as printed
FORMULA = "x + z + group"
MELANOMA = "sex + age + log_thickness + ulcer"


def fit(**options: Any) -> Fit:
    return fine_gray(FORMULA, PEOPLE, **{"exit": "exit", "event": "event", **options})


@pytest.fixture(scope="module")
def melanoma(shared_data: Path) -> pd.DataFrame:
    data = pd.read_csv(shared_data / "reference" / "mass_melanoma.csv")
    return data.assign(cause=data["status"].map({1: 1, 2: 0, 3: 2}), log_thickness=np.log(data["thickness"]))


def assert_crr(ours: Fit, theirs: dict[str, Any]) -> None:
    assert_allclose(ours.coefficients, theirs["coef"], rtol=CONVERGED)
    assert_allclose(ours.covariance, theirs["var"], rtol=CONVERGED)
    assert_allclose(ours.model_covariance, theirs["naive"], rtol=CONVERGED)
    assert_allclose([ours.loglik, ours.loglik_null], [theirs["loglik"], theirs["loglik_null"]], rtol=SAME_SUMS)


@pytest.mark.parametrize(("name", "options"), [("crr", {}), ("crr_cause_2", {"cause": 2}), ("crr_untied", {"exit": "exit_untied"})])
def test_is_crr_with_its_variance(name: str, options: dict[str, Any]) -> None:
    assert_crr(fit(**options), EXPECTED[name])


def test_melanoma_is_crr(melanoma: pd.DataFrame) -> None:
    for cause, name in ((1, "melanoma"), (2, "melanoma_2")):
        assert_crr(fine_gray(MELANOMA, melanoma, exit="time", event="cause", cause=cause), EXPECTED[name])


def test_melanoma_has_the_published_standard_errors_and_not_the_naive_ones(melanoma: pd.DataFrame) -> None:
    ours = fine_gray(MELANOMA, melanoma, exit="time", event="cause")
    assert_allclose(ours.coefficients, [0.344187, 0.005304, 0.498188, 0.910714], atol=PRINTED)
    assert_allclose(ours.tidy()["std_error"], [0.280440, 0.009227, 0.167539, 0.310722], atol=2 * PRINTED)
    assert_allclose(np.sqrt(np.diag(ours.model_covariance)), [0.271865, 0.007936, 0.175806, 0.327617], atol=PRINTED)


def test_melanoma_cause_specific(melanoma: pd.DataFrame) -> None:
    ours = cause_specific(MELANOMA, melanoma, exit="time", event="cause")["1"]
    theirs = EXPECTED["melanoma_cause_specific"]
    assert_allclose(ours.coefficients, theirs["coef"], rtol=CONVERGED)
    assert_allclose(np.sqrt(np.diag(ours.covariance)), theirs["se"], rtol=CONVERGED)
    assert_allclose(ours.loglik, theirs["loglik"], rtol=SAME_SUMS)
    without_age = cox("sex + log_thickness + ulcer", melanoma.assign(dead=melanoma["cause"] == 1), exit="time", event="dead")
    assert_allclose(without_age.coefficients, [0.381272, 0.575584, 0.938869], atol=PRINTED)
    assert_allclose(np.sqrt(without_age.covariance[0, 0]), 0.270571, atol=PRINTED)
    assert_allclose(without_age.loglik, -261.869886, atol=PRINTED)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("finegray", {"censoring_ties": "finegray"}),
        ("finegray_delayed", {"entry": "entry"}),
        ("finegray_delayed_untied", {"entry": "entry_untied", "exit": "exit_untied"}),
    ],
)
def test_is_finegray_with_coxph_on_expanded_rows(name: str, options: dict[str, Any], ties: str) -> None:
    ours, theirs = fit(ties=ties, **options), EXPECTED[name][ties]
    assert_allclose(ours.coefficients, theirs["coef"], rtol=CONVERGED)
    assert_allclose(ours.model_covariance, theirs["naive"], rtol=CONVERGED)
    assert_allclose(ours.loglik, theirs["loglik"], rtol=SAME_SUMS)


def test_weights_of_the_survival_package_by_hand() -> None:
    """Three people with the competing event, at 2, 5 and 8; events of the cause at 1, 4, 5 and 10 (tests/finegray.R)."""
    time = np.array([1.0, 2, 3, 4, 4, 4, 5, 5, 6, 8, 8, 9, 10, 12])
    status = np.array([1, 2, 0, 1, 0, 0, 2, 1, 0, 0, 2, 0, 1, 0])
    seen = observation(FollowUp(np.full(14, -np.inf), time, status), None, "finegray")
    chance = dict(zip([2.0, 4.0, 5.0, 8.0, 10.0], np.exp(seen.log_probability(np.array([2.0, 4.0, 5.0, 8.0, 10.0]))), strict=True))
    assert_allclose(chance[10] / chance[5], 5 / 12)
    assert_allclose(chance[10] / chance[8], 1 / 2)
    assert_allclose([chance[4], chance[5], chance[10]], [11 / 12, 11 / 12 * 8 / 10, 11 / 12 * 8 / 10 * 5 / 6 * 3 / 4 * 2 / 3])
    # with those who had the event still at risk of being censored at that time, as in cmprsk::crr
    as_crr = observation(FollowUp(np.full(14, -np.inf), time, status), None, "crr")
    chance = dict(zip([5.0, 8.0, 10.0], np.exp(as_crr.log_probability(np.array([5.0, 8.0, 10.0]))), strict=True))
    assert_allclose(chance[10] / chance[5], 5 / 6 * 4 / 5 * 2 / 3)
    assert_allclose(chance[10] / chance[8], 4 / 5 * 2 / 3)


@pytest.mark.parametrize("name", ["breslow", "efron", "delayed_breslow", "delayed_efron"])
def test_absolute_risk_is_that_of_multi_state_survfit(name: str) -> None:
    entry = "entry" if name.startswith("delayed") else None
    fits = cause_specific("x + z", PEOPLE, exit="exit", event="event", entry=entry, ties=name.removeprefix("delayed_"))
    new = pd.DataFrame({"x": [-0.5, 1.0], "z": [0, 1]})
    ours = absolute_risk(fits, new, EXPECTED["risk_times"])
    theirs = [np.array(person)[:, k] for person in EXPECTED["risk"][name] for k in (0, 1)]
    assert_allclose(ours["estimate"], np.concatenate(theirs), rtol=CONVERGED)


def test_absolute_risk_of_fine_gray_is_that_of_crr() -> None:
    ours = absolute_risk(
        fine_gray("x + z", PEOPLE, exit="exit", event="event"), pd.DataFrame({"x": [-0.5, 1.0], "z": [0, 1]}), EXPECTED["risk_times"]
    )
    assert_allclose(ours["estimate"], np.array(EXPECTED["crr_risk"]).T.ravel(), rtol=CONVERGED)
