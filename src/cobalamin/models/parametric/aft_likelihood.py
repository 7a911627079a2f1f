"""The likelihood of accelerated failure time models: exact, left-, right- and interval-censored, left-truncated rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cobalamin.models.cox.blocks import each_chunk
from cobalamin.models.cox.partial_likelihood import Evaluation
from cobalamin.models.interval.interval_data import IntervalData
from cobalamin.models.parametric.aft_distributions import GENERALIZED_GAMMA, ErrorDistribution, error_distribution
from cobalamin.models.regression.algebra import cross_product

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CHUNK = 8192  # rows of which all terms stay in the cache of a core
SHAPE_STEP = 1e-3  # of the numerical derivatives in the generalised gamma's shape, which have no closed form
_ROUNDING = 1e-6  # of linear predictors that give the times exactly, when the scale has become too small to compute with
_FIVE = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
_FIRST = np.array([1.0, -8.0, 0.0, 8.0, -1.0]) / 12
_SECOND = np.array([-1.0, 16.0, -30.0, 16.0, -1.0]) / 12


@dataclass(frozen=True, eq=False)
class RowTerms:
    """Log-likelihood of each row and its derivatives in the linear predictor (e) and in log(scale) (t); all of shape (n,)."""

    value: Floats
    e: Floats
    t: Floats
    ee: Floats
    et: Floats
    tt: Floats

    def add(self, other: RowTerms, rows: Ints, sign: float = 1.0) -> None:
        """Add the terms of some rows, in place."""
        for name in ("value", "e", "t", "ee", "et", "tt"):
            getattr(self, name)[rows] += sign * getattr(other, name)


@dataclass(frozen=True, eq=False)
class AftLikelihood:
    """An accelerated failure time model of n rows: ``y = x'b + scale * error``, y the logarithm of time.

    Attributes
    ----------
    x : ndarray, shape (n, p)
        Standardised covariates, the intercept among them.
    weights : ndarray, shape (n,)
        Case weights.
    low, high, late : ndarray, shape (n,)
        Lower and upper bound and entry on the scale of y; infinite where there is none.
    distribution : str
        Name of the distribution.
    """

    x: Floats
    weights: Floats
    low: Floats
    high: Floats
    late: Floats
    distribution: str

    @property
    def shaped(self) -> bool:
        """Whether there is a shape to estimate."""
        return self.distribution == GENERALIZED_GAMMA

    @property
    def scaled(self) -> bool:
        """Whether there is a scale to estimate."""
        return self.shaped or error_distribution(self.distribution).scaled

    @property
    def n_ancillary(self) -> int:
        """Parameters besides the coefficients."""
        return int(self.scaled) + int(self.shaped)

    def rows(self, theta: Floats, shape: float | None = None) -> RowTerms:
        """Return each row's log-likelihood and its derivatives at parameters ``theta`` (b, log(scale), shape)."""
        p = self.x.shape[1]
        tau = float(theta[p]) if self.scaled else 0.0
        q = float(theta[-1]) if shape is None and self.shaped else shape
        return row_terms(error_distribution(self.distribution, q), self.x @ theta[:p], tau, self)

    def evaluate(self, theta: Floats) -> Evaluation:
        """Return the log-likelihood, its score and its information.

        Parameters
        ----------
        theta : ndarray, shape (p + ancillary,)
            Coefficients, log(scale), shape.

        Returns
        -------
        Evaluation
            ``-inf`` where it cannot be computed.
        """
        value, score, information = self._sums(theta)
        fine = np.isfinite(value) and np.isfinite(score).all() and np.isfinite(information).all()
        return Evaluation(value if fine else -np.inf, score, information)

    def _sums(self, theta: Floats) -> tuple[float, Floats, Floats]:
        """Add up the sums of chunks of rows that stay in the cache of a core, in the order of the rows."""
        parts = zip(*each_chunk(lambda rows: self._part(rows)._chunk(theta), len(self.x), CHUNK), strict=True)
        value, score, information = (sum(part[1:], part[0]) for part in parts)
        return value, score, information

    def _chunk(self, theta: Floats) -> tuple[float, Floats, Floats]:
        with np.errstate(all="ignore"):  # of this thread
            return self._chunk_sums(theta)

    def _chunk_sums(self, theta: Floats) -> tuple[float, Floats, Floats]:
        p, k = self.x.shape[1], len(theta)
        terms = self.rows(theta)
        w = self.weights
        score, information = np.zeros(k), np.zeros((k, k))
        score[:p] = self.x.T @ (w * terms.e)
        information[:p, :p] = -cross_product(self.x, w * terms.ee)
        if self.scaled:
            score[p] = w @ terms.t
            information[:p, p] = information[p, :p] = -self.x.T @ (w * terms.et)
            information[p, p] = -(w @ terms.tt)
        if self.shaped:
            value, slope, cross = self._shape_derivatives(theta, terms)
            score[-1] = _FIRST @ value / SHAPE_STEP
            information[-1, -1] = -(_SECOND @ value) / SHAPE_STEP**2
            information[:-1, -1] = information[-1, :-1] = -(_FIRST @ np.column_stack([slope, cross])) / SHAPE_STEP
        return float(w @ terms.value), score, information

    def _shape_derivatives(self, theta: Floats, here: RowTerms) -> tuple[Floats, Floats, Floats]:
        """Return log-likelihood and score at five neighbouring shapes, of which the one in the middle is known."""
        near = [here if step == 0 else self.rows(theta, float(theta[-1]) + step * SHAPE_STEP) for step in _FIVE]
        value = np.array([self.weights @ part.value for part in near])
        slope = np.array([self.x.T @ (self.weights * part.e) for part in near])
        return value, slope, np.array([[self.weights @ part.t] for part in near])

    def scores(self, theta: Floats) -> Floats:
        """Return the weighted score of each row, shape (n, k), for robust variances."""
        terms = self.rows(theta)
        columns = [self.x * terms.e[:, None]]
        if self.scaled:
            columns.append(terms.t[:, None])
        if self.shaped:
            near = [self.rows(theta, float(theta[-1]) + step * SHAPE_STEP).value for step in _FIVE]
            columns.append((_FIRST @ np.array(near) / SHAPE_STEP)[:, None])
        return np.column_stack(columns) * self.weights[:, None]

    def every(self, step: int) -> AftLikelihood:
        """Return the model of every ``step``-th row."""
        return self._part(slice(None, None, step))

    def _part(self, rows: slice) -> AftLikelihood:
        return replace(self, **{name: getattr(self, name)[rows] for name in ("x", "weights", "low", "high", "late")})

    def explained(self, theta: Floats) -> bool:
        """Whether the linear predictor gives the known times up to rounding."""
        exact = self.low == self.high
        y = self.low[exact]
        error = np.abs(y - self.x[exact] @ theta[: self.x.shape[1]])
        return self.scaled and bool(exact.any()) and float(error.max()) <= _ROUNDING * max(1.0, float(np.abs(y).max()))

    def intercept_only(self) -> AftLikelihood:
        """Return the model without covariates."""
        return replace(self, x=np.ones((len(self.x), 1)))


