"""What a protocol must not say about repeated visits although every key is spelt right."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from cobalamin.core.errors import did_you_mean, list_names
from cobalamin.study.kinds import KINDS
from cobalamin.study.sections import ModelSection, ReportSection
from cobalamin.study.visit_sections import ScoreSection, VisitsSection

ON_VISITS = ("baseline", "visits", "one-rater")
REPEATING = ("visits", "one-rater")
# kinds whose rows repeat within a group
REPEATED = ("mixed", "gee", "ordinal_mixed")


def problems_of_visits(
    visits: VisitsSection | None, scores: Sequence[ScoreSection], models: Sequence[ModelSection], report: ReportSection
) -> list[str]:
    """List what is wrong with visits, scores and what is asked of them.

    Parameters
    ----------
    visits : VisitsSection, optional
        The table of visits.
    scores : sequence of ScoreSection
        The scores of each visit.
    models : sequence of ModelSection
        The models.
    report : ReportSection
        What the report shows.

    Returns
    -------
    list of str
        One text per problem; empty when there is none.
    """
    names = [score.name for score in scores]
    twice = sorted({name for name in names if names.count(name) > 1})
    return [
        *(f"[score.{name}] is there {names.count(name)} times." for name in twice),
        *(text for score in scores for text in _score_problems(score)),
        *(_absences(scores, models, report) if visits is None else ()),
        *(text for model in models for text in _model_problems(model)),
        *_exhibit_problems(visits, scores, models, report),
    ]


def _score_problems(score: ScoreSection) -> Iterator[str]:
    from cobalamin.scores.registry import SCORES

    place = f"[score.{score.name}]"
    if (score.instrument is None) == (score.column is None):
        yield f"{place} give either 'instrument' (computed from its items) or 'column' (recorded as a total)."
    if score.instrument is not None and score.instrument not in SCORES:
        yield f"{place} instrument '{score.instrument}' is not known; known: {list_names(SCORES)}.{did_you_mean(score.instrument, SCORES)}"
    if score.column is not None and (score.columns or score.missing != "none" or score.most_missing):
        yield f"{place} 'columns', 'missing' and 'most_missing' belong to an instrument; a recorded total is taken as it is."
    if any(high <= low for low, high in itertools.pairwise(score.bands)):
        yield f"{place} bands must rise; got {', '.join(f'{edge:g}' for edge in score.bands)}."


def _absences(scores: Sequence[ScoreSection], models: Sequence[ModelSection], report: ReportSection) -> Iterator[str]:
    asked = [f"[score.{score.name}]" for score in scores]
    asked += [f"[model.{model.name}] rows = '{model.rows}'" for model in models if model.rows in ON_VISITS]
    asked += [f"[report.{key}]" for key in ("severity", "trajectories", "agreement") if getattr(report, key)]
    yield from (f"{what} needs the section [visits]: the table with a row per visit." for what in asked)


def _model_problems(model: ModelSection) -> Iterator[str]:
    place = f"[model.{model.name}]"
    if model.kind in REPEATED and model.rows not in REPEATING and not model.group:
        yield f"{place} kind '{model.kind}' is for rows that repeat: set rows = 'visits', or 'group' to the column they repeat within."
    if model.rows in ON_VISITS and model.survey:
        yield f"{place} 'survey' cannot stand with rows = '{model.rows}'."
    if model.rows in REPEATING and model.kind in KINDS and model.kind not in REPEATED and not model.cluster:
        yield f"{place} rows = '{model.rows}' repeats people: take kind {' or '.join(REPEATED)}, or set 'cluster' to the person's key."


def _exhibit_problems(
    visits: VisitsSection | None, scores: Sequence[ScoreSection], models: Sequence[ModelSection], report: ReportSection
) -> Iterator[str]:
    known = {score.name: score for score in scores}
    named = [("severity", s.score) for s in report.severity] + [("trajectories", s.score) for s in report.trajectories]
    named += [("agreement", name) for s in report.agreement for name in s.scores]
    for place, name in named:
        if name not in known:
            yield f"[report.{place}] there is no [[score]] '{name}'.{did_you_mean(name, known)}"
        elif place == "severity" and not known[name].bands:
            yield f"[report.severity] score '{name}' has no bands to draw; add bands = [...] to its [[score]]."
    if report.agreement and visits is not None and not visits.rater:
        yield "[report.agreement] needs 'rater' in [visits]: the column that says who scored."
    of_name = {model.name: model for model in models}
    for spec in report.proportional_odds:
        model = of_name.get(spec.model)
        if model is None:
            yield f"[report.proportional_odds] there is no model '{spec.model}'.{did_you_mean(spec.model, list(of_name))}"
        elif model.kind != "ordinal":
            yield f"[report.proportional_odds] model '{spec.model}' is of kind '{model.kind}'; the test is for ordinal models."
    for trajectory in report.trajectories:
        if any(high <= low for low, high in itertools.pairwise(trajectory.times)):
            yield f"[report.trajectories] {trajectory.score}: times must rise."
