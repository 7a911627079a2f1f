"""Disclosure control: what is small is hidden, what would give it away is hidden too, and every decision is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cobalamin.core.estimates import COLUMNS, Estimates
from cobalamin.release.cells import Key, Ledger
from cobalamin.release.curve_cells import enter_curves, enter_histograms
from cobalamin.release.curves import thin_curves
from cobalamin.release.draft import Draft, decisions_of
from cobalamin.release.histogram import join_histograms
from cobalamin.release.model_cells import enter_flow, enter_model, link_cohorts, link_models, model_groups
from cobalamin.release.others import finish_others
from cobalamin.release.policy import PRESETS, SUPPRESSED, Policy, make_policy, preset
from cobalamin.release.ratios import finish_model
from cobalamin.release.secondary import protect
from cobalamin.release.state_cells import enter_others, enter_states, link_everything
from cobalamin.release.summaries import finish_table, put_counts
from cobalamin.release.table_cells import TABLE_MEASURES, Block, enter_table, link_tables, table_blocks

__all__ = ["PRESETS", "SUPPRESSED", "Disclosed", "Policy", "disclose", "ledger_of", "make_policy", "preset"]


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
    kinds = _kinds(estimates.frame)
    thinned, grid, order = _thin(kinds, len(estimates.frame), rules)
    drafts = [Draft.of(kinds["tables"]), grid, Draft.of(kinds["others"])]
    _protect(drafts, rules)
    made = [draft.warned().rename(index=order) for draft in drafts]
    made.append(kinds["truth"])
    frame = pd.concat([part for part in made if len(part)] or made[:1]).sort_index(kind="stable")
    return Disclosed(Estimates.from_frame(frame[list(COLUMNS)]), decisions_of([*drafts, *thinned]), rules)


def _thin(kinds: Mapping[str, pd.DataFrame], rows: int, policy: Policy) -> tuple[list[Draft], Draft, dict[int, int]]:
    """Put curves on round times and join bins; the new rows get numbers of their own, and the place each came from."""
    curves, histograms = Draft.of(kinds["curves"]), Draft.of(kinds["histograms"])
    made = pd.concat([thin_curves(curves, policy), join_histograms(histograms, policy)])
    numbers = range(rows, rows + len(made))
    order = dict(zip(numbers, map(int, made.index), strict=True))
    return [curves, histograms], Draft.of(made.set_axis(pd.Index(numbers), axis=0)), order


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
    """Return the counts of all results as one system of cells and sums.

    Parameters
    ----------
    estimates : Estimates
        Results with true counts; curves and distributions as they will be shown.
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
    enter_curves(ledger, frame)
    enter_histograms(ledger, frame)
    enter_states(ledger, frame)
    enter_others(ledger, frame)
    link_everything(ledger, policy)
    return ledger


def _protect(drafts: list[Draft], policy: Policy) -> None:
    tables, _, others = drafts
    blocks = list(table_blocks(tables.true))
    everything = pd.concat([draft.true for draft in drafts if len(draft.true)] or [tables.true])
    ledger = ledger_of(Estimates(everything), policy, blocks)
    hidden = protect(ledger, policy)
    for draft in drafts:
        put_counts(draft, ledger, hidden, policy)
    for block in blocks:
        finish_table(tables, ledger, hidden, block, policy)
    for key, rows in model_groups(tables.true):
        finish_model(tables, key, rows, policy)
    _merge_steps(tables, hidden)
    finish_others(others, policy)


def _merge_steps(draft: Draft, hidden: Mapping[Key, str]) -> None:
    # a step whose people are hidden reads as merged with the next; its events go with it
    for index in draft.true.index[draft.true["context"] == "attrition"]:
        row = int(str(index))
        if (row, "n") in draft.hidden and hidden:
            draft.hide(row, ["events", "person_time", "value"], draft.hidden[row, "n"])
