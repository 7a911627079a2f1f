"""The five tables of the simulated cohort, in the columns of the data dictionary ``ls_cohort``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.sources.simulated_laboratory import REPORTS_PG_ML, assay_b, measured_b12, other_results, report_b12
from cobalamin.sources.simulated_onset import Disease, draw_disease
from cobalamin.sources.simulated_parameters import SimulationParameters
from cobalamin.sources.simulated_people import Floats, Ints, People, draw_people, stream
from cobalamin.sources.simulated_records import SETTINGS, diagnosis_rows, prescription_rows
from cobalamin.sources.simulated_severity import severity_visits
from cobalamin.sources.simulated_testing import Samples, draw_samples

Texts = npt.NDArray[np.object_]
ORIGIN = np.datetime64("2006-01-01")
SEXES = ("female", "male")
REGIONS = ("north", "centre", "south")
EDUCATION = ("primary", "secondary", "tertiary")
SMOKING = ("never", "former", "current")
DIETS = ("omnivore", "vegetarian", "vegan")


def draw_tables(n: int, seed: int, parameters: SimulationParameters) -> dict[str, pd.DataFrame]:
    """Simulate the cohort and write its tables.

    Parameters
    ----------
    n : int
        Number of people.
    seed : int
        Seed of every random stream.
    parameters : SimulationParameters
        Assumptions.

    Returns
    -------
    dict of str to DataFrame
        ``persons``, ``lab_results``, ``diagnoses``, ``prescriptions``, ``severity_visits``.
    """
    people = draw_people(n, seed, parameters)
    disease = draw_disease(people, seed, parameters)
    samples = draw_samples(people, disease, seed, parameters)
    ids = np.array([f"P{i:07d}" for i in range(1, n + 1)], dtype=object)
    who, day, atc, amount = prescription_rows(people, disease, samples, seed, parameters)
    return {
        "persons": _persons(people, ids, seed, parameters),
        "lab_results": _lab_results(people, disease, samples, ids, seed, parameters),
        "diagnoses": _diagnoses(people, disease, samples, ids, seed),
        "prescriptions": pd.DataFrame(
            {"person_id": ids[who], "dispensed_date": dates(day), "atc": atc, "amount": amount.astype(np.float64)}
        ),
        "severity_visits": _severity(people, disease, ids, seed, parameters),
    }


def dates(day: Floats) -> npt.NDArray[np.datetime64]:
    """Turn days since 2006-01-01 into dates.

    Parameters
    ----------
    day : ndarray
        Whole days; ``inf`` means no date.

    Returns
    -------
    ndarray of datetime64[ns]
        ``NaT`` where there is no date.

    Examples
    --------
    >>> str(dates(np.array([0.0, np.inf]))[0])[:10]
    '2006-01-01'
    """
    known = np.isfinite(day)
    whole = np.where(known, day, 0).astype(np.int64).astype("timedelta64[D]")
    return np.where(known, (ORIGIN + whole).astype("datetime64[ns]"), np.datetime64("NaT", "ns"))


def _persons(people: People, ids: Texts, seed: int, p: SimulationParameters) -> pd.DataFrame:
    missing = p.covariate_missing
    smoking = _labels(SMOKING, people.smoking)
    smoking = np.where(_chance(seed, "refused", len(people), missing / 6), "refused", smoking)
    return pd.DataFrame(
        {
            "person_id": ids,
            "sex": _labels(SEXES, np.where(people.female, 0, 1)),
            "birth_year": pd.DatetimeIndex(dates(people.birth)).year.astype(np.int64),
            "region": _labels(REGIONS, people.region),
            "education": np.where(
                _chance(seed, "education unknown", len(people), missing), "unknown", _labels(EDUCATION, people.education)
            ),
            "smoking": _blank(smoking, _chance(seed, "smoking not asked", len(people), missing)),
            "bmi": np.where(_chance(seed, "bmi missing", len(people), 1.5 * missing), np.nan, people.bmi.round(1)),
            "diet": _blank(_labels(DIETS, people.diet), _chance(seed, "diet not asked", len(people), missing)),
            "supplement_use": _blank(
                _labels(("no", "yes"), people.supplement.astype(np.int64)), _chance(seed, "supplement not asked", len(people), missing)
            ),
            "registration_date": dates(people.start),
            "exit_date": dates(people.end),
            "death_date": dates(people.death),
        }
    )


def _lab_results(people: People, disease: Disease, samples: Samples, ids: Texts, seed: int, p: SimulationParameters) -> pd.DataFrame:
    who, day = samples.who, samples.day
    value = measured_b12(people, disease, samples, seed, p)
    b = assay_b(people, who, day)
    result, unit = report_b12(value, REPORTS_PG_ML[people.region[who]], b, seed)
    everyone = np.ones(len(who), dtype=bool)
    blocks: list[tuple[Any, ...]] = [("b12", everyone, result, unit, _labels(("assay A", "assay B"), b.astype(np.int64)))]
    blocks += [(*block, None) for block in other_results(people, samples, value, seed)]
    frames = [
        pd.DataFrame(
            {
                "person_id": ids[who[has]],
                "sample_date": dates(day[has]),
                "analyte": analyte,
                "result": text[has],
                "unit": units[has],
                "assay": None if assay is None else assay[has],
            }
        )
        for analyte, has, text, units, assay in blocks
    ]
    table = pd.concat([f.astype({"assay": object}) for f in frames], ignore_index=True)
    return table.sort_values(["person_id", "sample_date"], kind="stable", ignore_index=True)


def _diagnoses(people: People, disease: Disease, samples: Samples, ids: Texts, seed: int) -> pd.DataFrame:
    who, day, code, setting = diagnosis_rows(people, disease, samples, seed)
    columns: Mapping[str, Any] = {
        "person_id": ids[who],
        "diagnosis_date": dates(day),
        "code": code,
        "code_system": "icd10",
        "setting": _labels(SETTINGS, setting),
    }
    return pd.DataFrame(columns)


def _severity(people: People, disease: Disease, ids: Texts, seed: int, p: SimulationParameters) -> pd.DataFrame:
    visits = severity_visits(people, disease, seed, p)
    columns: dict[str, Any] = {"person_id": ids[visits.who], "visit_date": dates(visits.day), "rater_id": visits.rater}
    return pd.DataFrame({**columns, **visits.scores, "treatment_potency": visits.potency})


def _labels(names: tuple[str, ...], code: Ints) -> Texts:
    return np.array(names, dtype=object)[code]


def _chance(seed: int, name: str, n: int, share: float) -> npt.NDArray[np.bool_]:
    return np.asarray(stream(seed, name).random(n) < share)


def _blank(labels: Texts, where: npt.NDArray[np.bool_]) -> Texts:
    blanked = labels.copy()
    blanked[where] = None
    return blanked
