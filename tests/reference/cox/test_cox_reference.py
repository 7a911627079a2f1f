"""Cox regression against R's survival and survey (make.R wrote the numbers; no R is needed here)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.cox.cox import cox
from cobalamin.models.cox.cox_residuals import cox_baseline, cox_residuals
from cobalamin.models.matrix.spline import natural_cubic, natural_knots
from cobalamin.models.matrix.transforms import formula_functions
from cobalamin.models.survey import Survey

# both programs iterate to rounding error; what is left is the order of summation
SAME = 1e-8
# numbers printed in the literature and in R_ORACLE.csv come from R's default stopping rule
PRINTED = 2e-6

pytestmark = [
    pytest.mark.filterwarnings("ignore::cobalamin.core.errors.MissingRowsWarning"),
]


@cache
def expected() -> dict:
    return json.loads((Path(__file__).parent / "expected.json").read_text())


@cache
def people() -> pd.DataFrame:
    frame = pd.DataFrame(expected()["people"])
    return frame.assign(u=pd.to_numeric(frame["u"]))


def options(key: str) -> dict:
    ties, outcome, strata, *rest = key.split("_")
    given = {"exit": "exit", "event": "event", "ties": ties}
    given |= {"entry": "entry"} if outcome == "late" else {}
    given |= {"strata": "site"} if strata == "site" else {}
    given |= {name: column for name, column in {"weights": "weight", "cluster": "clinic"}.items() if column in rest or name in rest}
    given |= {"weights": "copies"} if "copies" in rest else {}
    given |= {"robust": True} if "robust" in rest else {}
    return given


@pytest.mark.parametrize("key", list(expected()["fits"]))
def test_made_up_people(key):
    fit, want = cox("x + z + group", people(), **options(key)), expected()["fits"][key]
    assert_allclose(fit.coefficients, want["coef"], rtol=SAME)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), want["se"], rtol=SAME)
    assert_allclose([fit.loglik_null, fit.loglik], want["loglik"], rtol=SAME)
    if "naive_se" in want:
        assert_allclose(np.sqrt(np.diag(fit.model_covariance)), want["naive_se"], rtol=SAME)
    else:
        assert fit.variance == "model"


@pytest.mark.parametrize(
    ("key", "given"),
    [
        ("efron_late_weight", {"entry": "entry", "weights": "weight"}),
        ("breslow_late_weight", {"entry": "entry", "weights": "weight", "ties": "breslow"}),
        ("efron_right", {}),
    ],
)
def test_residuals_and_baseline(key, given):
    fit, want = cox("x + z", people(), exit="exit", event="event", **given), expected()["residuals"][key]
    assert_allclose(cox_residuals(fit, "score"), want["score"], rtol=SAME, atol=1e-10)
    assert_allclose(cox_residuals(fit, "martingale"), want["martingale"], rtol=SAME, atol=1e-10)
    base = cox_baseline(fit)
    at = np.searchsorted(base["time"], want["time"], side="right")
    assert_allclose(np.r_[0.0, base["cumulative_hazard"]][at], want["hazard"], rtol=SAME)


@pytest.mark.parametrize("key", list(expected()["surveys"]))
def test_complex_samples(key):
    want = expected()["surveys"][key]
    frame, formula = people(), "x + u" if key == "missing" else "x + z"
    rule = key.split("_")[1] if key.startswith("lonely") else "error"
    if rule != "error":
        frame = frame.assign(psu=np.where(frame["stratum"] == 2, 1, frame["psu"]))
    design = {} if key == "simple" else {"strata": "stratum", "psu": "psu"}
    survey = Survey(weights="weight", domain="domain" if key.endswith("domain") else None, single_psu=rule, **design)
    fit = cox(formula, frame, entry="entry", exit="exit", event="event", survey=survey)
    assert_allclose(fit.coefficients, want["coef"], rtol=SAME)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), want["se"], rtol=SAME)
    assert fit.facts["design_df"] == want["df"]
    assert np.isnan(fit.aic)


def test_near_ties_are_ties():
    case = expected()["timefix"]
    fit, want = cox("x", pd.DataFrame(case["data"]), exit="time", event="status"), case["fit"]
    assert_allclose(fit.coefficients, want["coef"], rtol=SAME)
    assert_allclose([fit.loglik_null, fit.loglik], want["loglik"], rtol=SAME)


def test_splines():
    case = expected()["splines"]
    values, grid = np.array(case["values"]), np.array(case["grid"])
    # an orthogonal basis is unique up to the sign of its columns
    ours, theirs = natural_cubic(grid, *natural_knots(values, 3)), np.array(case["ns"])
    assert_allclose(np.abs(ours), np.abs(theirs), rtol=SAME, atol=1e-12)
    bs = formula_functions()["bs"](values, df=5)
    assert_allclose(np.column_stack(list(bs.values())), case["bs"], rtol=SAME, atol=1e-12)


# data set, formula, what to change, arguments, order of the coefficients
PUBLISHED = {
    "lung": ("lung", "age + sex + `ph.ecog`", lambda d: d.assign(status=d.status - 1), {"exit": "time", "event": "status"}),
    "lung_breslow": (
        "lung",
        "age + sex + `ph.ecog`",
        lambda d: d.assign(status=d.status - 1),
        {"exit": "time", "event": "status", "ties": "breslow"},
    ),
    "ovarian": ("ovarian", "rx + age", None, {"exit": "futime", "event": "fustat"}),
    "heart": ("heart", "age + year + surgery + transplant", None, {"entry": "start", "exit": "stop", "event": "event"}),
    "cgd": (
        "cgd",
        "C(treat, reference='placebo') + C(inherit, reference='X-linked') + steroids",
        None,
        {"entry": "tstart", "exit": "tstop", "event": "status", "cluster": "id"},
    ),
    "flchain": (
        "flchain",
        "sex + log(kappa + `lambda`)",
        lambda d: d.assign(end=d.age + d.futime.clip(lower=0.5) / 365.25),
        {"entry": "age", "exit": "end", "event": "death"},
    ),
    "veteran": (
        "veteran",
        "trt + celltype + karno + diagtime + age + prior",
        lambda d: d.assign(celltype=pd.Categorical(d.celltype, ["squamous", "smallcell", "adeno", "large"])),
        {"exit": "time", "event": "status"},
    ),
    "retinopathy": ("retinopathy", "trt + C(type, reference='juvenile')", None, {"exit": "futime", "event": "status", "cluster": "id"}),
    "retinopathy_pairs": ("retinopathy", "trt", None, {"exit": "futime", "event": "status", "strata": "id"}),
}


@pytest.mark.parametrize("key", list(PUBLISHED))
def test_published_data(key, shared_data):
    name, formula, change, given = PUBLISHED[key]
    data = pd.read_csv(shared_data / "reference" / f"{name}.csv")
    fit, want = cox(formula, data if change is None else change(data), **given), expected()["published"][key]
    assert (fit.n, fit.events) == (want["n"], want["events"])
    assert_allclose(fit.coefficients, want["coef"], rtol=SAME)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), want["se"], rtol=SAME)
    assert_allclose([fit.loglik_null, fit.loglik], want["loglik"], rtol=SAME)


def test_gehan():
    """Remission times of Freireich 1963 as printed in Cox 1972, table 1; a plus is a censored time."""
    treated = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
    control = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"
    data = pd.DataFrame(
        [(int(t.rstrip("+")), int(not t.endswith("+")), g) for g, times in ((0, treated), (1, control)) for t in times.split()]
    )
    data.columns = ["weeks", "relapse", "control"]
    for key, ties in (("gehan", "efron"), ("gehan_breslow", "breslow")):
        fit, want = cox("control", data, exit="weeks", event="relapse", ties=ties), expected()["published"][key]
        assert_allclose(fit.coefficients, want["coef"], rtol=SAME)
        assert_allclose(np.sqrt(fit.covariance[0]), want["se"], rtol=SAME)
        assert_allclose(fit.loglik, want["loglik"][1], rtol=SAME)


def test_rossi():
    """Recidivism data of Rossi 1980; numbers of Fox and Weisberg's appendix, to the digits of R."""
    from lifelines.datasets import load_rossi

    fit = cox("fin + age + race + wexp + mar + paro + prio", load_rossi(), exit="week", event="arrest")
    want = [-0.379422, -0.057438, 0.313900, -0.149796, -0.433704, -0.084871, 0.091497]
    assert_allclose(fit.coefficients, want, atol=6e-7)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), [0.191379, 0.021999, 0.307993, 0.212224, 0.381868, 0.195757, 0.028649], atol=6e-7)
    assert_allclose([fit.loglik_null, fit.loglik, fit.facts["likelihood_ratio"]], [-675.3806, -658.7477, 33.266], atol=6e-4)
    by_race = cox("fin + age + wexp + mar + paro + prio", load_rossi(), exit="week", event="arrest", strata="race")
    assert_allclose(by_race.coefficients, [-0.3788, -0.0576, -0.1427, -0.4388, -0.0858, 0.0922], atol=6e-5)


