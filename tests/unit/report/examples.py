"""Hand-made results of two studies, in the shape the other rooms deliver; the numbers are invented."""

from __future__ import annotations

import math
from typing import Any

from cobalamin.core.estimates import Estimates
from cobalamin.report.facts import CutOff, Limitation, ModelFacts, StudyFacts

B12 = "log2(b12_pmol_l)"
ADJUSTED = ("age", "sex", "autoimmune gastritis", "thyroid disease", "calendar year")


def onset_facts(**changes: Any) -> StudyFacts:
    """The simulated onset study."""
    models = (
        ModelFacts("adjusted", "Adjusted, lag 2 years", "primary", "cox", f"{B12} + age + sex + gastritis", ADJUSTED, (B12,), "ls", lag=2),
        ModelFacts("crude", "Crude, no lag", "secondary", "cox", B12, (), (B12,), "ls"),
        ModelFacts(
            "groups", "By B12 group", "secondary", "cox", "b12_group + age + sex + gastritis", ADJUSTED, ("b12_group",), "ls", lag=2
        ),
        ModelFacts("lag0", "Adjusted, no lag", "sensitivity", "cox", f"{B12} + age + sex + gastritis", ADJUSTED, (B12,), "ls"),
        ModelFacts("lag5", "Adjusted, lag 5 years", "sensitivity", "cox", f"{B12} + age + sex + gastritis", ADJUSTED, (B12,), "ls", lag=5),
    )
    fields: dict[str, Any] = {
        "title": "Serum vitamin B12 and onset of lichen sclerosus",
        "question": "Is serum vitamin B12 associated with a later diagnosis of lichen sclerosus (LS)?",
        "simulated": True,
        "outcome": "diagnosis of LS",
        "event": "LS diagnoses",
        "time_scale": "Years since time zero",
        "group": "Serum B12",
        "labels": {
            "b12_pmol_l": "Serum B12 (pmol/L)",
            B12: "Serum B12, per doubling",
            "b12_group": "Serum B12 group",
            "age": "Age (years)",
            "sex": "Sex",
            "gastritis": "Autoimmune gastritis",
        },
        "design": (
            "The population is 100,000 simulated adults followed from the first B12 measurement after 1 January 2006.",
            "Time zero is the date of the first B12 measurement at age 18 or later.",
            "The exposure is the last serum B12 in the two years before time zero.",
            "The outcome is the first diagnosis with ICD-10 code L90.0, N90.4 or N48.0.",
            "Follow-up ends at the outcome, death, emigration or 31 December 2020.",
        ),
        "models": models,
        "limitations": (
            Limitation("delay", "Diagnosis follows onset by about four years on average, so B12 may have been measured after onset."),
            Limitation("testing", "B12 is measured in people with symptoms more often than in others."),
        ),
        "disclosure": "Counts of 7 or fewer are hidden and the others rounded to the nearest 5 (preset OpenSAFELY).",
        "cutoffs": (CutOff("b12_pmol_l", 148, "148 pmol/L: deficient"), CutOff("b12_pmol_l", 221, "221 pmol/L: marginal")),
        "provenance": {
            "Seed": "20240917",
            "Protocol fingerprint": "4f" * 32,
            "Inputs (SHA-256)": {"persons": "a1" * 32, "labs": "b2" * 32},
            "Versions": {"cobalamin": "0.1.0", "numpy": "2.4.6", "python": "3.11.9"},
        },
    }
    return StudyFacts(**{**fields, **changes})


def onset_estimates() -> Estimates:
    """Results of the simulated onset study."""
    rows = [*_attrition(), *_onset_table1(), *_distribution(), *_onset_curves(), *_onset_models()]
    rows.append({"analysis": "truth", "context": "diagnostic", "term": B12, "measure": "hazard ratio", "value": 1.0})
    return Estimates.from_rows(rows)


def _attrition() -> list[dict[str, Any]]:
    steps = [
        ("All people in the source", 100_000, 1_640),
        ("Aged 18 years or older at time zero", 82_410, 1_395),
        ("At least one serum B12 measurement in the two years before time zero", 61_225, 1_102),
        ("No lichen sclerosus before time zero", 60_940, 1_015),
        ("Follow-up of at least one day", 60_905, 1_015),
    ]
    return [
        {"analysis": "attrition", "context": "attrition", "term": t, "at": i, "measure": "remaining", "n": n, "events": e}
        for i, (t, n, e) in enumerate(steps)
    ]


GROUPS = (
    ("Below 148 pmol/L", 4_120, 95, 36_410.0),
    ("148 to 220 pmol/L", 13_880, 240, 124_305.2),
    ("221 pmol/L or more", 42_905, 680, 388_770.4),
)


