"""What the study derives from the raw codes of NHANES, written once in plain pandas.

`derive` is the independent twin of what protocol and dictionary say: the tests hold it against the derived file, column by column,
and ``make.R`` fits its models on the table this module writes (``python derive.py RAW.parquet OUT.csv``; R reads no Parquet).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

RACE = {1: "mexican_american", 2: "other_hispanic", 3: "nh_white", 4: "nh_black", 5: "other_multi"}
EDUCATION = {1: "lt_9th", 2: "9_11th", 3: "high_school", 4: "some_college", 5: "college_grad"}
MARITAL = {1: "married", 2: "widowed", 3: "divorced", 4: "separated", 5: "never_married", 6: "partner"}
CAUSES = "heart cancer chronic_lower_respiratory accident cerebrovascular alzheimer diabetes influenza_pneumonia nephritis other"
# derived column -> raw column taken as it is
SAME = {
    "cycle": "cycle",
    "cycle_start": "cycle_start",
    "age_years": "RIDAGEYR",
    "age_months_screen": "RIDAGEMN",
    "income_poverty_ratio": "INDFMPIR",
    "psu": "SDMVPSU",
    "stratum": "SDMVSTRA",
    "wt_int_2yr": "WTINT2YR",
    "wt_mec_2yr": "WTMEC2YR",
    "wt_mec_4yr": "WTMEC4YR",
    "b12_pg_ml": "LBXB12",
    "b12_pmol_l": "LBDB12SI",
    "mma_umol_l": "LBXMMA",
    "hcy_umol_l": "LBXHCY",
    "folate_serum_ng_ml": "LBXFOL",
    "folate_serum_ng_ml_lcms_2011on": "LBDFOT",
    "folate_rbc_ng_ml": "LBXRBF",
    "folate_rbc_ng_ml_microbio_2011on": "LBXRBF_MA",
    "cotinine_ng_ml": "LBXCOT",
    "creatinine_mg_dl": "LBXSCR",
    "cystatin_c_mg_l": "SSCYPC",
    "wt_cystatin_4yr": "WTSCY4YR",
    "albumin_g_dl": "LBXSAL",
    "alt_u_l": "LBXSATSI",
    "ast_u_l": "LBXSASSI",
    "alp_u_l": "LBXSAPSI",
    "ggt_u_l": "LBXSGTSI",
    "bilirubin_mg_dl": "LBXSTB",
    "ldh_u_l": "LBXSLDSI",
    "uric_acid_mg_dl": "LBXSUA",
    "hba1c_pct": "LBXGH",
    "crp_mg_dl": "LBXCRP",
    "hemoglobin_g_dl": "LBXHGB",
    "mcv_fl": "LBXMCVSI",
    "rdw_pct": "LBXRDW",
    "wbc_1e3_ul": "LBXWBCSI",
    "platelets_1e3_ul": "LBXPLTSI",
    "ferritin_ng_ml": "LBXFER",
    "total_chol_mg_dl": "LBXTC",
    "hdl_mg_dl": "LBDHDD",
    "bmi": "BMXBMI",
    "waist_cm": "BMXWAIST",
    "sbp_mm_hg": "SBP_MEAN",
    "rx_metformin": "RX_METFORMIN",
    "rx_ppi": "RX_PPI",
    "rx_h2ra": "RX_H2RA",
    "rx_b12": "RX_B12",
    "rx_levothyroxine": "RX_LEVOTHYROXINE",
    "rx_clobetasol": "RX_CLOBETASOL",
    "supplement_b12_any": "SUPP_B12_ANY",
    "supplement_b12_mcg_day_2011on": "DSQTVB12",
    "died": "MORTSTAT",
    "fu_months_exam": "PERMTH_EXM",
    "fu_months_interview": "PERMTH_INT",
    "ucod_leading": "UCOD_LEADING",
    "mcod_diabetes": "MORT_DIABETES",
    "mcod_hypertension": "MORT_HYPERTEN",
}
# derived column -> raw question with 1 = yes, 2 = no and codes for refused and unknown
YES_NO = {
    "pregnant": "RIDEXPRG",
    "alcohol_12plus_year_or_life": "ALQ_EVER12",
    "insulin": "DIQ050",
    "diabetes_pills": "DIQ070",
    "hypertension_diagnosed": "BPQ020",
    "chf": "MCQ160B",
    "chd": "MCQ160C",
    "angina": "MCQ160D",
    "mi": "MCQ160E",
    "stroke": "MCQ160F",
    "cancer_ever": "MCQ220",
    "liver_condition": "MCQ160L",
    "thyroid_problem": "MCQ160M",
    "anemia_treated_3mo": "MCQ053",
    "arthritis": "MCQ160A",
    "celiac_diagnosed": "MCQ082",
    "rx_any": "RXUSE",
    "supplement_any": "DSD010",
}


def derive(raw: pd.DataFrame) -> pd.DataFrame:
    """Return the derived columns for every row of the raw table, indexed by participant."""
    raw = raw.set_index("SEQN")
    parts = {new: raw[old] for new, old in SAME.items()} | {new: yes_no(raw[old]) for new, old in YES_NO.items()}
    return pd.DataFrame(parts | persons(raw) | blood(raw) | diseases(raw, parts) | habits(raw) | follow_up(raw))


def yes_no(column: pd.Series[Any]) -> pd.Series[float]:
    return column.map({1: 1.0, 2: 0.0})


def persons(raw: pd.DataFrame) -> dict[str, Any]:
    # the 1999-2002 weights rest on one census: four-year weight for two of six cycles, two-year weights for the others
    weight = np.where(raw["cycle_start"] < 2003, raw["WTMEC4YR"] * 2 / 6, raw["WTMEC2YR"] / 6)
    return {
        "examined": (raw["RIDSTATR"] == 2).astype(int),
        "sex": raw["RIAGENDR"].map({1: "male", 2: "female"}),
        "race_ethnicity": raw["RIDRETH1"].map(RACE),
        "education": raw["DMDEDUC2"].map(EDUCATION),
        "marital": raw["DMDMARTL"].map(MARITAL),
        "wt_mec_6cycles": weight,
        "self_rated_health": raw["HUQ010"].where(raw["HUQ010"] <= 5),
    }


def blood(raw: pd.DataFrame) -> dict[str, Any]:
    radioassay = raw["cycle_start"] < 2011
    roche = np.where(radioassay, 10 ** (0.97 * np.log10(raw["LBXB12"]) + 0.14), raw["LBXB12"])
    creatinine = np.select(
        [raw["cycle_start"] == 1999, raw["cycle_start"] == 2005],
        [0.147 + 1.013 * raw["LBXSCR"], -0.016 + 0.978 * raw["LBXSCR"]],
        raw["LBXSCR"],
    )
    return {
        "b12_assay": np.where(radioassay, "BioRad_Quantaphase_II_RIA", "Roche_Elecsys_E170_ECLIA"),
        "b12_pg_ml_roche_equiv": roche,
        "b12_pmol_l_roche_equiv": 0.738 * roche,
        "creatinine_mg_dl_std": creatinine,
        "egfr_ckdepi2021": egfr(creatinine, raw["RIDAGEYR"], raw["RIAGENDR"] == 2),
        "urine_acr_mg_g": 100 * raw["URXUMA"] / raw["URXUCR"],
    }


def egfr(creatinine: Any, age: pd.Series[Any], female: pd.Series[bool]) -> pd.Series[float]:
    """CKD-EPI 2021 (Inker 2021, doi:10.1056/NEJMoa2102953), for adults of 18 and over."""
    relative = creatinine / np.where(female, 0.7, 0.9)
    power = np.where(female, -0.241, -0.302)
    value = 142 * np.minimum(relative, 1) ** power * np.maximum(relative, 1) ** -1.2 * 0.9938**age * np.where(female, 1.012, 1)
    return value.where(age >= 18)


def diseases(raw: pd.DataFrame, answers: dict[str, Any]) -> dict[str, Any]:
    heart = pd.DataFrame({name: answers[name] for name in ("chf", "chd", "mi", "stroke", "angina")})
    # an unknown angina alone does not make the whole unknown
    unknown = heart.drop(columns="angina").isna().any(axis=1)
    rheumatoid = ((raw["MCQ190"] == 1) | (raw["MCQ195"] == 2)).astype(float)
    return {
        "diabetes_diagnosed": raw["DIQ010"].map({1: 1.0, 2: 0.0, 3: 0.0}),
        "diabetes_borderline": raw["DIQ010"].map({1: 0.0, 2: 0.0, 3: 1.0}),
        "cvd_any": (heart == 1).any(axis=1).astype(float).mask(unknown & ~(heart == 1).any(axis=1)),
        "rheumatoid_arthritis": rheumatoid.where(raw["MCQ160A"] == 1, yes_no(raw["MCQ160A"])),
        "psoriasis": yes_no(raw["DEQ053"]).fillna(yes_no(raw["MCQ070"])),
    }


def habits(raw: pd.DataFrame) -> dict[str, Any]:
    smoked = raw["SMQ020"] == 1
    smoking = np.select(
        [raw["SMQ020"] == 2, smoked & (raw["SMQ040"] == 3), smoked & raw["SMQ040"].isin([1, 2])], ["never", "former", "current"], None
    )
    reliable = raw["DIET_STATUS"] == 1
    return {
        "smoking": pd.Series(smoking, index=raw.index, dtype=object),
        "alcohol_drinks_per_day": raw["ALQ130"].where(raw["ALQ130"] < 77),
        "diet_b12_mcg_day1": raw["DIET_B12_MCG"].where(reliable),
        "diet_kcal_day1": raw["DIET_KCAL"].where(reliable),
    }


def follow_up(raw: pd.DataFrame) -> dict[str, Any]:
    entry = (raw["RIDAGEMN"] / 12).fillna(raw["RIDAGEYR"] + 0.5)
    return {
        "mort_eligible": (raw["ELIGSTAT"] == 1).astype(int),
        "cause": raw["UCOD_LEADING"].map(dict(enumerate(CAUSES.split(), 1))),
        "age_entry_years": entry,
        "age_exit_years": entry + raw["PERMTH_EXM"] / 12,
    }


def eligibility(table: pd.DataFrame) -> dict[str, pd.Series[bool]]:
    """Return the steps that lead to the analysis of mortality, in order."""
    return {
        "examined": table["examined"] == 1,
        "aged 20 and over": table["age_years"] >= 20,
        "B12 measured": table["b12_pmol_l"].notna(),
        "eligible for linkage": table["mort_eligible"] == 1,
        "smoking known": table["smoking"].notna(),
        "exit after entry": table["age_exit_years"] > table["age_entry_years"],
    }


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    columns = derive(pd.read_parquet(source))
    columns.assign(in_cohort=np.logical_and.reduce(list(eligibility(columns).values())).astype(int)).to_csv(target, index_label="seqn")
