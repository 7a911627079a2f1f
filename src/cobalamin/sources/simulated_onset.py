"""Simulated lichen sclerosus: when it begins, when it is diagnosed, how active it is in between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cobalamin.sources.simulated_parameters import SimulationParameters
from cobalamin.sources.simulated_people import YEAR, Floats, Ints, People, stream

# onset per 100,000 person-years by age: girls around 7, women after 50, boys, men around 36 (shape from clinical series;
# height calibrated so that diagnosed incidence 2006-2020 is near the Swedish register)
ONSET_AGE = (0.0, 2.0, 5.0, 8.0, 12.0, 18.0, 25.0, 36.0, 45.0, 52.0, 60.0, 70.0, 80.0, 90.0, 110.0)
ONSET_FEMALE = (8.0, 25.0, 60.0, 50.0, 18.0, 20.0, 50.0, 75.0, 110.0, 190.0, 210.0, 190.0, 170.0, 140.0, 120.0)
ONSET_MALE = (15.0, 30.0, 45.0, 40.0, 18.0, 25.0, 42.0, 60.0, 50.0, 46.0, 50.0, 55.0, 50.0, 45.0, 40.0)
CALIBRATION_FEMALE, CALIBRATION_MALE = 1.08, 1.07
GRID = np.linspace(0.0, 110.0, 2201)


@dataclass(frozen=True, eq=False)
class Disease:
    """Lichen sclerosus of each person, arrays of shape (n,); days since 2006-01-01, ``inf`` = never.

    Attributes
    ----------
    onset : ndarray
        Day of onset, observed by nobody.
    diagnosis : ndarray
        Day of first diagnosis, if the person lives and stays that long.
    """

    onset: Floats
    diagnosis: Floats


def draw_disease(people: People, seed: int, parameters: SimulationParameters) -> Disease:
    """Draw onset and diagnosis of lichen sclerosus.

    Parameters
    ----------
    people : People
        The population.
    seed : int
        Seed of the simulation.
    parameters : SimulationParameters
        Assumptions.

    Returns
    -------
    Disease
        Days of onset and diagnosis.

    Notes
    -----
    The hazard of onset at age a is h(a, sex) exp(log-multiplier), where the multiplier changes when autoimmune gastritis,
    thyroid disease, metformin or acid suppression begin. With a unit exponential draw E, onset is the age at which the
    cumulative hazard reaches E. The delay to diagnosis is log-normal.
    """
    changes, log_ratio = _changes(people, parameters)
    need = stream(seed, "onset").standard_exponential(len(people))
    age = np.empty(len(people))
    for female in (True, False):
        rows = np.flatnonzero(people.female == female)
        age[rows] = onset_age(_cumulative(female, parameters), changes[rows], np.exp(log_ratio[rows]), need[rows])
    onset = people.birth + np.floor(age * YEAR)
    sigma = parameters.delay_sigma
    median = np.where(age < 15, parameters.delay_median_child, _adult_delay(people, parameters))
    delay = median * np.exp(sigma * np.where(age < 15, 0.7, 1.0) * stream(seed, "delay").standard_normal(len(people)))
    diagnosis = np.where(np.isfinite(onset), onset + 1 + np.floor(np.minimum(delay, 40.0) * YEAR), np.inf)
    return Disease(onset, diagnosis)


def onset_age(cumulative: Floats, changes: Floats, ratio: Floats, need: Floats) -> Floats:
    """Return the age at which a piecewise proportional hazard is used up.

    Parameters
    ----------
    cumulative : ndarray, shape (len(GRID),)
        Baseline cumulative hazard on ``GRID`` (years), strictly increasing.
    changes : ndarray, shape (n, k)
        Ages at which the hazard ratio changes, ascending within a row.
    ratio : ndarray, shape (n, k + 1)
        Hazard ratio before, between and after the changes.
    need : ndarray, shape (n,)
        Cumulative hazard at which onset happens.

    Returns
    -------
    ndarray, shape (n,)
        Ages, ``inf`` where 110 years are not enough.

    Examples
    --------
    >>> constant = 0.01 * GRID
    >>> onset_age(constant, np.array([[10.0]]), np.array([[1.0, 2.0]]), np.array([0.2])).round(6)
    array([15.])
    """
    at_change = np.interp(np.clip(changes, 0, GRID[-1]), GRID, cumulative)
    n = len(need)
    upper = np.column_stack([at_change, np.full(n, cumulative[-1])])
    lower = np.column_stack([np.zeros(n), at_change])
    used = np.cumsum(ratio * (upper - lower), axis=1)
    segment = (used < need[:, None]).sum(axis=1)
    inside = segment < ratio.shape[1]
    k = np.minimum(segment, ratio.shape[1] - 1)
    rows = np.arange(n)
    before = np.where(k > 0, used[rows, np.maximum(k - 1, 0)], 0.0)
    target = lower[rows, k] + (need - before) / ratio[rows, k]
    return np.where(inside, np.interp(target, cumulative, GRID), np.inf)


def activity(disease: Disease, who: Ints, day: Floats, parameters: SimulationParameters) -> Floats:
    """Return disease activity: 0 before onset, growing to 1 at diagnosis, fading afterwards.

    Parameters
    ----------
    disease : Disease
        Onset and diagnosis.
    who : ndarray of int, shape (m,)
        Positions of persons.
    day : ndarray, shape (m,)
        Days since 2006-01-01.
    parameters : SimulationParameters
        ``activity_years``.

    Returns
    -------
    ndarray, shape (m,)
        Between 0 and 1.

    Notes
    -----
    exp(-|t - diagnosis| / tau) after onset. Growth that leads to diagnosis at a fixed height, read backwards.
    """
    years = np.abs(day - disease.diagnosis[who]) / YEAR
    return np.where(day >= disease.onset[who], np.exp(-years / parameters.activity_years), 0.0)


def b12_level(people: People, who: Ints, day: Floats, parameters: SimulationParameters) -> Floats:
    """Return log2 of long-term B12 on given days, as disease and drugs (not LS, not treatment) have made it.

    Parameters
    ----------
    people : People
        The population.
    who : ndarray of int, shape (m,)
        Positions of persons.
    day : ndarray, shape (m,)
        Days since 2006-01-01.
    parameters : SimulationParameters
        Ratios of B12.

    Returns
    -------
    ndarray, shape (m,)
        Log2 of pmol/L.
    """
    level = people.b12[who] - np.where(day >= people.gastritis[who], people.gastritis_fall[who], 0.0)
    for begin, ratio in _b12_steps(people, parameters):
        level = level + np.where(day >= begin[who], np.log2(ratio), 0.0)
    return np.asarray(level, dtype=np.float64)


def _b12_steps(people: People, p: SimulationParameters) -> tuple[tuple[Floats, float], ...]:
    return (people.thyroid, p.thyroid_b12_ratio), (people.metformin, p.metformin_b12_ratio), (people.acid, p.ppi_b12_ratio)


def _changes(people: People, p: SimulationParameters) -> tuple[Floats, Floats]:
    """Ages of change (n, 4) in order, and log hazard ratios (n, 5) between them."""
    days = np.column_stack([people.gastritis, people.thyroid, people.metformin, people.acid])
    steps = np.column_stack(
        [
            np.log(p.gastritis_hazard_ratio) - p.b12_effect * people.gastritis_fall,
            np.full(len(people), np.log(p.thyroid_hazard_ratio) + p.b12_effect * np.log2(p.thyroid_b12_ratio)),
            np.full(len(people), p.b12_effect * np.log2(p.metformin_b12_ratio)),
            np.full(len(people), p.b12_effect * np.log2(p.ppi_b12_ratio)),
        ]
    )
    order = np.argsort(days, axis=1, kind="stable")
    age = (np.take_along_axis(days, order, axis=1) - people.birth[:, None]) / YEAR
    base = np.log(p.bmi_hazard_ratio) * (people.bmi - 26) / 5 + p.b12_effect * (people.b12 - np.log2(p.b12_median))
    later = base[:, None] + np.cumsum(np.take_along_axis(steps, order, axis=1), axis=1)
    return age, np.column_stack([base, later])


def _cumulative(female: bool, p: SimulationParameters) -> Floats:
    rate = np.interp(GRID, ONSET_AGE, ONSET_FEMALE if female else ONSET_MALE) / 1e5
    scale = CALIBRATION_FEMALE * p.onset_scale_female if female else CALIBRATION_MALE * p.onset_scale_male
    rate = np.maximum(rate * scale, 1e-12)
    return np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2 * np.diff(GRID))])


def _adult_delay(people: People, p: SimulationParameters) -> Floats:
    return np.where(people.female, p.delay_median_woman, p.delay_median_man)
