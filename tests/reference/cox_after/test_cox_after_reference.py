"""What follows a Cox fit, against R's survival (make.R wrote the numbers; no R is needed here)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_rossi
from numpy.testing import assert_allclose

from cobalamin.models.cox.concordance import concordance
from cobalamin.models.cox.cox import cox
from cobalamin.models.cox.cox_predict import predict_survival
from cobalamin.models.cox.cox_residuals import cox_residuals, event_rows
from cobalamin.models.cox.frailty import cox_frailty
from cobalamin.models.cox.penalty import Ridge
from cobalamin.models.cox.ph_test import ph_test
from cobalamin.models.cox.profile_interval import profile_interval
from cobalamin.models.cox.time_varying import split_at_events

# both programs iterate to rounding error; what is left is the order of summation
SAME = 1e-8
# make.R writes fourteen digits, residuals near zero have fewer
NEAR_ZERO = 1e-10
# optim, nlm and uniroot stop on the change of a likelihood, which is flat at its maximum
SEARCHED = 2e-5
# R leaves its Newton iterations for frailties when the likelihood changes by 1e-9 of itself at best
PENALISED = 2e-6
# printed to four decimals
PRINTED = 5e-5


@cache
def expected() -> dict:
    return json.loads((Path(__file__).parent / "expected.json").read_text())


@cache
def people() -> pd.DataFrame:
    return pd.DataFrame(expected()["people"])


def arguments(key: str) -> dict:
    outcome, *rest = key.split("_")
    given = {"exit": "exit", "event": "event"} | ({"entry": "entry"} if outcome == "late" else {})
    given |= {"strata": "site"} if "site" in rest else {}
    given |= {"weights": "weight", "robust": False} if "weight" in rest else {}
    given |= {"cluster": "clinic"} if "cluster" in rest else {}
    given |= {"offset": "offset"} if "offset" in rest else {}
    given |= {"ties": "breslow"} if "breslow" in rest else {}
    return given


def fitted(key: str):
    return cox("x + z + group", people(), **arguments(key))


CASES = ["right", "late", "late_breslow", "late_site", "late_site_weight", "late_cluster", "late_offset"]


@pytest.mark.parametrize("key", CASES)
def test_fits(key):
    fit, want = fitted(key), expected()["fits"][key]
    assert_allclose(fit.coefficients, want["coef"], rtol=SAME)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), want["se"], rtol=SAME)
    assert_allclose([fit.loglik_null, fit.loglik], want["loglik"], rtol=SAME)


@pytest.mark.parametrize("key", CASES)
@pytest.mark.parametrize("transform", ["km", "identity", "rank", "log"])
def test_proportional_hazards(key, transform):
    table, want = ph_test(fitted(key), transform), expected()["tests"][key][transform]
    assert table["term"].tolist() == want["term"]
    assert_allclose(table["df"], want["df"])
    assert_allclose(table["chi2"], want["chi2"], rtol=SAME)
    assert_allclose(table["p_value"], want["p"], rtol=SAME)


def test_proportional_hazards_of_rossi_as_printed():
    fit = cox("fin + age + race + wexp + mar + paro + prio", load_rossi(), exit="week", event="arrest")
    assert_allclose(ph_test(fit)["chi2"], [0.0624, 5.9740, 2.0683, 4.2246, 1.0110, 0.0184, 0.5206, 17.6944], atol=PRINTED)
    assert_allclose(ph_test(fit, "identity")["chi2"].iloc[-1], 18.1827, atol=PRINTED)
    assert_allclose(ph_test(fit, "rank")["chi2"].iloc[-1], 11.0252, atol=PRINTED)


@pytest.mark.parametrize("key", ["right", "late_breslow", "late_site_weight"])
@pytest.mark.parametrize(
    ("kind", "theirs"), [("schoenfeld", "schoenfeld"), ("scaled schoenfeld", "scaledsch"), ("dfbeta", "dfbeta"), ("dfbetas", "dfbetas")]
)
def test_residuals(key, kind, theirs):
    fit = fitted(key)
    ours, want = cox_residuals(fit, kind), np.array(expected()["residuals"][key][theirs])
    if "schoenfeld" in kind:
        # tied events have no order of their own
        ours, want = (np.array(sorted(map(tuple, np.round(r, 9)))) for r in (ours, want))
    assert_allclose(ours, want, rtol=SAME, atol=2e-9)


@pytest.mark.parametrize("key", ["right", "late_breslow"])
def test_deviance_residuals_and_event_times(key):
    fit = fitted(key)
    assert_allclose(cox_residuals(fit, "deviance"), np.ravel(expected()["residuals"][key]["deviance"]), rtol=SAME, atol=1e-7)
    assert_allclose(event_rows(fit)["time"], expected()["schoenfeld_times"][key])


@pytest.mark.parametrize("key", CASES)
@pytest.mark.parametrize("kind", ["log", "log-log", "plain"])
def test_predicted_survival(key, kind):
    described, times = pd.DataFrame(expected()["described"]), expected()["times"]
    table, want = predict_survival(fitted(key), described, confidence=kind).at(times), expected()["survival"][key][kind]
    assert_allclose(table["estimate"], want["surv"], rtol=SAME)
    assert_allclose(table["std_error"], want["se"], rtol=SAME)
    assert_allclose(table["conf_low"], want["low"], rtol=SAME, atol=NEAR_ZERO)
    assert_allclose(table["conf_high"], want["high"], rtol=SAME)


@pytest.mark.parametrize("key", CASES)
def test_concordance(key):
    got, want = concordance(fitted(key)).iloc[0], expected()["concordance"][key]
    assert_allclose(got["estimate"], want["estimate"], rtol=SAME)
    assert_allclose(got["std_error"], want["se"], rtol=SAME)
    assert_allclose(got[["concordant", "discordant", "tied"]].astype(float), want["count"][:3], rtol=SAME, atol=NEAR_ZERO)


def test_concordance_of_rossi_as_printed():
    fit = cox("fin + age + race + wexp + mar + paro + prio", load_rossi(), exit="week", event="arrest")
    assert_allclose(concordance(fit)[["estimate", "std_error"]].iloc[0], [0.640329, 0.026658], atol=5e-7)


@pytest.mark.parametrize(("key", "given"), [("efron", {}), ("breslow", {"entry": "entry", "strata": "site", "ties": "breslow"})])
def test_firth(key, given):
    few, want = pd.DataFrame(expected()["firth"]["data"]), expected()["firth"]["fits"][key]
    fit = cox("rare + x", few, exit="exit", event="event", penalty="firth", **given)
    assert_allclose(fit.coefficients, want["coef"], rtol=SEARCHED)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), want["se"], rtol=SEARCHED)
    assert_allclose([fit.loglik_null, fit.loglik], want["loglik"], rtol=SAME)
    limits = profile_interval(fit, "rare").iloc[0]
    assert_allclose([limits["conf_low"], limits["conf_high"]], [want["low"], want["high"]], rtol=SEARCHED)


@pytest.mark.parametrize(("key", "standardize"), [("ridge", True), ("ridge_raw", False)])
def test_ridge(key, standardize):
    want = expected()[key]
    penalty = Ridge(5.0, terms=("x", "z"), standardize=standardize)
    fit = cox("x + z + group", people(), entry="entry", exit="exit", event="event", penalty=penalty)
    assert_allclose(fit.coefficients, want["coef"], rtol=PENALISED)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), want["se"], rtol=PENALISED)
    assert_allclose([fit.loglik_null, fit.loglik], want["loglik"], rtol=SAME)


def test_effective_degrees_of_freedom_of_a_ridge_as_r_prints_them():
    fit = cox("fin + age + race + wexp + mar + paro + prio", load_rossi(), exit="week", event="arrest", penalty=Ridge(10.0))
    assert_allclose(fit.glance()["effective_df"], 6.306811, atol=5e-7)
    assert_allclose(fit.coefficients[:2], [-0.3484285727, -0.0496925531], rtol=SAME)


def kidney(shared_data) -> pd.DataFrame:
    return pd.read_csv(shared_data / "reference" / "kidney.csv")


def check_frailty(fit, want):
    assert_allclose(fit.coefficients, want["coef"], rtol=PENALISED, atol=PENALISED)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), want["se"], rtol=PENALISED)
    assert_allclose(fit.loglik, want["loglik"][1], rtol=PENALISED)


@pytest.mark.parametrize(("key", "given"), [("people_half", {}), ("people_half_breslow", {"strata": "site", "ties": "breslow"})])
def test_frailty_with_ties_and_delayed_entry(key, given):
    fit = cox_frailty("x + z", people(), entry="entry", exit="exit", event="event", cluster="clinic", theta=0.5, **given)
    check_frailty(fit, expected()["frailty"][key])


def test_frailty_of_known_variance_on_kidney(shared_data):
    columns = {"exit": "time", "event": "status", "cluster": "id"}
    # R's first level is Other
    fit = cox_frailty("age + sex + C(disease, 'Other')", kidney(shared_data), theta=1.0, **columns)
    assert_allclose(fit.coefficients[:2], expected()["frailty"]["kidney_1"]["coef"][:2], rtol=PENALISED)
    oracle = oracle_of(shared_data)
    # the default stopping rule of coxph leaves four to five digits; with a strict one it agrees (above)
    for name, term in zip(fit.names[:2], ["age", "sex"], strict=True):
        assert_allclose(fit.coefficients[fit.names.index(name)], oracle["kidney_frailty_theta1", term], rtol=5e-5)
    check_frailty(cox_frailty("age + sex", kidney(shared_data), theta=0.412, **columns), expected()["frailty"]["kidney_412"])


def test_frailty_variance_is_the_best_of_the_marginal_likelihood(shared_data):
    columns, want = {"exit": "time", "event": "status", "cluster": "id"}, expected()["frailty"]
    fit = cox_frailty("age + sex", kidney(shared_data), **columns)
    # coxph stops at 0.412, where its own marginal likelihood is still a little lower than at the maximum
    assert_allclose(fit.glance()["frailty_variance"], want["best"], rtol=1e-3)
    assert_allclose(fit.glance()["frailty_variance"], 0.412, atol=0.005)
    assert_allclose(fit.glance()["loglik_marginal"], want["marginal"][1], rtol=SAME)
    assert_allclose(fit.coefficients, [0.00525, -1.58749], rtol=6e-3)
    for theta, value in zip([0.2, 1.0], [want["marginal"][0], want["marginal"][2]], strict=True):
        held = cox_frailty("age + sex", kidney(shared_data), theta=theta, **columns)
        assert_allclose(held.glance()["loglik_marginal"], value, rtol=SAME)
    none = cox_frailty("age + sex + disease", kidney(shared_data), **columns)
    assert none.glance()["frailty_variance"].iloc[0] == 0
    assert_allclose(none.loglik, -179.079341, atol=5e-7)


@pytest.mark.parametrize("key", ["veteran", "step"])
def test_time_varying_coefficient_of_veteran(shared_data, key):
    data = pd.read_csv(shared_data / "reference" / "veteran.csv")
    columns, want = {"exit": "time", "event": "status"}, expected()["tt"][key]
    if key == "veteran":
        split, formula = split_at_events(data, **columns), "trt + prior + karno + karno:log(time + 20)"
    else:
        split, formula = split_at_events(data, breaks=[90, 180], **columns), "trt + prior + karno:C(interval)"
    fit = cox(formula, split, entry="entry", **columns)
    assert_allclose(fit.coefficients, want["coef"], rtol=SAME)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), want["se"], rtol=SAME)
    assert_allclose(fit.loglik, want["loglik"][1], rtol=SAME)


def test_time_varying_coefficient_within_strata():
    split, want = split_at_events(people().drop(columns="entry"), exit="exit", event="event", strata="site"), expected()["tt"]["people"]
    fit = cox("z + x:log(exit) + x", split, entry="entry", exit="exit", event="event", strata="site")
    by_name = dict(zip(fit.names, fit.coefficients, strict=True))
    assert_allclose([by_name[name] for name in ("z", "x:log(exit)", "x")], want["coef"], rtol=SAME)


def test_published_tests_of_proportional_hazards(shared_data):
    data = pd.read_csv(shared_data / "reference" / "veteran.csv")
    levels = ["squamous", "smallcell", "adeno", "large"]
    data["celltype"] = pd.Categorical(data["celltype"], categories=levels)
    fit = cox("trt + celltype + karno + diagtime + age + prior", data, exit="time", event="status")
    want = expected()["published"]["veteran"]
    assert_allclose(ph_test(fit)["chi2"], want["chi2"], rtol=SAME)
    assert_allclose(ph_test(fit)["df"], want["df"])
    lung = pd.read_csv(shared_data / "reference" / "lung.csv").dropna(subset=["ph.ecog"])
    fit = cox("age + sex + ecog", lung.rename(columns={"ph.ecog": "ecog"}).assign(dead=lung["status"] - 1), exit="time", event="dead")
    assert_allclose(ph_test(fit)["chi2"], expected()["published"]["lung"]["chi2"], rtol=SAME)
    assert_allclose(concordance(fit)["estimate"], 0.637135, atol=5e-7)


def test_numbers_of_the_oracle(shared_data):
    oracle = oracle_of(shared_data)
    data = pd.read_csv(shared_data / "reference" / "veteran.csv")
    table = ph_test(cox("trt + prior + karno", data, exit="time", event="status")).set_index("term")["p_value"]
    for term in ("trt", "prior", "karno", "GLOBAL"):
        assert_allclose(table[term], oracle["veteran_cox_zph", term], rtol=PENALISED)


def oracle_of(shared_data) -> dict:
    table = pd.read_csv(shared_data / "reference" / "R_ORACLE.csv")
    names = list(table.columns)
    return {(row[0], row[1]): row[2] for row in table[names[:3]].itertuples(index=False, name=None)}
