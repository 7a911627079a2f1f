"""The documented flat design on real people: as many as R was given, and its coefficients' sums to the last person."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.design import build_cohort, design_from_mapping

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "protocol-design.md"
LABELS = {
    "RIDSTATR": {1: "interviewed only", 2: "interviewed and examined"},
    "RIAGENDR": {1: "male", 2: "female"},
    "SMQ020": {1: "yes", 2: "no"},
    "SMQ040": {1: "every day", 2: "some days", 3: "not at all"},
    "ELIGSTAT": {1: "eligible", 2: "under 18", 3: "ineligible"},
    "MORTSTAT": {0: "assumed alive", 1: "assumed dead"},
}
NUMBERS = ("SEQN", "RIDAGEYR", "RIDAGEMN", "PERMTH_EXM", "LBXB12", "WTMEC2YR", "WTMEC4YR", "SDMVSTRA", "SDMVPSU")
SINGLE_ROUNDING = 1e-9  # the file holds the derived columns as doubles computed in another order


@pytest.fixture(scope="module")
def nhanes(shared_data: Path) -> pd.DataFrame:
    """The raw codes with the labels of the dictionary, as the check would give them."""
    raw = pd.read_parquet(shared_data / "nhanes" / "nhanes_b12_raw_codes_all_ages.parquet", columns=[*NUMBERS, "cycle", *LABELS])
    table = raw[list(NUMBERS)].astype("float64").assign(cycle=pd.Categorical(raw["cycle"]))
    for name, labels in LABELS.items():
        table[name] = pd.Categorical(raw[name].map(labels), categories=list(labels.values()))
    return table


@pytest.fixture(scope="module")
def cohort(nhanes: pd.DataFrame):
    flat = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S)[1]
    design = design_from_mapping(tomllib.loads(flat)["design"], after_time_zero=("MORTSTAT", "PERMTH_EXM", "UCOD_LEADING"))
    return build_cohort({"nhanes": nhanes}, design)


def test_the_people_are_those_of_the_reference_analysis(cohort) -> None:
    steps = cohort.attrition.set_index("label")
    assert steps.loc["Eligible for linkage to the death index", ["n", "events"]].tolist() == [27_915, 5_569]
    assert steps.loc["Follow-up above zero", ["n_excluded", "events_excluded"]].tolist() == [4, 4]  # died in the month of the examination
    complete = cohort.data.dropna(subset=["smoking"])
    assert (len(complete), int(complete["event"].sum())) == (27_878, 5_554)


def test_the_columns_are_those_of_the_assembled_file(cohort, shared_data: Path) -> None:
    known = pd.read_parquet(shared_data / "nhanes" / "nhanes_b12_mortality_adults.parquet").set_index("seqn")
    data = cohort.data.set_index("SEQN")
    known = known.loc[data.index.astype("int64")]
    assert_allclose(data["entry"], known["age_entry_years"], rtol=SINGLE_ROUNDING)
    assert_allclose(data["exit"], known["age_exit_years"], rtol=SINGLE_ROUNDING)
    assert_allclose(data["b12"], known["b12_pmol_l_roche_equiv"], rtol=SINGLE_ROUNDING)
    assert_allclose(data["weight"], known["wt_mec_6cycles"], rtol=SINGLE_ROUNDING)
    assert data["male"].tolist() == (known["sex"] == "male").astype(float).tolist()
    assert data["event"].tolist() == known["died"].tolist()
    assert data["smoking"].astype(object).where(data["smoking"].notna(), "").tolist() == known["smoking"].fillna("").tolist()


def test_outsiders_complete_the_survey_design(cohort, nhanes: pd.DataFrame) -> None:
    everyone = cohort.with_outsiders()
    assert len(everyone) == len(nhanes) and int(everyone["in_cohort"].sum()) == cohort.n
    assert everyone[["SDMVSTRA", "SDMVPSU", "weight"]].notna().all().all()
    assert np.isnan(everyone.loc[everyone["in_cohort"] == 0, "exit"]).all()
