"""What the laboratory reports: B12 with its errors, platforms, units and reporting limits, and a few other results."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cobalamin.sources.simulated_onset import Disease, activity, b12_level
from cobalamin.sources.simulated_parameters import SimulationParameters
from cobalamin.sources.simulated_people import YEAR, Bools, Floats, Ints, People, stream
from cobalamin.sources.simulated_testing import Samples

PG_ML_PER_PMOL_L = 1 / 0.7378  # molar mass 1355.37 g/mol
SWITCH_DAY = (1826.0, 2374.0, 2922.0)  # assay A to B by region: 2011, mid-2012, 2014
REPORTS_PG_ML = np.array([True, False, False])  # the northern laboratory keeps the older unit
LIMITS_A, LIMITS_B = (111.0, 1475.0), (81.0, 1107.0)  # pmol/L: 150 and 2000, 110 and 1500 pg/mL
UNUSABLE = ("haemolysed", "insufficient")
UNUSABLE_SHARE = (0.002, 0.001)

Texts = npt.NDArray[np.object_]


def measured_b12(people: People, disease: Disease, samples: Samples, seed: int, parameters: SimulationParameters) -> Floats:
    """Return B12 as the analyser reads it, before rounding and limits.

    Parameters
    ----------
    people : People
        The population.
    disease : Disease
        Lichen sclerosus, whose activity lowers B12 before diagnosis (reverse causation).
    samples : Samples
        Who and when.
    seed : int
        Seed of the simulation.
    parameters : SimulationParameters
        Assumptions.

    Returns
    -------
    ndarray, shape (m,)
        pmol/L.
    """
    p, who, day = parameters, samples.who, samples.day
    level = b12_level(people, who, day, p) - p.reverse_b12_fall * activity(disease, who, day, p)
    treated = (stream(seed, "treated").random(len(people)) < p.gastritis_treated)[who] & (day > samples.gastritis_diagnosis[who] + 14)
    misread = (stream(seed, "interference").random(len(people)) < p.interference_probability)[who] & (day >= people.gastritis[who])
    level = level + np.where(treated, p.injection_b12_rise, np.where(misread, people.gastritis_fall[who], 0.0))
    noise = stream(seed, "measurement").standard_normal((len(who), 2))
    within, analytical = (np.sqrt(np.log1p(cv**2)) for cv in (p.b12_within_cv, p.b12_analytical_cv))
    error = within * noise[:, 0] + analytical * noise[:, 1]
    platform = np.where(assay_b(people, who, day), p.assay_b_ratio, 1.0)
    return np.asarray(2.0**level * np.exp(error) * platform, dtype=np.float64)


def assay_b(people: People, who: Ints, day: Floats) -> Bools:
    """Return whether a sample was measured after the region's switch to assay B.

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
    ndarray of bool, shape (m,)
        True = assay B.
    """
    return np.asarray(day >= np.array(SWITCH_DAY)[people.region[who]])


def report_b12(value: Floats, pg_ml: Bools, b: Bools, seed: int) -> tuple[Texts, Texts]:
    """Write B12 as laboratories do: whole numbers in their own unit, text outside the measuring range.

    Parameters
    ----------
    value : ndarray, shape (m,)
        pmol/L.
    pg_ml : ndarray of bool, shape (m,)
        Whether the laboratory reports pg/mL.
    b : ndarray of bool, shape (m,)
        Whether assay B measured it.
    seed : int
        Seed of the simulation, for the few unusable samples.

    Returns
    -------
    tuple of ndarray of str
        Results and units.

    Examples
    --------
    >>> report_b12(np.array([300.0, 50.0]), np.array([True, False]), np.array([False, False]), seed=1)[0].tolist()
    ['407', '<111']
    """
    low, high = (np.where(b, LIMITS_B[i], LIMITS_A[i]) for i in (0, 1))
    factor = np.where(pg_ml, PG_ML_PER_PMOL_L, 1.0)
    shown = [_whole(x * factor) for x in (np.clip(value, low, high), low, high)]
    result = np.where(value < low, "<" + shown[1], np.where(value > high, ">" + shown[2], shown[0]))
    bad = np.searchsorted(np.cumsum(UNUSABLE_SHARE), stream(seed, "unusable").random(len(value)), side="right")
    result = np.where(bad < len(UNUSABLE), np.array([*UNUSABLE, ""], dtype=object)[bad], result)
    return result, np.where(pg_ml, "pg/mL", "pmol/L").astype(object)


def other_results(people: People, samples: Samples, value: Floats, seed: int) -> list[tuple[str, Bools, Texts, Texts]]:
    """Draw the other results of the same samples: sodium (negative control), methylmalonic acid, parietal cell antibody.

    Parameters
    ----------
    people : People
        The population.
    samples : Samples
        Who and when.
    value : ndarray, shape (m,)
        Measured B12, pmol/L; low values make laboratories add methylmalonic acid.
    seed : int
        Seed of the simulation.

    Returns
    -------
    list of (analyte, measured, result, unit)
        Over all samples; ``measured`` says which of them have the result.
    """
    m, who, day = len(samples.who), samples.who, samples.day
    age = (day - people.birth[who]) / YEAR
    sodium = 140.0 - 0.01 * (age - 50) + 2.2 * stream(seed, "sodium").standard_normal(m)
    log_mma = np.log(190.0) + 0.007 * (age - 50) - 0.45 * np.log(value / 300) + 0.35 * stream(seed, "mma").standard_normal(m)
    mma, micro = np.exp(log_mma), people.region[who] == 2
    mma_text = np.where(micro, _decimals(mma / 1000, 2), _whole(mma))
    atrophy = day >= people.gastritis[who]
    antibody = np.exp(np.where(atrophy, 4.4, 1.2) + 0.7 * stream(seed, "antibody").standard_normal(m))
    draw = stream(seed, "added results").random((m, 3))
    return [
        ("sodium", draw[:, 0] < 0.6, _whole(sodium), _same("mmol/L", m)),
        ("mma", draw[:, 1] < np.where(value < 200, 0.5, 0.03), mma_text, np.where(micro, "umol/L", "nmol/L").astype(object)),
        (
            "parietal_cell_antibody",
            (draw[:, 2] < 0.01) | (day == samples.gastritis_diagnosis[who]),
            _whole(antibody),
            _same("[arb'U]/mL", m),
        ),
    ]


def _whole(x: Floats) -> Texts:
    return np.rint(x).astype(np.int64).astype(str).astype(object)


def _decimals(x: Floats, places: int) -> Texts:
    return np.array([f"{v:.{places}f}" for v in x], dtype=object)


def _same(text: str, m: int) -> Texts:
    return np.full(m, text, dtype=object)