def aft_likelihood(x: Floats, weights: Floats, times: IntervalData, distribution: str) -> AftLikelihood:
    """Set up the likelihood.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Covariates with the intercept.
    weights : ndarray, shape (n,)
        Case weights.
    times : IntervalData
        Bounds and entries; positive where the distribution is one of times.
    distribution : str
        Its name.

    Returns
    -------
    AftLikelihood
        Ready to be evaluated.
    """
    logarithm = distribution == GENERALIZED_GAMMA or error_distribution(distribution).logarithm

    def scale(values: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            return np.log(np.maximum(values, 0.0)) if logarithm else values

    return AftLikelihood(x, weights, scale(times.lower), scale(times.upper), scale(times.entry), distribution)


def row_terms(distribution: ErrorDistribution, eta: Floats, tau: float, bounds: AftLikelihood) -> RowTerms:
    """Return the log-likelihood of every row with its derivatives.

    Parameters
    ----------
    distribution : ErrorDistribution
        Of the standardised error.
    eta : ndarray, shape (n,)
        Linear predictor.
    tau : float
        Logarithm of the scale.
    bounds : AftLikelihood
        Lower and upper bounds and entries of the rows.

    Returns
    -------
    RowTerms
        ``log f`` for exact times, ``log S(lower)``, ``log F(upper)``, ``log(S(lower) - S(upper))``, less ``log S(entry)``.
    """
    low, high, late = bounds.low, bounds.high, bounds.late
    total = RowTerms(*np.zeros((6, len(eta))))
    exact = low == high
    has_low, has_high = np.isfinite(low), np.isfinite(high)
    kinds = ((exact, _exact), (has_low & ~has_high, _survived), (~has_low & has_high, _happened))
    for chosen, part in kinds:
        rows = np.flatnonzero(chosen)
        if len(rows):
            y = (high if part is _happened else low)[rows]
            total.add(part(distribution, y, eta[rows], tau), rows)
    rows = np.flatnonzero(has_low & has_high & ~exact)
    if len(rows):
        total.add(_between(distribution, low[rows], high[rows], eta[rows], tau), rows)
    rows = np.flatnonzero(np.isfinite(late))
    if len(rows):
        total.add(_survived(distribution, late[rows], eta[rows], tau), rows, -1.0)
    return total


def _chain(value: Floats, d1: Floats, d2: Floats, z: Floats, tau: float) -> RowTerms:
    """Turn derivatives in z = (y - eta) exp(-tau) into derivatives in eta and tau."""
    per = np.exp(-tau)
    return RowTerms(value, -d1 * per, -z * d1, d2 * per * per, (d1 + z * d2) * per, z * d1 + z * z * d2)


def _exact(distribution: ErrorDistribution, y: Floats, eta: Floats, tau: float) -> RowTerms:
    z = (y - eta) * np.exp(-tau)
    value, d1, d2 = distribution.log_density(z)
    terms = _chain(value - tau - (y if distribution.logarithm else 0.0), d1, d2, z, tau)
    return replace(terms, t=terms.t - 1.0)


def _survived(distribution: ErrorDistribution, y: Floats, eta: Floats, tau: float) -> RowTerms:
    z = (y - eta) * np.exp(-tau)
    value = distribution.log_survival(z)
    density, slope, _ = distribution.log_density(z)
    d1 = -np.exp(density - value)
    return _chain(value, d1, d1 * (slope - d1), z, tau)


def _happened(distribution: ErrorDistribution, y: Floats, eta: Floats, tau: float) -> RowTerms:
    z = (y - eta) * np.exp(-tau)
    value = distribution.log_distribution(z)
    density, slope, _ = distribution.log_density(z)
    d1 = np.exp(density - value)
    return _chain(value, d1, d1 * (slope - d1), z, tau)


def _between(distribution: ErrorDistribution, low: Floats, high: Floats, eta: Floats, tau: float) -> RowTerms:
    per = np.exp(-tau)
    a, b = (low - eta) * per, (high - eta) * per
    value = _log_difference(distribution, a, b)
    (fa, sa, _), (fb, sb, _) = distribution.log_density(a), distribution.log_density(b)
    pa, pb = np.exp(fa - value), np.exp(fb - value)
    e, t = (pa - pb) * per, a * pa - b * pb
    ee = (pb * sb - pa * sa) * per * per - e * e
    et = (b * pb * sb - a * pa * sa - pa + pb) * per - e * t
    tt = b * pb + b * b * pb * sb - a * pa - a * a * pa * sa - t * t
    return RowTerms(value, e, t, ee, et, tt)


def _log_difference(distribution: ErrorDistribution, a: Floats, b: Floats) -> Floats:
    """Return log(F(b) - F(a)) from the tail in which digits are left."""
    below, above = distribution.log_distribution(b), distribution.log_survival(a)
    lower = below + np.log(-np.expm1(np.minimum(distribution.log_distribution(a) - below, -1e-300)))
    upper = above + np.log(-np.expm1(np.minimum(distribution.log_survival(b) - above, -1e-300)))
    return np.where(below < above, lower, upper)
