"""What an analysis finds in the simulated cohort: a crude association by default, and a real effect where one is built in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cobalamin.sources.simulated import DEFAULT_SEED, SimulatedSource

NO_CONFOUNDING = {
    "gastritis_hazard_ratio": 1.0,
    "thyroid_hazard_ratio": 1.0,
    "bmi_hazard_ratio": 1.0,
    "reverse_b12_fall": 0.0,
    "activity_testing_rate": 0.0,
}


def first_test_cohort(source: SimulatedSource) -> pd.DataFrame:
    """Adults from their first B12 test, by hand and from the tables alone."""
    lab = source.read("lab_results").query("analyte == 'b12'")
    value = pd.to_numeric(lab["result"].str.strip("<>"), errors="coerce") * np.where(lab["unit"] == "pg/mL", 0.7378, 1.0)
    lab = (
        lab.assign(log2_b12=np.log2(value)).sort_values(["person_id", "sample_date"]).drop_duplicates("person_id").dropna(subset="log2_b12")
    )
    data = lab.merge(source.read("persons"), on="person_id")
    codes = source.read("diagnoses").assign(code=lambda d: d["code"].str.replace(".", ""))
    for name, code in (("ls", "L900"), ("gastritis", "D510"), ("thyroid", "E063")):
        first = codes[codes["code"] == code].groupby("person_id")["diagnosis_date"].min()
        data[name] = data["person_id"].map(first)
    drugs = source.read("prescriptions")
    for name, atc in (("metformin", "A10BA02"), ("acid", "A02BC01")):
        data[name] = data["person_id"].map(drugs[drugs["atc"] == atc].groupby("person_id")["dispensed_date"].min())
    for name in ("gastritis", "thyroid", "metformin", "acid"):
        data[name] = (data[name] <= data["sample_date"]).astype(float)
    data["age"] = (data["sample_date"].dt.year - data["birth_year"]) / 10
    data["age2"], data["female"] = (data["age"] - 5) ** 2, (data["sex"] == "female").astype(float)
    data["age_female"], data["age2_female"] = data["age"] * data["female"], data["age2"] * data["female"]
    data["assay_b"] = (data["assay"] == "assay B").astype(float)
    data["year"] = data["sample_date"].dt.year - 2012.0
    return data[data["age"] >= 1.8].reset_index(drop=True)


AGE_SEX = ("age", "age2", "female", "age_female", "age2_female")
FULL = (*AGE_SEX, "gastritis", "thyroid", "metformin", "acid", "assay_b", "year")


def hazard_ratio(data: pd.DataFrame, covariates: tuple[str, ...] = (), lag: int = 0) -> tuple[float, float, float, int]:
    """Log hazard ratio per doubling, its limits, and the number of events; follow-up begins ``lag`` years after the test."""
    from lifelines import CoxPHFitter

    begin = data["sample_date"] + pd.to_timedelta(round(lag * 365.25), unit="D")
    last = data["ls"].fillna(data["exit_date"])
    keep = last > begin
    rows = data.loc[keep, ["log2_b12", *covariates]].assign(
        time=(last - begin)[keep].dt.days / 365.25, event=data.loc[keep, "ls"].notna().astype(int)
    )
    line = CoxPHFitter().fit(rows, "time", "event").summary.loc["log2_b12"]
    return float(line["coef"]), float(line["coef lower 95%"]), float(line["coef upper 95%"]), int(rows["event"].sum())


def test_a_built_in_effect_is_found_where_nothing_confounds() -> None:
    data = first_test_cohort(SimulatedSource(persons=50_000, seed=9, b12_effect=-1.0, **NO_CONFOUNDING))
    _, low, high, events = hazard_ratio(data, AGE_SEX)
    assert events > 200
    # measurement error leaves about 0.94 of it, limits of the assay a little less: the interval must hold -0.9 and exclude 0
    assert low < -0.9 < high
    assert high < -0.5


def test_nothing_is_found_where_nothing_confounds_and_there_is_no_effect() -> None:
    data = first_test_cohort(SimulatedSource(persons=50_000, seed=9, **NO_CONFOUNDING))
    _, low, high, _ = hazard_ratio(data, AGE_SEX)
    assert low < 0 < high


@pytest.mark.slow
def test_the_crude_association_goes_away_with_adjustment_and_lag() -> None:
    data = first_test_cohort(SimulatedSource(persons=100_000, seed=DEFAULT_SEED))
    crude, _, crude_high, _ = hazard_ratio(data)
    adjusted, _, _, _ = hazard_ratio(data, FULL)
    assert 0.6 < np.exp(crude) < 0.85
    assert np.exp(crude_high) < 0.92  # clearly below 1
    assert crude < adjusted  # toward 1
    for lag in (2, 5):
        estimate, low, high, events = hazard_ratio(data, FULL, lag)
        assert events >= 150
        assert adjusted < estimate
        assert low < 0 < high
        assert 0.85 < np.exp(estimate) < 1.18
