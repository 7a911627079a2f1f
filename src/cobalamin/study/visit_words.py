"""What the report says of visits, scores and models of repeated rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cobalamin.report.labels import join_words
from cobalamin.scores.registry import SCORES
from cobalamin.study.protocol import Protocol
from cobalamin.study.sections import ModelSection
from cobalamin.study.visit_sections import ScoreSection
from cobalamin.study.visits import BAND, NUMBER, SINCE

_MISSING = {
    "none": "missing where any item is",
    "prorate": "with up to {most} missing item(s) replaced by the mean of the others",
    "zero": "with up to {most} missing item(s) counted as 0",
}


def visit_labels(protocol: Protocol) -> dict[str, str]:
    """Return the labels of what visits add to a cohort.

    Parameters
    ----------
    protocol : Protocol
        A checked protocol.

    Returns
    -------
    dict of str to str
        Column -> words.
    """
    if protocol.visits is None:
        return {}
    titled = {score.name: title_of(score) for score in protocol.score}
    bands = {score.name + BAND: f"{title_of(score)}, bands" for score in protocol.score if score.bands}
    return {SINCE: "years since diagnosis", NUMBER: "number of the visit"} | titled | bands


def title_of(score: ScoreSection) -> str:
    """Return what the report calls a score.

    Parameters
    ----------
    score : ScoreSection
        A score of the protocol.

    Returns
    -------
    str
        Its title, that of its instrument, or its name.

    Examples
    --------
    >>> title_of(ScoreSection(name="itch", column="itch_nrs"))
    'itch'
    """
    return score.title or (SCORES[score.instrument].title if score.instrument else score.name)


def visit_sentences(protocol: Protocol, labels: Mapping[str, str]) -> list[str]:
    """Say how visits and scores were made.

    Parameters
    ----------
    protocol : Protocol
        A checked protocol.
    labels : mapping of str to str
        Names of columns for people.

    Returns
    -------
    list of str
        One paragraph, or none without visits.
    """
    spec, section = protocol.visits, protocol.report
    if spec is None:
        return []
    said = [
        f"Severity was studied among the people of the cohort with {section.outcome}, from that day on;"
        " exposure and covariates are those of time zero, before it (by the lag at least), and nothing of the time between entered a model"
        " but where a model says so.",
        f"The first visit counts as at diagnosis if it was within {spec.baseline_days} days;"
        " where several raters saw it, that of the first in the order of their keys is used.",
        *(_score_words(score) for score in protocol.score),
        "Counts beside models of all visits are people; rows are counted under Diagnostics.",
    ]
    for trajectory in section.trajectories:
        said.append(f"Means over time of {labels.get(trajectory.score, trajectory.score)} take each person once per interval.")
    if section.agreement:
        said.append("Agreement between two raters of one visit is told by the intraclass correlation ICC(1,1) and weighted kappa.")
    for spec_odds in section.proportional_odds:
        name = next(m.label for m in protocol.model if m.name == spec_odds.model)
        said.append(f"Proportional odds were tested for the model '{name}' ({spec_odds.method} test).")
    return [" ".join(said)]


def _score_words(score: ScoreSection) -> str:
    if score.instrument is None:
        return f"{title_of(score)} is taken as recorded."
    return f"{title_of(score)} is the sum of its items, {_MISSING[score.missing].format(most=score.most_missing)}."


def visit_details(model: ModelSection, labels: Mapping[str, str]) -> Iterator[str]:
    """Say the choices of a regression or repeated-rows model that its kind does not say.

    Parameters
    ----------
    model : ModelSection
        A model of the protocol.
    labels : mapping of str to str
        Names of columns for people.

    Yields
    ------
    str
        Sentences.
    """
    if model.robust:
        yield f"The variance is robust ({model.robust})."
    if model.link and model.link != "logit":
        yield f"The link is {model.link}."
    if model.partial:
        yield f"Odds are not taken as proportional for {join_words([labels.get(p, p) for p in model.partial])}."
    if model.crossed:
        yield f"Random levels of people are crossed with those of each {join_words([labels.get(c, c).lower() for c in model.crossed])}."
    if model.correlation and model.correlation != "independence":
        yield f"The working correlation is {'autoregressive' if model.correlation == 'ar1' else model.correlation}."
    if model.correction == "mancl-derouen":
        yield "The robust variance is corrected for few people (Mancl and DeRouen)."
    if model.method:
        yield f"Method: {model.method}."
