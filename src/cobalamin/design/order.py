"""The steps that dates impose on a cohort: in order, under observation, free of the outcome, at risk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cobalamin.core.errors import DataError, FollowUpError
from cobalamin.design.eligibility import Check
from cobalamin.design.records import Bools
from cobalamin.design.timeline import Floats

if TYPE_CHECKING:
    from cobalamin.design.design import Design

ADMINISTRATIVE = "administrative end"


@dataclass(frozen=True, eq=False, kw_only=True)
class Dates:
    """Everyone's dates, in days since 1970-01-01; NaN where there is none.

    Attributes
    ----------
    zero, first, last : ndarray, shape (n,)
        Time zero, start of follow-up (time zero and the lag), end of follow-up (``inf`` without one).
    start, birth : ndarray, shape (n,), optional
        First day under observation, day of birth.
    seen : ndarray, shape (n,), optional
        A day on which the person was seen, so that no end of life or of registration can lie before it: the row that gives time
        zero, or its column as recorded. Not a fixed day, and not a date worked out from others.
    birth_is_year : bool
        Whether birth is known to the year only, and stands for 1 July.
    limits : mapping of str to ndarray
        Ends of observation.
    events : mapping of str to ndarray
        First day of the outcome and of each competing event.
    """

    zero: Floats
    first: Floats
    last: Floats
    start: Floats | None
    birth: Floats | None
    seen: Floats | None
    birth_is_year: bool
    limits: Mapping[str, Floats]
    events: Mapping[str, Floats]


def checks_before(design: Design, dates: Dates) -> tuple[Check, ...]:
    """Make the steps that come before the eligibility criteria.

    Parameters
    ----------
    design : Design
        With a time zero.
    dates : Dates
        Everyone's dates.

    Returns
    -------
    tuple of Check
        Time zero known, dates in order, under observation at time zero, birth known.
    """
    rule = design.time_zero
    assert rule is not None  # the caller looked
    label = f"Time zero known: {rule.label}" if rule.label else "Time zero known"
    checks = [Check(label, np.isfinite(dates.zero))] if rule.kind != "on" else []
    checks += check_order(design, _impossible(design, dates))
    ends = _final(design, dates)
    if dates.start is not None or ends:
        inside = np.ones(len(dates.zero), dtype=bool) if dates.start is None else dates.start <= dates.zero
        for days in ends.values():
            inside = inside & ~(days < dates.zero)
        checks.append(Check("Under observation at time zero", inside, None if dates.start is None else np.isnan(dates.start)))
    if dates.birth is not None and design.time_scale == "attained-age" and np.isnan(dates.birth).any():
        checks.append(Check("Birth known", np.isfinite(dates.birth), np.isnan(dates.birth)))
    return tuple(checks)


def checks_after(design: Design, dates: Dates) -> tuple[Check, ...]:
    """Make the steps that come after the eligibility criteria.

    Parameters
    ----------
    design : Design
        With a time zero.
    dates : Dates
        Everyone's dates.

    Returns
    -------
    tuple of Check
        Free of the outcome and of competing diseases at time zero, end of follow-up known, at risk.
    """
    final = _final(design, dates)
    checks = [Check(f"No {name} at or before time zero", ~(days <= dates.zero)) for name, days in dates.events.items() if name not in final]
    if np.isinf(dates.last).any():
        checks.append(Check("End of follow-up known", np.isfinite(dates.last), refuse=_endless))
    return (*checks, check_at_risk(design, dates.last > dates.first))


def check_at_risk(design: Design, keep: Bools) -> Check:
    """Make the last step: something is left to observe.

    Parameters
    ----------
    design : Design
        Its lag names the step.
    keep : ndarray of bool, shape (n,)
        Whose follow-up ends after it starts.

    Returns
    -------
    Check
    """
    if design.lag_years:
        return Check(f"Still at risk {design.lag_years:g} years after {'time zero' if design.time_zero else 'entry'}", keep)
    return Check("Follow-up above zero", keep)


def check_order(design: Design, wrong: Mapping[str, Bools]) -> list[Check]:
    """Make the step for dates that cannot be true: an error, unless the protocol leaves these people out.

    Parameters
    ----------
    design : Design
        Its ``unordered_dates`` decides.
    wrong : mapping of str to ndarray of bool
        What is wrong -> with whom.

    Returns
    -------
    list of Check
        None where nothing was looked at.
    """
    if not wrong:
        return []
    bad = np.logical_or.reduce(list(wrong.values()))
    return [Check("Dates in order", ~bad, refuse=None if design.unordered_dates == "exclude" else _disorder(wrong))]


def _final(design: Design, dates: Dates) -> dict[str, Floats]:
    """Days after which nothing can follow: dates of the person table. A competing disease from a dated table is not of that kind."""
    rivals = {event.name: dates.events[event.name] for event in design.competing if event.column}
    return rivals | dict(dates.limits)


def _impossible(design: Design, dates: Dates) -> dict[str, Bools]:
    """Dates that cannot be true. On a fixed day for all, people who left earlier or were born later are merely not there."""
    wrong: dict[str, Bools] = {}
    for name, days in _final(design, dates).items():
        if name == ADMINISTRATIVE:
            continue
        if dates.start is not None:
            wrong[f"{name} before {design.censoring.start}"] = days < dates.start
        if dates.seen is not None:
            wrong[f"{name} before time zero"] = days < dates.seen
    if dates.birth is not None and dates.seen is not None:
        # a year of birth stands for 1 July; anything since 1 January of that year may be after birth
        wrong["time zero before birth"] = dates.seen < (dates.birth - 182 if dates.birth_is_year else dates.birth)
    return wrong


def _disorder(wrong: Mapping[str, Bools]) -> Callable[[Bools], DataError]:
    def error(out: Bools) -> DataError:
        counts = {name: int((mask & out).sum()) for name, mask in wrong.items()}
        found = "; ".join(f"{name} in {n} people" for name, n in counts.items() if n)
        return FollowUpError(
            f"dates that cannot be true for {int(out.sum())} of {len(out)} people: {found}. "
            "Mend the dates at their source, or set unordered_dates = 'exclude' to leave these people out as a counted step."
        )

    return error


def _endless(out: Bools) -> DataError:
    return FollowUpError(
        f"follow-up has no end for {int(out.sum())} of {len(out)} people: no event and no date of censoring. "
        "Give [design.censoring] columns or an administrative_end."
    )
