"""The simulated population: who lives when, and what they bring besides lichen sclerosus.

Times are days since 2006-01-01 (floats); ``inf`` means never. Every quantity has its own random stream, drawn once and in
the order of persons: the first thousand people are the same whether a thousand or a million are simulated.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.sources.simulated_parameters import SimulationParameters

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

YEAR = 365.25
BEGIN, END = -365.0, 5478.0  # 2005-01-01, from when everything is on record, and 2020-12-31
LOOK_BACK = -1826.0  # 2001-01-01, start of the diagnosis register
STOCK_SHARE, NEWBORN_SHARE = 0.80, 0.12  # the rest immigrates

# cumulative shares of the population by age, rounded from a northern European age pyramid (assumption)
PYRAMID_AGE = (0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0)
PYRAMID_SHARE = (0.0, 0.105, 0.235, 0.355, 0.49, 0.625, 0.755, 0.865, 0.948, 0.993, 1.0)
# Gompertz mortality a exp(b age): about 0.2 and 0.3 percent a year at 50, 4.5 and 6.5 percent at 80 (assumption)
GOMPERTZ_FEMALE, GOMPERTZ_MALE = (1.11e-5, 0.1038), (1.78e-5, 0.1025)
SMOKER_MORTALITY = 1.8
# cumulative hazards by age of autoimmune gastritis and thyroid disease (women; men a factor), diabetes and acid suppression
GASTRITIS = ((0.0, 20.0, 40.0, 60.0, 75.0, 95.0), (0.0, 0.0008, 0.006, 0.018, 0.036, 0.06))
THYROID = ((0.0, 10.0, 30.0, 50.0, 70.0, 95.0), (0.0, 0.002, 0.022, 0.055, 0.085, 0.11))
DIABETES = ((0.0, 30.0, 45.0, 60.0, 75.0, 95.0), (0.0, 0.002, 0.017, 0.07, 0.15, 0.20))
ACID = ((0.0, 15.0, 30.0, 50.0, 70.0, 95.0), (0.0, 0.003, 0.02, 0.07, 0.16, 0.26))
MALE_GASTRITIS, MALE_THYROID = 0.55, 0.25


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random stream of one quantity.

    Parameters
    ----------
    seed : int
        Seed of the simulation.
    name : str
        Name of the quantity; another name gives an independent stream.

    Returns
    -------
    Generator
        Fresh, at its beginning.

    Examples
    --------
    >>> bool((stream(1, "sex").random(3) == stream(1, "sex").random(5)[:3]).all())
    True
    """
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(name.encode())]))


@dataclass(frozen=True, eq=False)
class People:
    """The population, arrays of shape (n,); times in days since 2006-01-01.

    Attributes
    ----------
    female, supplement : ndarray of bool
    birth : ndarray
        Day of birth.
    start, end : ndarray
        First and last day under registration.
    death : ndarray
        Day of death, ``inf`` if after ``end``.
    seen_from : ndarray
        First day on which a diagnosis would be on record (2001-01-01 for residents of 2005).
    region, education, smoking, diet : ndarray of int
        Codes 0, 1, 2 in the order of the data dictionary.
    bmi : ndarray
        kg/m2.
    gastritis, thyroid, metformin, acid : ndarray
        Day of onset (disease) or start (drug), ``inf`` if never.
    gastritis_fall : ndarray
        Fall of log2 B12 once gastritis has set in.
    gastritis_found : ndarray of bool
        Whether gastritis can be recognised at all.
    b12 : ndarray
        Log2 of long-term B12 (pmol/L) before disease and drugs.
    """

    female: Bools
    birth: Floats
    start: Floats
    end: Floats
    death: Floats
    seen_from: Floats
    region: Ints
    education: Ints
    smoking: Ints
    diet: Ints
    supplement: Bools
    bmi: Floats
    gastritis: Floats
    gastritis_fall: Floats
    gastritis_found: Bools
    thyroid: Floats
    metformin: Floats
    acid: Floats
    b12: Floats

    def __len__(self) -> int:
        return len(self.birth)


def draw_people(n: int, seed: int, parameters: SimulationParameters) -> People:
    """Draw the population.

    Parameters
    ----------
    n : int
        Number of people.
    seed : int
        Seed of the simulation.
    parameters : SimulationParameters
        Assumptions.

    Returns
    -------
    People
        Everything except lichen sclerosus.
    """
    female = stream(seed, "sex").random(n) < 0.5
    birth, start, seen_from = _arrivals(n, seed)
    age = (start - birth) / YEAR
    smoking = np.where(age < 15, 0, _pick(seed, "smoking", n, (0.55, 0.30, 0.15)))
    diet = _pick(seed, "diet", n, (0.94, 0.045, 0.015))
    supplement = stream(seed, "supplement").random(n) < np.where(female, 0.22, 0.14)
    bmi = _body_mass(n, seed, age)
    death, end = _departures(seed, female, smoking, birth, start, parameters)
    gastritis, fall, found = _gastritis(n, seed, female, birth, parameters)
    thyroid_rate = np.where(female, 1.0, MALE_THYROID) * np.where(np.isfinite(gastritis), parameters.thyroid_hazard_ratio_in_gastritis, 1.0)
    return People(
        female=female,
        birth=birth,
        start=start,
        end=end,
        death=death,
        seen_from=seen_from,
        region=_pick(seed, "region", n, (0.2, 0.45, 0.35)),
        education=_pick(seed, "education", n, (0.25, 0.45, 0.30)),
        smoking=smoking,
        diet=diet,
        supplement=supplement,
        bmi=bmi,
        gastritis=gastritis,
        gastritis_fall=fall,
        gastritis_found=found,
        thyroid=_disease_day(seed, "thyroid", birth, THYROID, thyroid_rate),
        metformin=_disease_day(seed, "metformin", birth, DIABETES, 1.1 ** np.clip(bmi - 26, -10, 15)),
        acid=_disease_day(seed, "acid", birth, ACID, np.ones(n)),
        b12=_personal_b12(seed, smoking, diet, supplement, bmi, parameters),
    )


