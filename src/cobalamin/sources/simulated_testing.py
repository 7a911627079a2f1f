"""Who is tested for vitamin B12 and when: routine care, gastritis, symptoms of lichen sclerosus before its diagnosis.

Tested people are a selected group. Low B12, metformin, gastritis and the last years before a diagnosis of LS all lead to
tests, as they do in practice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cobalamin.sources.simulated_onset import Disease, b12_level
from cobalamin.sources.simulated_parameters import SimulationParameters
from cobalamin.sources.simulated_people import BEGIN, END, YEAR, Floats, Ints, People, stream

YEARS = 16  # 2005 to 2020
ROUTINE_AGE = (0.0, 15.0, 20.0, 40.0, 55.0, 65.0, 75.0, 90.0)
ROUTINE_RATE = (0.006, 0.022, 0.055, 0.07, 0.11, 0.165, 0.24, 0.26)  # tests per year, women; men 0.75 of it
MALE_TESTING = 0.75
CARE_SEEKING_SD = 0.5  # log rate, between persons


@dataclass(frozen=True, eq=False)
class Samples:
    """Blood samples in which B12 is measured, sorted by person and day; one per person and day.

    Attributes
    ----------
    who : ndarray of int, shape (m,)
        Position of the person.
    day : ndarray, shape (m,)
        Days since 2006-01-01.
    gastritis_diagnosis : ndarray, shape (n,)
        Per person the day on which gastritis is recognised, ``inf`` if never.
    """

    who: Ints
    day: Floats
    gastritis_diagnosis: Floats


def draw_samples(people: People, disease: Disease, seed: int, parameters: SimulationParameters) -> Samples:
    """Draw the days of B12 tests and of the recognition of gastritis.

    Parameters
    ----------
    people : People
        The population.
    disease : Disease
        Lichen sclerosus; its activity leads to tests before diagnosis.
    seed : int
        Seed of the simulation.
    parameters : SimulationParameters
        Assumptions.

    Returns
    -------
    Samples
        Within registration.

    Notes
    -----
    Gastritis that can be recognised is recognised by the first B12 test after its onset (the laboratory adds antibodies to
    the same sample, so the code carries the day of the sample) or by a work-up of its own, which includes a B12 test.
    """
    workup = people.gastritis + 1 + np.floor(_exponential(seed, "workup", len(people), parameters.gastritis_workup_rate) * YEAR)
    workup = np.where(people.gastritis_found, workup, np.inf)
    kinds = (
        _routine(people, seed, parameters),
        _after_gastritis(people, seed, parameters),
        _before_diagnosis(people, disease, seed, parameters),
        _once(workup),
    )
    who, day = (np.concatenate([kind[i] for kind in kinds]) for i in (0, 1))
    day = np.floor(day)
    seen = (day > people.start[who]) & (day <= people.end[who])
    who, day = _sorted_once(who[seen].astype(np.int64), day[seen])
    return Samples(who, day, _recognised(people, workup, who, day))


def _exponential(seed: int, name: str, n: int, rate: float) -> Floats:
    draw: Floats = stream(seed, name).standard_exponential(n)
    return np.asarray(draw / rate if rate > 0 else np.full(n, np.inf), dtype=np.float64)


def _routine(people: People, seed: int, p: SimulationParameters) -> tuple[Ints, Floats]:
    n = len(people)
    middle = BEGIN + (np.arange(YEARS) + 0.5) * YEAR
    who, day = np.repeat(np.arange(n), YEARS), np.tile(middle, n)
    age = (day - people.birth[who]) / YEAR
    rate = np.interp(age, ROUTINE_AGE, ROUTINE_RATE) * np.where(people.female[who], 1.0, MALE_TESTING)
    rate = rate * np.where(day >= people.metformin[who], p.testing_metformin_ratio, 1.0) * p.testing_scale
    low = np.clip(np.log2(p.b12_median) - b12_level(people, who, day, p), -2, 3)
    care = CARE_SEEKING_SD * stream(seed, "care seeking").standard_normal(n)
    rate = rate * np.exp(p.testing_low_b12 * low + care[who] - CARE_SEEKING_SD**2 / 2)
    count = stream(seed, "routine tests").poisson(rate)
    chosen = np.repeat(np.arange(len(who)), count)
    return who[chosen], day[chosen] + (stream(seed, "day of routine tests").random(len(chosen)) - 0.5) * YEAR


def _after_gastritis(people: People, seed: int, p: SimulationParameters) -> tuple[Ints, Floats]:
    begin = np.clip(people.gastritis, BEGIN, END)
    years = (END - begin) / YEAR
    count = stream(seed, "gastritis tests").poisson(p.gastritis_testing_rate * years)
    who = np.repeat(np.arange(len(people)), count)
    return who, begin[who] + stream(seed, "day of gastritis tests").random(len(who)) * (END - begin[who])


def _before_diagnosis(people: People, disease: Disease, seed: int, p: SimulationParameters) -> tuple[Ints, Floats]:
    # the rate k exp(-(diagnosis - t) / tau) has mass k tau, with times an exponential before the diagnosis
    expected = np.where(np.isfinite(disease.diagnosis), p.activity_testing_rate * p.activity_years, 0.0)
    count = stream(seed, "symptom tests").poisson(expected)
    who = np.repeat(np.arange(len(people)), count)
    day = disease.diagnosis[who] - p.activity_years * YEAR * stream(seed, "day of symptom tests").standard_exponential(len(who))
    kept = day >= disease.onset[who]
    return who[kept], day[kept]


def _once(day: Floats) -> tuple[Ints, Floats]:
    who = np.flatnonzero(np.isfinite(day))
    return who, day[who]


def _sorted_once(who: Ints, day: Floats) -> tuple[Ints, Floats]:
    order = np.lexsort((day, who))
    who, day = who[order], day[order]
    first = np.ones(len(who), dtype=bool)
    first[1:] = (who[1:] != who[:-1]) | (day[1:] != day[:-1])
    return who[first], day[first]


def _recognised(people: People, workup: Floats, who: Ints, day: Floats) -> Floats:
    by_test = np.full(len(people), np.inf)
    after = (day >= people.gastritis[who]) & people.gastritis_found[who]
    np.minimum.at(by_test, who[after], day[after])
    return np.asarray(np.minimum(by_test, workup), dtype=np.float64)
