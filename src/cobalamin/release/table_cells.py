"""Table 1 as cells and sums: levels and missing add to a group's total, groups add to the overall column."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from cobalamin.release.cells import Cell, Key, Ledger
from cobalamin.release.policy import Policy

OVERALL = "Overall"
MOMENTS = ("mean", "sd", "median", "q1", "q3")
TABLE_MEASURES = ("total", "percent", "missing", "smd", *MOMENTS)
CELL = 8  # a key is "table", analysis, grouping column, outcome, kind, term, level, group; remainders are longer
LEVELS, EVERYBODY, WEIGHTED = "levels", "everybody", "weighted"
_RANK_INNER, _RANK_OVERALL, _RANK_BASE, _RANK_EVENTS, _RANK_GROUP = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class Block:
    """One Table 1: the rows of one grouping column, and what their percentages are percentages of.

    Attributes
    ----------
    key : tuple of str
        Analysis, grouping column (``model``) and outcome.
    rows : DataFrame
        Its rows as they came.
    bases : dict
        (term, subgroup) -> ``levels`` (people with a known value), ``everybody`` or ``weighted`` (no count of people).
    """

    key: Key
    rows: pd.DataFrame
    bases: dict[tuple[str, str], str]


def table_blocks(frame: pd.DataFrame) -> Iterator[Block]:
    """Split the summary rows into tables.

    Parameters
    ----------
    frame : DataFrame
        Rows of Estimates.

    Returns
    -------
    iterator of Block
        One per analysis, grouping column and outcome.
    """
    rows = frame[(frame["context"] == "summary") & frame["measure"].isin(TABLE_MEASURES)]
    for names, part in rows.groupby(["analysis", "model", "outcome"], sort=False):
        yield Block(key=("table", *map(str, names)), rows=part, bases=_bases(part))


def enter_table(ledger: Ledger, block: Block, policy: Policy) -> None:
    """Enter the cells and sums of one table.

    Parameters
    ----------
    ledger : Ledger
        Grows.
    block : Block
        The table.
    policy : Policy
        The rules (small groups and categories are hidden as a whole).
    """
    for index, row in block.rows.iterrows():
        _enter_row(ledger, block.key, int(str(index)), row)
    for (term, group), kind in block.bases.items():
        _enter_base(ledger, block, term, group, kind)
    mine = [k for k in ledger.cells if k[:4] == block.key and len(k) == CELL]
    for key in [k for k in mine if k[-1] == OVERALL]:
        ledger.total(key, [k for k in mine if k[:-1] == key[:-1] and k[-1] != OVERALL], margin=True)
    _enter_nonevents(ledger, block.key)
    _enter_ungrouped(ledger, block.key)
    _hide_small_lines(ledger, block.key, policy)


def _enter_row(ledger: Ledger, block: Key, index: int, row: pd.Series) -> None:
    group, term, measure = str(row["subgroup"]), str(row["term"]), str(row["measure"])
    rank = _RANK_OVERALL if group == OVERALL else _RANK_INNER
    if measure == "total":
        _count(ledger, (*block, "total", "", "", group), row["n"], (index, "n"), _RANK_GROUP + rank)
        _count(ledger, (*block, "events", "", "", group), row["events"], (index, "events"), _RANK_EVENTS + rank, attribute=True)
    elif measure == "percent":
        _count(ledger, (*block, "level", term, str(row["level"]), group), row["n"], (index, "n"), rank, attribute=True)
    elif measure == "missing":
        _count(ledger, (*block, "missing", term, "", group), row["n"], (index, "n"), rank)
    elif measure in MOMENTS:
        _count(ledger, (*block, "base", term, "", group), row["n"], (index, "n"), _RANK_BASE + rank)


def _count(ledger: Ledger, key: Key, count: float, place: tuple[int, str], rank: int, *, attribute: bool = False) -> None:
    if not math.isnan(count):
        ledger.add(Cell(key, round(count), rank=rank, exact=True, attribute=attribute), place)


def _enter_base(ledger: Ledger, block: Block, term: str, group: str, kind: str) -> None:
    levels = [k for k in ledger.cells if k[:4] == block.key and k[4:6] == ("level", term) and k[-1] == group]
    base, missing, total = ((*block.key, name, term if name != "total" else "", "", group) for name in ("base", "missing", "total"))
    if levels:
        # an exact percentage of an exact count tells what it is a percentage of
        count = sum(ledger.cells[k].count for k in levels)
        rank = _RANK_BASE + (group == OVERALL)
        ledger.add(Cell(base, count, rank=rank, exact=True, shown=kind == LEVELS, attribute=False))
        ledger.total(base, levels)
    if base in ledger.cells and total in ledger.cells:
        ledger.total(total, [base, missing] if missing in ledger.cells else [base])


def _enter_nonevents(ledger: Ledger, block: Key) -> None:
    # where nearly everybody has the event, those without it are the small group
    for key in [k for k in ledger.cells if k[:4] == block and k[4] == "events" and len(k) == CELL]:
        total = (*block, "total", "", "", key[-1])
        if total in ledger.cells:
            ledger.total(total, [key])


def _enter_ungrouped(ledger: Ledger, block: Key) -> None:
    # the table says how many have no group: that is the overall column less the groups
    missing = (*block, "missing", block[2], "", OVERALL)
    for key in [k for k in ledger.cells if k[:9] == (*block, "total", "", "", OVERALL, "remainder") and k[13] == "total"]:
        if missing in ledger.cells:
            ledger.same(missing, key)


def _hide_small_lines(ledger: Ledger, block: Key, policy: Policy) -> None:
    """Hide a group, or a category, of few people in all its cells: their pattern of zeros would describe those few."""
    if not policy.redact:
        return
    cells = {k: c for k, c in ledger.cells.items() if k[:4] == block and len(k) == CELL and c.shown}
    groups = {k[-1] for k, c in cells.items() if k[4] == "total" and policy.small(c.count, zero=True)}
    bases = {(k[5], k[-1]) for k, c in cells.items() if k[4] == "base" and policy.small(c.count, zero=True)}
    lines = {k[4:7] for k, c in cells.items() if k[4] == "level" and k[-1] == OVERALL and policy.small(c.count, zero=True)}
    for key in cells:
        if key[-1] in groups or (key[4] == "level" and (key[5], key[-1]) in bases):
            ledger.whole[key] = f"group n {policy.words}"
        elif key[4:7] in lines:
            ledger.whole[key] = f"category n {policy.words}"


def link_tables(ledger: Ledger, blocks: list[Block]) -> None:
    """State that the overall columns of several tables count the same people, where their totals and counts agree.

    Parameters
    ----------
    ledger : Ledger
        Grows.
    blocks : list of Block
        All tables already entered.
    """
    first: dict[tuple[object, ...], Key] = {}
    for block in blocks:
        total = (*block.key, "total", "", "", OVERALL)
        people = ledger.cells[total].count if total in ledger.cells else None
        for key in [k for k in ledger.cells if k[:4] == block.key and k[-1] in (OVERALL, "") and len(k) == CELL]:
            # a distribution repeats how many are missing, without a total and for everybody
            crowd = None if key[4] == "missing" else people
            ledger.same(first.setdefault((block.key[3], crowd, *key[4:7]), key), key)


def _bases(rows: pd.DataFrame) -> dict[tuple[str, str], str]:
    columns = (rows[name].tolist() for name in ("term", "subgroup", "measure", "n", "value"))
    totals: dict[str, float] = {}
    percents: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for term, group, measure, n, value in zip(*columns, strict=True):
        if measure == "total":
            totals[group] = n
        elif measure == "percent":
            percents.setdefault((term, group), []).append((n, value))
        elif measure in MOMENTS:
            percents.setdefault((term, group), [])
    return {names: _base_kind(pairs, totals.get(names[1], math.nan)) for names, pairs in percents.items()}


def _base_kind(pairs: list[tuple[float, float]], total: float) -> str:
    usable = [(n, value) for n, value in pairs if n > 0 and value > 0]
    if not usable:
        return LEVELS
    n, value = max(usable)
    whole = 100.0 * n / value
    if abs(whole - math.fsum(n for n, _ in pairs if not math.isnan(n))) < 0.5:
        return LEVELS
    return EVERYBODY if abs(whole - total) < 0.5 else WEIGHTED
