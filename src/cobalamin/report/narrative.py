"""Sentences written from results: the wording follows the interval, a null reads as null, and nothing is called an effect."""

from __future__ import annotations

import math

import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report.blocks import Sentence
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import join_words, level_label, outcome_label, plain, term_label
from cobalamin.report.records import Record, records
from cobalamin.report.select import Contrast, contrasts, described_models
from cobalamin.report.tables import level_text

# An interval whose upper limit is more than three times its lower one leaves the size of a difference open
WIDE = 3.0
# An interval inside these limits leaves room for small differences only (10% either way on the ratio scale)
NARROW = (0.9, 1 / 0.9)
# measure -> the quantity compared, as in "a lower hazard" and in "a hazard 5% lower and one 7% higher"
# Fewer people at risk than this in any group, and the end of a curve says little
ENOUGH_AT_RISK = 20
_QUANTITIES = {
    "hazard ratio": ("a {} hazard", "a hazard {} and one {}"),
    "odds ratio": ("{} odds", "odds {} and odds {}"),
    "risk ratio": ("a {} risk", "a risk {} and one {}"),
    "rate ratio": ("a {} rate", "a rate {} and one {}"),
}
_ANY = ("a {} occurrence", "an occurrence {} and one {}")


def result_sentences(estimates: Estimates, facts: StudyFacts, *roles: str) -> list[Sentence]:
    """Write one sentence per exposure contrast of the models with these roles.

    Parameters
    ----------
    estimates : Estimates
        Results.
    facts : StudyFacts
        Models and labels.
    *roles : str
        Roles of the models.

    Returns
    -------
    list of Sentence
        Each cites its row; reference categories have none.
    """
    models = described_models(estimates, facts, *roles)
    return [contrast_sentence(c, facts) for m in models for c in contrasts(estimates, facts, m) if not c.is_reference]


def contrast_sentence(c: Contrast, facts: StudyFacts) -> Sentence:
    """Write what one estimate says, and what it leaves open.

    Parameters
    ----------
    c : Contrast
        An estimate.
    facts : StudyFacts
        Labels and confidence level.

    Returns
    -------
    Sentence
        Wording by the interval: clear of 1 = an association; around 1 = no clear association, with what it is compatible with.

    Examples
    --------
    >>> from cobalamin.report.facts import ModelFacts
    >>> rows = Estimates.from_rows([{"analysis": "primary", "context": "estimate", "model": "m", "term": "b12",
    ...     "measure": "hazard ratio", "value": 1.02, "low": 0.93, "high": 1.12}])
    >>> facts = StudyFacts("t", "q", outcome="diagnosis of LS", models=(ModelFacts("m", "Adjusted", "primary", "cox", "b12"),))
    >>> text = result_sentences(rows, facts, "primary")[0].text.split(": ")
    >>> text[0], text[1]
    ('Primary model (Adjusted)', 'b12 showed no clear association with diagnosis of LS (hazard ratio 1.02, 95% CI 0.93 to 1.12)')
    >>> text[2]
    'the data are compatible with anything between a hazard 7% lower and one 12% higher.'
    """
    outcome = outcome_label(c.row.outcome, facts)
    start = f"{c.model.role.capitalize()} model ({plain(c.model.label)}): {_subject(c, facts)}"
    if not math.isfinite(c.row.value) or c.row.value <= 0:
        return Sentence(f"{start.removesuffix(',')}: {_absent(c, outcome)}", (c.key,))
    numbers = f"({_numbers(c, facts)})"
    return Sentence(f"{start} {_verdict(c, outcome, numbers)}{_truth(c)}", (c.key,))


def relative_words(ratio: float) -> str:
    """Say a ratio as a relative difference.

    Parameters
    ----------
    ratio : float
        Positive.

    Returns
    -------
    str
        ``"7% lower"``, ``"12% higher"``, ``"2.5 times as high"``, ``"no different"``.

    Examples
    --------
    >>> [relative_words(r) for r in (0.93, 1.12, 2.5, 1.0, 0.9968)]
    ['7% lower', '12% higher', '2.5 times as high', 'no different', '0.3% lower']
    """
    if ratio >= 1.995:
        return f"{fmt.number(ratio, 1 if ratio < 99.95 else 0)} times as high"
    change = 100 * abs(ratio - 1)
    shown = fmt.number(change, 0 if change >= 0.95 else 1)
    if change < 0.05:
        return "no different"
    return f"{shown}% {'lower' if ratio < 1 else 'higher'}" if shown != "100" else "almost 100% lower"