def age_at(people: People, who: Ints, day: Floats) -> Floats:
    """Return ages in years.

    Parameters
    ----------
    people : People
        The population.
    who : ndarray of int, shape (m,)
        Positions of persons.
    day : ndarray, shape (m,)
        Days since 2006-01-01.

    Returns
    -------
    ndarray, shape (m,)
        Years since birth.
    """
    return (day - people.birth[who]) / YEAR


def _pick(seed: int, name: str, n: int, shares: tuple[float, ...]) -> Ints:
    edges = np.cumsum(shares)[:-1]
    return np.searchsorted(edges, stream(seed, name).random(n), side="right").astype(np.int64)


def _arrivals(n: int, seed: int) -> tuple[Floats, Floats, Floats]:
    kind = stream(seed, "kind of arrival").random(n)
    when = np.floor(BEGIN + 1 + stream(seed, "day of arrival").random(n) * (END - BEGIN - 30))
    age_day = stream(seed, "age").random(n)
    stock, newborn = kind < STOCK_SHARE, (kind >= STOCK_SHARE) & (kind < STOCK_SHARE + NEWBORN_SHARE)
    start = np.where(stock, BEGIN, when)
    age = np.where(stock, np.interp(age_day, PYRAMID_SHARE, PYRAMID_AGE), 18 + 27 * age_day)
    birth = np.floor(np.where(newborn, start, start - age * YEAR))
    return birth, start, np.where(stock, np.maximum(LOOK_BACK, birth), start)


def _body_mass(n: int, seed: int, age: Floats) -> Floats:
    centre = np.interp(age, (0, 6, 18, 40, 65, 95), (16.5, 16.0, 22.0, 25.8, 26.8, 25.0))
    return np.clip(centre * np.exp(0.16 * stream(seed, "bmi").standard_normal(n)), 11, 65)


def _departures(
    seed: int, female: Bools, smoking: Ints, birth: Floats, start: Floats, parameters: SimulationParameters
) -> tuple[Floats, Floats]:
    a, b = (np.where(female, f, m) for f, m in zip(GOMPERTZ_FEMALE, GOMPERTZ_MALE, strict=True))
    a = a * np.where(smoking == 2, SMOKER_MORTALITY, 1.0)
    age = (start - birth) / YEAR
    draw = stream(seed, "death").standard_exponential(len(birth))
    years = np.log1p(b * draw * np.exp(-b * age) / a) / b
    death = np.floor(start + 1 + years * YEAR)
    leaves = np.floor(
        start + 1 + stream(seed, "emigration").standard_exponential(len(birth)) * YEAR / max(parameters.emigration_rate, 1e-9)
    )
    end = np.minimum(np.minimum(death, leaves), END)
    return np.where(death <= end, death, np.inf), end


def _disease_day(seed: int, name: str, birth: Floats, table: tuple[tuple[float, ...], tuple[float, ...]], rate: Floats) -> Floats:
    """Day on which a cumulative hazard (by age, times a rate) is used up; ``inf`` beyond the table."""
    ages, hazard = table
    need = stream(seed, name).standard_exponential(len(birth)) / np.maximum(rate, 1e-12)
    day = np.floor(birth + np.interp(need, hazard, ages) * YEAR)
    return np.where(need < hazard[-1], day, np.inf)


def _gastritis(n: int, seed: int, female: Bools, birth: Floats, parameters: SimulationParameters) -> tuple[Floats, Floats, Bools]:
    rate = parameters.gastritis_scale * np.where(female, 1.0, MALE_GASTRITIS)
    onset = _disease_day(seed, "gastritis", birth, GASTRITIS, rate)
    extent = stream(seed, "extent of gastritis").random(n)
    return onset, parameters.gastritis_b12_fall * (0.5 + extent), extent >= 1 - parameters.gastritis_sensitivity


def _personal_b12(seed: int, smoking: Ints, diet: Ints, supplement: Bools, bmi: Floats, parameters: SimulationParameters) -> Floats:
    p = parameters
    sd = np.sqrt(np.log1p(p.b12_between_cv**2)) / np.log(2)
    level = np.log2(p.b12_median) + sd * stream(seed, "personal b12").standard_normal(len(bmi))
    level = level + np.log2([1.0, p.vegetarian_b12_ratio, p.vegan_b12_ratio])[diet]
    level = level + np.where(supplement, np.log2(p.supplement_b12_ratio), 0.0) + np.where(smoking == 2, np.log2(p.smoking_b12_ratio), 0.0)
    return np.asarray(level + np.log2(p.bmi_b12_ratio) * (bmi - 26) / 5, dtype=np.float64)
