"""The baseline of each stratum of a Cox model, with what its uncertainty needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.models.cox.cox_residuals import solution_of
from cobalamin.models.cox.risk_sets import merge_near_ties
from cobalamin.models.cox.sweeps import one_blas_thread, prefix_sums
from cobalamin.models.fit import Fit

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Baseline:
    """The baseline of one stratum, at the means of the covariates.

    Attributes
    ----------
    label : str
        The stratum; empty without strata.
    times : ndarray, shape (K,)
        Event times.
    hazard : ndarray, shape (K + 1,)
        Cumulative hazard, with a leading 0.
    variance : ndarray, shape (K + 1,)
        Its variance were the coefficients known.
    mean : ndarray, shape (p, K + 1)
        Cumulative sum of hazard increment times mean covariate of the risk set.
    entry, exit : ndarray
        Sorted times of the rows of the stratum, to count who is at risk.
    """

    label: str
    times: Floats
    hazard: Floats
    variance: Floats
    mean: Floats
    entry: Floats
    exit: Floats

    @property
    def end(self) -> float:
        """Last time under observation; before all times where nobody is."""
        return float(self.exit[-1]) if len(self.exit) else -np.inf


def baseline_curves(fit: Fit) -> tuple[Baseline, ...]:
    """Return the baseline hazard of each stratum with what its uncertainty needs.

    Parameters
    ----------
    fit : Fit
        From `cox`.

    Returns
    -------
    tuple of Baseline
        One per stratum, in order of the strata's values.

    Raises
    ------
    DataError
        The fit is not a Cox model.
    """
    solved = solution_of(fit)
    model, sets = solved.likelihood, solved.likelihood.sets
    with one_blas_thread():
        sums, _ = model.sums(solved.b)
        hazard = model.hazard(sums)
    shift = np.exp(-sums.shift)
    steps = np.vstack([hazard.h * shift, hazard.a2 * shift**2, (sums.s1 * hazard.a2 - sums.d1 * hazard.b2) * shift])
    running = prefix_sums(steps, sets.starts)
    follow, codes = fit.parts["follow_up"], fit.parts["stratum"]
    entry, exit_ = merge_near_ties(follow.entry, follow.exit)
    labels = stratum_labels(fit.parts["strata"])
    ends = np.searchsorted(sets.stratum, np.arange(len(labels) + 1))
    rows = [np.arange(len(exit_))] if codes is None else np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    if (weights := fit.parts["weights"]) is not None:
        rows = [part[weights[part] > 0] for part in rows]  # rows of weight 0 are nobody
    curves = []
    for s, label in enumerate(labels):
        own = np.hstack([np.zeros((len(running), 1)), running[:, ends[s] : ends[s + 1]]])
        times = sets.times[ends[s] : ends[s + 1]]
        curves.append(Baseline(label, times, own[0], own[1], own[2:], np.sort(entry[rows[s]]), np.sort(exit_[rows[s]])))
    return tuple(curves)


def stratum_labels(strata: pd.DataFrame) -> list[str]:
    """Write the values of each stratum.

    Parameters
    ----------
    strata : DataFrame
        One row per stratum.

    Returns
    -------
    list of str
        ``"site=1, sex=male"``; empty text without strata.

    Examples
    --------
    >>> stratum_labels(pd.DataFrame({"site": [1, 2]}))
    ['site=1', 'site=2']
    """
    names = list(strata.columns)
    rows = zip(*(strata[name] for name in names), strict=True) if names else [()]
    return [", ".join(f"{name}={value}" for name, value in zip(names, row, strict=True)) for row in rows]