def range_sentence(estimates: Estimates, facts: StudyFacts) -> Sentence | None:
    """Sum up the sensitivity analyses in one sentence.

    Parameters
    ----------
    estimates : Estimates
        Results.
    facts : StudyFacts
        Models.

    Returns
    -------
    Sentence or None
        None when there are fewer than two estimates of the outcome and the measure of the primary model.
    """
    models = described_models(estimates, facts, "sensitivity")
    shown = [c for m in models for c in contrasts(estimates, facts, m) if not c.is_reference and math.isfinite(c.row.value)]
    main = [(c.row.outcome, c.row.measure) for m in described_models(estimates, facts, "primary") for c in contrasts(estimates, facts, m)]
    kinds = set(main[:1]) or {(c.row.outcome, c.row.measure) for c in shown}
    shown = [c for c in shown if (c.row.outcome, c.row.measure) in kinds]
    measures = {c.row.measure for c in shown}
    if len(shown) < 2 or len(kinds) != 1:
        return None
    values = sorted(c.row.value for c in shown)
    around = sum(c.row.low <= 1 <= c.row.high for c in shown)
    text = f"Across {len(shown)} sensitivity estimates the {measures.pop()} ranged from {fmt.ratio(values[0])} to {fmt.ratio(values[-1])};"
    return Sentence(f"{text} {around} of {len(shown)} intervals include 1.", tuple(c.key for c in shown))


def people_sentence(estimates: Estimates, facts: StudyFacts) -> Sentence | None:
    """Say how many people were analysed, with how many events over how much time.

    Parameters
    ----------
    estimates : Estimates
        With the totals of Table 1, or attrition rows.
    facts : StudyFacts
        Labels.

    Returns
    -------
    Sentence or None
        None when neither is there.
    """
    table = list(records(estimates.where(analysis="table1", measure="total", subgroup="Overall", term="").frame))
    flow = list(records(estimates.where(context="attrition", measure="remaining").frame.sort_values("at").tail(1)))
    # the flow chart counts everybody; Table 1 may leave out people without a group
    total = (flow or table)[:1]
    if not total or math.isnan(total[0].n):
        return None
    n, events, time = total[0].n, total[0].events, table[0].person_time if table else math.nan
    parts = [f"{fmt.count(n)} people were analysed"]
    parts += [f"with {fmt.count(events)} events ({plain(facts.event)})"] if not math.isnan(events) else []
    parts += [f"over {fmt.number(time)} person-{facts.time_unit}"] if not math.isnan(time) else []
    return Sentence(" ".join(parts) + ".", ("totals",))


def curve_sentences(estimates: Estimates, facts: StudyFacts) -> list[Sentence]:
    """Give the absolute risk of each group at a late round time at which enough people are still at risk.

    Parameters
    ----------
    estimates : Estimates
        With rows of analysis ``survival``.
    facts : StudyFacts
        Labels.

    Returns
    -------
    list of Sentence
        One per grouping and outcome.
    """
    every = estimates.where(analysis="survival", context="curve")
    rows = every.where(measure="survival").frame.dropna(subset=["at", "value"])
    found = []
    for (model, outcome, level), part in rows.groupby(["model", "outcome", "level"], sort=False):
        at = telling_time(part, every.where(measure="at risk", model=str(model), outcome=str(outcome), level=str(level)).frame)
        last = part.loc[part["at"] <= at].groupby("subgroup", sort=False).tail(1)
        groups = join_words([_risk_words(r, facts) for r in records(last)])
        label = (plain(facts.time_scale) or f"Time ({facts.time_unit})").lower()
        since = f" from {part['at'].min():g}" if part["at"].min() > 0 else ""
        text = f"Unadjusted cumulative probability (one minus Kaplan-Meier){since} to {at:g}, {label}: {groups}."
        found.append(Sentence(text, (f"survival | {model}",)))
    return found


def telling_time(curves: pd.DataFrame, at_risk: pd.DataFrame) -> float:
    """Choose the time at which the curves of several groups are best told.

    Parameters
    ----------
    curves, at_risk : DataFrame
        Rows of the curves and of the numbers at risk.

    Returns
    -------
    float
        The last time of the at-risk table that every curve reaches with enough people left; else the last time all reach.
    """
    last = float(curves.groupby("subgroup")["at"].max().min())
    fewest = at_risk.loc[at_risk["at"] <= last].groupby("at")["n"].agg(lambda n: n.min(skipna=False))
    round_times = fewest.index[fewest >= ENOUGH_AT_RISK]
    return float(round_times.max()) if len(round_times) and round_times.max() > curves["at"].min() else last


