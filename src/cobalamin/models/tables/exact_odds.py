"""The odds ratio of one table with both margins fixed: conditional estimate, exact and mid-p limits and p-values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ConditionalTable:
    """Distribution of the first cell given the margins, on the log scale.

    Attributes
    ----------
    cell : ndarray, shape (k,)
        Values that the first cell can take.
    log_weight : ndarray, shape (k,)
        Log of the central hypergeometric weights.
    observed : float
        The first cell.
    """

    cell: Floats
    log_weight: Floats
    observed: float

    def probabilities(self, log_odds: float) -> Floats:
        """Return the probabilities of the cell at a log odds ratio."""
        exponent = self.log_weight + self.cell * log_odds
        weight = np.exp(exponent - exponent.max())
        return np.asarray(weight / weight.sum())

    def mean(self, log_odds: float) -> float:
        """Return the expected cell at a log odds ratio."""
        return float(self.probabilities(log_odds) @ self.cell)

    def upper_tail(self, log_odds: float, midp: bool) -> float:
        """Return P(cell >= observed), counting half of the observed table for mid-p."""
        p = self.probabilities(log_odds)
        return float(p[self.cell >= self.observed].sum() - 0.5 * midp * p[self.cell == self.observed].sum())

    def lower_tail(self, log_odds: float, midp: bool) -> float:
        """Return P(cell <= observed), counting half of the observed table for mid-p."""
        p = self.probabilities(log_odds)
        return float(p[self.cell <= self.observed].sum() - 0.5 * midp * p[self.cell == self.observed].sum())


def conditional_table(a: float, b: float, c: float, d: float) -> ConditionalTable:
    """Set up the distribution of a table given its margins.

    Parameters
    ----------
    a, b, c, d : float
        The four cells, row by row.

    Returns
    -------
    ConditionalTable
        Support and weights.

    Examples
    --------
    >>> conditional_table(1, 1, 1, 1).probabilities(0.0).round(4).tolist()
    [0.1667, 0.6667, 0.1667]
    """
    from scipy.special import gammaln

    rows, others, column = a + b, c + d, a + c
    cell = np.arange(max(0.0, column - others), min(rows, column) + 1)
    weight = -(gammaln(cell + 1) + gammaln(rows - cell + 1) + gammaln(column - cell + 1) + gammaln(others - column + cell + 1))
    return ConditionalTable(cell, np.asarray(weight), a)


def conditional_estimate(table: ConditionalTable) -> float:
    """Return the conditional maximum likelihood estimate of the log odds ratio.

    Parameters
    ----------
    table : ConditionalTable
        From `conditional_table`.

    Returns
    -------
    float
        Infinite if the cell is as large or small as the margins allow; NaN if they allow one table only.

    Examples
    --------
    >>> round(conditional_estimate(conditional_table(3, 1, 1, 3)), 4)  # R: fisher.test gives 6.408309
    1.8576
    """
    low, high = table.cell[0], table.cell[-1]
    if low == high:
        return float("nan")
    if table.observed in (low, high):
        return -np.inf if table.observed == low else np.inf
    return _root(lambda t: table.mean(t) - table.observed)


def conditional_limits(table: ConditionalTable, level: float, midp: bool) -> tuple[float, float]:
    """Return exact (Clopper-Pearson type) or mid-p limits of the log odds ratio.

    Parameters
    ----------
    table : ConditionalTable
        From `conditional_table`.
    level : float
        Confidence level.
    midp : bool
        Whether half of the observed table counts.

    Returns
    -------
    tuple of float
        Limits; infinite on the side where the data set none.

    References
    ----------
    Cornfield J. A statistical problem arising from retrospective studies. Proc Third Berkeley Symp 1956;4:135-148.
    Berry G, Armitage P. Mid-P confidence intervals: a brief review. Statistician 1995;44:417-423. doi:10.2307/2348891

    Examples
    --------
    >>> [round(x, 4) for x in conditional_limits(conditional_table(3, 1, 1, 3), 0.95, False)]  # exp: 0.2117, 626.24
    [-1.5524, 6.4397]
    """
    alpha = (1 - level) / 2
    low, high = table.cell[0], table.cell[-1]
    if low == high:
        return -np.inf, np.inf
    below = -np.inf if table.observed == low else _root(lambda t: table.upper_tail(t, midp) - alpha)
    above = np.inf if table.observed == high else _root(lambda t: alpha - table.lower_tail(t, midp))
    return below, above


def conditional_p(table: ConditionalTable, midp: bool) -> float:
    """Return the two-sided p-value of no association.

    Parameters
    ----------
    table : ConditionalTable
        From `conditional_table`.
    midp : bool
        Twice the smaller mid-p tail; else Fisher's: the sum of all tables that are no more probable (as R's fisher.test).

    Returns
    -------
    float
        p-value.

    Examples
    --------
    >>> round(conditional_p(conditional_table(3, 1, 1, 3), False), 4)
    0.4857
    """
    if midp:
        return min(1.0, 2 * min(table.upper_tail(0.0, True), table.lower_tail(0.0, True)))
    p = table.probabilities(0.0)
    here = p[table.cell == table.observed].sum()
    return min(1.0, float(p[p <= here * (1 + 1e-7)].sum()))  # R's rounding rule for tables of equal probability


def _root(falling_or_rising: Callable[[float], float]) -> float:
    """Find the zero of a function that rises with the log odds ratio."""
    from scipy.optimize import brentq

    reach = 1.0
    while falling_or_rising(-reach) > 0 or falling_or_rising(reach) < 0:
        reach *= 2
        if reach > 700:
            return float("nan")
    return float(brentq(falling_or_rising, -reach, reach, xtol=1e-13, rtol=1e-13))
