"""Summaries other than Table 1 for release: states and transitions, curves of ratios, restricted means, and kinds not yet known."""

from __future__ import annotations

import math

from cobalamin.release.draft import NUMBERS_OF_A_ROW, Draft
from cobalamin.release.policy import Policy
from cobalamin.release.rounding import significant
from cobalamin.release.state_cells import state_rows
from cobalamin.release.summaries import COARSE, PERSON_TIME_DIGITS, REVEALS

EXTREMES = ("min", "max", "minimum", "maximum", "range")
# estimates of a model: they are not equations for a count that is hidden for the sake of another
_OF_A_MODEL = ("dose-response", "proportional hazards")


def finish_others(draft: Draft, policy: Policy) -> None:
    """Hide what rests on hidden counts, and coarsen the rest.

    Parameters
    ----------
    draft : Draft
        Changes; its counts are already printed.
    policy : Policy
        The rules.
    """
    _hide_time_in_states(draft)
    states = set(state_rows(draft.true).index)
    for index in draft.true.index:
        row = int(str(index))
        reason = _reason(draft, row)
        if reason and index not in states:
            draft.hide(row, NUMBERS_OF_A_ROW, reason)
        for column in ("value", "low", "high", "std_error", "p"):
            draft.put(row, column, significant(draft.number(row, column), policy.digits), COARSE)
        draft.put(row, "person_time", significant(draft.number(row, "person_time"), PERSON_TIME_DIGITS), COARSE)


def _reason(draft: Draft, row: int) -> str:
    if draft.text(row, "measure").lower() in EXTREMES:
        return "the smallest or largest value belongs to one person"
    lost = [draft.hidden[row, c] for c in ("n", "events") if (row, c) in draft.hidden]
    if draft.text(row, "analysis") in _OF_A_MODEL:
        lost = [rule for rule in lost if rule != REVEALS]
    return lost[0] if lost else ""


def _hide_time_in_states(draft: Draft) -> None:
    """Hide the person-time of a state whose people are hidden, wherever it stands, and of one more that would give it away.

    The time at risk of every transition out of a state is that of the state; the times of all states add to the follow-up.
    """
    rows = state_rows(draft.true)
    for _, part in rows.groupby(["analysis", "model", "outcome", "subgroup"], sort=False):
        of_state = {str(term): int(str(i)) for i, term, m in zip(part.index, part["term"], part["measure"], strict=True) if m == "state"}
        hidden = {state: draft.hidden[row, "n"] for state, row in of_state.items() if (row, "n") in draft.hidden}
        times = {s: draft.before(row, "person_time") for s, row in of_state.items()}
        timed = [s for s, time in times.items() if not math.isnan(time)]
        if sum(s in hidden for s in timed) == 1 and len(timed) > 1:
            hidden[min((s for s in timed if s not in hidden), key=lambda s: times[s])] = REVEALS
        for index, state in zip(part.index, part["term"], strict=True):
            if str(state) in hidden:
                draft.hide(int(str(index)), ["person_time"], hidden[str(state)])
