"""Coded diagnoses and dispensed drugs of the simulated cohort."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cobalamin.sources.simulated_onset import Disease
from cobalamin.sources.simulated_parameters import SimulationParameters
from cobalamin.sources.simulated_people import END, YEAR, Bools, Floats, Ints, People, stream
from cobalamin.sources.simulated_testing import Samples

SETTINGS = ("primary", "outpatient", "inpatient", "pathology")
Texts = npt.NDArray[np.object_]
Rows = tuple[Ints, Floats, Texts, Ints]  # person, day, code, setting or amount

# age at which a frequent disease without any part in the story is coded, for controls (assumption)
KERATOSIS = ((0.0, 40.0, 60.0, 80.0, 100.0), (0.0, 0.01, 0.06, 0.16, 0.25))
HYPERTENSION = ((0.0, 35.0, 50.0, 65.0, 80.0, 100.0), (0.0, 0.01, 0.10, 0.40, 0.80, 1.0))


def diagnosis_rows(people: People, disease: Disease, samples: Samples, seed: int) -> Rows:
    """Make the coded diagnoses: first contacts and repeats.

    Parameters
    ----------
    people : People
        The population.
    disease : Disease
        Lichen sclerosus.
    samples : Samples
        Day on which gastritis is recognised; check-ups repeat its code on the day of each later sample.
    seed : int
        Seed of the simulation.

    Returns
    -------
    tuple
        Person, day, ICD-10 code and setting of every row on record.
    """
    found = samples.gastritis_diagnosis[samples.who]
    parts = [
        _lichen_sclerosus(people, disease, seed),
        _first(samples.gastritis_diagnosis, "D51.0", 0),
        _coded(samples.who[samples.day > found], samples.day[samples.day > found], "D51.0", 0),
        _repeated(seed, "thyroid", people.thyroid + 60, "E06.3", 0, 0.3),
        _repeated(seed, "diabetes", people.metformin - 20, "E11.9", 0, 0.5),
        _first(_by_age(people, seed, "keratosis", KERATOSIS), "L82", 1),
        _first(_by_age(people, seed, "hypertension", HYPERTENSION), "I10.9", 0),
    ]
    who, day, code, setting = _stack(parts)
    seen = (day >= people.seen_from[who]) & (day <= people.end[who])
    return who[seen], day[seen], code[seen], setting[seen]


def prescription_rows(people: People, disease: Disease, samples: Samples, seed: int, parameters: SimulationParameters) -> Rows:
    """Make the dispensed prescriptions.

    Parameters
    ----------
    people : People
        The population.
    disease : Disease
        Lichen sclerosus; clobetasol follows its diagnosis.
    samples : Samples
        Injections of hydroxocobalamin follow the recognition of gastritis.
    seed : int
        Seed of the simulation.
    parameters : SimulationParameters
        Share of treated gastritis.

    Returns
    -------
    tuple
        Person, day, ATC code and amount (defined daily doses) of every row.
    """
    treated = stream(seed, "treated").random(len(people)) < parameters.gastritis_treated
    injections = np.where(treated, samples.gastritis_diagnosis + 7, np.inf)
    steroid = np.where(stream(seed, "steroid").random(len(people)) < 0.9, disease.diagnosis + 3, np.inf)
    parts = [
        _dispensed(people, people.metformin, "A10BA02", 180, 180, np.inf),
        _dispensed(people, people.acid, "A02BC01", 200, 200, np.inf),
        _dispensed(people, injections, "B03BA03", 180, 360, np.inf),
        _dispensed(people, steroid, "D07AD01", 150, 30, 4.0 * YEAR),
    ]
    return _stack(parts)


def _lichen_sclerosus(people: People, disease: Disease, seed: int) -> Rows:
    who, day, _, _ = _repeated(seed, "visits", disease.diagnosis, "", 1, 0.25)
    visits = 0.9 * np.exp(-0.3 * (day - disease.diagnosis[who]) / YEAR)
    kept = (day == disease.diagnosis[who]) | (stream(seed, "visit kept").random(len(who)) < visits)
    who, day = who[kept], day[kept]
    # one region writes the code without its dot
    code = np.where(people.region[who] == 2, "L900", "L90.0").astype(object)
    setting = np.searchsorted((0.30, 0.88, 0.90), stream(seed, "setting").random(len(who)), side="right")
    return who, day, code, setting.astype(np.int64)


def _repeated(seed: int, name: str, first: Floats, code: str, setting: int, rate: float) -> Rows:
    """First row on its day, then further rows at random until the end of 2020 (cut to registration later)."""
    known = np.where(np.isfinite(first), first, END)
    years = np.clip((END - known) / YEAR, 0, 60)
    count = stream(seed, f"repeats of {name}").poisson(rate * years)
    again = np.repeat(np.arange(len(first)), count)
    day = np.floor(known[again] + 1 + stream(seed, f"days of {name}").random(len(again)) * (END - known[again]))
    who = np.concatenate([np.flatnonzero(np.isfinite(first)), again])
    return _coded(*_in_order(who, np.concatenate([first[np.isfinite(first)], day])), code, setting)


def _first(day: Floats, code: str, setting: int) -> Rows:
    who = np.flatnonzero(np.isfinite(day))
    return _coded(who, day[who], code, setting)


def _by_age(people: People, seed: int, name: str, table: tuple[tuple[float, ...], tuple[float, ...]]) -> Floats:
    need = stream(seed, name).standard_exponential(len(people))
    return np.where(need < table[1][-1], np.floor(people.birth + np.interp(need, table[1], table[0]) * YEAR), np.inf)


def _dispensed(people: People, begin: Floats, atc: str, every: int, amount: int, lasts: float) -> Rows:
    """Packages at a fixed distance from the first one on record, until the drug or the registration ends."""
    first = np.maximum(begin, people.start)
    last = np.minimum(people.end, begin + lasts)
    user = np.isfinite(begin) & (first <= last)
    count = np.where(user, np.floor((np.where(user, last, 0) - np.where(user, first, 0)) / every) + 1, 0).astype(np.int64)
    who = np.repeat(np.arange(len(begin)), count)
    number = np.arange(len(who)) - np.repeat(np.cumsum(count) - count, count)
    return _coded(who, first[who] + number * every, atc, amount)


def _coded(who: Ints, day: Floats, code: str, number: int) -> Rows:
    return who, day, np.full(len(who), code, dtype=object), np.full(len(who), number, dtype=np.int64)


def _in_order(who: Ints, day: Floats) -> tuple[Ints, Floats]:
    order = np.lexsort((day, who))
    return who[order], day[order]


def _stack(parts: list[Rows]) -> Rows:
    who, day, code, number = (np.concatenate([part[i] for part in parts]) for i in range(4))
    order = np.lexsort((code.astype(str), day, who))
    kept = _not_twice(who[order], day[order], code[order])
    return who[order][kept], day[order][kept], code[order][kept], number[order][kept]


def _not_twice(who: Ints, day: Floats, code: Texts) -> Bools:
    new = np.ones(len(who), dtype=bool)
    new[1:] = (who[1:] != who[:-1]) | (day[1:] != day[:-1]) | (code[1:] != code[:-1])
    return new
