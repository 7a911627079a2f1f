"""The simulated cohort: valid by the dictionary, the same for a seed, near the register, and honest about its truth."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import SourceError
from cobalamin.dictionary.check import check
from cobalamin.dictionary.dictionary import load_dictionary
from cobalamin.sources.simulated import SimulatedSource
from cobalamin.sources.simulated_onset import GRID, activity, draw_disease, onset_age
from cobalamin.sources.simulated_parameters import SimulationParameters, make_parameters
from cobalamin.sources.simulated_people import YEAR, draw_people
from cobalamin.sources.simulated_testing import draw_samples

DICTIONARY = Path(__file__).resolve().parents[3] / "data_dictionary" / "ls_cohort"
REGISTER = {"female": 114.4, "male": 47.2}  # per 100,000 person-years, Sweden 2001-2020, doi:10.3390/jcm13102761
TABLES = ("persons", "lab_results", "diagnoses", "prescriptions", "severity_visits")


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    source = SimulatedSource(persons=5000, seed=3)
    return {name: source.read(name) for name in source.tables}


def incidence(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """First code per person-years from registration, people with an earlier code left out."""
    codes = tables["diagnoses"][tables["diagnoses"]["code"].isin(["L90.0", "L900"])]
    persons = tables["persons"].set_index("person_id")
    first = codes.groupby("person_id")["diagnosis_date"].min().reindex(persons.index)
    at_risk = ~(first <= persons["registration_date"])
    last = first.fillna(persons["exit_date"]).where(at_risk)
    years = (last - persons["registration_date"]).dt.days / YEAR
    age = last.dt.year - persons["birth_year"]
    return pd.DataFrame({"sex": persons["sex"], "event": (first.notna() & at_risk).astype(int), "years": years, "age": age})


def rate(rows: pd.DataFrame) -> float:
    return 1e5 * float(rows["event"].sum() / rows["years"].sum())


def test_it_passes_its_dictionary_without_a_failure(tables: dict[str, pd.DataFrame]) -> None:
    report = check(tables, load_dictionary(DICTIONARY))
    assert report.ok, report.failures.to_string()
    assert len(report.failures) == 0
    assert dict(report.n_rows) == {name: len(frame) for name, frame in tables.items()}


def test_it_has_exactly_the_tables_and_columns_of_the_dictionary(tables: dict[str, pd.DataFrame]) -> None:
    dictionary = load_dictionary(DICTIONARY)
    assert set(tables) == set(dictionary.tables) == set(TABLES)
    for name, table in dictionary.tables.items():
        assert set(tables[name].columns) == set(table.variables), name


def test_it_says_that_it_is_simulated_without_an_effect() -> None:
    source = SimulatedSource(persons=10, seed=1)
    assert source.simulated
    assert source.truth()["b12_log_hazard_ratio_per_doubling"] == 0.0
    assert source.truth()["b12_severity_per_doubling"] == 0.0
    assert SimulatedSource(persons=10, seed=1, b12_effect=-0.3).truth()["b12_log_hazard_ratio_per_doubling"] == -0.3


def test_the_same_seed_gives_the_same_tables() -> None:
    one = SimulatedSource(persons=300, seed=5).hashes()
    other = SimulatedSource(persons=300, seed=6).hashes()  # also empties the one-place cache
    assert SimulatedSource(persons=300, seed=5).hashes() == one
    assert set(one) == set(TABLES)
    assert all(one[name] != other[name] for name in TABLES)


def test_more_people_do_not_change_the_first_ones(tables: dict[str, pd.DataFrame]) -> None:
    few = SimulatedSource(persons=800, seed=3)
    wanted = set(few.read("persons")["person_id"])
    for name in TABLES:
        same = tables[name][tables[name]["person_id"].isin(wanted)].reset_index(drop=True)
        pd.testing.assert_frame_equal(few.read(name), same)


def test_a_parameter_changes_only_what_it_is_about(tables: dict[str, pd.DataFrame]) -> None:
    changed = SimulatedSource(persons=5000, seed=3, rater_sd=1.5)
    for name in TABLES[:-1]:
        pd.testing.assert_frame_equal(changed.read(name), tables[name])
    assert not changed.read("severity_visits").equals(tables["severity_visits"])


def test_reads_are_copies() -> None:
    source = SimulatedSource(persons=20, seed=1)
    got = source.read("persons")
    got["sex"] = "changed"
    assert set(source.read("persons")["sex"]) == {"female", "male"}


def test_dates_lie_where_a_register_could_have_them(tables: dict[str, pd.DataFrame]) -> None:
    persons = tables["persons"].set_index("person_id")
    assert (persons["registration_date"] < persons["exit_date"]).all()
    assert (persons["registration_date"].dt.year >= persons["birth_year"]).all()
    died = persons["death_date"].notna()
    assert (persons.loc[died, "death_date"] == persons.loc[died, "exit_date"]).all()
    assert 0.08 < died.mean() < 0.20
    for name, column in (("lab_results", "sample_date"), ("severity_visits", "visit_date"), ("prescriptions", "dispensed_date")):
        rows = tables[name].join(persons[["exit_date", "registration_date"]], on="person_id")
        assert (rows[column] <= rows["exit_date"]).all(), name
        if name != "prescriptions":
            assert (rows[column] >= rows["registration_date"]).all(), name


def test_laboratories_differ_in_unit_assay_and_limits(tables: dict[str, pd.DataFrame]) -> None:
    b12 = tables["lab_results"].query("analyte == 'b12'")
    number = pd.to_numeric(b12["result"], errors="coerce")
    same_assay = b12["assay"] == "assay A"
    median = number[same_assay].groupby(b12["unit"]).median()
    assert_allclose(median["pg/mL"] / median["pmol/L"], 1 / 0.7378, rtol=0.10)  # medians of 500 and 1,500 results: 3 errors
    assert 260 < median["pmol/L"] < 360  # tested people, a little below the population median of 320
    assert set(b12["assay"]) == {"assay A", "assay B"}
    texts = set(b12.loc[number.isna(), "result"])
    assert texts <= {"<111", "<150", "<81", "<110", ">1475", ">1999", ">1107", ">1500", "haemolysed", "insufficient"}
    assert any(t.startswith("<") for t in texts)


def test_coding_of_gastritis_precedes_or_equals_the_first_b12_test() -> None:
    p = SimulationParameters()
    people = draw_people(60_000, 4, p)
    disease = draw_disease(people, 4, p)
    samples = draw_samples(people, disease, 4, p)
    first = np.full(len(people), np.inf)
    np.minimum.at(first, samples.who, samples.day)
    has = (people.gastritis <= first) & np.isfinite(first)
    assert has.sum() > 150
    assert_allclose((samples.gastritis_diagnosis[has] <= first[has]).mean(), p.gastritis_sensitivity, atol=0.06)  # 3 binomial errors
    assert (samples.gastritis_diagnosis >= people.gastritis)[np.isfinite(samples.gastritis_diagnosis)].all()


def test_prevalence_and_delay_are_near_what_the_sources_say() -> None:
    p = SimulationParameters()
    people = draw_people(150_000, 8, p)
    disease = draw_disease(people, 8, p)
    day = 2557.0
    alive = (people.start <= day) & (people.end > day)
    old = alive & ((day - people.birth) / YEAR > 60)
    assert 0.015 < (people.gastritis[old] <= day).mean() < 0.035  # pernicious anaemia 1.9 percent, gastritis somewhat more
    assert_allclose(np.mean((people.thyroid <= day)[alive & (people.gastritis <= day)]), 0.3, atol=0.1)
    seen = (disease.diagnosis > people.start) & (disease.diagnosis <= people.end) & people.female
    delay = (disease.diagnosis[seen] - disease.onset[seen]) / YEAR
    assert 1.7 < np.median(delay) < 2.8
    assert 3.2 < np.mean(delay) < 5.5


def test_activity_rises_from_onset_to_diagnosis_and_fades() -> None:
    p = SimulationParameters(activity_years=2.0)
    people = draw_people(2000, 2, p)
    disease = draw_disease(people, 2, p)
    ill = np.flatnonzero(np.isfinite(disease.onset))
    who = ill[disease.diagnosis[ill] - disease.onset[ill] > 2.01 * YEAR][:20]
    assert len(who) > 5
    at = disease.diagnosis[who]
    assert_allclose(activity(disease, who, at, p), 1.0)
    assert_allclose(activity(disease, who, at - 2 * YEAR, p), math.exp(-1))
    assert_allclose(activity(disease, who, disease.onset[who] - 1, p), 0.0)


def test_onset_uses_up_a_piecewise_hazard_exactly() -> None:
    # hazard 0.01 a year, doubled from 10, tripled from 20: used 0.1 at 10, 0.3 at 20, 0.3 + 0.03 t after
    changes = np.tile([10.0, 20.0], (5, 1))
    ratio = np.tile([1.0, 2.0, 3.0], (5, 1))
    need = np.array([0.05, 0.1, 0.2, 0.6, 99.0])
    assert_allclose(onset_age(0.01 * GRID, changes, ratio, need), [5.0, 10.0, 15.0, 30.0, np.inf], rtol=1e-9)


def test_incidence_is_near_the_register_in_a_small_cohort() -> None:
    source = SimulatedSource(persons=40_000, seed=1)
    rows = incidence({name: source.read(name) for name in ("persons", "diagnoses")})
    for sex, expected in REGISTER.items():
        assert_allclose(rate(rows[rows["sex"] == sex]), expected, rtol=0.25)  # 270 and 110 events: 3 and 2.6 Poisson errors


@pytest.mark.slow
@pytest.mark.parametrize("seed", [12, 17, 20261122])
def test_incidence_is_near_the_register(seed: int) -> None:
    source = SimulatedSource(persons=100_000, seed=seed)
    rows = incidence({name: source.read(name) for name in ("persons", "diagnoses")})
    assert_allclose(rate(rows), 80.9, rtol=0.10)  # 950 events: 3 Poisson errors
    for sex, expected in REGISTER.items():
        assert_allclose(rate(rows[rows["sex"] == sex]), expected, rtol=0.16)  # 280 to 670 events: 2.7 to 4 Poisson errors
    women, men = rows[rows["sex"] == "female"], rows[rows["sex"] == "male"]
    by_age = [rate(women[(women["age"] >= a) & (women["age"] < b)]) for a, b in ((5, 10), (12, 20), (50, 75))]
    assert by_age[0] > by_age[1] < by_age[2]  # two peaks
    assert rate(men[men["age"] >= 50]) < 0.5 * rate(women[women["age"] >= 50])


def test_severity_needs_a_diagnosis_and_fits_the_person(tables: dict[str, pd.DataFrame]) -> None:
    source = SimulatedSource(persons=30_000, seed=3)
    visits, persons = source.read("severity_visits"), source.read("persons").set_index("person_id")
    codes = source.read("diagnoses").query("code in ['L90.0', 'L900']")
    assert set(visits["person_id"]) - set(codes["person_id"]) == set()
    female = visits["person_id"].map(persons["sex"]) == "female"
    assert visits.loc[~female, ["clissco", "gunthert", "vass", "vqli"]].isna().all().all()
    assert (visits["clissco"] == visits["clissco_symptoms"] + visits["clissco_signs"] + visits["clissco_architecture"])[female].all()
    assert (visits["gunthert"] == visits.filter(regex="^gunthert_").sum(axis=1))[female].all()
    # loosely related, because each domain has its own part: 0.36 before noise
    assert 0.1 < visits["clissco_symptoms"].corr(visits["clissco_architecture"]) < 0.5
    treated = visits.groupby("treatment_potency")["itch_nrs"].mean()
    assert treated["very_potent"] < treated["none"] - 1
    twice = visits[visits.duplicated(["person_id", "visit_date"], keep=False)].groupby(["person_id", "visit_date"])
    assert (twice["rater_id"].nunique() == 2).all()
    assert (twice["itch_nrs"].nunique() == 1).all()
    assert twice["clissco_signs"].nunique().max() == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"b12_efect": -0.3}, r"no parameter 'b12_efect'\. Did you mean 'b12_effect'"),
        ({"b12_effect": math.nan}, "finite number"),
        ({"b12_effect": True}, "finite number"),
        ({"b12_effect": "low"}, "finite number"),
        ({"b12_effect": 50}, "between -5 and 5"),
        ({"gastritis_sensitivity": 1.2}, "share between 0 and 1"),
        ({"gastritis_hazard_ratio": 0}, "positive"),
        ({"testing_scale": -1}, "between 0 and 20"),
    ],
)
def test_parameters_are_checked(values: dict[str, float], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        make_parameters(values)


@pytest.mark.parametrize("values", [{"persons": 0}, {"persons": 2.5}, {"persons": True}, {"seed": -1}, {"persons": 10**9}])
def test_numbers_of_persons_and_seeds_are_checked(values: dict[str, int]) -> None:
    with pytest.raises(SourceError, match="must be a whole number"):
        SimulatedSource(**values)


def test_zeros_switch_parts_off_without_an_error() -> None:
    parts = ("testing_scale", "gastritis_scale", "emigration_rate", "delay_sigma", "b12_between_cv", "b12_within_cv")
    source = SimulatedSource(persons=600, seed=2, **dict.fromkeys(parts, 0.0))
    assert check(source, load_dictionary(DICTIONARY)).ok
    assert "D51.0" not in set(source.read("diagnoses")["code"])


def test_one_person_is_a_cohort_too() -> None:
    assert check(SimulatedSource(persons=1, seed=1), load_dictionary(DICTIONARY)).n_rows["persons"] == 1
