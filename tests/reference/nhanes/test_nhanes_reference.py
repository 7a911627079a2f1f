"""The NHANES study: derived columns against the derived file, and our models against R on the same people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from reference.nhanes.derive import derive, eligibility

import cobalamin as cb

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
PROJECT = Path(__file__).resolve().parents[3]
SAME_ARITHMETIC = 1e-12  # the same formula in another order of operations
R_CONVERGED = 1e-6  # coxph stops Newton's method at a relative change of 1e-9 of the log-likelihood; make.R sets glm to 1e-14
R_PRINTED = 5e-7  # the six decimals that were asked for
RAW = "nhanes_b12_raw_codes_all_ages.parquet"

# columns the study needs, in the words of the data dictionary (labels), as a protocol writes them
EXPRESSIONS = {
    "age_entry_years": "where(is_missing(RIDAGEMN), RIDAGEYR + 0.5, RIDAGEMN / 12)",
    "age_exit_years": "where(is_missing(RIDAGEMN), RIDAGEYR + 0.5, RIDAGEMN / 12) + PERMTH_EXM / 12",
    "b12_pmol_l_roche_equiv": "0.738 * where(cycle_start < 2011, exp10(0.97 * log10(LBXB12) + 0.14), LBXB12)",
    "wt_mec_6cycles": "where(cycle_start < 2003, WTMEC4YR * 2 / 6, WTMEC2YR / 6)",
    "died": "where(MORTSTAT == 'assumed dead', 1, 0)",
    "mort_eligible": "where(ELIGSTAT == 'eligible', 1, 0)",
    "examined": "where(RIDSTATR == 'interviewed and examined', 1, 0)",
    "rx_metformin": "where(RX_METFORMIN == 'yes', 1, 0)",
    "rx_ppi": "where(RX_PPI == 'yes', 1, 0)",
    "supplement_b12_any": "where(SUPP_B12_ANY == 'yes', 1, 0)",
    "diabetes_diagnosed": "where(DIQ010 == 'yes', 1, 0)",
    "cancer_ever": "where(MCQ220 == 'yes', 1, 0)",
}


@pytest.fixture(scope="module")
def raw(shared_data: Path) -> pd.DataFrame:
    return pd.read_parquet(shared_data / "nhanes" / RAW)


@pytest.fixture(scope="module")
def report(raw: pd.DataFrame) -> cb.FailureReport:
    return cb.check(cb.MemorySource({"nhanes": raw}), cb.load_dictionary(PROJECT / "data_dictionary" / "nhanes"))


@pytest.fixture(scope="module")
def everyone(raw: pd.DataFrame) -> pd.DataFrame:
    table = derive(raw)
    table["in_cohort"] = np.logical_and.reduce(list(eligibility(table).values()))
    table["male"] = (table["sex"] == "male").astype(float)
    table["log2_b12"] = np.log2(table["b12_pmol_l_roche_equiv"])
    table["age10"] = table["age_years"] / 10
    table["low_b12"] = (table["b12_pmol_l_roche_equiv"] < 148).astype(float)
    table["low_b12_released"] = (table["b12_pmol_l"] < 148).astype(float)
    table["smoking"] = pd.Categorical(table["smoking"], categories=["never", "former", "current"])
    groups = pd.cut(table["b12_pmol_l_roche_equiv"], [-np.inf, 148, 221, np.inf], right=False, labels=["low", "marginal", "normal"])
    table["b12_group"] = pd.Categorical(groups, categories=["normal", "low", "marginal"])
    return table


# ---------------------------------------------------------------- derived columns


@pytest.mark.parametrize("file", ["nhanes_b12_mortality_adults.parquet", "nhanes_b12_examined_all_ages.parquet"])
def test_every_derived_column_equals_the_derived_file(everyone: pd.DataFrame, shared_data: Path, file: str) -> None:
    given = pd.read_parquet(shared_data / "nhanes" / file).set_index("seqn")
    ours = everyone.loc[given.index]
    columns = given.columns.difference(["in_analytic"])
    assert len(columns) == 101
    assert [c for c in columns if not same(ours[c], given[c])] == []


def same(ours: pd.Series[Any], given: pd.Series[Any]) -> bool:
    if given.dtype == object:
        return bool(((ours.astype(object) == given) | (ours.isna() & given.isna())).all())
    return np.allclose(ours.astype(float), given.astype(float), rtol=SAME_ARITHMETIC, atol=0, equal_nan=True)


def test_eligible_adults_are_those_of_the_derived_file(everyone: pd.DataFrame, shared_data: Path) -> None:
    given = pd.read_parquet(shared_data / "nhanes" / "nhanes_b12_mortality_adults.parquet")
    steps = list(eligibility(everyone).values())[:4]
    assert set(everyone.index[np.logical_and.reduce(steps)]) == set(given["seqn"])


def test_people_and_deaths_at_each_step_are_those_r_counts(everyone: pd.DataFrame) -> None:
    left, n, deaths = pd.Series(True, index=everyone.index), [len(everyone)], [int(everyone["died"].sum())]
    for holds in eligibility(everyone).values():
        left = left & holds
        n.append(int(left.sum()))
        deaths.append(int(everyone.loc[left, "died"].sum()))
    assert n == EXPECTED["flow"]["n"]
    assert deaths == EXPECTED["flow"]["deaths"]


def test_dictionary_and_expressions_of_the_protocol_give_the_same_columns(report: cb.FailureReport, everyone: pd.DataFrame) -> None:
    from cobalamin.design.expression import evaluate

    valid = report.valid["nhanes"].set_index("SEQN")
    expected = everyone.loc[valid.index]
    for name, text in EXPRESSIONS.items():
        ours = pd.Series(evaluate(text, valid)).astype(float)
        assert same(ours, expected[name]), name


# ---------------------------------------------------------------- the real file against the dictionary


def test_the_real_file_has_no_failure_and_its_missing_codes_are_counted(raw: pd.DataFrame, report: cb.FailureReport) -> None:
    assert len(report.failures) == 0
    assert len(report.valid["nhanes"]) == len(raw) == 61_405
    counts = report.missing.groupby(["column", "reason"])["n_rows"].sum()  # 99 and 999 share a reason
    assert counts["SMQ020", "refused"] == (raw["SMQ020"] == 7).sum() == 14
    assert counts["SMQ020", "don't know"] == (raw["SMQ020"] == 9).sum() == 27
    assert counts["ALQ130", "don't know"] == raw["ALQ130"].isin([99, 999]).sum() == 21
    assert counts["RIDEXPRG", "cannot be ascertained"] == (raw["RIDEXPRG"] == 3).sum()
    assert report.valid["nhanes"]["LBXB12"].max() == 240_599


# ---------------------------------------------------------------- models


def close_to_r(fit: cb.Fit, expected: dict[str, Any], terms: list[str]) -> None:
    """Coefficients in R's order; the intercept, where there is one, comes first on both sides."""
    ours = fit.tidy().set_index("term").loc[terms]
    assert_allclose(ours["estimate"], expected["estimate"], rtol=R_CONVERGED, atol=R_PRINTED)
    assert_allclose(ours["std_error"], expected["std_error"], rtol=R_CONVERGED, atol=R_PRINTED)
    facts = fit.glance().iloc[0]
    assert (facts["n"], facts["events"]) == (expected["n"], expected["events"])


