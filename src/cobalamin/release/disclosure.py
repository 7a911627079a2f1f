"""Disclosure control: what is small is hidden, what would give it away is hidden too, and every decision is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cobalamin.core.estimates import COLUMNS, Estimates
from cobalamin.release.cells import Key, Ledger
from cobalamin.release.curves import protect_counts, protect_curves
from cobalamin.release.draft import NUMBERS_OF_A_ROW, Draft, decisions_of
from cobalamin.release.histogram import protect_histograms
from cobalamin.release.model_cells import enter_flow, enter_model, link_cohorts, link_models, model_groups
from cobalamin.release.policy import PRESETS, SUPPRESSED, Policy, make_policy, preset
from cobalamin.release.ratios import finish_model
from cobalamin.release.rounding import significant
from cobalamin.release.secondary import protect
from cobalamin.release.summaries import COARSE, finish_table, put_counts
from cobalamin.release.table_cells import TABLE_MEASURES, Block, enter_table, link_tables, table_blocks

__all__ = ["PRESETS", "SUPPRESSED", "Disclosed", "Policy", "disclose", "ledger_of", "make_policy", "preset"]

EXTREMES = ("min", "max", "minimum", "maximum", "range")


@dataclass(frozen=True, eq=False)
class Disclosed:
    """Results that may leave, and the record of what was done to them.

    Attributes
    ----------
    estimates : Estimates
        Hidden numbers are NaN; their rows say so in ``warning`` (first word ``suppressed``).
    decisions : DataFrame
        ``[analysis, context, model, outcome, term, level, subgroup, at, measure, column, rule, action]`` for the output
        checker; it holds no hidden number.
    policy : Policy
        The rules applied.
    """

    estimates: Estimates
    decisions: pd.DataFrame
    policy: Policy

    def _repr_html_(self) -> str:
        counts = self.decisions.groupby(["analysis", "rule", "action"], sort=False).size().rename("times").reset_index()
        return str(counts.to_html(index=False, escape=True))

    def __repr__(self) -> str:
        return f"Disclosed({len(self.estimates)} rows, policy {self.policy.name}, {len(self.decisions)} decisions)"


def disclose(estimates: Estimates, policy: str | Policy | Mapping[str, Any]) -> Disclosed:
    """Make results safe to leave.

    Parameters
    ----------
    estimates : Estimates
        Everything that is to be reported, together: tables that share people are protected jointly.
    policy : str, Policy or mapping
        A preset's name (``opensafely``, ``opensafely-midpoint6``, ``acro``, ``ukllc``, ``cms``, ``none``), a `Policy`, or
        settings for `make_policy`.

    Returns
    -------
    Disclosed
        The protected rows and the decisions.

    Raises
    ------
    ProtocolError
        Unknown preset or setting.
    DisclosureError
        A small count stays computable whatever is hidden.

    Notes
    -----
    ``docs/disclosure.md`` says what each rule does to each kind of result.

    Examples
    --------
    >>> steps = [{"context": "attrition", "measure": "remaining", "term": t, "at": i, "n": n} for i, (t, n) in
    ...          enumerate([("all", 1000), ("adult", 997), ("with B12", 800)])]
    >>> disclose(Estimates.from_rows(steps, analysis="attrition"), "cms").estimates.frame["n"].tolist()
    [1000.0, nan, 800.0]
    """
    rules = make_policy(policy)
    if not rules.active:
        empty = Draft.of(estimates.frame.iloc[:0])
        empty.note(f"policy {rules.name}", "nothing hidden, nothing changed")
        return Disclosed(estimates, decisions_of([empty]), rules)
    drafts = {kind: Draft.of(part) for kind, part in _kinds(estimates.frame).items()}
    made = [
        _protect_tables(drafts["tables"], rules),
        protect_curves(drafts["curves"], rules),
        protect_histograms(drafts["histograms"], rules),
        _protect_others(drafts["others"], rules),
        drafts["truth"].true,
    ]
    frame = pd.concat([part for part in made if len(part)] or made[:1]).sort_index(kind="stable")
    return Disclosed(Estimates.from_frame(frame[list(COLUMNS)]), decisions_of(drafts.values()), rules)


def _kinds(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    context, measure = frame["context"], frame["measure"]
    truth = frame["analysis"] == "truth"
    histogram = (context == "summary") & (measure == "histogram")
    table = (context == "summary") & measure.isin(TABLE_MEASURES)
    tables = (table | context.isin(("attrition", "estimate", "diagnostic"))) & ~truth
    curves = (context == "curve") & ~truth
    others = ~(truth | histogram | tables | curves)
    kinds = {"tables": tables, "curves": curves, "histograms": histogram & ~truth, "others": others, "truth": truth}
    return {kind: frame[rows] for kind, rows in kinds.items()}


def ledger_of(estimates: Estimates, policy: Policy, blocks: list[Block] | None = None) -> Ledger:
    """Return the counts of all flow charts, tables and models as one system of cells and sums.

    Parameters
    ----------
    estimates : Estimates
        Results as computed.
    policy : Policy
        The rules.
    blocks : list of Block, optional
        Its tables, when already split.

    Returns
    -------
    Ledger
        What `secondary.protect` works on, and what an attacker would.
    """
    frame = estimates.frame
    ledger = Ledger()
    blocks = list(table_blocks(frame)) if blocks is None else blocks
    for block in blocks:
        enter_table(ledger, block, policy)
    link_tables(ledger, blocks)
    ends = enter_flow(ledger, frame)
    link_cohorts(ledger, ends)
    for key, rows in model_groups(frame):
        enter_model(ledger, key, rows, policy)
    link_models(ledger, ends)
    return ledger


def _protect_tables(draft: Draft, policy: Policy) -> pd.DataFrame:
    blocks = list(table_blocks(draft.true))
    ledger = ledger_of(Estimates(draft.true), policy, blocks)
    hidden = protect(ledger, policy)
    put_counts(draft, ledger, hidden, policy)
    for block in blocks:
        finish_table(draft, ledger, hidden, block, policy)
    for key, rows in model_groups(draft.true):
        finish_model(draft, key, rows, policy)
    _merge_steps(draft, hidden)
    return draft.warned()


def _merge_steps(draft: Draft, hidden: Mapping[Key, str]) -> None:
    # a step whose people are hidden reads as merged with the next; its events go with it
    for index in draft.true.index[draft.true["context"] == "attrition"]:
        row = int(str(index))
        if (row, "n") in draft.hidden and hidden:
            draft.hide(row, ["events", "person_time", "value"], draft.hidden[row, "n"])


def _protect_others(draft: Draft, policy: Policy) -> pd.DataFrame:
    for index in draft.true.index:
        row = int(str(index))
        protect_counts(draft, row, policy)
        lost = [draft.hidden[row, c] for c in ("n", "events") if (row, c) in draft.hidden]
        if draft.text(row, "measure").lower() in EXTREMES:
            lost = ["the smallest or largest value belongs to one person"]
        if lost:
            draft.hide(row, NUMBERS_OF_A_ROW, lost[0])
        for column in ("value", "low", "high", "std_error", "p", "person_time"):
            draft.put(row, column, significant(draft.number(row, column), policy.digits), COARSE)
    return draft.warned()
