"""Model results for release: enough events, enough degrees of freedom, no ratio that rests on few people."""

from __future__ import annotations

import math

import pandas as pd

from cobalamin.release.cells import Key
from cobalamin.release.draft import Draft
from cobalamin.release.model_cells import DESIGN_FACTS, is_count
from cobalamin.release.policy import Policy
from cobalamin.release.rounding import shown_count, significant
from cobalamin.release.summaries import COARSE, PERSON_TIME_DIGITS, RECOMPUTED, ROUNDED

RESULT = ("value", "low", "high", "std_error", "p")


def finish_model(draft: Draft, key: Key, rows: pd.DataFrame, policy: Policy) -> None:
    """Hide, coarsen or keep the results of one model.

    Parameters
    ----------
    draft : Draft
        Changes; its counts are already printed.
    key : tuple of str
        Of the model.
    rows : DataFrame
        Its rows as they came.
    policy : Policy
        The rules.

    Notes
    -----
    A ratio is hidden when it, or the reference category it compares with, rests on a small number of people or events:
    in a model of one binary exposure the odds ratio and its standard error are equations for the hidden counts.
    """
    estimates, facts = rows[rows["context"] == "estimate"], rows[rows["context"] == "diagnostic"]
    refusal = _refusal(estimates, facts, policy)
    for _, part in estimates.groupby(["term", "measure"], sort=False):
        _finish_term(draft, part, refusal, policy)
    for index, row in facts.iterrows():
        _finish_fact(draft, int(str(index)), str(row["measure"]), refusal, policy)
    if policy.zero_disclosive and any((int(str(index)), "value") in draft.hidden for index in estimates.index):
        # warnings hold no counts, but may name the level in which nobody had the event
        draft.unsaid.update(int(str(index)) for index in rows.index)


def _refusal(estimates: pd.DataFrame, facts: pd.DataFrame, policy: Policy) -> str:
    n, events = _fact(facts, estimates, "n"), _fact(facts, estimates, "events")
    compared = (estimates["level"] != "") & (estimates["level"] == estimates["reference"])
    parameters = len(estimates.loc[~compared].drop_duplicates(["term", "level", "measure"]))
    if policy.small(events, zero=True) or policy.small(n):
        return f"{'n' if policy.small(n) else 'events'} {policy.words} in the model"
    if not math.isnan(n) and n - parameters < policy.min_dof:
        return f"residual degrees of freedom < {policy.min_dof}"
    return ""


def _fact(facts: pd.DataFrame, estimates: pd.DataFrame, name: str) -> float:
    told = facts.loc[facts["measure"] == name, "value"].dropna()
    if len(told):
        return float(told.iloc[0])
    return float(estimates[name].max()) if estimates[name].notna().any() else math.nan


def _finish_term(draft: Draft, part: pd.DataFrame, refusal: str, policy: Policy) -> None:
    factor = part["level"] != ""
    few = {int(str(i)): _few(draft, int(str(i)), policy) for i in part.index}
    reference = next((few[int(str(i))] for i in part.index[factor & (part["level"] == part["reference"])] if few[int(str(i))]), "")
    for index in part.index:
        row = int(str(index))
        reason = refusal or few[row] or (f"reference category {reference}" if reference else "")
        if reason:
            draft.hide(row, RESULT, reason)
        if (row, "n") in draft.hidden:
            # events and follow-up of people whose number is hidden would size that number
            draft.hide(row, ["events", "person_time"], draft.hidden[row, "n"])
        _finish_numbers(draft, row, policy)


def _few(draft: Draft, row: int, policy: Policy) -> str:
    n, events = draft.before(row, "n"), draft.before(row, "events")
    if policy.redact or policy.threshold:
        if policy.small(n, zero=True):
            return f"n {policy.words}"
        if policy.small(events, zero=True):
            return f"events {policy.words}"
    return ""


def _finish_numbers(draft: Draft, row: int, policy: Policy) -> None:
    draft.put(row, "person_time", significant(draft.number(row, "person_time"), PERSON_TIME_DIGITS), COARSE)
    measure = draft.text(row, "measure")
    if policy.derived_from_rounded and "rate" in measure and "ratio" not in measure and draft.before(row, "value") > 0:
        _rate(draft, row)
    for column in RESULT:
        draft.put(row, column, significant(draft.number(row, column), policy.digits), COARSE)


def _rate(draft: Draft, row: int) -> None:
    # the same factor moves the rate and its limits: from true events per true time to protected ones
    events, time = draft.number(row, "events"), draft.number(row, "person_time")
    factor = (events / time) / (draft.before(row, "events") / draft.before(row, "person_time"))
    for column in ("value", "low", "high", "std_error"):
        if math.isfinite(factor):
            draft.put(row, column, draft.number(row, column) * factor, RECOMPUTED)
        else:
            draft.hide(row, [column], "counts of the rate are hidden")


def _finish_fact(draft: Draft, row: int, measure: str, refusal: str, policy: Policy) -> None:
    if is_count(measure):
        return
    if measure in DESIGN_FACTS and policy.limit < draft.before(row, "value"):
        draft.put(row, "value", shown_count(draft.before(row, "value"), policy), ROUNDED)
        return
    if refusal:
        draft.hide(row, RESULT, refusal)
    digits = PERSON_TIME_DIGITS if measure == "person_time" else policy.digits
    for column in RESULT:
        draft.put(row, column, significant(draft.number(row, column), digits), COARSE)
    draft.put(row, "person_time", significant(draft.number(row, "person_time"), PERSON_TIME_DIGITS), COARSE)
