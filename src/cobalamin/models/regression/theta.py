"""The size parameter of negative binomial counts by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
PRECISION = 1e-12  # squared Newton step of log(theta), as share of its curvature
MOST_STEPS = 100


@dataclass(frozen=True)
class Theta:
    """An estimate of theta.

    Attributes
    ----------
    value : float
        theta; infinite where the counts vary no more than Poisson counts.
    std_error : float
        From the observed information with the means held (R ``MASS::theta.ml``).
    """

    value: float
    std_error: float


@dataclass(frozen=True, eq=False)
class Counts:
    """The counts as a table: what the likelihood of theta needs of them, whatever the number of rows.

    Attributes
    ----------
    y, weight : ndarray, shape (n,)
        Counts and weights of the rows.
    values, times : ndarray, shape (m,)
        Different counts and their weights.
    """

    y: Floats
    weight: Floats
    values: Floats
    times: Floats

    @classmethod
    def of(cls, y: Floats, weight: Floats) -> Counts:
        """Make the table."""
        values, code = np.unique(y, return_inverse=True)
        times = np.bincount(code, weights=weight, minlength=len(values)).astype(np.float64)
        return cls(y, weight, values, times)


def overdispersed(counts: Counts, mu: Floats) -> bool:
    """Return whether the likelihood of negative binomial counts rises from the Poisson limit.

    Parameters
    ----------
    counts : Counts
        The counts.
    mu : ndarray, shape (n,)
        Poisson means.

    Returns
    -------
    bool
        Whether ``sum w ((y - mu)^2 - y) > 0``, the score of ``1 / theta`` at 0.

    Examples
    --------
    >>> y = np.array([0.0, 0.0, 9.0])
    >>> overdispersed(Counts.of(y, np.ones(3)), np.full(3, 3.0))
    True
    """
    return bool(counts.weight @ ((counts.y - mu) ** 2 - counts.y) > 0)


def estimate_theta(counts: Counts, mu: Floats, start: float | None = None) -> Theta:
    """Maximize the likelihood of theta with the means held.

    Parameters
    ----------
    counts : Counts
        The counts.
    mu : ndarray, shape (n,)
        Means.
    start : float, optional
        Where to begin; the moment estimate by default.

    Returns
    -------
    Theta
        The maximum and its standard error.

    Notes
    -----
    Score ``sum w (digamma(y + t) - digamma(t) + log t + 1 - log(mu + t) - (y + t) / (mu + t))``, climbed in log(t) by Newton steps where it
    is concave and by steps of at most 1.

    References
    ----------
    Lawless JF. Negative binomial and mixed Poisson regression. Can J Stat 1987;15:209-225. doi:10.2307/3314912

    Examples
    --------
    >>> y = np.array([0.0, 1.0, 0.0, 5.0, 9.0, 2.0])
    >>> round(estimate_theta(Counts.of(y, np.ones(6)), np.full(6, y.mean())).value, 4)
    0.7148
    """
    theta = _moments(counts, mu) if start is None else start
    for _ in range(MOST_STEPS):
        score, information = _derivatives(counts, mu, theta)
        slope, curve = theta * score, theta**2 * information - theta * score
        step = slope / curve if curve > 0 else np.sign(slope)
        theta *= float(np.exp(np.clip(step, -1, 1)))
        if step**2 < PRECISION or theta > 1e12:
            break
    information = _derivatives(counts, mu, theta)[1]
    return Theta(theta, float(1 / np.sqrt(information)) if information > 0 else np.nan)


def _moments(counts: Counts, mu: Floats) -> float:
    return float(counts.weight.sum() / (counts.weight @ (counts.y / mu - 1) ** 2))


def _derivatives(counts: Counts, mu: Floats, theta: float) -> tuple[float, float]:
    """Return the score of theta and minus its derivative."""
    from scipy.special import digamma, polygamma

    y, weight = counts.y, counts.weight
    share, total = (y + theta) / (mu + theta), float(weight.sum())
    gamma = counts.times @ (digamma(counts.values + theta) - digamma(theta))
    score = gamma + total * (np.log(theta) + 1) - weight @ (np.log(mu + theta) + share)
    trigamma = counts.times @ (polygamma(1, theta) - polygamma(1, counts.values + theta))
    information = trigamma - total / theta + weight @ ((2 - share) / (mu + theta))
    return float(score), float(information)
