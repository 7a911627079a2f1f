"""Wrong answers that other Python packages give on Cox models; here each must be right (the cases are numbered W1 to W6)."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_multicenter_aids_cohort_study, load_rossi
from numpy.testing import assert_allclose

from cobalamin.core.errors import EventCodeError, FitWarning
from cobalamin.models.cox.concordance import concordance
from cobalamin.models.cox.cox import cox
from cobalamin.models.cox.cox_predict import predict_survival
from cobalamin.models.cox.ph_test import ph_test

# numbers of R's survival, printed with seven digits, or four
SEVEN_DIGITS = 5e-7
FOUR_DIGITS = 5e-5

# Therneau and Grambsch, appendix E, second data set: an entry time is also an event time
TWO = pd.DataFrame(
    {
        "start": [1, 2, 5, 2, 1, 7, 3, 4, 8, 8],
        "stop": [2, 3, 6, 7, 8, 9, 9, 9, 14, 17],
        "event": [1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
        "x": [1, 0, 0, 1, 0, 1, 1, 1, 0, 0],
    }
)


def staggered(n: int = 4000, seed: int = 1) -> pd.DataFrame:
    """People of hazard exp(0.5 x), seen only if they live to their entry."""
    rng = np.random.default_rng(seed)
    x, entry = rng.integers(0, 2, n), rng.uniform(0, 2, n)
    death = rng.exponential(np.exp(-0.5 * x))
    end = np.minimum(death, entry + rng.uniform(0.2, 2, n))
    return pd.DataFrame({"x": x, "entry": entry, "exit": end, "died": (death <= end).astype(int)})[death > entry].reset_index(drop=True)


def test_w1_predicted_survival_under_delayed_entry():
    people = staggered()
    fit = cox("x", people, entry="entry", exit="exit", event="died")
    table = predict_survival(fit, pd.DataFrame({"x": [0]})).at([0.5, 1.0, 2.0])
    truth = np.exp(-np.array([0.5, 1.0, 2.0]))
    assert (np.abs(table["estimate"] - truth) < 3 * table["std_error"]).all()
    assert (table["std_error"] < 0.04).all()
    assert ((table["conf_low"] < truth) & (truth < table["conf_high"])).all()
    # the mistake: everybody who ever enters counts as at risk from the origin
    late = predict_survival(cox("x", people, exit="exit", event="died"), pd.DataFrame({"x": [0]})).at([0.5, 1.0, 2.0])
    assert (late["estimate"] > truth + 0.05).all()


def test_w2_entry_tied_with_an_event():
    columns = {"entry": "start", "exit": "stop", "event": "event"}
    efron, breslow = cox("x", TWO, **columns), cox("x", TWO, ties="breslow", **columns)
    assert_allclose(efron.coefficients, -0.02110520963, atol=1e-11)
    assert_allclose(np.sqrt(efron.covariance), 0.79517687382, atol=1e-11)
    assert_allclose([efron.loglik_null, efron.loglik], [-9.16951837746, -9.16916646472], atol=1e-11)
    assert_allclose(breslow.coefficients, -0.08452608066, atol=1e-11)


def test_w3_score_test_of_proportional_hazards():
    fit = cox("fin + age + race + wexp + mar + paro + prio", load_rossi(), exit="week", event="arrest")
    table = ph_test(fit).set_index("term")
    assert_allclose(table.loc["age", ["chi2", "p_value"]].astype(float), [5.9740, 0.01452], atol=FOUR_DIGITS)
    assert_allclose(table.loc["GLOBAL", ["chi2", "p_value"]].astype(float), [17.6944, 0.01343], atol=FOUR_DIGITS)


@pytest.mark.parametrize("codes", [(1, 2), (0, 2), (0, 1, 2), (-1, 1)])
def test_w4_event_codes_that_are_not_0_and_1_are_refused(codes):
    people = pd.DataFrame({"t": np.arange(1.0, 13), "status": np.resize(codes, 12), "x": np.resize([0.0, 1, 3], 12)})
    with pytest.raises(EventCodeError):
        cox("x", people, exit="t", event="status")


def test_w5_coefficient_of_a_small_cohort_with_entry():
    cohort = load_multicenter_aids_cohort_study()
    assert len(cohort) == 78
    fit = cox("AIDSY", cohort, entry="W", exit="T", event="D")
    assert_allclose(fit.coefficients, 0.0232152, atol=SEVEN_DIGITS)
    assert_allclose(np.sqrt(fit.covariance), 0.2462988, atol=SEVEN_DIGITS)
    assert_allclose([fit.loglik_null, fit.loglik], [-95.15478, -95.15034], atol=5e-6)


def test_w6_a_copy_of_a_column_is_named_and_left_out():
    rossi = load_rossi().assign(fin2=lambda d: d["fin"], twice=lambda d: 2 * d["fin"] + 1)
    alone = cox("fin + age", rossi, exit="week", event="arrest")
    for copy in ("fin2", "twice"):
        with pytest.warns(FitWarning, match=f"{copy}: is a linear combination"):
            fit = cox(f"fin + {copy} + age", rossi, exit="week", event="arrest")
        assert np.isnan(fit.coefficients[1])
        assert np.isnan(fit.covariance[1]).all()
        assert_allclose(fit.coefficients[[0, 2]], alone.coefficients, rtol=1e-10)
        assert_allclose(np.diag(fit.covariance)[[0, 2]], np.diag(alone.covariance), rtol=1e-10)
        # what follows the fit leaves the alias out too
        assert ph_test(fit)["term"].tolist() == ["fin", "age", "GLOBAL"]
        assert_allclose(ph_test(fit)["chi2"], ph_test(alone)["chi2"], rtol=1e-8)
        assert_allclose(concordance(fit)["estimate"], concordance(alone)["estimate"], rtol=1e-12)
        described = pd.DataFrame({"fin": [1], copy: [0], "age": [30]})
        assert_allclose(
            predict_survival(fit, described).at([20])["estimate"], predict_survival(alone, described).at([20])["estimate"], rtol=1e-10
        )


def test_no_warning_where_nothing_is_wrong():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cox("fin + age", load_rossi(), exit="week", event="arrest")