SMOKING = ["male", "smoking[T.former]", "smoking[T.current]"]
FOLLOW_UP = {"entry": "age_entry_years", "exit": "age_exit_years", "event": "died"}
DESIGN = {"strata": "stratum", "psu": "psu", "weights": "wt_mec_6cycles"}


@pytest.mark.parametrize(
    ("model", "formula", "ties", "first"),
    [
        ("cox", "log2_b12 + male + smoking", "efron", ["log2_b12"]),
        ("cox_breslow", "log2_b12 + male + smoking", "breslow", ["log2_b12"]),
        ("cox_groups", "b12_group + male + smoking", "efron", ["b12_group[T.low]", "b12_group[T.marginal]"]),
    ],
)
def test_cox_on_attained_age(everyone: pd.DataFrame, model: str, formula: str, ties: str, first: list[str]) -> None:
    fit = cb.cox(formula, everyone[everyone["in_cohort"]], **FOLLOW_UP, ties=ties)
    close_to_r(fit, EXPECTED[model], [*first, *SMOKING])


def test_numbers_of_the_issue_are_those_of_r() -> None:
    assert_allclose(EXPECTED["cox"]["estimate"][:2], [-0.003226, 0.265746], atol=R_PRINTED)
    assert_allclose(EXPECTED["cox"]["std_error"][0], 0.017747, atol=R_PRINTED)
    assert_allclose([EXPECTED["svycoxph"]["estimate"][0], EXPECTED["svycoxph"]["std_error"][0]], [0.007777, 0.025197], atol=R_PRINTED)
    # every unit of the sample has people of the domain, so cutting the design to the domain changes nothing here
    assert_allclose(EXPECTED["svycoxph_subset_as_sample"]["std_error"], EXPECTED["svycoxph"]["std_error"], rtol=SAME_ARITHMETIC)