def test_delayed_entry_of_the_macs_cohort():
    """Where lifelines stops early (0.0231574)."""
    from lifelines.datasets import load_multicenter_aids_cohort_study

    data = load_multicenter_aids_cohort_study()
    fit = cox("AIDSY", data, entry="W", exit="T", event="D")
    assert_allclose([fit.coefficients[0], np.sqrt(fit.covariance[0, 0])], [0.0232152, 0.2462988], atol=6e-8)
    assert_allclose([fit.loglik_null, fit.loglik], [-95.15478, -95.15034], atol=6e-6)


ORACLE = {
    "flchain_cox": (
        "flchain",
        "age + sex + log(kappa) + log(`lambda`) + creatinine",
        lambda d: d.assign(t=d.futime.clip(lower=0.5)),
        {"exit": "t", "event": "death"},
    ),
    "flchain_cox_breslow": (
        "flchain",
        "age + sex + log(kappa)",
        lambda d: d.assign(t=d.futime.clip(lower=0.5)),
        {"exit": "t", "event": "death", "ties": "breslow"},
    ),
    "flchain_agescale": (
        "flchain",
        "sex + log(kappa)",
        lambda d: d.assign(end=d.age + d.futime.clip(lower=0.5) / 365.25),
        {"entry": "age", "exit": "end", "event": "death"},
    ),
    "retinopathy_cluster": ("retinopathy", "trt + type", None, {"exit": "futime", "event": "status", "cluster": "id"}),
    "retinopathy_strata": ("retinopathy", "trt", None, {"exit": "futime", "event": "status", "strata": "id"}),
    "heart_tvc": ("heart", "age + surgery + transplant", None, {"entry": "start", "exit": "stop", "event": "event"}),
    "veteran_cox": ("veteran", "trt + prior + karno", None, {"exit": "time", "event": "status"}),
    "rotterdam_rfs": (
        "rotterdam",
        "age + meno + size + grade + pmin(nodes, 8) + chemo + hormon",
        lambda d: d.assign(
            size=pd.Categorical(d["size"], ["<=20", ">50", "20-50"]),
            event=((d.recur == 1) | (d.death == 1)).astype(int),
            t=np.where(d.recur == 1, d.rtime, d.dtime),
        ),
        {"exit": "t", "event": "event"},
    ),
    "channing_lefttrunc": (
        "kmsurv_channing",
        "gender",
        lambda d: d.query("age > ageentry"),
        {"entry": "ageentry", "exit": "age", "event": "death"},
    ),
    "cgd_AG": (
        "cgd",
        "C(treat, reference='placebo') + age + C(inherit, reference='autosomal')",
        None,
        {"entry": "tstart", "exit": "tstop", "event": "status", "cluster": "id"},
    ),
}


