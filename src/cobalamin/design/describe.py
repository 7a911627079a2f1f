"""The design in words, and the cohort in rows of results: what methods sections, labels and flow charts are made from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cobalamin.core.estimates import Estimates
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
_PARTS = {2: "halves", 3: "thirds", 4: "fourths", 5: "fifths", 10: "tenths"}


def describe_design(design: Design) -> dict[str, str]:
    """Say a design in plain sentences.

    Parameters
    ----------
    design : Design
        The design.

    Returns
    -------
    dict of str to str
        ``population``, ``time_zero``, ``exposure``, ``covariates``, ``outcome``, ``follow_up``.

    Examples
    --------
    >>> from cobalamin.design import Design, GivenFollowUp, Outcome
    >>> describe_design(Design(outcome=Outcome(name="death", column="died"), follow_up=GivenFollowUp(exit="years")))["outcome"]
    'The outcome was death.'
    """
    return {
        "population": _population(design),
        "time_zero": _time_zero(design),
        "exposure": " ".join(_exposure(e) for e in design.exposures),
        "covariates": _covariates(design.covariates),
        "outcome": _outcome(design),
        "follow_up": _follow_up(design),
    }


def column_labels(design: Design) -> Mapping[str, str]:
    """Title of every column that the design makes.

    Parameters
    ----------
    design : Design
        The design.

    Returns
    -------
    mapping of str to str

    Examples
    --------
    >>> from cobalamin.design import Design, Exposure, ExposureScales, GivenFollowUp, Outcome
    >>> b12 = Exposure(name="b12", column="x", title="Serum B12", unit="pmol/L", scales=ExposureScales(log2=True))
    >>> design = Design(outcome=Outcome(name="death", column="died"), follow_up=GivenFollowUp(exit="t"), exposures=(b12,))
    >>> column_labels(design)["b12_log2"]
    'Serum B12, per doubling'
    """
    labels: dict[str, str] = {}
    for covariate in design.covariates:
        if covariate.title or covariate.at_time_zero:
            own = {"age": "Age at time zero (years)", "year": "Calendar year of time zero"}.get(covariate.at_time_zero, "")
            labels[covariate.name] = (covariate.title + _unit(covariate)) if covariate.title else own
    for exposure in design.exposures:
        title = exposure.title or exposure.name
        full = title + _unit(exposure)
        labels |= {exposure.name: full, f"{exposure.name}_days_before": f"{title}, days before time zero"}
        scales = exposure.scales
        made = {
            f"{exposure.name}_log2": (scales.log2, f"{title}, per doubling"),
            f"{exposure.name}_class": (scales.cutoffs, full),
            f"{exposure.name}_q{scales.quantiles}": (scales.quantiles, f"{title}, {_parts(scales.quantiles)} of the cohort"),
            f"{exposure.name}_z": (
                scales.standardise,
                f"{title}, per standard deviation{_of_log(scales.standardise)}",
            ),
        }
        labels |= {name: text for name, (wanted, text) in made.items() if wanted}
    return labels


def cohort_estimates(attrition: pd.DataFrame, notes: pd.DataFrame, cutpoints: Mapping[str, tuple[float, ...]], design: Design) -> Estimates:
    """Turn the account of a cohort into rows of results.

    Parameters
    ----------
    attrition : DataFrame
        Steps of the flow chart.
    notes : DataFrame
        Rows that could not be used.
    cutpoints : mapping of str to tuple of float
        Cut-points, or mean and standard deviation.
    design : Design
        The design.

    Returns
    -------
    Estimates
        ``attrition`` rows with measure ``remaining``; diagnostic rows ``not known``, ``people with rows not used``,
        ``cut-point``, ``mean``, ``standard deviation``.
    """
    rows: list[dict[str, Any]] = []
    for step in attrition.itertuples():
        rows.append(
            {"context": "attrition", "measure": "remaining", "term": step.label, "at": step.step, "n": step.n, "events": step.events}
        )
    for step in attrition.loc[attrition["n_unknown"] > 0].itertuples():
        rows.append({"context": "diagnostic", "measure": "not known", "term": step.label, "at": step.step, "n": step.n_unknown})
    for note in notes.itertuples():
        term = " in ".join(str(part) for part in (note.use, note.table) if part)
        common = {"context": "diagnostic", "term": term, "level": note.reason}
        rows.append(common | {"measure": "people with rows not used", "n": note.n_people})
    for name, cuts in cutpoints.items():
        words = ("mean", "standard deviation") if name.split(" [")[0].endswith("_z") else ("cut-point",) * len(cuts)
        for number, (word, cut) in enumerate(zip(words, cuts, strict=True), start=1):
            rows.append({"context": "diagnostic", "measure": word, "term": name, "at": number, "value": cut, "n": attrition["n"].iloc[-1]})
    return Estimates.from_rows(rows, analysis="attrition", outcome=design.outcome.name)


def _population(design: Design) -> str:
    steps = "; ".join(f"{c.label} ({c.keep})" for c in design.eligibility)
    start = f"People in the table '{design.person_table}' were eligible"
    return f"{start} under these criteria, in this order: {steps}." if steps else f"{start} without further criteria."


def _time_zero(design: Design) -> str:
    rule = design.time_zero
    if rule is None:
        return "Each person's follow-up was given in the table itself."
    if rule.on is not None:
        return f"Time zero was {_say(rule.on)} for everyone."
    limits = " and ".join(_say(limit) for limit in rule.on_or_after)
    if rule.column:
        what = f"the latest of {rule.column}, {limits}" if limits else rule.column
    else:
        what = f"the first of: {_rows(rule)}" + (f", on or after {limits}" if limits else "")
    named = f"the day of the {rule.label.removeprefix('the ')} ({what})" if rule.label else what
    return f"Time zero was {named}."


def _exposure(spec: Exposure) -> str:
    parts = [f"{spec.title or spec.name}{_unit(spec)} was {_source(spec)}."]
    scales = spec.scales
    if scales.log2:
        parts.append("It was analysed per doubling (log2).")
    if scales.cutoffs:
        parts.append(f"Classes were {', '.join(scales.class_labels)}, with {scales.reference or scales.class_labels[-1]} as reference.")
    if scales.quantiles:
        within = f" within levels of {scales.within}" if scales.within else ""
        parts.append(f"It was also divided into {_parts(scales.quantiles)} of the cohort{within}.")
    if scales.standardise:
        parts.append(f"It was divided by the cohort's standard deviation{_of_log(scales.standardise)}.")
    return " ".join(parts)


def _source(spec: Measured) -> str:
    if spec.column:
        return f"taken from the column {spec.column}"
    text = f"{_CHOSEN[spec.choose]} ({_rows(spec)}) {_window(spec)}"
    return text + (f"; of several results on that day, {_TIES[spec.ties]}" if spec.choose != "mean" else "")


def _window(spec: Measured) -> str:
    first, last = spec.window_days
    origin = (
        "time zero" if not spec.lag_years else f"the day {spec.lag_years:g} years ({years_in_days(spec.lag_years)} days) before time zero"
    )
    since = "at any time" if np.isinf(first) else f"from {-first:g} days"
    until = f" up to {'and including ' if last == 0 else f'{-last:g} days before '}{origin}"
    return f"{since}{' before' if not np.isinf(first) else ''}{until}"


def _covariates(covariates: tuple[Covariate, ...]) -> str:
    if not covariates:
        return ""
    return "Covariates were " + "; ".join(_covariate(c) for c in covariates) + "."


def _covariate(spec: Covariate) -> str:
    name = spec.title or spec.name
    if spec.at_time_zero:
        return f"{name} ({'age' if spec.kind == 'age' else 'calendar year'} at time zero)"
    if spec.kind == "recorded":
        return f"{name} (recorded {_window(spec)}: {_rows(spec)})"
    return name if spec.column == spec.name else f"{name} ({_source(spec)})"


def _outcome(design: Design) -> str:
    text = f"The outcome was {_event(design.outcome)}."
    rivals = [_event(e) for e in design.competing]
    verb = "s were" if len(rivals) > 1 else " was"
    return text + (f" The competing event{verb} {'; '.join(rivals)}." if rivals else "")


def _event(event: Event) -> str:
    return event.name if event.column else f"{event.name} (first record in {_rows(event)})"


def _follow_up(design: Design) -> str:
    lag = f"{design.lag_years:g} years ({years_in_days(design.lag_years)} days) after " if design.lag_years else "at "
    start = f"Follow-up started {lag}{'time zero' if design.time_zero is not None else 'entry'}"
    ends = [design.outcome.name, *(e.name for e in design.competing), *design.censoring.columns]
    if design.censoring.administrative_end is not None:
        ends.append(_say(design.censoring.administrative_end))
    if design.follow_up is not None:
        ends = [f"the time in {design.follow_up.exit}"]
    scale = "attained age, with delayed entry" if design.time_scale == "attained-age" else "time since the start of follow-up"
    whichever = ", whichever came first" if len(ends) > 1 else ""
    text = f"{start} and ended at {' or '.join(ends)}{whichever}. The time scale was {scale}, in {design.unit}."
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


def _unit(spec: Measured) -> str:
    return f" ({spec.unit})" if spec.unit else ""


def _of_log(standardise: str) -> str:
    return " of its logarithm" if standardise == "log2" else ""


def _parts(count: int) -> str:
    return _PARTS.get(count, f"{count} equal groups")


def _say(limit: dt.date | str) -> str:
    return f"{limit.day} {limit:%B %Y}" if isinstance(limit, dt.date) else f"the date in {limit}"
