"""Tables beside curves and models: restricted mean times with their differences, and tests of proportional hazards."""

from __future__ import annotations

import math

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report.exhibit import Column, Exhibit, Row, TableBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import group_label, level_label, outcome_label, slug, term_label
from cobalamin.report.records import Record, records
from cobalamin.report.schoenfeld import model_name
from cobalamin.report.tables import caption, level_text

MEAN, CHANGE = "restricted mean", "difference in restricted mean"


def exhibits_restricted_mean(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    """Make the table of restricted mean times of each grouping, outcome and horizon.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``restricted mean``.
    facts : StudyFacts
        Labels, unit of time.

    Returns
    -------
    list of Exhibit
        Empty without such rows.
    """
    rows = estimates.where(analysis=MEAN, context="summary")
    frame = rows.frame
    found = dict.fromkeys(frame[["model", "outcome", "at"]].itertuples(index=False, name=None))
    made = []
    for grouping, outcome, at in found:
        frame = rows.where(model=grouping, outcome=outcome).frame
        curve = estimates.where(analysis="survival", measure="survival", model=grouping, outcome=outcome).frame["at"]
        span = (float(curve.min()) if len(curve) else 0.0, float(at))
        made.append(_restricted_mean(Estimates(frame.loc[frame["at"] == at]), grouping, outcome, span, facts))
    return made


def _restricted_mean(rows: Estimates, grouping: str, outcome: str, span: tuple[float, float], facts: StudyFacts) -> Exhibit:
    means, changes = list(records(rows.where(measure=MEAN).frame)), rows.where(measure=CHANGE).frame
    unit = next((r.unit for r in means if r.unit), facts.time_unit)
    against = {r.subgroup: r for r in records(changes)}
    head = [Column(group_label(grouping, facts) if grouping else "People", "left"), Column("People"), Column("Events")]
    head += [Column(f"Restricted mean, {unit} ({level_text(facts)})")]
    head += [Column(f"Difference, {unit} ({level_text(facts)})"), Column("p")] if against else []
    body = tuple(_mean_row(r, against, facts) for r in means)
    by = f" by {group_label(grouping, facts)}" if len(means) > 1 and grouping else ""
    scale = (facts.time_scale.split(" (")[0] or "time").lower()
    begun = f"from {span[0]:g} " if span[0] > 0 else ""
    text = f"Of the {span[1] - max(span[0], 0):g} {unit} {begun}to {span[1]:g} ({scale}), the mean time free of"
    text += f" {outcome_label(outcome, facts)}: the area under the Kaplan-Meier curve. Not adjusted."
    key = slug("-".join(("table-restricted-mean", *(w for w in (grouping, outcome) if w), f"{span[1]:g}")))
    title = f"Restricted mean time free of {outcome_label(outcome, facts)}{by}"
    alt = f"Table of {len(means)} groups with restricted mean time{' and differences' if against else ''}."
    return Exhibit(key, title, caption(text, facts), alt, rows, TableBody(tuple(head), body))


def _mean_row(r: Record, against: dict[str, Record], facts: StudyFacts) -> Row:
    cells = [level_label(r.subgroup, facts) or "All", fmt.count(r.n, r.warning), fmt.count(r.events, r.warning), _span(r)]
    if against:
        change = against.get(r.subgroup)
        cells += ["0 (reference)", fmt.DASH] if change is None else [_span(change), fmt.p_value(change.p)]
    return Row(tuple(cells))


def _span(r: Record) -> str:
    if math.isnan(r.value):
        return fmt.SUPPRESSED if fmt.is_suppressed(r.warning) else fmt.DASH
    digits = 3 if 0 < r.high - r.low < 0.05 else 2
    return f"{fmt.number(r.value, digits)} ({fmt.number(r.low, digits)} to {fmt.number(r.high, digits)})"


def exhibits_hazards_tests(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    """Make the table of the test of proportional hazards of each model.

    Parameters
    ----------
    estimates : Estimates
        Rows ``ph test`` and ``ph test df`` of analysis ``proportional hazards``.
    facts : StudyFacts
        Labels.

    Returns
    -------
    list of Exhibit
        Empty without such rows.
    """
    rows = estimates.where(analysis="proportional hazards", context="diagnostic", measure=("ph test", "ph test df"))
    found = dict.fromkeys(zip(rows.frame["model"], rows.frame["outcome"], strict=True))
    return [_hazards_tests(rows.where(model=m, outcome=o), m, o, facts) for m, o in found]


def _hazards_tests(rows: Estimates, model: str, outcome: str, facts: StudyFacts) -> Exhibit:
    degrees = {r.term: r.value for r in records(rows.where(measure="ph test df").frame)}
    body = tuple(_test_row(r, degrees.get(r.term, math.nan), facts) for r in records(rows.where(measure="ph test").frame))
    name = model_name(model, facts)
    text = (
        "Score test of Grambsch and Therneau for a coefficient that changes over time; a small p speaks against one constant hazard ratio."
    )
    columns = (Column("Term", "left"), Column("Chi-squared"), Column("Degrees of freedom"), Column("p"))
    return Exhibit(
        key=slug(f"table-ph-test {model} {outcome}"),
        title=f"Test of proportional hazards: {name}",
        caption=caption(text, facts),
        alt=f"Table of {len(body)} tests.",
        estimates=rows,
        body=TableBody(columns, body),
    )


def _test_row(r: Record, df: float, facts: StudyFacts) -> Row:
    name = "All terms together" if r.term == "GLOBAL" else term_label(r.term, facts)
    hidden = fmt.SUPPRESSED if fmt.is_suppressed(r.warning) else fmt.DASH
    chi2 = hidden if math.isnan(r.value) else fmt.number(r.value, 2)
    return Row((name, chi2, fmt.DASH if math.isnan(df) else f"{df:g}", fmt.p_value(r.p)))
