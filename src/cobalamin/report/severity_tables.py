"""Tables of severity among those diagnosed: from diagnosis to visits, onset beside severity, agreement, proportional odds, components."""

from __future__ import annotations

import math

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report.blocks import Sentence
from cobalamin.report.exhibit import Column, Exhibit, Row, TableBody
from cobalamin.report.facts import ModelFacts, StudyFacts
from cobalamin.report.labels import join_words, outcome_label, plain, term_label
from cobalamin.report.measures import estimate_interval
from cobalamin.report.records import records
from cobalamin.report.select import Contrast, contrasts, described_models
from cobalamin.report.tables import caption, level_text

_COUNTS = {
    "n_cases": "People of the cohort with {outcome}",
    "n_with_visit": "with a visit on or after that day",
    "n_with_baseline": "with a first visit soon enough to count as at diagnosis",
    "n_visits": "Visits",
    "n_visits_of_two_raters": "Visits scored by two raters",
    "n_rows": "Rows (visit and rater)",
    "n_rows_before_outcome": "Rows before that day, left out",
    "n_raters": "Raters",
}
_SELECTION = (
    "Severity is known only of people who were diagnosed and then seen. If B12, or a cause of low B12, takes part in who is"
    " diagnosed, people with low and with high B12 among the diagnosed differ in other causes of the disease as well, and an association"
    " with severity among them can arise, or vanish, without any in the whole population (selection on the outcome)."
)


def exhibit_visits(estimates: Estimates, facts: StudyFacts) -> Exhibit | None:
    """Make the table that leads from diagnosis to visits.

    Parameters
    ----------
    estimates : Estimates
        With rows of analysis ``visits``.
    facts : StudyFacts
        Labels.

    Returns
    -------
    Exhibit or None
        None without visits.
    """
    rows = estimates.where(analysis="visits")
    found = {r.measure: fmt.count(r.value, r.warning) for r in records(rows.frame)}
    if not found:
        return None
    lines = [(name, words.format(outcome=plain(facts.outcome))) for name, words in _COUNTS.items() if name in found]
    body = [Row((words, found[name]), indent=int(name.startswith("n_with"))) for name, words in lines]
    text = "Exposure and covariates are those of time zero, before the diagnosis; visits on or after the day of diagnosis."
    alt = f"Table of {len(body)} counts."
    table = TableBody((Column("From diagnosis to visits", "left"), Column("Number")), tuple(body))
    return Exhibit("table-visits", "From diagnosis to visits", caption(text, facts), alt, rows, table)


def severity_sentences(estimates: Estimates, facts: StudyFacts) -> list[Sentence]:
    """Say what selection means for severity, and tell onset and severity together.

    Parameters
    ----------
    estimates : Estimates
        Results.
    facts : StudyFacts
        Models.

    Returns
    -------
    list of Sentence
        Empty where no model is of those diagnosed.
    """
    if not any(m.rows for m in described_models(estimates, facts)):
        return []
    pairs = two_parts(estimates, facts)
    if not pairs:
        return [Sentence(_SELECTION)]
    onset, severity = pairs
    of = outcome_label(onset[0].row.outcome, facts)
    first = f"Of {of} among everybody: {join_words([_told(c, facts) for c in onset])}."
    then = join_words([f"{outcome_label(c.row.outcome, facts)} {_told(c, facts)}" for c in severity])
    both = "The two parts are therefore read together, with the same exposure and adjustment."
    text = f"{both} {first} Of severity among those diagnosed: {then}."
    return [Sentence(_SELECTION), Sentence(text, tuple(c.key for c in (*onset, *severity)))]


def _told(c: Contrast, facts: StudyFacts) -> str:
    return (
        f"{c.row.measure} {estimate_interval(c.row.measure, c.row.value, c.row.low, c.row.high).replace('(', f'({level_text(facts)} ', 1)}"
    )