@pytest.mark.parametrize("model", list(ORACLE))
def test_oracle(model, shared_data):
    name, formula, change, given = ORACLE[model]
    data = pd.read_csv(shared_data / "reference" / f"{name}.csv")
    oracle = pd.read_csv(shared_data / "reference" / "R_ORACLE.csv").query("model == @model")
    fit = cox(formula, data if change is None else change(data), **given)
    assert_allclose(fit.coefficients, oracle["coef"], rtol=PRINTED, atol=1e-8)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), oracle["se"], rtol=PRINTED)
    assert_allclose(fit.loglik, oracle["loglik"].iloc[0], rtol=PRINTED)
    assert (fit.n, fit.events) == (oracle["n"].iloc[0], oracle["events"].iloc[0])


@pytest.mark.parametrize("weighted", [False, True])
def test_b12_and_mortality_on_the_age_scale(weighted, shared_data):
    """The numbers of the issue: 27,878 adults, 5,554 deaths, attained age."""
    data = pd.read_parquet(shared_data / "nhanes" / "nhanes_b12_mortality_adults.parquet")
    data = data[data["smoking"].notna() & (data["age_exit_years"] > data["age_entry_years"])]
    data = data.assign(male=(data["sex"] == "male").astype(float), smoking=pd.Categorical(data["smoking"], ["never", "former", "current"]))
    survey = Survey(weights="wt_mec_6cycles", strata="stratum", psu="psu") if weighted else None
    fit = cox(
        "log2(b12_pmol_l_roche_equiv) + male + smoking", data, entry="age_entry_years", exit="age_exit_years", event="died", survey=survey
    )
    assert (fit.n, fit.events) == (27878, 5554)
    want = (0.007777, 0.025197) if weighted else (-0.003226, 0.017747)
    assert_allclose([fit.coefficients[0], np.sqrt(fit.covariance[0, 0])], want, atol=6e-7)
    if not weighted:
        assert_allclose(fit.coefficients[1], 0.265746, atol=6e-7)
