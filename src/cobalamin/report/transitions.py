"""The diagram of a multi-state process: a box per state, an arrow per transition with its count and rate."""

from __future__ import annotations

import math

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report.exhibit import Exhibit
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import level_label, slug
from cobalamin.report.records import Record, records
from cobalamin.report.tables import caption, level_text
from cobalamin.report.transition_drawing import Arrow, draw_transitions


def exhibits_transitions(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    """Draw the states and transitions of each group.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``multi-state``, measures ``state`` and ``transition``.
    facts : StudyFacts
        Labels and unit of time.

    Returns
    -------
    list of Exhibit
        Empty without such rows.
    """
    rows = estimates.where(analysis="multi-state", context="summary", measure=("state", "transition"))
    frame = rows.where(measure="transition").frame
    found = dict.fromkeys(zip(frame["model"], frame["outcome"], frame["subgroup"], strict=True))
    several = {(m, o): sum(other[:2] == (m, o) for other in found) > 1 for m, o, _ in found}
    return [_transitions(rows.where(model=m, outcome=o, subgroup=g), (m, o, g), facts, named=several[m, o]) for m, o, g in found]


def rate_unit(rates: list[float]) -> int:
    """Choose how many units of person-time rates are printed per.

    Parameters
    ----------
    rates : list of float
        Per one unit; NaN is passed over.

    Returns
    -------
    int
        1, 10, ... 100,000: the first by which the median rate is at least 1 and the smallest positive one at least 0.1.

    Examples
    --------
    >>> rate_unit([0.0012, 0.02, 0.2])
    100
    """
    known = sorted(r for r in rates if r > 0)
    if not known:
        return 1
    return next((10**k for k in range(6) if known[len(known) // 2] * 10**k >= 1 and known[0] * 10**k >= 0.1), 100_000)


def rate_interval(events: float, person_time: float, level: float) -> tuple[float, float, float]:
    """Return a rate with its exact Poisson limits.

    Parameters
    ----------
    events, person_time : float
        As published.
    level : float
        Confidence level.

    Returns
    -------
    tuple of float
        Rate, lower and upper limit per unit of time; NaN where a number is hidden.

    References
    ----------
    Garwood F. Fiducial limits for the Poisson distribution. Biometrika 1936;28:437-442. doi:10.1093/biomet/28.3-4.437

    Examples
    --------
    >>> [round(x, 3) for x in rate_interval(10, 100.0, 0.95)]
    [0.1, 0.048, 0.184]
    """
    from scipy.special import gammaincinv

    if math.isnan(events + person_time) or not person_time > 0:
        return math.nan, math.nan, math.nan
    low = float(gammaincinv(events, (1 - level) / 2)) if events > 0 else 0.0
    return events / person_time, low / person_time, float(gammaincinv(events + 1, (1 + level) / 2)) / person_time


def _transitions(rows: Estimates, which: tuple[str, str, str], facts: StudyFacts, *, named: bool) -> Exhibit:
    moves = list(records(rows.where(measure="transition").frame))
    boxes = {r.term: r for r in records(rows.where(measure="state").frame)}
    names = list(dict.fromkeys([*boxes, *(name for r in moves for name in (r.term, r.level))]))
    rates = [rate_interval(r.events, r.person_time, facts.confidence) for r in moves]
    per = rate_unit([rate for rate, _, _ in rates])
    texts = [_rate(rate, per, r.warning) for rate, r in zip(rates, moves, strict=True)]
    counts = [fmt.count(r.events, r.warning) for r in moves]
    arrows = [Arrow(names.index(r.term), names.index(r.level), n, t) for r, n, t in zip(moves, counts, texts, strict=True)]
    title = "States and transitions" + (f": {level_label(which[2], facts)}" if named else "")
    unit = next((r.unit for r in moves if r.unit), facts.time_unit)
    over = f"{fmt.count(per)} person-{unit}" if per > 1 else f"person-{unit.removesuffix('s')}"
    text = "Boxes: people seen in each state; a person who passes through several is counted in each."
    text += f" Arrows: transitions, with their rate per {over} in the state that they leave."
    said = [f"{level_label(names[a.start], facts)} to {level_label(names[a.end], facts)}: {a.count}, rate {a.rate}." for a in arrows]
    alt = f"Transitions, with rates per {over}. {' '.join(said)}"
    labels = [_box_lines(name, boxes.get(name), facts) for name in names]
    key = slug("-".join(("transitions", *(w for w in which if w))))
    note = f"On the arrows: number of transitions; rate per {over} ({level_text(facts)})"
    body = draw_transitions(labels, arrows, note, key=key, title=title, alt=alt, simulated=facts.simulated)
    return Exhibit(key, title, caption(text, facts), alt, rows, body)


def _rate(rate: tuple[float, float, float], per: int, note: str) -> str:
    if math.isnan(rate[0]):
        # the count above says that it is hidden
        return "" if fmt.is_suppressed(note) else fmt.DASH
    numbers = [x * per for x in rate]
    digits = 0 if numbers[0] >= 100 else 1 if numbers[0] >= 10 else 2
    value, low, high = (fmt.number(x, digits) for x in numbers)
    return f"{value} ({low}\u2013{high})"


def _box_lines(name: str, row: Record | None, facts: StudyFacts) -> tuple[str, str]:
    if row is None or (math.isnan(row.n) and not fmt.is_suppressed(row.warning)):
        return level_label(name, facts), ""
    number = fmt.count(row.n, row.warning)
    return level_label(name, facts), number if math.isnan(row.n) else f"{number} {'person' if row.n == 1 else 'people'}"