def two_parts(estimates: Estimates, facts: StudyFacts) -> tuple[list[Contrast], list[Contrast]] | None:
    """Find the model of everybody that has the exposure and adjustment of the primary models of those diagnosed.

    Parameters
    ----------
    estimates : Estimates
        Results.
    facts : StudyFacts
        Models.

    Returns
    -------
    tuple of (list of Contrast, list of Contrast) or None
        Onset, severity; sex and age may stand in the strata, the time scale or the restriction of one of them.
    """
    models = described_models(estimates, facts)
    severity = [m for m in models if m.rows and m.role == "primary"] or [m for m in models if m.rows][:1]
    if not severity:
        return None
    wanted = _adjustment(severity[0])
    onset = [m for m in models if not m.rows and m.exposures == severity[0].exposures and _adjustment(m) == wanted]
    same = [m for m in severity if _adjustment(m) == wanted and m.exposures == severity[0].exposures]
    parts = [[c for m in own for c in contrasts(estimates, facts, m) if not c.is_reference] for own in (onset[:1], same)]
    return (parts[0], parts[1]) if all(parts) else None


def _adjustment(model: ModelFacts) -> frozenset[str]:
    return frozenset(model.adjustments) - {"age", "sex"}


def exhibit_two_parts(estimates: Estimates, facts: StudyFacts) -> Exhibit | None:
    """Make the table of onset and severity side by side.

    Parameters
    ----------
    estimates : Estimates
        Results.
    facts : StudyFacts
        Models.

    Returns
    -------
    Exhibit or None
        None where there is no such pair.
    """
    pairs = two_parts(estimates, facts)
    if pairs is None:
        return None
    rows: list[Row] = []
    for head, part in (("Onset, in the whole cohort", pairs[0]), ("Severity, among those diagnosed", pairs[1])):
        rows.append(Row((head,), "heading"))
        rows += [_part_row(c, facts) for c in part]
    columns = (Column("Outcome", "left"), Column("People"), Column("Events"), Column(f"Estimate ({level_text(facts)})"), Column("p"))
    exposure = term_label(pairs[0][0].row.term, facts)
    own_sex = "sex" in pairs[0][0].model.adjustments and "sex" not in pairs[1][0].model.adjustments
    words = join_words(list(dict.fromkeys(["age", *(plain(a) for a in pairs[0][0].model.adjustments)])))
    note = f"Exposure: {exposure}. Adjusted for {words}{'; a score of one sex needs no adjustment for sex' if own_sex else ''}."
    text = "Two parts of one question: who is diagnosed, and how severe the disease is in those who are. Same exposure, lag and adjustment."
    keep = [c.key for part in pairs for c in part]
    frame = estimates.where(context="estimate").frame
    own = {(c.model.role, c.model.name, c.row.term) for part in pairs for c in part}
    shown = [key in own for key in zip(frame["analysis"], frame["model"], frame["term"], strict=True)]
    body = TableBody(columns, tuple(rows), (note,))
    alt = f"Table of {len(keep)} estimates in two parts."
    return Exhibit("table-two-parts", "Onset and severity together", caption(text, facts), alt, Estimates(frame.loc[shown]), body)


def _part_row(c: Contrast, facts: StudyFacts) -> Row:
    r = c.row
    shown = estimate_interval(r.measure, r.value, r.low, r.high)
    value = f"{r.measure} {shown}" if not math.isnan(r.value) else fmt.SUPPRESSED if fmt.is_suppressed(r.warning) else "not estimable"
    cells = (outcome_label(r.outcome, facts), fmt.count(r.n, r.warning), fmt.count(r.events, r.warning), value, fmt.p_value(r.p))
    return Row(cells, indent=1)


def exhibit_agreement(estimates: Estimates, facts: StudyFacts) -> Exhibit | None:
    """Make the table of agreement between raters.

    Parameters
    ----------
    estimates : Estimates
        With rows of analysis ``agreement``.
    facts : StudyFacts
        Labels.

    Returns
    -------
    Exhibit or None
        None without such rows.
    """
    rows = estimates.where(analysis="agreement", context="summary")
    if not len(rows):
        return None
    cells: dict[str, dict[str, str]] = {}
    people: dict[str, str] = {}
    kinds: dict[str, str] = {}
    for r in records(rows.frame):
        shown = fmt.SUPPRESSED if math.isnan(r.value) and fmt.is_suppressed(r.warning) else _share(r.value, r.low, r.high)
        cells.setdefault(r.term, {})[r.measure] = shown
        people[r.term], kinds[r.measure] = fmt.count(r.n, r.warning), r.level
    measures = list(kinds)
    body = [Row((outcome_label(term, facts), people[term], *(own.get(m, fmt.DASH) for m in measures))) for term, own in cells.items()]
    heads = [Column(f"{m.capitalize()}\n{kinds[m]} ({level_text(facts)})") for m in measures]
    text = (
        "Two raters at one visit, one visit per person. Kappa counts the distance of the two ratings; the intraclass correlation"
        " is that of a single rating, each visit having raters of its own."
    )
    alt = "Agreement. " + " ".join(f"{row.cells[0]}: {', '.join(row.cells[2:])}." for row in body)
    table = TableBody((Column("Score", "left"), Column("People"), *heads), tuple(body))
    return Exhibit("table-agreement", "Agreement between raters", caption(text, facts), alt, rows, table)


