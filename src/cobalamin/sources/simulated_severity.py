"""Severity of simulated lichen sclerosus: symptoms, signs and architecture, scored by raters who disagree.

Symptoms, signs and architecture share one latent severity and are otherwise independent, so they are only loosely related,
as clinical series report. Architecture follows the length of the delay, symptoms and signs follow treatment. The vulvar
instruments are filled for women and girls only; no score for men has been validated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.sources.simulated_onset import Disease, b12_level
from cobalamin.sources.simulated_parameters import SimulationParameters
from cobalamin.sources.simulated_people import YEAR, Bools, Floats, Ints, People, age_at, stream

PARTICIPATION = 0.7
OFFSETS = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0])  # years after diagnosis
RATERS = 12
SECOND_RATER_SHARE = 0.15
POTENCY = ("none", "moderate", "potent", "very_potent")
POTENCY_EFFECT = np.array([0.0, 0.3, 0.6, 1.0])  # share of the effect of the very potent class
POTENCY_FIRST, POTENCY_LATER = (0.8, 0.1, 0.06, 0.04), (0.08, 0.05, 0.12, 0.75)
SHARED = 0.6  # loading of the three domains on latent severity
GUNTHERT = ("erosions", "hyperkeratosis", "fissures", "agglutination", "stenosis", "atrophy")


@dataclass(frozen=True, eq=False)
class Visits:
    """Severity visits, one row per visit and rater, shape (m,).

    Attributes
    ----------
    who : ndarray of int
        Position of the person.
    day : ndarray
        Days since 2006-01-01.
    rater : ndarray of str
        Key of the rater.
    scores : mapping of str to ndarray
        Column name to score, NaN where the instrument does not apply or was not filled in.
    potency : ndarray of str
        Topical corticosteroid in use.
    """

    who: Ints
    day: Floats
    rater: npt.NDArray[np.object_]
    scores: Mapping[str, Floats]
    potency: npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class _Domains:
    symptoms: Floats
    signs: Floats
    architecture: Floats


def severity_visits(people: People, disease: Disease, seed: int, parameters: SimulationParameters) -> Visits:
    """Draw the visits and their scores.

    Parameters
    ----------
    people : People
        The population.
    disease : Disease
        Onset and diagnosis of lichen sclerosus.
    seed : int
        Seed of the simulation.
    parameters : SimulationParameters
        Effects of B12 (none by default) and of treatment, and the raters' bias.

    Returns
    -------
    Visits
        Within registration, for diagnosed people who take part.
    """
    who, day, offset = _schedule(people, disease, seed)
    potency = _potency(seed, offset)
    domains = _domains(people, disease, who, day, POTENCY_EFFECT[potency], seed, parameters)
    first, second, two = _raters(seed, len(who))
    visit = np.repeat(np.arange(len(who)), 1 + two)
    again = np.zeros(len(visit), dtype=bool)
    again[1:] = visit[1:] == visit[:-1]
    rater = np.where(again, second[visit], first[visit])
    bias = parameters.rater_sd * stream(seed, "raters").standard_normal(RATERS)[rater]
    scores = {**_patient_scores(domains, people, who, day, seed), **_physician_scores(domains, visit, bias, seed)}
    scores = {name: value[visit] if len(value) == len(who) and name in PATIENT else value for name, value in scores.items()}
    rows = _where_it_applies(_in_dictionary_order(scores), people.female[who[visit]], age_at(people, who[visit], day[visit]))
    names = np.array([f"R{i:02d}" for i in range(1, RATERS + 1)], dtype=object)
    return Visits(who[visit], day[visit], names[rater], rows, np.array(POTENCY, dtype=object)[potency[visit]])


PATIENT = ("clissco_symptoms", "vqli", "dlqi", "itch_nrs")
VULVAR_EXEMPT = ("dlqi", "itch_nrs")


def _schedule(people: People, disease: Disease, seed: int) -> tuple[Ints, Floats, Ints]:
    takes_part = stream(seed, "participation").random(len(people)) < PARTICIPATION
    cases = np.flatnonzero(takes_part & np.isfinite(disease.diagnosis) & (disease.diagnosis >= people.seen_from))
    k = len(OFFSETS)
    who, offset = np.repeat(cases, k), np.tile(np.arange(k), len(cases))
    jitter = np.where(offset == 0, 0, np.floor(stream(seed, "jitter").random(len(who)) * 41) - 20)
    day = disease.diagnosis[who] + np.round(OFFSETS[offset] * YEAR) + jitter
    seen = (day >= people.start[who]) & (day <= people.end[who])
    return who[seen], day[seen], offset[seen]


def _potency(seed: int, offset: Ints) -> Ints:
    draw = stream(seed, "potency").random(len(offset))
    edges = [np.cumsum(shares)[:-1] for shares in (POTENCY_FIRST, POTENCY_LATER)]
    first, later = (np.searchsorted(e, draw, side="right") for e in edges)
    return np.where(offset == 0, first, later).astype(np.int64)


def _domains(people: People, disease: Disease, who: Ints, day: Floats, treated: Floats, seed: int, p: SimulationParameters) -> _Domains:
    n = len(people)
    everyone = np.arange(n)
    onset = np.where(np.isfinite(disease.onset), disease.onset, 0.0)
    b12 = b12_level(people, everyone, onset, p) - np.log2(p.b12_median)
    latent = stream(seed, "severity").standard_normal(n) + p.severity_b12_effect * b12
    own = np.sqrt(1 - SHARED**2) * stream(seed, "severity domains").standard_normal((n, 3))
    base = SHARED * latent[:, None] + own
    delay = (disease.diagnosis[who] - disease.onset[who]) / YEAR
    since = (day - disease.diagnosis[who]) / YEAR
    return _Domains(
        symptoms=base[who, 0] + p.severity_treatment_effect * treated,
        signs=base[who, 1] + 0.6 * p.severity_treatment_effect * treated,
        architecture=base[who, 2] + 0.35 * np.log((delay + 0.5) / 2.5) + 0.04 * since,
    )


def _raters(seed: int, visits: int) -> tuple[Ints, Ints, Ints]:
    draw = stream(seed, "rater of visit").random((visits, 3))
    first = np.floor(draw[:, 0] * RATERS).astype(np.int64)
    second = (first + 1 + np.floor(draw[:, 1] * (RATERS - 1)).astype(np.int64)) % RATERS
    return first, second, (draw[:, 2] < SECOND_RATER_SHARE).astype(np.int64)


def _patient_scores(domains: _Domains, people: People, who: Ints, day: Floats, seed: int) -> dict[str, Floats]:
    """Answers of the person: the same for both raters of a visit, shape (visits,)."""
    s = domains.symptoms
    noise = stream(seed, "answers").standard_normal((len(s), 6))
    skipped = stream(seed, "skipped forms").random((len(s), 2)) < 0.05
    return {
        "clissco_symptoms": _graded(1.7 + 0.9 * s[:, None] + 0.6 * noise[:, :3], 4).sum(axis=1),
        "vqli": np.where(skipped[:, 0], np.nan, _graded(13.5 + 8 * s + 3 * noise[:, 3], 45)),
        "dlqi": np.where(skipped[:, 1], np.nan, _graded(7 + 4.5 * s + 2.5 * noise[:, 4], 30)),
        "itch_nrs": _graded(4.5 + 2.3 * s + noise[:, 5], 10),
    }


def _physician_scores(domains: _Domains, visit: Ints, bias: Floats, seed: int) -> dict[str, Floats]:
    """Grades by the rater, shape (rows,)."""
    g, a, b = domains.signs[visit, None], domains.architecture[visit, None], bias[:, None]
    noise = stream(seed, "grades").standard_normal((len(visit), 21))
    gunthert = np.hstack([0.7 + 0.55 * g + 0.6 * b + 0.45 * noise[:, 9:12], 0.7 + 0.55 * a + 0.6 * b + 0.45 * noise[:, 12:15]])
    grades = _graded(gunthert, 2)
    return {
        "clissco_signs": _graded(1.6 + 0.9 * g + b + 0.6 * noise[:, :3], 4).sum(axis=1),
        "clissco_architecture": _graded(1.2 + 0.85 * a + b + 0.6 * noise[:, 3:9], 4).sum(axis=1),
        **{f"gunthert_{name}": grades[:, i] for i, name in enumerate(GUNTHERT)},
        "gunthert": grades.sum(axis=1),
        "vass": _graded(0.9 + 0.7 * a + 0.8 * b + 0.4 * noise[:, 15:21], 3).sum(axis=1),
    }


def _graded(x: Floats, top: int) -> Floats:
    # adding zero turns -0.0 into 0.0, which would be another byte in a file
    return np.clip(np.rint(x), 0, top) + 0.0


def _in_dictionary_order(scores: dict[str, Floats]) -> dict[str, Floats]:
    total = scores["clissco_symptoms"] + scores["clissco_signs"] + scores["clissco_architecture"]
    grades = [f"gunthert_{name}" for name in GUNTHERT]
    order = [
        "clissco_symptoms",
        "clissco_signs",
        "clissco_architecture",
        "clissco",
        *grades,
        "gunthert",
        "vass",
        "vqli",
        "dlqi",
        "itch_nrs",
    ]
    return {name: (scores | {"clissco": total})[name] for name in order}


def _where_it_applies(scores: dict[str, Floats], female: Bools, age: Floats) -> dict[str, Floats]:
    keep = dict.fromkeys(scores, female)
    keep |= {"vqli": female & (age >= 16), "dlqi": age >= 16, "itch_nrs": np.ones(len(age), dtype=bool)}
    return {name: np.where(keep[name], value, np.nan) for name, value in scores.items()}
