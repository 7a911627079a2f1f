"""Tables of ratios and differences: main results and sensitivity analyses with their reference rows, and all coefficients."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report.exhibit import Column, Exhibit, Row, TableBody
from cobalamin.report.facts import ModelFacts, StudyFacts
from cobalamin.report.labels import ROWS_WORDS, SIMULATED_SENTENCE, adjustment_words, join_words, lag_words, level_label, plain, term_label
from cobalamin.report.measures import estimate_interval, is_ratio
from cobalamin.report.records import Record, records
from cobalamin.report.select import contrasts, described_models, model_rows, spline_parts, squeeze

# as many models with one adjustment have it said once
_MANY = 4
OVERALL, NON_LINEAR = "wald test", "non-linearity test"
_BEYOND = "Non-linearity"
_MARKS = "\u1d43\u1d47\u1d9c\u1d48\u1d49\u1da0\u1d4d\u02b0\u2071\u02b2\u1d4f\u02e1\u1d50\u207f\u1d52\u1d56"


def caption(text: str, facts: StudyFacts) -> str:
    """Add the notice of simulated data to a caption.

    Parameters
    ----------
    text : str
        Caption.
    facts : StudyFacts
        Whether the people are simulated.

    Returns
    -------
    str
        Caption, with the notice at its end where it applies.
    """
    return f"{text} {SIMULATED_SENTENCE}".strip() if facts.simulated else text


def level_text(facts: StudyFacts) -> str:
    """Return the confidence level for headings.

    Parameters
    ----------
    facts : StudyFacts
        With ``confidence``.

    Returns
    -------
    str
        ``"95% CI"``.
    """
    return f"{facts.confidence * 100:g}% CI"


def exhibit_results(
    estimates: Estimates, facts: StudyFacts, *, roles: Iterable[str] = ("primary", "secondary"), every: bool = False
) -> Exhibit | None:
    """Make the table of estimates: reference rows, people, events, person-time, ratio or difference with interval and p.

    Parameters
    ----------
    estimates : Estimates
        Results.
    facts : StudyFacts
        Models and labels.
    roles : iterable of str
        Roles of the models to show.
    every : bool
        Every coefficient instead of the exposures only.

    Returns
    -------
    Exhibit or None
        None when no model of these roles has estimates.
    """
    models = described_models(estimates, facts, *roles)
    shown = [model_rows(estimates, m) for m in models]
    if not models:
        return None
    frame = pd.concat(shown, ignore_index=True)
    measures = list(dict.fromkeys(m for m in frame["measure"] if m))
    timed = bool(frame["person_time"].notna().any())
    notes = _Notes()
    options = {"every": every, "timed": timed, "named": len(measures) > 1}
    rows = [row for model in models for row in _model_block(estimates, facts, model, notes, **options)]
    several = "Ratio" if all(map(is_ratio, measures)) else "Estimate"
    ratio_name = measures[0].capitalize() if len(measures) == 1 else several
    columns = [Column("Exposure" if not every else "Term", "left"), Column("People"), Column("Events")]
    columns += [Column(f"Person-{facts.time_unit}")] if timed else []
    columns += [Column(f"{ratio_name} ({level_text(facts)})"), Column("p")]
    columns, rows = _without_empty(columns, rows, 2)
    head = "All coefficients" if every else "Main results" if "primary" in roles else "Sensitivity analyses"
    return Exhibit(
        key="table-" + head.lower().replace(" ", "-"),
        title=f"{head}: {join_measures(measures)}",
        caption=caption(_RESULT_CAPTIONS[head] + _joint_words(rows), facts),
        alt=f"Table of {len(rows)} rows with {join_measures(measures)} and {level_text(facts)}.",
        estimates=Estimates(frame),
        body=TableBody(tuple(columns), tuple(rows), (*_model_notes(models, facts), *notes.texts)),
    )


def _without_empty(columns: list[Column], rows: list[Row], place: int) -> tuple[list[Column], list[Row]]:
    """Leave out a column in which no row has anything (events of scores)."""
    if any(row.cells[place] not in ("", fmt.DASH) for row in rows if row.kind == "body"):
        return columns, rows
    kept = [row if row.kind == "heading" else Row(row.cells[:place] + row.cells[place + 1 :], row.kind, row.indent) for row in rows]
    return columns[:place] + columns[place + 1 :], kept


_RESULT_CAPTIONS = {
    "Main results": "People, events and person-time are those of the level; for a numeric exposure, of the whole model.",
    "Sensitivity analyses": "Each model repeats the main analysis with one thing changed.",
    "All coefficients": "Coefficients of covariates serve the adjustment; they are not estimates of the effects of these covariates.",
}


def join_measures(measures: list[str]) -> str:
    """Name the measures of a table or figure.

    Parameters
    ----------
    measures : list of str
        ``hazard ratio``, ``odds ratio``, ...

    Returns
    -------
    str
        ``"hazard ratios"``, ``"hazard and odds ratios"``.

    Examples
    --------
    >>> join_measures(["hazard ratio", "odds ratio"]), join_measures(["odds ratio", "mean difference"])
    ('hazard and odds ratios', 'odds ratios and mean differences')
    """
    if measures and all(m.endswith(" ratio") for m in measures):
        return join_words([m.removesuffix(" ratio") for m in measures]) + " ratios"
    return join_words([f"{m}s" if m.endswith((" ratio", " difference")) else m for m in measures]) or "estimates"


class _Notes:
    """Footnotes met while rows are made: the same text gets the same mark."""

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}

    def mark(self, text: str) -> str:
        text = plain(fmt.without_suppression(text))
        if not text:
            return ""
        if text not in self._marks:
            i = len(self._marks)
            self._marks[text] = _MARKS[i] if i < len(_MARKS) else f"({i + 1})"
        return self._marks[text]

    @property
    def texts(self) -> list[str]:
        return [f"{mark} {text}" for text, mark in self._marks.items()]


def _model_block(
    estimates: Estimates, facts: StudyFacts, model: ModelFacts, notes: _Notes, *, every: bool, timed: bool, named: bool
) -> list[Row]:
    frame = model_rows(estimates, model)
    tests = _joint_tests(estimates, model)
    measure = f" ({join_measures(list(dict.fromkeys(frame['measure'])))})" if named else ""
    rows = [Row((plain(model.label) + measure,), "heading")]
    wanted = {squeeze(c.row.term) for c in contrasts(estimates, facts, model, every=every)}
    order = list(dict.fromkeys(frame["term"])) if every or not model.exposures else list(model.exposures)
    for term in order:
        if len(spline_parts(frame, term)):
            rows += _spline_rows(spline_parts(frame, term), term, facts, tests, timed=timed)
        if squeeze(term) not in wanted:
            continue
        part = frame.loc[frame["term"].map(squeeze) == squeeze(term)]
        levels = bool((part["level"] != "").any())
        if levels:
            rows.append(Row((term_label(term, facts), *[""] * (4 if timed else 3), tests.get((squeeze(term), OVERALL), "")), indent=1))
        rows += [_result_row(r, term, facts, levels=levels, timed=timed, notes=notes) for r in records(part)]
    return rows


def _joint_tests(estimates: Estimates, model: ModelFacts) -> dict[tuple[str, str], str]:
    """The joint tests of terms, by term and test; a factor of two levels has one coefficient and no joint test."""
    rows = model_rows(estimates, model, "diagnostic")
    found = records(rows.loc[rows["measure"].isin((OVERALL, NON_LINEAR)) & (rows["term"] != "")])
    hidden = {True: fmt.SUPPRESSED}
    return {(squeeze(r.term), r.measure): hidden.get(math.isnan(r.p) and fmt.is_suppressed(r.warning), fmt.p_value(r.p)) for r in found}


def _joint_words(rows: list[Row]) -> str:
    """What the p-values on the lines of whole terms test."""
    whole = any(row.indent == 1 and row.kind == "body" and row.cells[1] == "" and row.cells[-1] for row in rows)
    spline = any(row.cells[0] == _BEYOND for row in rows)
    text = " The p of a whole term is that of the Wald test that all its coefficients are 0." if whole or spline else ""
    return text + (" Non-linearity: the test of those beyond the straight line." if spline else "")


def _spline_rows(parts: pd.DataFrame, term: str, facts: StudyFacts, tests: dict[tuple[str, str], str], *, timed: bool) -> list[Row]:
    """A spline has no single ratio: its people and events, its tests, and where to look."""
    r = next(records(parts))
    numbers = [fmt.count(r.n, r.warning), fmt.count(r.events, r.warning), *([person_time(r.person_time, r.warning)] if timed else [])]
    overall, beyond = (tests.get((squeeze(term), test), "") for test in (OVERALL, NON_LINEAR))
    rows = [Row((term_label(term, facts), *numbers, "a curve (see its figure)", overall or fmt.DASH), indent=1)]
    return [*rows, Row((_BEYOND, *[""] * (4 if timed else 3), beyond), indent=2)] if beyond else rows


def _result_row(r: Record, term: str, facts: StudyFacts, *, levels: bool, timed: bool, notes: _Notes) -> Row:
    name = level_label(r.level, facts) if levels else term_label(term, facts)
    if levels and r.level == r.reference:
        estimate, shown_p = f"{1 if is_ratio(r.measure) else 0} (reference)", fmt.DASH
    else:
        shown = estimate_interval(r.measure, r.value, r.low, r.high)
        estimate = shown if not math.isnan(r.value) else _absent(r.warning)
        shown_p = fmt.p_value(r.p)
    numbers = [fmt.count(r.n, r.warning), fmt.count(r.events, r.warning), *([person_time(r.person_time, r.warning)] if timed else [])]
    return Row((name, *numbers, estimate + notes.mark(r.warning), shown_p), indent=2 if levels else 1)


def _absent(warning: str) -> str:
    return fmt.SUPPRESSED if fmt.is_suppressed(warning) else "not estimable"


def person_time(value: float, warning: str = "") -> str:
    """Format person-time.

    Parameters
    ----------
    value : float
        Person-years.
    warning : str
        The ``warning`` of its row.

    Returns
    -------
    str
        Without decimals from 100 up.

    Examples
    --------
    >>> person_time(12345.6), person_time(12.34)
    ('12,346', '12.3')
    """
    if math.isnan(value):
        return fmt.SUPPRESSED if fmt.is_suppressed(warning) else fmt.DASH
    return fmt.number(value, 0 if value >= 100 else 1)


def _model_notes(models: list[ModelFacts], facts: StudyFacts) -> list[str]:
    """One note per model; what most of them are adjusted for is said once."""
    words = [adjustment_words(m) for m in models]
    usual = max(dict.fromkeys(words), key=words.count)
    if words.count(usual) < _MANY or usual == "unadjusted":
        return [_model_note(m, facts) for m in models]
    return [f"{usual[0].upper()}{usual[1:]}, where nothing else is said.", *(_model_note(m, facts, usual) for m in models)]


def _model_note(model: ModelFacts, facts: StudyFacts, usual: str = "") -> str:
    parts = [model.words, *([ROWS_WORDS[model.rows]] if model.rows else [])]
    parts += [words] if (words := adjustment_words(model)) != usual else []
    parts += [lag_words(model, facts)] if model.lag else []
    parts += ["survey-weighted"] if model.survey else []
    return f"{plain(model.label)}: {', '.join(parts)}.{f' {plain(model.note)}' if model.note else ''}"
