"""Several hazards put together: risks of competing events for one person, and their variance from the influence of every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.models.competing.absolute_risk_influence import Baseline, baseline_of
from cobalamin.models.covariance import sum_by
from cobalamin.models.fit import Fit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RiskModel:
    """The baselines of all causes on one grid of event times, with the rows of their table aligned.

    Attributes
    ----------
    bases : tuple of Baseline
        One per cause, J in all.
    subdistribution : bool
        Whether the hazard is that of a subdistribution (Fine-Gray).
    grid : ndarray, shape (T,)
        Event times of any cause.
    place : tuple of ndarray of int
        Where the event times of each cause are in the grid.
    rows : tuple of ndarray of int
        Rows of the table that each fit used.
    n : int
        Rows of the table.
    last : float
        Last follow-up.
    scale : ndarray, shape (n,)
        What multiplies each row's influence: its weight, or the root of a weight that is a number of people.
    clusters : (codes, count) or None
        Cluster of each row.
    """

    bases: tuple[Baseline, ...]
    subdistribution: bool
    grid: Floats
    place: tuple[Ints, ...]
    rows: tuple[Ints, ...]
    n: int
    last: float
    scale: Floats
    clusters: tuple[Ints, int] | None

    def predict(self, z: list[Floats], times: Floats) -> tuple[Floats, Floats]:
        """Return risks and their variances for one person.

        Parameters
        ----------
        z : list of ndarray
            The person's standardised covariates for each fit.
        times : ndarray, shape (q,)
            Times.

        Returns
        -------
        risk, variance : ndarray, shape (q, J)
            NaN before 0 and after the last follow-up.
        """
        hazards = self._hazards(z)
        risk, variance = np.full((len(times), len(z)), np.nan), np.full((len(times), len(z)), np.nan)
        curve: _OneRisk | _Risks = _OneRisk.of(hazards) if self.subdistribution else _Risks.of(hazards)
        for i in np.flatnonzero((times >= 0) & (times <= self.last)):
            upto = int(np.searchsorted(self.grid, times[i], side="right"))
            risk[i] = curve.estimate[:, upto - 1] if upto else 0.0
            factors = curve.factors(upto)
            variance[i] = [self._variance(factors[k], z) if upto else 0.0 for k in range(len(z))]
        return risk, variance

    def _hazards(self, z: list[Floats]) -> Floats:
        out = np.zeros((len(z), len(self.grid)))
        for j, base in enumerate(self.bases):
            out[j, self.place[j]] = base.hazard_of(z[j])
        return out

    def _variance(self, phi: Floats, z: list[Floats]) -> float:
        """Return the variance of the sum over causes j and times u of phi_j(u) h_j(u)."""
        moved = np.zeros(self.n)
        for j, base in enumerate(self.bases):
            moved[self.rows[j]] += base.move(phi[j, self.place[j]], z[j])
        moved *= self.scale
        if self.clusters is not None:
            moved = sum_by(moved[:, None], *self.clusters)[:, 0]
        return float(moved @ moved)


def risk_model(fits: Mapping[str, Fit]) -> RiskModel:
    """Put fits of competing events together.

    Parameters
    ----------
    fits : mapping of str to Fit
        Cause-specific Cox fits from one table, or one Fine-Gray fit.

    Returns
    -------
    RiskModel
        Ready to predict.
    """
    every = tuple(fits.values())
    bases = tuple(baseline_of(fit) for fit in every)
    grid = np.unique(np.concatenate([base.times for base in bases]))
    rows = tuple(_rows_of(fit) for fit in every)
    n = len(every[0].parts["matrix"].kept)
    scale = np.ones(n)
    for fit, own in zip(every, rows, strict=True):
        if fit.parts["weights"] is not None:
            scale[own] = np.sqrt(fit.parts["weights"]) if _counts_people(fit) else fit.parts["weights"]
    return RiskModel(
        bases=bases,
        subdistribution=every[0].family.name == "fine_gray",
        grid=grid,
        place=tuple(np.searchsorted(grid, base.times).astype(np.int64) for base in bases),
        rows=rows,
        n=n,
        last=max(float(fit.parts["follow_up"].exit.max()) for fit in every),
        scale=scale,
        clusters=_clusters(every, rows, n),
    )


def _rows_of(fit: Fit) -> Ints:
    """Return the rows of the table that a fit used (a Fine-Gray fit leaves out rows of weight 0)."""
    rows = np.flatnonzero(fit.parts["matrix"].kept)
    used = fit.parts.get("used")
    return rows if used is None else rows[used]


def _counts_people(fit: Fit) -> bool:
    """Whether weights are numbers of people, as the variance of the fit has it."""
    weights = fit.parts["weights"]
    return fit.variance != "cluster" and bool((weights == np.rint(weights)).all())


def _clusters(fits: tuple[Fit, ...], rows: tuple[Ints, ...], n: int) -> tuple[Ints, int] | None:
    """Number the clusters of the rows that any fit used."""
    values: dict[int, Any] = {}
    for fit, own in zip(fits, rows, strict=True):
        if fit.parts.get("cluster") is not None:
            values |= dict(zip(own.tolist(), np.asarray(fit.parts["cluster"]).tolist(), strict=True))
    if not values:
        return None
    codes, found = pd.factorize(np.asarray(list(values.values()), dtype=object))
    out = np.full(n, len(found), dtype=np.int64)
    out[list(values)] = codes
    return out, len(found) + 1


@dataclass(frozen=True, eq=False)
class _OneRisk:
    """The risk 1 - exp(-H) of one event, shape (1, T)."""

    estimate: Floats

    @classmethod
    def of(cls, hazards: Floats) -> _OneRisk:
        return cls(-np.expm1(-np.cumsum(hazards, axis=1)))

    def factors(self, upto: int) -> Floats:
        """Return the derivative of the risk after ``upto`` times by each hazard, shape (1, 1, T)."""
        free = 1 - self.estimate[0, upto - 1] if upto else 1.0
        return np.asarray(free * (np.arange(self.estimate.shape[1]) < upto))[None, None, :]


@dataclass(frozen=True, eq=False)
class _Risks:
    """Incidences of J competing events from their hazards, shape (J, T); g(H) = (1 - exp(-H)) / H and its derivative, shape (T,)."""

    hazards: Floats
    before: Floats
    share: Floats
    slope: Floats
    estimate: Floats

    @classmethod
    def of(cls, hazards: Floats) -> _Risks:
        total = hazards.sum(axis=0)
        before = np.exp(-(np.cumsum(total) - total))
        share, slope = _share(total)
        return cls(hazards, before, share, slope, np.cumsum(before * share * hazards, axis=1))

    def factors(self, upto: int) -> Floats:
        """Return the derivative of each risk after ``upto`` times by each hazard, shape (J, J, T)."""
        count, size = self.hazards.shape
        inside = np.arange(size) < upto
        out = np.zeros((count, count, size))
        if upto:
            # a hazard at u takes away from every later step, and changes how the step at u is split
            ahead = self.estimate[:, upto - 1 : upto] - self.estimate
            out += ((self.before * self.slope * self.hazards - ahead) * inside)[:, None, :]
            out[range(count), range(count)] += self.before * self.share * inside
        return out


def _share(total: Floats) -> tuple[Floats, Floats]:
    """Return g(H) = (1 - exp(-H)) / H and its derivative, by series where H is small."""
    small = total < 1e-4
    safe = np.where(small, 1.0, total)
    share = np.where(small, 1 - total / 2 + total**2 / 6, -np.expm1(-safe) / safe)
    slope = np.where(small, -0.5 + total / 3 - total**2 / 8, (np.exp(-safe) - share) / safe)
    return share, slope