def test_weighted_tables_of_cdc_are_reproduced() -> None:
    printed = EXPECTED["cdc_2005_2006"]
    assert printed["n"] == 4392
    assert_allclose(printed["geometric_mean"], [469.8, 7.1], atol=0.05)
    assert_allclose(printed["geometric_mean_roche"], [539.2, 7.9], atol=0.05)
    assert_allclose([printed["percent_at_most_200"][0], printed["percent_at_most_200_roche"][0]], [3.06, 1.54], atol=0.005)


@pytest.mark.parametrize(
    ("model", "formula", "first"),
    [
        ("svycoxph", "log2_b12 + male + smoking", ["log2_b12"]),
        ("svycoxph_groups", "b12_group + male + smoking", ["b12_group[T.low]", "b12_group[T.marginal]"]),
    ],
)
def test_survey_weighted_cox(everyone: pd.DataFrame, model: str, formula: str, first: list[str]) -> None:
    examined = everyone[everyone["examined"] == 1]
    fit = cb.cox(formula, examined, **FOLLOW_UP, survey=cb.Survey(**DESIGN, domain="in_cohort"))
    close_to_r(fit, EXPECTED[model], [*first, *SMOKING])
    cut = cb.cox(formula, everyone[everyone["in_cohort"]], **FOLLOW_UP, survey=cb.Survey(**DESIGN))
    close_to_r(cut, EXPECTED[model], [*first, *SMOKING])


def test_survey_weighted_cox_without_the_first_two_years(everyone: pd.DataFrame) -> None:
    examined = everyone[everyone["examined"] == 1].assign(age_entry_lag2=lambda t: t["age_entry_years"] + 2)
    examined["late"] = examined["in_cohort"] & (examined["age_exit_years"] > examined["age_entry_lag2"])
    times = FOLLOW_UP | {"entry": "age_entry_lag2"}
    fit = cb.cox("log2_b12 + male + smoking", examined, **times, survey=cb.Survey(**DESIGN, domain="late"))
    close_to_r(fit, EXPECTED["svycoxph_lag2"], ["log2_b12", *SMOKING])


SHORT = ["rx_metformin", "rx_ppi", "age10", "male"]
LONG = ["rx_metformin", "rx_ppi", "rx_h2ra", "supplement_b12_any", "diabetes_diagnosed", "age10", "male", "race_ethnicity"]
RACES = [f"race_ethnicity[T.{r}]" for r in ("nh_black", "nh_white", "other_hispanic", "other_multi")]
LOGISTIC = [("logistic", "low_b12", SHORT), ("logistic_longer", "low_b12", LONG), ("logistic_released", "low_b12_released", SHORT)]
WEIGHTED = [("svyglm", SHORT), ("svyglm_longer", LONG)]


def terms_of(columns: list[str]) -> list[str]:
    return ["Intercept", *(c for c in columns if c != "race_ethnicity"), *(RACES if "race_ethnicity" in columns else [])]


@pytest.mark.filterwarnings("ignore::cobalamin.core.errors.MissingRowsWarning")
@pytest.mark.parametrize(("model", "outcome", "columns"), LOGISTIC, ids=[m[0] for m in LOGISTIC])
def test_determinants_of_low_b12(everyone: pd.DataFrame, model: str, outcome: str, columns: list[str]) -> None:
    fit = cb.logistic(f"{outcome} ~ {' + '.join(columns)}", everyone[everyone["in_cohort"]])
    close_to_r(fit, EXPECTED[model], terms_of(columns))


@pytest.mark.filterwarnings("ignore::cobalamin.core.errors.MissingRowsWarning")
@pytest.mark.parametrize(("model", "columns"), WEIGHTED, ids=[m[0] for m in WEIGHTED])
def test_survey_weighted_determinants_of_low_b12(everyone: pd.DataFrame, model: str, columns: list[str]) -> None:
    examined = everyone[everyone["examined"] == 1]
    fit = cb.logistic(f"low_b12 ~ {' + '.join(columns)}", examined, survey=cb.Survey(**DESIGN, domain="in_cohort"))
    close_to_r(fit, EXPECTED[model], terms_of(columns))
    assert fit.tidy().set_index("term").loc["rx_metformin", "conf_low"] > 0  # the positive control
