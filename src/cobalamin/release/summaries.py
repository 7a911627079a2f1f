"""Table 1 for release: counts from the ledger, percentages from the protected counts, means and differences guarded."""

from __future__ import annotations

import math
from collections.abc import Mapping

from cobalamin.release.cells import Key, Ledger
from cobalamin.release.draft import Draft
from cobalamin.release.policy import Policy
from cobalamin.release.reader import SECOND, SMALL
from cobalamin.release.rounding import mean_decimals, shown_count, significant
from cobalamin.release.table_cells import EVERYBODY, LEVELS, MOMENTS, OVERALL, Block

REVEALS = "would reveal a hidden number"
ROUNDED = "rounded"
RECOMPUTED = "recomputed from protected counts"
COARSE = "fewer digits"
PERSON_TIME_DIGITS = 3


def rule_text(reason: str, column: str, policy: Policy) -> str:
    """Return the words printed beside a hidden number.

    Parameters
    ----------
    reason : str
        Why its cell is hidden.
    column : str
        Column of the results table.
    policy : Policy
        The rules.

    Returns
    -------
    str
        For example ``n <= 7``.
    """
    if reason == SMALL:
        return f"{'events' if column == 'events' else 'n'} {policy.words}"
    return REVEALS if reason == SECOND else reason


def put_counts(draft: Draft, ledger: Ledger, hidden: Mapping[Key, str], policy: Policy) -> None:
    """Print every count of the ledger: hidden, or rounded as the policy asks; margins as sums of rounded parts.

    Parameters
    ----------
    draft : Draft
        Changes; places outside its rows are left alone.
    ledger : Ledger
        The system of counts.
    hidden : mapping
        Key -> reason.
    policy : Policy
        The rules.
    """
    mine = set(draft.frame.index)
    for (row, column), key in ledger.places.items():
        if row not in mine:
            continue
        if key in hidden:
            name = key[6] if key[0] == "flow" else "events" if "events" in (column, *key[4:6]) else "n"
            draft.hide(row, [column], rule_text(hidden[key], name, policy))
        else:
            draft.put(row, column, printed(ledger, hidden, policy, key), ROUNDED)


def printed(ledger: Ledger, hidden: Mapping[Key, str], policy: Policy, key: Key) -> float:
    """Return the printed count of a cell that is not hidden.

    Parameters
    ----------
    ledger : Ledger
        The system of counts.
    hidden : mapping
        Key -> reason.
    policy : Policy
        The rules.
    key : tuple
        The cell.

    Returns
    -------
    float
        Rounded; the sum of the rounded parts for a margin all of whose parts are printed.
    """
    parts = ledger.sums.get(key, ())
    if policy.round_base > 1 and parts and not any(part in hidden for part in parts):
        return sum(printed(ledger, hidden, policy, part) for part in parts)
    cell = ledger.cells[key]
    return shown_count(cell.count, policy, exact=cell.exact)


def finish_table(draft: Draft, ledger: Ledger, hidden: Mapping[Key, str], block: Block, policy: Policy) -> None:
    """Recompute or hide everything of one table that is derived from counts.

    Parameters
    ----------
    draft : Draft
        Changes; its counts are already printed.
    ledger : Ledger
        The system of counts.
    hidden : mapping
        Key -> reason.
    block : Block
        The table.
    policy : Policy
        The rules.
    """
    for index, row in block.rows.iterrows():
        number, measure = int(str(index)), str(row["measure"])
        if measure == "total":
            _person_time(draft, number, policy)
        elif measure == "percent":
            _percent(draft, ledger, hidden, block, number, policy)
        elif measure == "missing":
            _missing_percent(draft, ledger, hidden, block, number, policy)
    without = _moments(draft, ledger, hidden, block, policy)
    _differences(draft, ledger, hidden, block, without, policy)


def _person_time(draft: Draft, row: int, policy: Policy) -> None:
    if (row, "n") in draft.hidden:
        draft.hide(row, ["person_time"], draft.hidden[row, "n"])
    draft.put(row, "person_time", significant(draft.number(row, "person_time"), PERSON_TIME_DIGITS), COARSE)


def _denominator(ledger: Ledger, hidden: Mapping[Key, str], block: Block, term: str, group: str, policy: Policy) -> float:
    kind = block.bases.get((term, group), LEVELS)
    key = (*block.key, *(("total", "", "") if kind == EVERYBODY else ("base", term, "")), group)
    if key in hidden or key not in ledger.cells:
        return math.nan
    levels = [k for k in ledger.cells if k[:6] == (*block.key, "level", term) and k[-1] == group]
    if policy.round_base > 1 and kind == LEVELS and levels and not any(k in hidden for k in levels):
        return sum(printed(ledger, hidden, policy, k) for k in levels)
    return printed(ledger, hidden, policy, key)