def _onset_table1() -> list[dict[str, Any]]:
    base = {"analysis": "table1", "context": "summary", "model": "b12_group"}
    rows: list[dict[str, Any]] = []
    everyone = ("Overall", sum(g[1] for g in GROUPS), sum(g[2] for g in GROUPS), sum(g[3] for g in GROUPS))
    for i, (group, n, events, time) in enumerate((everyone, *GROUPS)):
        here = {**base, "subgroup": group}
        rows.append({**here, "measure": "total", "n": n, "events": events, "person_time": time})
        for measure, value in (("mean", 51.3 + i), ("sd", 16.42), ("median", 52.0 + i), ("q1", 39.5), ("q3", 64.25)):
            rows.append({**here, "term": "age", "measure": measure, "value": value, "n": n})
        for level, share in (("female", 54.2 - i), ("male", 45.8 + i)):
            rows.append({**here, "term": "sex", "level": level, "measure": "percent", "value": share, "n": round(n * share / 100)})
        small = {"n": math.nan, "value": math.nan, "warning": "suppressed: 7 or fewer"} if i == 2 else {"n": round(n * 0.021), "value": 2.1}
        rows.append({**here, "term": "gastritis", "level": "yes", "measure": "percent", **small})
        rows.append({**here, "term": "gastritis", "measure": "missing", "n": 40 * i, "value": 0.07 * i})
    for term, value in (("age", 0.061), ("sex", 0.0402), ("gastritis", 0.4127)):
        rows.append({**base, "term": term, "measure": "smd", "value": value})
    return rows