def _share(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return fmt.DASH
    limits = "" if math.isnan(low) else f" ({fmt.number(low, 2)} to {fmt.number(high, 2)})"
    return fmt.number(value, 2) + limits


def exhibit_proportional_odds(estimates: Estimates, facts: StudyFacts) -> Exhibit | None:
    """Make the table of the tests of proportional odds.

    Parameters
    ----------
    estimates : Estimates
        With rows of analysis ``proportional odds``.
    facts : StudyFacts
        Labels.

    Returns
    -------
    Exhibit or None
        None without such rows.
    """
    rows = estimates.where(analysis="proportional odds")
    frame = rows.frame
    tests = frame.loc[frame["measure"] == "proportional odds test"]
    df = {(r.model, r.term): r.value for r in records(frame.loc[frame["measure"] == "proportional odds test df"])}
    if tests.empty:
        return None
    labels = {m.name: plain(m.label) for m in facts.models}
    body: list[Row] = []
    for model, own in tests.groupby("model", sort=False):
        body.append(Row((labels.get(str(model), str(model)),), "heading"))
        for r in records(own):
            name = "All terms together" if r.term == "GLOBAL" else term_label(r.term, facts)
            body.append(Row((name, fmt.number(r.value, 1), fmt.number(df.get((r.model, r.term), math.nan)), fmt.p_value(r.p)), indent=1))
    text = (
        "Test that the odds ratio of a term is the same at every threshold of the score. With many terms some small p-values are expected."
    )
    alt = "Tests of proportional odds. " + " ".join(f"{row.cells[0]}: p {row.cells[-1]}." for row in body if row.kind == "body")
    table = TableBody((Column("Term", "left"), Column("Chi-squared"), Column("df"), Column("p")), tuple(body))
    return Exhibit("table-proportional-odds", "Tests of proportional odds", caption(text, facts), alt, rows, table)


def exhibit_components(estimates: Estimates, facts: StudyFacts) -> Exhibit | None:
    """Make the table of the variance components of mixed models.

    Parameters
    ----------
    estimates : Estimates
        With such rows.
    facts : StudyFacts
        Labels.

    Returns
    -------
    Exhibit or None
        None without such rows.
    """
    measures = ("standard deviation", "correlation", "intraclass correlation")
    models = [m for m in described_models(estimates, facts) if len(estimates.where(analysis=m.role, model=m.name, context="summary"))]
    body: list[Row] = []
    parts: list[Estimates] = []
    for m in models:
        own = estimates.where(analysis=m.role, model=m.name, context="summary", measure=measures)
        parts.append(own)
        body.append(Row((plain(m.label),), "heading"))
        for r in records(own.frame):
            value = fmt.SUPPRESSED if math.isnan(r.value) and fmt.is_suppressed(r.warning) else _share(r.value, r.low, r.high)
            body.append(Row((_component(r.term, r.level, facts), r.measure, value), indent=1))
    if not body:
        return None
    text = (
        "What differs between people and between raters beyond the covariates. An estimate of 0, or a correlation of ±1, has no interval."
    )
    table = TableBody((Column("Random effect", "left"), Column("Measure", "left"), Column(f"Estimate ({level_text(facts)})")), tuple(body))
    alt = f"Table of {len(body)} rows."
    return Exhibit("table-components", "Variance components of the mixed models", caption(text, facts), alt, Estimates.concat(parts), table)


def _component(term: str, level: str, facts: StudyFacts) -> str:
    """``Level, by person``; ``Level and slope of years since diagnosis, by person``; ``Residual``."""
    if term == "residual":
        return "Residual"
    parts = [part.strip() for part in term.split(",")]
    words = join_words(["level" if part == "Intercept" else f"slope of {term_label(part, facts)}" for part in parts])
    return f"{words[:1].upper()}{words[1:]}{f', by {term_label(level, facts).lower()}' if level else ''}"
