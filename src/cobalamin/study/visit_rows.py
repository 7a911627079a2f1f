"""What a study computes from visits: models counted in people, severity by group, trajectories, agreement, proportional odds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import cast

import numpy as np
import pandas as pd

from cobalamin.core.errors import DataError, ProtocolError, did_you_mean
from cobalamin.core.estimates import Estimates
from cobalamin.models.describe.describe import table1
from cobalamin.models.fit import Fit
from cobalamin.models.ordinal.proportional_odds import proportional_odds_test
from cobalamin.models.repeated.agreement import icc
from cobalamin.models.repeated.agreement_kappa import weighted_kappa
from cobalamin.models.repeated.mixed_after import component_estimates
from cobalamin.study.sections import ModelSection
from cobalamin.study.visit_sections import AgreementSection, ProportionalOddsSection, SeveritySection, TrajectorySection
from cobalamin.study.visits import BAND, SINCE, Visits


def person_estimates(fit: Fit, frame: pd.DataFrame, person: str, *, analysis: str, model: str, outcome: str) -> Estimates:
    """Return the rows of a model of visits with people counted instead of rows.

    Parameters
    ----------
    fit : Fit
        A model of the rows of ``frame``.
    frame : DataFrame
        One row per visit and rater.
    person : str
        Column of the person.
    analysis, model, outcome : str
        For the rows.

    Returns
    -------
    Estimates
        ``n`` counts people (with any row at a level: levels may overlap), ``n_missing`` people without a complete row; the facts
        ``rows`` and ``rows left out`` count rows. Variance components of a mixed model follow.
    """
    rows = fit.estimates(analysis=analysis, model=model, outcome=outcome).frame
    people, matrix = _People(fit, frame, person), rows["context"] == "estimate"
    rows.loc[matrix, "n"] = [people.at(t, v) for t, v in zip(rows.loc[matrix, "term"], rows.loc[matrix, "level"], strict=True)]
    # an outcome that repeats is no count of people
    rows.loc[matrix, "events"] = math.nan
    facts = {"n": people.used, "n_missing": people.all - people.used}
    for name, count in facts.items():
        rows.loc[~matrix & (rows["measure"] == name), "value"] = float(count)
    rows = rows.loc[matrix | ~rows["measure"].isin(["groups", "events"])]
    common = {"analysis": analysis, "model": model, "outcome": outcome, "context": "diagnostic", "warning": " ".join(fit.warnings)}
    extra = [{"measure": "rows", "value": float(fit.n)}, {"measure": "rows left out", "value": float(fit.n_missing)}]
    parts = [Estimates.from_frame(rows), Estimates.from_rows(extra, **common)]
    if fit.family.name == "mixed":
        components = component_estimates(fit, analysis=analysis, model=model, outcome=outcome).frame.assign(n=float(people.used))
        parts.append(Estimates.from_frame(components))
    return Estimates.concat(parts)


class _People:
    """Distinct people behind the rows of a fit."""

    def __init__(self, fit: Fit, frame: pd.DataFrame, person: str) -> None:
        matrix = fit.parts["matrix"]
        self._who = pd.factorize(frame.loc[np.asarray(matrix.kept), person])[0]
        self._x = matrix.X
        self._factors = {factor.variable: factor for factor in matrix.factors}
        self.used = len(np.unique(self._who))
        self.all = int(frame[person].nunique())

    def at(self, term: str, level: str) -> float:
        factor = self._factors.get(term)
        if not level or factor is None:
            return float(self.used)
        columns = list(factor.columns)
        if level == factor.reference:
            inside = ~(self._x[:, columns] == 1).any(axis=1)
        else:
            place = [v for v in factor.levels if v != factor.reference].index(level)
            inside = self._x[:, columns[place]] == 1
        return float(len(np.unique(self._who[inside])))


def severity_rows(visits: Visits, spec: SeveritySection) -> Estimates:
    """Return the shares of the bands of a score at the first visit, by group.

    Parameters
    ----------
    visits : Visits
        Visits of the cases.
    spec : SeveritySection
        Score and grouping.

    Returns
    -------
    Estimates
        Analysis ``severity``: rows of Table 1 (`table1`) of people with score and group, ``outcome`` = the score.
    """
    band = spec.score + BAND
    known = visits.baseline.dropna(subset=[band, *([spec.by] if spec.by else [])])
    rows = table1(known, by=spec.by, variables=[band]).frame
    return Estimates.from_frame(rows.assign(analysis="severity", outcome=spec.score))


def trajectory_rows(visits: Visits, spec: TrajectorySection) -> Estimates:
    """Return the mean of a score by time since the outcome, by group.

    Parameters
    ----------
    visits : Visits
        Visits of the cases.
    spec : TrajectorySection
        Score, grouping, edges of the intervals in years.

    Returns
    -------
    Estimates
        Analysis ``trajectory``, context ``summary``, measure ``mean score``: ``at`` = middle of the interval, ``level`` = the interval,
        ``n`` people. Several scores of a person in one interval count once, as their mean; the t interval is of people.
    """
    from scipy.special import stdtrit

    edges = np.asarray(spec.times)
    rows = visits.rows.dropna(subset=[spec.score, *([spec.by] if spec.by else [])])
    place = np.searchsorted(edges, rows[SINCE], side="right") - 1
    rows = rows.assign(place_=place, group_=rows[spec.by].astype(str) if spec.by else "")
    rows = rows.loc[(place >= 0) & (place < len(edges) - 1)]
    means = rows.groupby(["group_", "place_", visits.person], sort=True)[spec.score].mean()
    made = []
    for names, part in means.groupby(level=["group_", "place_"]):
        group, i = cast("tuple[str, int]", names)
        n, mean = len(part), float(part.mean())
        error = float(part.std(ddof=1) / np.sqrt(n)) if n > 1 else math.nan
        half = error * float(stdtrit(n - 1, 0.975)) if n > 1 else math.nan
        numbers = {"value": mean, "low": mean - half, "high": mean + half, "std_error": error, "n": n}
        name = f"{edges[i]:g} to <{edges[i + 1]:g}"
        made.append({"subgroup": group, "level": name, "at": (edges[i] + edges[i + 1]) / 2, **numbers})
    common = {"context": "summary", "measure": "mean score", "term": spec.score, "unit": "years"}
    order = _order(visits.rows, spec.by)
    made.sort(key=lambda row: (order.index(row["subgroup"]), row["at"]))
    return Estimates.from_rows(made, analysis="trajectory", model=spec.by or "", outcome=spec.score, **common)


def _order(rows: pd.DataFrame, by: str | None) -> list[str]:
    if by is None:
        return [""]
    column = rows[by]
    levels: Iterable[object] = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else sorted(column.dropna().unique())
    return [str(level) for level in levels]


def agreement_rows(visits: Visits, spec: AgreementSection, rater: str) -> Estimates:
    """Return how well two raters of one visit agree.

    Parameters
    ----------
    visits : Visits
        Visits of the cases.
    spec : AgreementSection
        Scores and weights.
    rater : str
        Column of the rater.

    Returns
    -------
    Estimates
        Analysis ``agreement``, context ``summary``: per score ``intraclass correlation`` (ICC(1,1): every visit has its own raters) and
        ``weighted kappa``; ``n`` people, each with the first visit at which two raters scored.

    Raises
    ------
    DataError
        Too few visits of two raters.
    """
    rows = []
    for name in spec.scores:
        pair = rating_pairs(visits, name)
        for found in (
            icc(pair, ratings=["first", "second"], kind="ICC(1,1)"),
            weighted_kappa(pair, ratings=["first", "second"], weights=spec.weights),
        ):
            line = found.frame.iloc[0]
            measure = "intraclass correlation" if "intraclass" in str(line["measure"]) else "weighted kappa"
            numbers = {"value": line["estimate"], "low": line["conf_low"], "high": line["conf_high"]}
            rows.append({"term": name, "level": str(line["term"]), "measure": measure, **numbers, "n": len(pair)})
    return Estimates.from_rows(rows, analysis="agreement", context="summary", model=rater, outcome=visits.outcome)


def rating_pairs(visits: Visits, score: str) -> pd.DataFrame:
    """Return the two ratings of the first visit of each person that two raters scored.

    Parameters
    ----------
    visits : Visits
        Visits of the cases, raters in the order of their keys.
    score : str
        A score.

    Returns
    -------
    DataFrame, one row per person
        ``first``, ``second``.

    Raises
    ------
    DataError
        Fewer than three people.
    """
    rows = visits.rows.dropna(subset=[score])
    key = [visits.person, "visit_number"]
    rows = rows.loc[rows.groupby(key)[score].transform("size") > 1]
    rows = rows.loc[rows["visit_number"] == rows.groupby(visits.person)["visit_number"].transform("min")]
    place = rows.groupby(visits.person).cumcount()
    pair = rows.assign(place_=place).loc[place < 2].pivot(index=visits.person, columns="place_", values=score)
    if len(pair) < 3:
        raise DataError(f"agreement of '{score}': fewer than 3 people were scored by two raters at one visit.")
    return pair.rename(columns={0: "first", 1: "second"}).reset_index(drop=True)


def odds_rows(fit: Fit, model: ModelSection, spec: ProportionalOddsSection, *, outcome: str) -> Estimates:
    """Return the test of proportional odds of every term.

    Parameters
    ----------
    fit : Fit
        An ordinal model.
    model : ModelSection
        The model of the protocol.
    spec : ProportionalOddsSection
        The method.
    outcome : str
        For the rows.

    Returns
    -------
    Estimates
        Analysis ``proportional odds``, context ``diagnostic``: ``proportional odds test`` and its ``df``; ``GLOBAL`` last.
    """
    rows = []
    for found in proportional_odds_test(fit, spec.method).to_dict("records"):
        name = {"term": str(found["term"])}
        rows.append({**name, "measure": "proportional odds test", "value": found["chi2"], "p": found["p_value"]})
        rows.append({**name, "measure": "proportional odds test df", "value": float(found["df"])})
    return Estimates.from_rows(rows, analysis="proportional odds", context="diagnostic", model=model.name, outcome=outcome)


def severity_truth(fit: Fit, truth: Mapping[str, float], wanted: Mapping[str, str], outcome: str) -> Estimates:
    """Return what a simulation says about an effect on severity.

    Parameters
    ----------
    fit : Fit
        A model of a severity score.
    truth : mapping of str to float
        From the source; empty for real data.
    wanted : mapping of str to str
        Term -> name of its effect on latent severity.
    outcome : str
        The score.

    Returns
    -------
    Estimates
        Without an effect every measure has its null value (ratio 1, difference 0). An effect on latent severity has no exact
        counterpart on a graded scale, and stands as what it is.

    Raises
    ------
    ProtocolError
        A name that the simulation does not have.
    """
    rows = []
    for term, name in wanted.items() if truth else ():
        if name not in truth:
            raise ProtocolError(f"[visits.truth] the simulation has no '{name}'.{did_you_mean(name, truth)}")
        if term not in {column.variable for column in fit.columns}:
            continue
        null = 1.0 if fit.family.ratio else 0.0
        measure = "difference in latent severity" if truth[name] else fit.family.measure
        rows.append({"term": term, "measure": measure, "value": truth[name] or null})
    return Estimates.from_rows(rows, analysis="truth", context="diagnostic", outcome=outcome)
