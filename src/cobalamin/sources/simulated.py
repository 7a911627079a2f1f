"""A simulated register cohort of serum B12 and lichen sclerosus (LS), with a known truth.

The diagram (arrows are effects; by default there is none from B12 to LS):

    sex, age ──────────────┬──────────────────────────────┬──────────────► LS onset
                           ▼                              │                  │ delay, median 2 years,
    autoimmune gastritis ──┼──► B12 falls by half         │                  │ activity grows
       │    │              │                              │                  ▼
       │    └──────────────┼──────────────────────────────┼──► LS onset   LS diagnosis ──► codes, clobetasol,
       │                   ▼                              │                  ▲               severity visits
       └──► thyroid disease ──► B12 lower, LS onset       │                  │
    metformin, acid suppression ──► B12 lower             │        activity ─┤
    diet, supplement, smoking, BMI ──► B12                │                  ├──► B12 falls (reverse causation)
    low B12, metformin, gastritis, age ──► B12 is tested ◄┘                  └──► B12 is tested

A crude analysis of tested people therefore finds low B12 before LS. Adjustment for gastritis removes the common cause, a
lag between test and follow-up removes the reverse causation. Every number is in ``SimulationParameters``; the reasons are
in ``docs/simulated-cohort.md``.
"""

from cobalamin.sources.simulated_folder import simulate_to_folder
from cobalamin.sources.simulated_source import DEFAULT_PERSONS, DEFAULT_SEED, SimulatedSource

__all__ = ["DEFAULT_PERSONS", "DEFAULT_SEED", "SimulatedSource", "simulate_to_folder"]
