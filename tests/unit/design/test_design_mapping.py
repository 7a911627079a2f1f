"""The [design] section of a protocol: what the documentation shows is what is read."""

from __future__ import annotations

import copy
import datetime as dt
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from cobalamin.core.errors import DesignError, ProtocolError
from cobalamin.design import Design, design_from_mapping
from cobalamin.dictionary.codelist import Code, CodeList

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "protocol-design.md"
REGISTER, FLAT = (tomllib.loads(block)["design"] for block in re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S))
LISTS = {
    name: CodeList(name, (Code("icd10", "X1", name, "verified", ""),)) for name in ("lichen_sclerosus", "autoimmune_gastritis", "metformin")
}


def register(**change: object) -> Design:
    return design_from_mapping(copy.deepcopy(REGISTER) | change, codelists=LISTS, after_time_zero=["severity"])


def test_the_documented_register_study() -> None:
    design = register()
    assert design.time_zero is not None and design.time_zero.on_or_after == ("registration_date", dt.date(2006, 1, 1))
    assert [c.label for c in design.eligibility] == ["Aged 18 or over", "Registered for at least a year"]
    b12 = design.exposures[0]
    assert (b12.name, b12.window_days, b12.scales.cutoffs, b12.scales.reference, b12.carry) == (
        "b12",
        (-365, 0),
        (148, 221),
        ">=221",
        ("assay",),
    )
    assert {c.name: c.kind for c in design.covariates} == {
        "sex": "column",
        "age": "age",
        "year": "year",
        "metformin": "recorded",
        "gastritis": "recorded",
        "sodium": "value",
    }
    assert design.outcome.codes is LISTS["lichen_sclerosus"]
    assert design.event_labels == {0: "censored", 1: "lichen sclerosus", 2: "death"}
    assert design.after_time_zero == ("severity",)
    assert design.tables == {
        "lab_results": "'sodium'",
        "diagnoses": "'gastritis'",
        "prescriptions": "'metformin'",
    }


def test_the_documented_flat_study() -> None:
    design = design_from_mapping(FLAT)
    assert [d.name for d in design.derive] == ["age_entry", "age_exit", "died", "b12", "weight", "male", "smoking"]
    assert design.derive[-1].labels == ("never", "former", "current")
    assert design.survey is not None and design.survey.psu == "SDMVPSU"
    assert design.person_label == "Examined or interviewed in NHANES"


def test_the_fingerprint_follows_the_content() -> None:
    assert register().fingerprint == register().fingerprint
    assert (
        register().fingerprint
        == design_from_mapping(dict(reversed(REGISTER.items())), codelists=LISTS, after_time_zero=("severity",)).fingerprint
    )
    assert register(lag_years=2).fingerprint != register().fingerprint
    other = LISTS | {"lichen_sclerosus": CodeList("lichen_sclerosus", (Code("icd10", "X2", "", "verified", ""),))}
    assert design_from_mapping(REGISTER, codelists=other, after_time_zero=["severity"]).fingerprint != register().fingerprint


def changed(path: str, value: object) -> dict:
    mapping = copy.deepcopy(REGISTER)
    *parents, last = path.split(".")
    inner = mapping
    for key in parents:
        inner = inner[int(key)] if key.isdigit() else inner[key]
    inner[last] = value
    return mapping


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("outcom", {}, r"\[design\] unknown key 'outcom'\. Did you mean 'outcome'"),
        ("exposures.b12.window", [-1, 0], r"\[design\.exposures\.b12\] unknown key 'window'.*window_days"),
        ("exposures.b12.cutofs", [1], "Did you mean 'cutoffs'"),
        ("exposures.b12.window_days", [-1, "0"], r"\[design\.exposures\.b12\.window_days\] expected a number, got str"),
        ("exposures.b12.log2", 1, "expected true or false, got int"),
        ("exposures.b12.quantiles", 4.0, "expected a whole number, got float"),
        ("exposures.b12.value", 3, "expected text, got int"),
        ("covariates.metformin.codes", "metformine", "there is no code list 'metformine'. Did you mean 'metformin'"),
        ("covariates.age", 3, "expected a table of keys, got int"),
        ("eligibility.0.kep", "x", r"\[design\.eligibility\[1\]\] unknown key 'kep'\. Did you mean 'keep'"),
        ("eligibility", {"label": "x"}, "expected a list, got dict"),
        ("censoring.administrative_end", "2020-12-31", "expected a date such as 2005-01-01, without quotes, got str"),
        ("time_zero.on_or_after", [3], "expected a date"),
        ("lag_years", "2", "expected a number, got str"),
        ("lag_years", float("nan"), "expected a number"),
        ("people.key", "x", r"\[design\.people\] unknown key 'key'"),
        ("derive", {"x": {"cases": [{"label": "a"}]}}, r"\[design\.derive\.x\.cases\[1\]\] the key 'when' is missing"),
        ("outcome", {"table": "diagnoses"}, r"\[design\.outcome\] the key 'name' is missing"),
    ],
)
def test_a_mistake_is_named_with_its_place(path: str, value: object, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        design_from_mapping(changed(path, value), codelists=LISTS)


def test_a_design_error_says_in_which_section() -> None:
    with pytest.raises(DesignError, match=r"\[design\.exposures\.b12\] 'b12': window_days ends 30 days after time zero: immortal time"):
        design_from_mapping(changed("exposures.b12.window_days", [-365, 30]), codelists=LISTS)


def test_ever_is_a_window_without_a_first_day() -> None:
    design = design_from_mapping(changed("exposures.b12.window_days", ["ever", -10]), codelists=LISTS)
    assert design.exposures[0].window_days == (-np.inf, -10)


def test_the_design_in_words() -> None:
    words = register(lag_years=2).describe({"registration_date": "Start of registration", "exit_date": "End of registration"})
    assert words["time_zero"] == ("Time zero was the day of the first serum B12, on or after the start of registration and 1 January 2006.")
    assert "from 365 days before up to and including time zero; of several results on that day, their mean" in words["exposure"]
    assert "Classes were <148, 148 to <221, >=221, with >=221 as reference." in words["exposure"]
    assert words["follow_up"].startswith(
        "Follow-up started 2 years (731 days) after time zero and ended at lichen sclerosus, death, end of registration or"
    )
    assert "attained age, with delayed entry" in words["follow_up"]
    assert "The competing event was death." in words["outcome"]
    assert "aged 18 or over" in words["population"]
    assert not any("==" in text or "_date" in text for text in words.values()), "no columns and conditions in sentences"


def test_the_exact_rules_stand_beside_the_words() -> None:
    rules = dict(register().definitions())
    assert rules["Aged 18 or over"] == "age >= 18"
    assert rules["Time zero"].startswith("lab_results.sample_date where analyte == 'b12'")
    assert "code of the list" in rules["lichen sclerosus"]


def test_labels_of_the_columns_that_a_design_makes() -> None:
    labels = register().labels()
    assert labels["b12_log2"] == "Serum vitamin B12, per doubling"
    assert labels["b12_q4"] == "Serum vitamin B12, fourths of the cohort"
    flat = design_from_mapping(FLAT).describe()
    assert flat["time_zero"] == "The start of each person's follow-up was given in the data."
    assert flat["covariates"] == "Covariates were male; smoking."
