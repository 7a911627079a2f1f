"""Flow chart and models as cells and sums: steps lose people, levels of a factor add to the model, models to the cohort."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pandas as pd

from cobalamin.release.cells import Cell, Key, Ledger
from cobalamin.release.policy import Policy
from cobalamin.release.table_cells import CELL, OVERALL

_RANK_STEP, _RANK_LEVEL, _RANK_MODEL, _RANK_START, _RANK_COHORT = 0, 0, 2, 3, 6
MODEL = ["analysis", "model", "outcome", "subgroup"]
COUNTS = ("n", "events")
FLOW_CELL = 8  # "flow", the model columns, measure, column, order; what a step lost is longer
FATES = ("events", "competing_events", "censored")
# facts of a model that are numbers of people or events: protected unless they are known to be something else
_WORDS = (
    "n event events censored missing people persons members cases controls deaths exact rows size sizes count counts clusters groups sets"
)
_COUNT_WORDS = frozenset([*_WORDS.split(), "pairs", "largest", "smallest"])
NOT_COUNTS = ("n_parameters",)
DESIGN_FACTS = ("n_strata", "n_sampling_strata", "n_psu")
_NOBODY_SAYS_NOTHING = ("n", "n_missing", "n_zero_weight", "n_gaps", "n_after_max", "n_sets_without_contrast")
_ROW = "(row)"


def enter_flow(ledger: Ledger, frame: pd.DataFrame) -> list[Key]:
    """Enter the steps of every flow chart; people and events lost at a step are cells of their own.

    Parameters
    ----------
    ledger : Ledger
        Grows.
    frame : DataFrame
        Rows of Estimates.

    Returns
    -------
    list of tuple
        The last steps: the cohorts analysed.
    """
    ends: list[Key] = []
    for names, part in frame[frame["context"] == "attrition"].groupby([*MODEL, "measure"], sort=False):
        ordered = part.sort_values("at", kind="stable")
        for column in COUNTS:
            ends += _enter_steps(ledger, ("flow", *map(str, names), column), ordered[column])
    return ends


def _enter_steps(ledger: Ledger, flow: Key, counts: pd.Series[float]) -> list[Key]:
    known = counts.dropna()
    keys: list[Key] = []
    for order, (index, count) in enumerate(known.items()):
        # the first and the last step are what a reader needs; a step between can be merged with the next
        rank = _RANK_START if order == 0 else _RANK_COHORT if order == len(known) - 1 else _RANK_STEP
        cell = Cell((*flow, str(order)), round(count), rank=rank, exact=True, attribute=flow[-1] == "events")
        keys.append(ledger.add(cell, (int(str(index)), flow[-1])))
    for before, after in itertools.pairwise(keys):
        ledger.total(before, [after])
    return keys[-1:]


def link_cohorts(ledger: Ledger, ends: list[Key]) -> None:
    """State that the end of a flow chart and the overall column of a table count the same people, where they agree.

    Parameters
    ----------
    ledger : Ledger
        Grows.
    ends : list of tuple
        The last steps of the flow charts.
    """
    totals = [k for k in ledger.cells if k[0] == "table" and k[4] in ("total", "events") and k[-1] == OVERALL and len(k) == CELL]
    for end in ends:
        for total in totals:
            if (end[-2] == "events") == (total[4] == "events"):
                ledger.same(end, total)


def model_groups(frame: pd.DataFrame) -> Iterator[tuple[Key, pd.DataFrame]]:
    """Split coefficients and model facts into models.

    Parameters
    ----------
    frame : DataFrame
        Rows of Estimates.

    Returns
    -------
    iterator of (key, rows)
        One per analysis, model, outcome and subgroup; simulated truth is nobody's data and is left out.
    """
    rows = frame[frame["context"].isin(("estimate", "diagnostic")) & (frame["analysis"] != "truth")]
    for names, part in rows.groupby(MODEL, sort=False):
        yield ("model", *map(str, names)), part


def enter_model(ledger: Ledger, key: Key, rows: pd.DataFrame, policy: Policy) -> None:
    """Enter the counts of one model.

    Parameters
    ----------
    ledger : Ledger
        Grows.
    key : tuple of str
        Of the model.
    rows : DataFrame
        Its rows.
    policy : Policy
        The rules (a model of few people is hidden as a whole).
    """
    facts, estimates = rows[rows["context"] == "diagnostic"], rows[rows["context"] == "estimate"]
    told = facts[facts["measure"].map(is_count).astype(bool)].dropna(subset=["value"])
    for index, fact, count in zip(told.index, told["measure"], told["value"], strict=True):
        attribute = str(fact) not in _NOBODY_SAYS_NOTHING
        _enter(ledger, (*key, str(fact)), count, (int(str(index)), "value"), _RANK_MODEL, attribute=attribute)
    _enter_sums(ledger, key, policy)
    for column in COUNTS:
        if (*key, column) not in ledger.cells and estimates[column].notna().any():
            _enter(ledger, (*key, column), float(estimates[column].max()), None, _RANK_MODEL, attribute=column == "events")
        _enter_terms(ledger, key, estimates, column)
        for index, count in facts[column].dropna().items():
            _enter(ledger, (*key, column), count, (int(str(index)), column), _RANK_MODEL, attribute=column == "events")
    people = ledger.cells.get((*key, "n"))
    if policy.redact and people is not None and policy.small(people.count, zero=True):
        mine = [k for k in ledger.cells if k[:5] == key and ledger.cells[k].shown and ledger.cells[k].count <= policy.limit]
        ledger.whole.update(dict.fromkeys(mine, f"group n {policy.words}"))


def is_count(fact: str) -> bool:
    """Return whether a fact of a model is taken for a number of people or events.

    Parameters
    ----------
    fact : str
        Its name.

    Returns
    -------
    bool
        True for every name that begins with ``n_`` or holds a word for people, events or sizes: a fact that a new model adds is
        protected before anybody thinks of it.

    Examples
    --------
    >>> [is_count(fact) for fact in ("n_single_person_strata", "largest cluster", "aic", "person_time", "n_parameters")]
    [True, True, False, False, False]
    """
    if fact in NOT_COUNTS or fact in DESIGN_FACTS:
        return False
    return fact.startswith("n_") or not _COUNT_WORDS.isdisjoint(re.split(r"[^a-z]+", fact.lower()))


def _enter_sums(ledger: Ledger, key: Key, policy: Policy) -> None:
    """State what the facts of one model add up to.

    Which facts partition which is not known of a model not yet written, so every pair whose counts add to a third is taken for its
    parts: what is true by chance only makes the reader stronger.
    """
    fates = [(*key, fact) for fact in FATES]
    if all(k in ledger.cells for k in [(*key, "n"), *fates]):
        ledger.total((*key, "n"), fates)
    facts = [k for k in ledger.cells if k[:5] == key and len(k) == 6]
    for one, other in itertools.combinations(facts, 2):
        if ledger.cells[one].count > policy.limit:
            ledger.same(one, other)
        for total in facts:
            both = ledger.cells[one].count + ledger.cells[other].count
            if total not in (one, other) and ledger.cells[total].count == both and ledger.cells[one].count and ledger.cells[other].count:
                ledger.total(total, [one, other])


def _enter_terms(ledger: Ledger, key: Key, estimates: pd.DataFrame, column: str) -> None:
    for names, part in estimates.groupby(["term", "outcome", "measure"], sort=False):
        counts = part[column].dropna()
        levels: list[Key] = []
        for index, count in counts.items():
            level, place = str(part.at[index, "level"]), (int(str(index)), column)
            if level:
                cell = (*key, column, str(names[0]), level)
                levels.append(_enter(ledger, cell, count, place, _RANK_LEVEL, attribute=True))
            else:
                _enter(ledger, (*key, column), count, place, _RANK_MODEL, attribute=column == "events")
        if levels and (*key, column) in ledger.cells:
            ledger.total((*key, column), list(dict.fromkeys(levels)))


def _enter(ledger: Ledger, key: Key, count: float, place: tuple[int, str] | None, rank: int, *, attribute: bool = False) -> Key:
    # rows of one term (or of numeric terms) repeat a count; one that differs stands for itself
    if place is not None and key in ledger.cells and ledger.cells[key].count != round(count):
        key = (*key[:6], _ROW, str(place[0]))
    return ledger.add(Cell(key, round(count), rank=rank, attribute=attribute), place)


def link_models(ledger: Ledger, ends: list[Key]) -> None:
    """Tie models to the cohort: rows used and rows missing add to it, and its categories are those of Table 1.

    Parameters
    ----------
    ledger : Ledger
        Grows.
    ends : list of tuple
        The last steps of the flow charts.
    """
    cohorts = {ledger.cells[k].count: k for k in [*_overall_totals(ledger), *(k for k in ends if k[-2] == "n")]}
    for key in [k for k in ledger.cells if k[0] == "model" and k[5:] == ("n",)]:
        missing = (*key[:5], "n_missing")
        parts = [key, missing] if missing in ledger.cells else [key]
        people = sum(ledger.cells[k].count for k in parts)
        if people in cohorts:
            ledger.total(cohorts[people], parts)
    _link_levels(ledger)


def _overall_totals(ledger: Ledger) -> list[Key]:
    return [k for k in ledger.cells if k[0] == "table" and k[4] == "total" and k[-1] == OVERALL and len(k) == CELL]


def _link_levels(ledger: Ledger) -> None:
    overall = {k[5:7]: k for k in ledger.cells if k[0] == "table" and k[4] == "level" and k[-1] == OVERALL and len(k) == CELL}
    for key in [k for k in ledger.cells if k[0] == "model" and len(k) == 8 and k[5] == "n" and k[6] != _ROW]:
        twin = overall.get((bare_term(key[6]), key[7]))
        if twin is not None:
            ledger.same(twin, key)


def bare_term(term: str) -> str:
    """Return the column behind a categorical term.

    Parameters
    ----------
    term : str
        As written in the formula.

    Returns
    -------
    str
        The name inside ``C(...)``, or the term itself.

    Examples
    --------
    >>> bare_term("C(smoking, Treatment('never'))"), bare_term("sex")
    ('smoking', 'sex')
    """
    found = re.fullmatch(r"C\(\s*([^,()]+?)\s*(,.*)?\)", term)
    return found.group(1) if found else term
