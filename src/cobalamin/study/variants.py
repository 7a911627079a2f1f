"""The cohorts of a study: the design's own, and those of models that lag or restrict it, each built once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import pandas as pd

from cobalamin.design.cohort import Cohort, build_cohort
from cobalamin.design.design import Design
from cobalamin.design.eligibility import Criterion
from cobalamin.design.mapping import design_from_mapping
from cobalamin.dictionary.dictionary import Dictionary
from cobalamin.study.console import Progress
from cobalamin.study.protocol import Protocol
from cobalamin.study.sections import ModelSection

AFTER_TIME_ZERO = ("outcome", "event_date", "end_of_follow_up", "follow_up")
Variant = tuple[float, str]


def read_design(protocol: Protocol, dictionary: Dictionary) -> Design:
    """Make the protocol's design, told by the dictionary which columns are known only after time zero.

    Parameters
    ----------
    protocol : Protocol
        A checked protocol.
    dictionary : Dictionary
        Roles and code lists.

    Returns
    -------
    Design
        The design as written; models may lag or restrict it.
    """
    later = [v.name for table in dictionary.tables.values() for v in table.variables.values() if v.role in AFTER_TIME_ZERO]
    return design_from_mapping(protocol.design, codelists=dictionary.codelists, after_time_zero=later)


def variant_of(model: ModelSection, design: Design) -> Variant:
    """Return what tells a model's cohort from the others: its lag and its restriction.

    Parameters
    ----------
    model : ModelSection
        A model of the protocol.
    design : Design
        The study's design.

    Returns
    -------
    tuple of (float, str)
        Lag in years, condition (empty = none).
    """
    return (design.lag_years if model.lag_years is None else model.lag_years, model.restrict or "")


def build_variants(
    tables: Mapping[str, pd.DataFrame], design: Design, models: Iterable[ModelSection], progress: Progress
) -> dict[Variant, Cohort]:
    """Build every cohort that the models need.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Valid tables.
    design : Design
        The study's design.
    models : iterable of ModelSection
        The protocol's models.
    progress : Progress
        Told before each cohort.

    Returns
    -------
    dict of (lag, restriction) to Cohort
        The design's own cohort is always among them.
    """
    wanted = dict.fromkeys([(design.lag_years, ""), *(variant_of(m, design) for m in models)])
    cohorts = {}
    for lag, restriction in wanted:
        named = ", ".join(filter(None, [f"lag {lag:g} years" if lag else "", restriction]))
        progress("build the cohort" + (f" ({named})" if named else ""))
        extra = (Criterion(f"Restricted to {restriction}", restriction),) if restriction else ()
        cohorts[lag, restriction] = build_cohort(
            tables, dataclasses.replace(design, lag_years=lag, eligibility=(*design.eligibility, *extra))
        )
    return cohorts