def _percent(draft: Draft, ledger: Ledger, hidden: Mapping[Key, str], block: Block, row: int, policy: Policy) -> None:
    extras = ("value", "low", "high", "std_error")
    term, group = draft.text(row, "term"), draft.text(row, "subgroup")
    if (row, "n") in draft.hidden:
        draft.hide(row, extras, draft.hidden[row, "n"])
    elif block.bases.get((term, group), LEVELS) in (LEVELS, EVERYBODY):
        whole = _denominator(ledger, hidden, block, term, group, policy)
        if math.isnan(whole):
            draft.hide(row, extras, REVEALS)
        elif policy.derived_from_rounded:
            draft.put(row, "value", 100.0 * draft.number(row, "n") / whole if whole else 0.0, RECOMPUTED)
    else:
        draft.put(row, "value", round(draft.number(row, "value"), 1), COARSE)
    for column in ("low", "high", "std_error"):
        draft.put(row, column, significant(draft.number(row, column), 3), COARSE)


def _missing_percent(draft: Draft, ledger: Ledger, hidden: Mapping[Key, str], block: Block, row: int, policy: Policy) -> None:
    total = (*block.key, "total", "", "", draft.text(row, "subgroup"))
    if (row, "n") in draft.hidden:
        draft.hide(row, ["value"], draft.hidden[row, "n"])
    elif total not in ledger.cells or _weighted(draft, row, ledger.cells[total].count):
        draft.put(row, "value", round(draft.number(row, "value"), 1), COARSE)
    elif total in hidden:
        draft.hide(row, ["value"], REVEALS)
    elif policy.derived_from_rounded:
        whole = printed(ledger, hidden, policy, total)
        draft.put(row, "value", 100.0 * draft.number(row, "n") / whole if whole else 0.0, RECOMPUTED)


def _weighted(draft: Draft, row: int, total: int) -> bool:
    return total > 0 and abs(draft.before(row, "value") - 100.0 * draft.before(row, "n") / total) > 1e-6


def _moments(draft: Draft, ledger: Ledger, hidden: Mapping[Key, str], block: Block, policy: Policy) -> set[str]:
    """Guard means, deviations and quantiles; return the variables of which some group is not shown."""
    without: set[str] = set()
    rows = block.rows[block.rows["measure"].isin(MOMENTS)]
    for names, part in rows.groupby(["term", "measure"], sort=False):
        silent = _silent_groups(ledger, block, str(names[0]), policy)
        for index, row in part.iterrows():
            number, group = int(str(index)), str(row["subgroup"])
            if group in silent:
                draft.hide(number, ("value", "low", "high", "std_error"), silent[group])
            decimals = mean_decimals(shown_count(row["n"], policy, exact=True) if row["n"] > 0 else 1)
            for column in ("value", "low", "high", "std_error"):
                value = draft.number(number, column)
                draft.put(number, column, round(significant(value, policy.digits), decimals), COARSE)
        without |= {str(names[0])} if silent else set()
    return without


def _silent_groups(ledger: Ledger, block: Block, term: str, policy: Policy) -> dict[str, str]:
    """Groups whose means are not shown, and why: small ones, and one more where subtraction from Overall leaves few."""
    bases = {k[-1]: c.count for k, c in ledger.cells.items() if k[:6] == (*block.key, "base", term) and len(k) == 8}
    if not policy.redact and not policy.threshold:
        return {}
    totals = {group: ledger.cells.get((*block.key, "total", "", "", group)) for group in bases}
    silent = {
        group: f"n {policy.words}" for group, n in bases.items() if policy.small(n) or ((t := totals[group]) and policy.small(t.count))
    }
    groups = {g: n for g, n in bases.items() if g != OVERALL}
    unlisted = bases.get(OVERALL, 0) - sum(groups.values())
    if not policy.secondary or OVERALL not in bases or OVERALL in silent or not groups:
        return silent
    for group in sorted(groups, key=lambda g: (groups[g], g)):
        left = max(unlisted, 0) + sum(groups[g] for g in silent)
        if policy.small(left) and group not in silent:
            silent[group] = REVEALS
    return silent


def _differences(draft: Draft, ledger: Ledger, hidden: Mapping[Key, str], block: Block, without: set[str], policy: Policy) -> None:
    for index, row in block.rows[block.rows["measure"] == "smd"].iterrows():
        number, term = int(str(index)), str(row["term"])
        if term in without or any(k[:4] == block.key and k[5] == term and k[4] in ("level", "base") for k in hidden):
            # with all other numbers of a variable known, its standardized difference is an equation for the last one
            draft.hide(number, ["value"], REVEALS)
        draft.put(number, "value", round(draft.number(number, "value"), 2), COARSE)