def _distribution() -> list[dict[str, Any]]:
    edges = list(range(50, 1001, 50))
    counts = [310, 2120, 5180, 8120, 9410, 9230, 8000, 6150, 4310, 2890, 1820, 1150, 730, 470, 300, 195, 120, 75, math.nan]
    return [
        {
            "analysis": "distribution",
            "context": "summary",
            "term": "b12_pmol_l",
            "measure": "histogram",
            "low": a,
            "high": b,
            "n": n,
            "unit": "pmol/L",
            "subgroup": "Overall",
            "warning": "suppressed: 7 or fewer" if math.isnan(n) else "",
        }
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def _onset_curves() -> list[dict[str, Any]]:
    base = {"analysis": "survival", "context": "curve", "model": "b12_group", "level": "LS diagnosis", "unit": "years"}
    rows: list[dict[str, Any]] = []
    for (group, n, events, _), risk in zip(GROUPS, (0.0261, 0.0189, 0.0171), strict=True):
        here = {**base, "subgroup": group}
        for i in range(29):
            at, done = i / 2, i / 28
            value, left = 1 - risk * done**1.1, round(n * (1 - 0.75 * done))
            se = math.sqrt(max(risk * done, 1e-9) / n) * 1.2
            limits = {"low": value - 1.96 * se, "high": min(1.0, value + 1.96 * se), "std_error": se}
            rows.append({**here, "at": at, "measure": "survival", "value": value, **limits, "n": left, "events": round(events * done)})
            if i % 4 == 0:
                rows.append({**here, "at": at, "measure": "at risk", "n": left, "events": round(events * done)})
    return rows


def _coefficient(role: str, model: str, term: str, ratio: tuple[float, float, float], p: float, **more: Any) -> dict[str, Any]:
    value, low, high = ratio
    head = {"analysis": role, "context": "estimate", "model": model, "term": term, "measure": "hazard ratio"}
    return {**head, "value": value, "low": low, "high": high, "p": p, **more}


def _onset_models() -> list[dict[str, Any]]:
    ls: dict[str, Any] = {"outcome": "ls", "n": 60_905, "events": 1_015, "person_time": 549_485.6}
    rows = [
        _coefficient("primary", "adjusted", B12, (0.984, 0.902, 1.0738), 0.7164, **ls),
        _coefficient("primary", "adjusted", "age", (1.0182, 1.0141, 1.0223), 1e-12, **ls),
        _coefficient(
            "primary", "adjusted", "sex", (1.0, math.nan, math.nan), math.nan, level="female", reference="female", outcome="ls", n=33_000
        ),
        _coefficient(
            "primary", "adjusted", "sex", (0.4121, 0.3584, 0.4738), 1e-20, level="male", reference="female", outcome="ls", n=27_905
        ),
        _coefficient("secondary", "crude", B12, (0.8421, 0.7762, 0.9136), 0.00004, **ls),
        _coefficient("sensitivity", "lag0", B12, (0.9310, 0.8541, 1.0148), 0.1042, **ls),
        _coefficient(
            "sensitivity", "lag5", B12, (1.0123, 0.8910, 1.1501), 0.8514, **{**ls, "n": 48_120, "events": 640, "person_time": 310_400}
        ),
    ]
    ratios = ((1.0, math.nan, math.nan), (1.0391, 0.8912, 1.2115), (1.1402, 0.9105, 1.4279))
    for (group, n, events, time), ratio, p in zip(reversed(GROUPS), ratios, (math.nan, 0.6249, 0.2531), strict=True):
        level = {"level": group, "reference": GROUPS[-1][0], "outcome": "ls", "n": n, "events": events, "person_time": time}
        rows.append(_coefficient("secondary", "groups", "b12_group", ratio, p, **level))
    for role, model in (
        ("primary", "adjusted"),
        ("secondary", "crude"),
        ("secondary", "groups"),
        ("sensitivity", "lag0"),
        ("sensitivity", "lag5"),
    ):
        head = {"analysis": role, "context": "diagnostic", "model": model, "outcome": "ls"}
        facts = {
            "n": 60_905,
            "n_missing": 0 if model == "crude" else 125,
            "events": 1_015,
            "person_time": 549_485.6,
            "log-likelihood": -10_412.337,
        }
        rows += [{**head, "measure": k, "value": v} for k, v in facts.items()]
    return rows


def nhanes_facts(**changes: Any) -> StudyFacts:
    """The study of real people: mortality with survey design, and determinants of low B12."""
    mort = ("attained age as time scale", "sex", "smoking")
    models = (
        ModelFacts("weighted", "Survey-weighted", "primary", "cox", f"{B12} + male + smoking", mort, (B12,), "death", survey=True),
        ModelFacts(
            "determinants",
            "Determinants of low B12",
            "primary",
            "logistic",
            "metformin + age + smoking",
            (),
            ("metformin", "smoking"),
            "low_b12",
        ),
        ModelFacts("unweighted", "Unweighted", "secondary", "cox", f"{B12} + male + smoking", mort, (B12,), "death"),
        ModelFacts("never", "Never smokers only", "sensitivity", "cox", f"{B12} + male", ("sex",), (B12,), "death"),
    )
    fields: dict[str, Any] = {
        "title": "Serum vitamin B12, its determinants and mortality in NHANES",
        "question": "Which factors go with low serum B12, and is serum B12 associated with mortality?",
        "outcome": "death from any cause",
        "event": "Deaths",
        "time_scale": "Attained age (years)",
        "group": "Serum B12",
        "labels": {
            B12: "Serum B12, per doubling",
            "death": "death from any cause",
            "low_b12": "serum B12 below 148 pmol/L",
            "metformin": "Metformin use",
            "smoking": "Smoking",
            "male": "Male sex",
        },
        "design": ("The population is adults of eight NHANES cycles with serum B12 and linked mortality.",),
        "models": models,
        "limitations": (Limitation("assay", "Two B12 assays were in use; values were made comparable by a published regression."),),
        "disclosure": "These are public-use data; nothing was hidden.",
        "notices": ("Data: National Center for Health Statistics, public-use files.",),
        "concerns_ls": False,
        "provenance": {"Protocol fingerprint": "0c" * 32},
    }
    return StudyFacts(**{**fields, **changes})


def nhanes_estimates() -> Estimates:
    """Results of the NHANES-like study."""
    death: dict[str, Any] = {"outcome": "death", "n": 27_878, "events": 5_554, "person_time": 270_123.4}
    low: dict[str, Any] = {"outcome": "low_b12", "measure": "odds ratio"}
    rows = [
        _coefficient("primary", "weighted", B12, (1.00781, 0.9592, 1.0588), 0.7576, **death),
        _coefficient("primary", "weighted", "male", (1.3182, 1.2407, 1.4006), 1e-15, **death),
        _coefficient(
            "primary",
            "determinants",
            "metformin",
            (1.0, math.nan, math.nan),
            math.nan,
            **low,
            level="no",
            reference="no",
            n=25_402,
            events=610,
        ),
        _coefficient(
            "primary", "determinants", "metformin", (2.3124, 1.8513, 2.8884), 1e-12, **low, level="yes", reference="no", n=2_476, events=141
        ),
        _coefficient(
            "primary",
            "determinants",
            "smoking",
            (1.0, math.nan, math.nan),
            math.nan,
            **low,
            level="never",
            reference="never",
            n=15_020,
            events=400,
        ),
        _coefficient(
            "primary",
            "determinants",
            "smoking",
            (0.9301, 0.7712, 1.1218),
            0.4489,
            **low,
            level="former",
            reference="never",
            n=7_330,
            events=201,
        ),
        _coefficient(
            "primary",
            "determinants",
            "smoking",
            (1.3007, 1.0016, 1.6891),
            0.0486,
            **low,
            level="current",
            reference="never",
            n=5_528,
            events=150,
        ),
        _coefficient("secondary", "unweighted", B12, (0.99678, 0.96271, 1.03206), 0.8558, **death),
        _coefficient(
            "sensitivity",
            "never",
            B12,
            (0.6112, 0.2901, 1.2877),
            0.1951,
            **{**death, "n": 310, "events": 12},
            warning="12 events for 2 parameters",
        ),
    ]
    for group, start in (("Below 221 pmol/L", 0.985), ("221 pmol/L or more", 0.99)):
        here = {
            "analysis": "survival",
            "context": "curve",
            "model": "b12_group",
            "subgroup": group,
            "level": "death",
            "outcome": "death",
            "unit": "years",
        }
        for age in range(20, 86):
            value = start * math.exp(-(((age - 20) / 62) ** 4.2))
            band = {"low": max(value - 0.012, 0.0), "high": min(value + 0.012, 1.0)}
            rows.append({**here, "at": age, "measure": "survival", "value": value, **band})
            if age % 10 == 0:
                rows.append({**here, "at": age, "measure": "at risk", "n": 4_000 - abs(age - 45) * 60})
    return Estimates.from_rows(rows)
