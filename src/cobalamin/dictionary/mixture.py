"""Two units in one column, seen from the numbers alone.

What can be seen depends on the factor. A factor of 1000 (MMA in nmol/L and umol/L) makes two separate heaps on the log scale. The
factor 1.36 between pg/mL and pmol/L of B12 is smaller than the spread between people, so no method can see it inside one sample; it
can be seen only as a shift between groups (laboratories, assays, years), and assays themselves differ by 10 to 20 percent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

SAMPLE = 10_000
SEPARATE = 4.0  # modes this many standard deviations apart leave a valley between them
MOST_GROUPS = 200
LEAST_GROUP = 50
Z = 2.58  # 99 percent


@dataclass(frozen=True)
class TwoHeaps:
    """A column that falls into two heaps a known factor apart.

    Attributes
    ----------
    cut : float
        Value between the heaps.
    n_low, n_high : int
        Values below and above it.
    """

    cut: float
    n_low: int
    n_high: int


@dataclass(frozen=True)
class Shift:
    """A group whose median lies near a unit factor away from the others.

    Attributes
    ----------
    group : str
        Its label.
    n : int
        Its number of values.
    ratio : float
        Its median over the median of the others.
    """

    group: str
    n: int
    ratio: float


def separation(values: Floats, factor: float) -> float:
    """Distance between two units in standard deviations of the column.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Positive numbers.
    factor : float
        Conversion factor between the units.

    Returns
    -------
    float
        ``|log(factor)|`` over the spread of the logarithms within one heap; infinite for a constant column.

    Notes
    -----
    Below about 2 a mixture has one mode whatever the shares; `two_heaps` asks for 4.
    """
    x = _even_sample(np.sort(np.log(values)))
    share, _, spread = _fit(x, abs(float(np.log(factor))))
    plain = float(x.std())
    return abs(float(np.log(factor))) / max(spread if 0.001 < share < 0.999 else plain, 1e-12)


def two_heaps(values: Floats, factor: float) -> TwoHeaps | None:
    """Look for two heaps whose distance is the factor between two units.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Numbers of one column; those that are not positive are left out.
    factor : float
        Conversion factor between the units, other than 1.

    Returns
    -------
    TwoHeaps or None
        None where there is no second heap, or where it cannot be told from a long tail.

    Notes
    -----
    Two normal distributions of log(value) with common spread s and distance d = |log(factor)| fixed are fitted by the EM algorithm. They
    count as two heaps when d / s >= 4, each holds at least 5 values and 0.1 percent, and the middle third between the modes
    holds less than a quarter of the smaller heap: a long tail fills that valley.

    Examples
    --------
    >>> nmol = np.exp(np.random.default_rng(1).normal(np.log(150), 0.4, 500))
    >>> two_heaps(np.concatenate([nmol, nmol[:50] / 1000]), 1000.0).n_low
    50
    >>> two_heaps(nmol, 1000.0) is None
    True
    """
    x = np.sort(np.log(values[np.isfinite(values) & (values > 0)]))
    distance = abs(float(np.log(factor)))
    if len(x) < 20 or distance < 1e-6:
        return None
    share, low, spread = _fit(_even_sample(x), distance)
    cut = low + distance / 2
    n_low = int(np.searchsorted(x, cut))
    smaller = min(n_low, len(x) - n_low)
    valley = int(np.searchsorted(x, low + 2 * distance / 3) - np.searchsorted(x, low + distance / 3))
    separate = distance >= SEPARATE * spread and smaller >= max(5, 0.001 * len(x)) and valley < 0.25 * smaller
    # a lump at the wrong distance (an outlier group) is no unit: the second heap must sit where the factor says
    near = separate and abs(np.median(x[n_low:]) - np.median(x[:n_low]) - distance) < 0.25 * distance
    return TwoHeaps(float(np.exp(cut)), n_low, len(x) - n_low) if near and 0 < share < 1 else None


def _even_sample(x: Floats) -> Floats:
    # of sorted values: keeps every quantile, needs no random numbers
    return x[:: max(1, len(x) // SAMPLE)]


def _fit(x: Floats, distance: float) -> tuple[float, float, float]:
    # -> (share of the upper heap, mode of the lower heap, spread); best of several starts
    starts = [q - shift for q in np.quantile(x, [0.1, 0.5, 0.9]) for shift in (0.0, distance)]
    fits = [_climb(x, distance, start) for start in starts]
    _, share, low, spread = max(fits, key=lambda fit: fit[0])
    return share, low, spread


def _climb(x: Floats, distance: float, low: float) -> tuple[float, float, float, float]:
    share, spread = 0.5, max(float(x.std()) / 2, 1e-6)
    loglik = -np.inf
    for _ in range(60):
        # log odds of the upper heap; the common constants of the two densities cancel
        lower = -0.5 * ((x - low) / spread) ** 2 + np.log(max(1 - share, 1e-300))
        upper = -0.5 * ((x - low - distance) / spread) ** 2 + np.log(max(share, 1e-300))
        total = np.logaddexp(lower, upper)
        weight = np.exp(upper - total)
        before, loglik = loglik, float(total.sum() - len(x) * np.log(spread))
        share = float(weight.mean())
        low = float((x - weight * distance).mean())
        squares = (1 - weight) * (x - low) ** 2 + weight * (x - low - distance) ** 2
        spread = max(float(np.sqrt(squares.mean())), 1e-6)
        if abs(loglik - before) < 1e-8 * max(1.0, abs(loglik)):
            break
    return loglik, share, low, spread


def shifted_groups(values: Floats, groups: npt.NDArray[np.object_], factor: float) -> list[Shift]:
    """Find groups whose median is shifted by about the factor between two units.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Positive numbers.
    groups : ndarray of object, shape (n,)
        Laboratory, assay, year, ...; None is left out.
    factor : float
        Conversion factor between the units, other than 1.

    Returns
    -------
    list of Shift
        Groups of at least 50 whose log ratio to the others lies within a quarter of log(factor) from it, and whose 99 percent
        interval excludes half of it: nearer to a wrong unit than to none.

    Notes
    -----
    Standard error of a difference of medians: 1.2533 s sqrt(1/n1 + 1/n2), s from the quartiles. An assay that truly reads this much
    higher looks the same; the finding is a question to the laboratory, not a proof.
    """
    index, names = pd.factorize(groups, sort=True)
    known = (index >= 0) & np.isfinite(values) & (values > 0)
    x, index = np.log(values[known]), index[known]
    if not 2 <= len(names) <= MOST_GROUPS:
        return []
    distance, found = abs(float(np.log(factor))), []
    for k, name in enumerate(names):
        mine, others = x[index == k], x[index != k]
        if min(len(mine), len(others)) < LEAST_GROUP:
            continue
        delta = float(np.median(mine) - np.median(others))
        error = Z * 1.2533 * _spread(mine, others) * np.sqrt(1 / len(mine) + 1 / len(others))
        if abs(abs(delta) - distance) <= 0.25 * distance and abs(delta) - error > distance / 2:
            found.append(Shift(str(name), len(mine), float(np.exp(delta))))
    return found


def _spread(mine: Floats, others: Floats) -> float:
    quartiles = [np.subtract(*np.quantile(part, [0.75, 0.25])) / 1.349 for part in (mine, others)]
    return float(max(quartiles))
