"""The design in words: sentences for a methods section, and beside them the rules exactly as they were run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from cobalamin.design.labels import of_log, parts_of, unit_of
from cobalamin.design.timeline import years_in_days
from cobalamin.dictionary.codelist import CodeList

if TYPE_CHECKING:
    from cobalamin.design.covariate import Covariate
    from cobalamin.design.design import Design
    from cobalamin.design.exposure import Exposure, Measured
    from cobalamin.design.outcome import Event
    from cobalamin.design.records import Rows

_CHOSEN = {"last": "the last result", "first": "the first result", "mean": "the mean of all results"}
_TIES = {"mean": "their mean", "lowest": "the lowest", "highest": "the highest"}
Titles = Mapping[str, str]


def describe_design(design: Design, titles: Titles | None = None) -> dict[str, str]:
    """Say a design in plain sentences.

    Parameters
    ----------
    design : Design
        The design.
    titles : mapping of str to str, optional
        Column -> title, to be said instead of the column's name (the dictionary has them).

    Returns
    -------
    dict of str to str
        ``population``, ``time_zero``, ``exposure``, ``covariates``, ``outcome``, ``follow_up``; the exact rules are in `define_design`.

    Examples
    --------
    >>> from cobalamin.design import Design, GivenFollowUp, Outcome
    >>> describe_design(Design(outcome=Outcome(name="death", column="died"), follow_up=GivenFollowUp(exit="years")))["outcome"]
    'The outcome was death.'
    """
    known = titles or {}
    return {
        "population": _population(design),
        "time_zero": _time_zero(design, known),
        "exposure": " ".join(_exposure(e) for e in design.exposures),
        "covariates": _covariates(design.covariates, known),
        "outcome": _outcome(design),
        "follow_up": _follow_up(design, known),
    }


def define_design(design: Design) -> tuple[tuple[str, str], ...]:
    """List every rule of a design exactly as it was run.

    Parameters
    ----------
    design : Design
        The design.

    Returns
    -------
    tuple of (str, str)
        What is defined, and its rule in columns, conditions and codes.

    Examples
    --------
    >>> from cobalamin.design import Criterion, Design, GivenFollowUp, Outcome
    >>> adults = (Criterion("Adults", "age >= 18"),)
    >>> design = Design(outcome=Outcome(name="death", column="died"), follow_up=GivenFollowUp(exit="years"), eligibility=adults)
    >>> define_design(design)[0]
    ('Adults', 'age >= 18')
    """
    return tuple(_definitions(design))


def _definitions(design: Design) -> Iterator[tuple[str, str]]:
    for made in design.derive:
        yield made.name, made.expression or "; ".join(f"{c.label} when {c.when}" for c in made.cases)
    if design.time_zero is not None and design.time_zero.table:
        yield "Time zero", _rows(design.time_zero)
    yield from ((c.label, c.keep) for c in design.eligibility)
    for part in (*design.exposures, *design.covariates):
        if part.table or part.column:
            yield part.title or part.name, part.column or _rows(part)
    for event in (design.outcome, *design.competing):
        yield event.name, event.column or _rows(event)
    if design.follow_up is not None:
        yield "Follow-up", f"({design.follow_up.entry or 0}, {design.follow_up.exit}]"


def _population(design: Design) -> str:
    steps = "; ".join(_lower(c.label) for c in design.eligibility)
    return f"The criteria of eligibility were, in this order: {steps}." if steps else "Everyone in the data was eligible."


def _time_zero(design: Design, titles: Titles) -> str:
    rule = design.time_zero
    if rule is None:
        return "The start of each person's follow-up was given in the data."
    if rule.on is not None:
        return f"Time zero was {_say(rule.on, titles)} for everyone."
    limits = " and ".join(_say(limit, titles) for limit in rule.on_or_after)
    what = rule.label or (_title(rule.column, titles) if rule.column else f"the first record in {rule.table}")
    return f"Time zero was the day of {_with_article(what)}" + (f", on or after {limits}." if limits else ".")


def _exposure(spec: Exposure) -> str:
    parts = [f"{spec.title or spec.name}{unit_of(spec)} was {_source(spec)}."]
    scales = spec.scales
    if scales.log2:
        parts.append("It was analysed per doubling (log2).")
    if scales.cutoffs:
        parts.append(f"Classes were {', '.join(scales.class_labels)}, with {scales.reference or scales.class_labels[-1]} as reference.")
    if scales.quantiles:
        within = f" within levels of {scales.within}" if scales.within else ""
        parts.append(f"It was also divided into {parts_of(scales.quantiles)} of the cohort{within}.")
    if scales.standardise:
        parts.append(f"It was divided by the cohort's standard deviation{of_log(scales.standardise)}.")
    return " ".join(parts)


def _source(spec: Measured) -> str:
    if spec.column:
        return "taken as given in the data"
    text = f"{_CHOSEN[spec.choose]} {_window(spec)}"
    return text + (f"; of several results on that day, {_TIES[spec.ties]}" if spec.choose != "mean" else "")


def _window(spec: Measured) -> str:
    first, last = spec.window_days
    origin = (
        "time zero" if not spec.lag_years else f"the day {spec.lag_years:g} years ({years_in_days(spec.lag_years)} days) before time zero"
    )
    until = f"up to {'and including ' if last == 0 else f'{-last:g} days before '}{origin}"
    return f"at any time {until}" if np.isinf(first) else f"from {-first:g} days before {until}"


def _covariates(covariates: tuple[Covariate, ...], titles: Titles) -> str:
    if not covariates:
        return ""
    return "Covariates were " + "; ".join(_covariate(c, titles) for c in covariates) + "."


def _covariate(spec: Covariate, titles: Titles) -> str:
    if spec.at_time_zero:
        return "age at time zero" if spec.kind == "age" else "calendar year of time zero"
    name = _lower(titles.get(spec.name) or spec.title or titles.get(spec.column) or spec.name)
    if spec.kind == "recorded":
        return f"{name} (a record {_window(spec)})"
    return name if spec.column else f"{name} ({_source(spec)})"


def _outcome(design: Design) -> str:
    text = f"The outcome was {_event(design.outcome)}."
    rivals = [_event(e) for e in design.competing]
    if not rivals:
        return text
    named = "The competing event was" if len(rivals) == 1 else "Competing events were"
    return f"{text} {named} {'; '.join(rivals)}."


def _event(event: Event) -> str:
    if event.column:
        return event.name
    return f"{event.name}, by its first record" + (f" (code list '{event.codes.name}')" if isinstance(event.codes, CodeList) else "")


def _follow_up(design: Design, titles: Titles) -> str:
    lag = f"{design.lag_years:g} years ({years_in_days(design.lag_years)} days) after " if design.lag_years else "at "
    start = f"Follow-up started {lag}{'time zero' if design.time_zero is not None else 'entry'}"
    ends = [design.outcome.name, *(e.name for e in design.competing), *(_title(c, titles) for c in design.censoring.columns)]
    if design.censoring.administrative_end is not None:
        ends.append(_say(design.censoring.administrative_end, titles))
    if design.follow_up is not None:
        ends = [design.outcome.name, "the last day of observation"]
    scale = "attained age, with delayed entry" if design.time_scale == "attained-age" else "time since the start of follow-up"
    text = f"{start} and ended at {', '.join(ends[:-1])} or {ends[-1]}, whichever came first." if len(ends) > 1 else f"{start}."
    text += f" The time scale was {scale}, in {design.unit}."
    return text + (f" People with {design.outcome.name} at or before time zero were not at risk." if design.time_zero is not None else "")


def _rows(rows: Rows) -> str:
    text = f"{rows.table}.{rows.date}"
    if rows.where:
        text += f" where {rows.where}"
    if isinstance(rows.codes, CodeList):
        text += f" with a code of the list '{rows.codes.name}'"
    elif rows.codes:
        text += f" with code {', '.join(rows.codes)}"
    return text


def _title(column: str, titles: Titles) -> str:
    return _lower(titles.get(column, column))


def _with_article(what: str) -> str:
    return what if what.startswith(("the ", "a ")) else f"the {what}"


def _lower(text: str) -> str:
    """A title inside a sentence; abbreviations such as B12 or LS keep their capitals."""
    return text[0].lower() + text[1:] if len(text) > 1 and text[0].isupper() and text[1].islower() else text


def _say(limit: dt.date | str, titles: Titles) -> str:
    return f"{limit.day} {limit:%B %Y}" if isinstance(limit, dt.date) else _with_article(_title(limit, titles))
