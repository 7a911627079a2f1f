"""What a reader must know of a fitted generalized linear model: aliases, infinite coefficients, empty cells, few events."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import list_names
from cobalamin.models.matrix.coding import Column
from cobalamin.models.matrix.matrix import Factor, Matrix
from cobalamin.models.regression.algebra import explained_by
from cobalamin.models.regression.request import Outcome, Prepared
from cobalamin.models.regression.solution import Solution

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
FEW_EVENTS = 10  # per parameter; Peduzzi et al. 1996, doi:10.1016/S0895-4356(96)00236-3


def notes_of(ready: Prepared, found: Solution, outcome: Outcome, *, firth: bool) -> tuple[tuple[str, ...], dict[str, str]]:
    """Say what needs care; without counts, which would pass by the disclosure rules.

    Parameters
    ----------
    ready : Prepared
        Request and data.
    found : Solution
        The maximum.
    outcome : {"binary", "count", "number"}
        Kind of outcome.
    firth : bool
        Whether the model can be fitted with Firth's penalty, for the advice where an outcome is separated.

    Returns
    -------
    notes : tuple of str
        Of the model.
    terms : dict of str to str
        Column name to what needs care about it.
    """
    matrix, y, weight = ready.matrix, ready.rows.y, ready.rows.weight
    special = [int(j) for j in np.flatnonzero(found.aliases | found.separated)]
    cells = empty_cells(matrix, y, weight, found.separated, both=outcome == "binary")
    basic = {matrix.names[j]: _term_note(matrix, found, j) for j in special}
    terms = {matrix.names[j]: f"{basic[matrix.names[j]]} {_cell_of(matrix.columns[j], cells)}".strip() for j in special}
    notes = [f"{name}: {text}" for name, text in basic.items()] + list(cells.values())
    if found.separated.any():
        if not cells:
            names = list_names(matrix.names[j] for j in special if found.separated[j] and matrix.names[j] != "Intercept")
            notes.append(f"No single cell is empty: {names} together tell the outcome exactly in some or all rows.")
        if firth:
            notes.append("penalty='firth' gives finite estimates.")
    if outcome != "number":
        notes += _few_events(ready, found, outcome)
    return tuple(notes), terms


def _few_events(ready: Prepared, found: Solution, outcome: Outcome) -> list[str]:
    counting = ready.rows.y[ready.rows.weight > 0]
    fewer = float(counting.sum())
    if outcome == "binary":
        fewer = min(fewer, len(counting) - fewer)
    parameters = int((~found.aliases).sum()) - int(ready.matrix.formula.intercept)
    if not parameters or fewer >= FEW_EVENTS * parameters:
        return []
    kind = "events (or non-events)" if outcome == "binary" else "events"
    return [f"Fewer than {FEW_EVENTS} {kind} per parameter: estimates may be far from the truth."]


def _term_note(matrix: Matrix, found: Solution, j: int) -> str:
    if found.aliases[j]:
        parents = [matrix.names[k] for k in explained_by(matrix.X, ~found.aliases, j)]
        named = [name for name in parents if name != "Intercept"] or parents
        return f"left out, because it is a linear combination of {list_names(named)}."
    value = found.coefficients[j]
    if np.isnan(value):
        return "cannot be estimated: the outcome is separated, and neither sign is excluded."
    return f"the coefficient is {'plus' if value > 0 else 'minus'} infinity: the outcome is separated."


def _cell_of(column: Column, cells: Mapping[tuple[str, str], str]) -> str:
    return cells.get((column.variable, column.level)) or cells.get((column.variable, column.reference)) or ""


def empty_cells(matrix: Matrix, y: Floats, weight: Floats, separated: Bools, *, both: bool = True) -> dict[tuple[str, str], str]:
    """Name the levels of factors in which the outcome always, or never, happens.

    Parameters
    ----------
    matrix : Matrix
        The model matrix.
    y, weight : ndarray, shape (n,)
        Outcomes (0/1 or counts) and weights.
    separated : ndarray of bool, shape (p,)
        Columns with an infinite coefficient; factors without one are passed over.
    both : bool
        Whether the outcome can also happen always (0/1).

    Returns
    -------
    dict of (variable, level) to str
        One sentence per empty cell.
    """
    told: dict[tuple[str, str], str] = {}
    for factor in matrix.factors:
        where = list(factor.columns)
        if separated[where].any():
            inside = [matrix.X[:, j] == 1 for j in where]
            if factor.reference:
                inside.insert(0, np.asarray((matrix.X[:, where] == 0).all(axis=1)))
            told |= {
                (factor.variable, level): _cell(factor, level, y[rows & (weight > 0)], both)
                for level, rows in zip(factor.levels, inside, strict=True)
            }
    return {cell: text for cell, text in told.items() if text}


def _cell(factor: Factor, level: str, y: Floats, both: bool) -> str:
    never, always = bool(len(y)) and y.max() == 0, both and bool(len(y)) and y.min() == 1
    if not never and not always:
        return ""
    advice = " Take another reference level to see what can be compared." if level == factor.reference else ""
    return f"Empty cell: where {factor.variable} is {level}, the outcome {'always' if always else 'never'} happens.{advice}"
