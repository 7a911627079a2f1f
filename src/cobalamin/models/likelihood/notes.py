"""What a reader must know of single terms: aliases, coefficients without a maximum, too few events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import list_names
from cobalamin.models.cox.cox_solution import EVENTS_PER_PARAMETER
from cobalamin.models.regression.algebra import explained_by

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def term_texts(names: Sequence[str], x: Floats, keep: Bools, infinite: Bools, sign: Floats) -> dict[str, str]:
    """Say which columns have no coefficient of their own, and which run to infinity.

    Parameters
    ----------
    names : sequence of str, length p
        Names of the columns.
    x : ndarray, shape (n, p)
        The columns.
    keep : ndarray of bool, shape (p,)
        Columns that are not aliases.
    infinite : ndarray of bool, shape (>= kept,)
        Parameters without a finite maximum; those of the kept columns come first.
    sign : ndarray, same shape as infinite
        Their direction.

    Returns
    -------
    dict of str to str
        Column name to text.

    Examples
    --------
    >>> x = np.array([[1.0, 2.0], [2.0, 4.0], [4.0, 8.0]])
    >>> term_texts(["a", "b"], x, np.array([True, False]), np.array([False]), np.zeros(1))["b"]
    'b: is a linear combination of a; it has no coefficient of its own.'
    """
    terms = {names[j]: f"{names[j]}: {_reason(names, x, keep, j)}; it has no coefficient of its own." for j in _places(~keep)}
    kept = _places(keep)
    for k in _places(infinite[: len(kept)]):
        name = names[kept[k]]
        terms[name] = (
            f"{name}: the likelihood rises as the coefficient goes to {'infinity' if sign[k] > 0 else 'minus infinity'}; it is reported"
            " as infinite. Merge sparse levels or leave the term out; a finite confidence limit is by profile likelihood."
        )
    return terms


def _places(chosen: Bools) -> list[int]:
    return [int(j) for j in np.flatnonzero(chosen)]


def _reason(names: Sequence[str], x: Floats, keep: Bools, j: int) -> str:
    if x[:, j].min() == x[:, j].max():
        return "does not vary"
    parents = [names[k] for k in explained_by(x - x.mean(axis=0), keep & (x.std(axis=0) > 0), j)]
    return f"is a linear combination of {list_names(parents)}" if parents else "the times in these rows say nothing about it"


def few_events_text(events: float, parameters: int) -> tuple[str, ...]:
    """Say where there are few events for the number of coefficients, without counts (which would pass by the disclosure rules).

    Parameters
    ----------
    events : float
        Events.
    parameters : int
        Coefficients of covariates.

    Returns
    -------
    tuple of str
        A sentence, or nothing.

    Examples
    --------
    >>> few_events_text(30, 2), len(few_events_text(5, 2))
    ((), 1)
    """
    if parameters <= 0 or events >= EVENTS_PER_PARAMETER * parameters:
        return ()
    return (f"Fewer than {EVENTS_PER_PARAMETER} events per parameter: estimates may be biased and intervals too narrow.",)