def _risk_words(r: Record, facts: StudyFacts) -> str:
    limits = "" if math.isnan(r.low) else f" ({level_text(facts)} {fmt.percent(100 * (1 - r.high))} to {fmt.percent(100 * (1 - r.low))})"
    where = f" in {level_label(r.subgroup, facts)}" if r.subgroup and r.subgroup != "Overall" else ""
    return f"{fmt.percent(100 * (1 - r.value))}{limits}{where}"


def missing_sentence(estimates: Estimates, facts: StudyFacts) -> Sentence | None:
    """Say how many people the models left out for missing values.

    Parameters
    ----------
    estimates : Estimates
        With diagnostic rows ``n_missing``.
    facts : StudyFacts
        Models.

    Returns
    -------
    Sentence or None
        None when no model reports it.
    """
    rows = estimates.where(context="diagnostic", measure="n_missing").frame
    labels = {m.name: plain(m.label) for m in facts.models}
    left = {labels.get(m, m): v for m, v in zip(rows["model"], rows["value"], strict=True) if v > 0}
    if rows.empty:
        return None
    if not left:
        return Sentence("No model left anybody out for missing values.")
    words = [f"{fmt.count(v)} ({m})" for m, v in left.items()]
    return Sentence(f"People left out of a model because a variable was missing: {join_words(words)}.", ("n_missing",))


def _absent(c: Contrast, outcome: str) -> str:
    if fmt.is_suppressed(c.row.warning):
        return f"the association with {outcome} is not shown, because disclosure control hid its numbers."
    why = f" ({plain(c.row.warning)})" if c.row.warning else ""
    return f"the association with {outcome} could not be estimated{why}."


def _subject(c: Contrast, facts: StudyFacts) -> str:
    """Name the contrast as the subject of a sentence; an apposition gets its closing comma."""
    name = term_label(c.row.term, facts)
    if c.row.level:
        against = f" versus {level_label(c.row.reference, facts)}" if c.row.reference else ""
        return f"{name}, {level_label(c.row.level, facts)}{against},"
    return f"{name}," if ", " in name else name


def _numbers(c: Contrast, facts: StudyFacts) -> str:
    digits = fmt.ratio_digits(c.row.value, c.row.low, c.row.high)
    parts = [f"{c.row.measure} {fmt.ratio(c.row.value, digits)}"]
    if not math.isnan(c.row.low):
        parts[0] += f", {level_text(facts)} {fmt.interval(c.row.low, c.row.high, digits)}"
    if not math.isnan(c.row.n) and not math.isnan(c.row.events):
        parts.append(f"{fmt.count(c.row.events)} events among {fmt.count(c.row.n)} people")
    return "; ".join(parts)


def _verdict(c: Contrast, outcome: str, numbers: str) -> str:
    low, high, value = c.row.low, c.row.high, c.row.value
    one, two = _QUANTITIES.get(c.row.measure, _ANY)
    if math.isnan(low) or math.isnan(high):
        return f"has an estimate without an interval for {outcome} {numbers}; it cannot be judged."
    if low <= 1 <= high:
        between = f"anything between {two.format(relative_words(low), relative_words(high))}"
        return f"showed no clear association with {outcome} {numbers}: {_null_end(low, high, between)}"
    direction = "higher" if value > 1 else "lower"
    wide = " The interval is wide, so the size of the difference is uncertain." if high > WIDE * low else ""
    return f"was associated with {one.format(direction)} of {outcome} {numbers}.{wide}"


def _null_end(low: float, high: float, between: str) -> str:
    if low <= 0 or not math.isfinite(high):
        return "the data say next to nothing about it, because the interval has no end on one side."
    if high > WIDE * low:
        return f"the estimate is imprecise; the data are compatible with {between}."
    small = "; under the assumptions of the model, larger differences are hardly compatible with the data" if _narrow(low, high) else ""
    return f"the data are compatible with {between}{small}."


def _narrow(low: float, high: float) -> bool:
    return low >= NARROW[0] and high <= NARROW[1]


def _truth(c: Contrast) -> str:
    if math.isnan(c.truth):
        return ""
    shown = fmt.ratio(c.truth)
    if math.isnan(c.row.low):
        return f" The simulated truth is {shown}."
    inside = "contains" if c.row.low <= c.truth <= c.row.high else "does not contain"
    return f" The simulated truth is {shown}; the interval {inside} it."
