"""What a reader of an ordinal model must know: aliases, infinite coefficients, few rows, thresholds that cross."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import list_names
from cobalamin.models.matrix.matrix import Matrix
from cobalamin.models.ordinal.solution import OrdinalSolved
from cobalamin.models.regression.algebra import explained_by

Floats = npt.NDArray[np.float64]
FEW_ROWS = 10  # effective rows per coefficient
_CHECKED = 20_000  # rows at a time when thresholds are compared


def effective_size(share: Floats) -> float:
    """Return the number of rows that an ordinal outcome is worth (Whitehead 1993; Harrell's limiting sample size).

    Parameters
    ----------
    share : ndarray, shape (k,)
        Rows, or weights, per category.

    Returns
    -------
    float
        ``n - sum(n_c**3) / n**2``: three quarters of n for two categories of equal size, nearly n for many.

    References
    ----------
    Whitehead J. Sample size calculations for ordered categorical data. Stat Med 1993;12:2257-2271. doi:10.1002/sim.4780122404

    Examples
    --------
    >>> effective_size(np.array([50.0, 50.0]))
    75.0
    """
    total = share.sum()
    return float(total - (share**3).sum() / total**2)


def model_notes(matrix: Matrix, names: Sequence[str], solved: OrdinalSolved, share: Floats) -> tuple[tuple[str, ...], dict[str, str]]:
    """Say what needs care, without counts (which would pass by the disclosure rules).

    Parameters
    ----------
    matrix : Matrix
        Of the model.
    names : sequence of str
        Names of what is reported.
    solved : OrdinalSolved
        The solution.
    share : ndarray, shape (k,)
        Weight of each category.

    Returns
    -------
    notes : tuple of str
        For the whole model.
    terms : dict of str to str
        Per coefficient.
    """
    layout, used = solved.layout, np.sort(solved.order)
    terms: dict[str, str] = {}
    for j in np.flatnonzero(~layout.keep):
        text = f"left out, because it {_why(matrix, matrix.X[used], layout.keep, int(j))}."
        terms |= {names[c]: text for c in range(layout.offsets[j], layout.offsets[j + 1])}
    for c in map(int, np.flatnonzero(solved.separated)):
        terms[names[c]] = _infinite(float(solved.coefficients[c]))
    notes = [f"{name}: {text}" for name, text in terms.items()]
    coefficients = int(layout.estimated.sum()) - layout.cuts
    if coefficients and effective_size(share) < FEW_ROWS * coefficients:
        notes.append(f"Fewer than {FEW_ROWS} rows (in effect) per coefficient: estimates may be far from the truth.")
    return tuple(notes), terms


def _why(matrix: Matrix, x: Floats, keep: npt.NDArray[np.bool_], j: int) -> str:
    if x[:, j].min() == x[:, j].max():
        return "does not vary"
    parents = [matrix.names[k] for k in explained_by(x - x.mean(axis=0), keep & (np.ptp(x, axis=0) > 0), j)]
    return f"is a linear combination of {list_names(parents)}"


def _infinite(value: float) -> str:
    if np.isnan(value):
        return "cannot be estimated: the outcome is separated, and neither sign is excluded."
    side = "plus" if value > 0 else "minus"
    return f"the coefficient is {side} infinity: the outcome is separated. Merge sparse levels or categories, or leave the term out."


def crossing_note(solved: OrdinalSolved) -> tuple[str, ...]:
    """Say where the thresholds of a partial model cross within the data, so that some probabilities are negative.

    Parameters
    ----------
    solved : OrdinalSolved
        The solution.

    Returns
    -------
    tuple of str
        A sentence, or nothing.
    """
    rows = solved.rows
    m = rows.z.shape[1]
    if m == 1 or solved.separated.any():
        return ()
    cut = solved.parameters[: rows.n_cut_parameters].reshape(rows.cuts, m)
    steps = np.diff(cut, axis=0).T
    if all((rows.z[a : a + _CHECKED] @ steps >= 0).all() for a in range(0, len(rows.z), _CHECKED)):
        return ()
    return (
        "Thresholds cross for some rows: the model gives some categories a negative probability there. Make fewer terms partial, or merge"
        " outcome categories.",
    )
