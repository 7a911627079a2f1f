"""Test of proportional hazards: the score test for coefficients that change with a function of time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.core.followup import FollowUp
from cobalamin.models.cox.cox_residuals import solution_of
from cobalamin.models.cox.cox_solution import Solved
from cobalamin.models.cox.hazard import Hazard
from cobalamin.models.cox.risk_sets import merge_near_ties
from cobalamin.models.cox.sweeps import one_blas_thread
from cobalamin.models.fit import Fit
from cobalamin.models.matrix.terms import term_columns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Transform = Literal["km", "identity", "rank", "log"]


def ph_test(fit: Fit, transform: Transform = "km") -> pd.DataFrame:
    """Test whether the coefficients of a Cox model change with time.

    Parameters
    ----------
    fit : Fit
        From `cox`.
    transform : {"km", "identity", "rank", "log"}
        Function g of time against which a change is tested: 1 - Kaplan-Meier of all rows just before t, t itself, the rank of t among
        all exit times, or log t.

    Returns
    -------
    DataFrame
        ``term, chi2, df, p_value``: a row per term of the formula (a factor or a spline is one) and, last, ``GLOBAL``. A term with an
        infinite coefficient has NaN and is left out of ``GLOBAL``; an alias has no row.

    Raises
    ------
    DataError
        The fit is not a Cox model, the transform is unknown, ``log`` with an event at time 0 or before, or all events at one time.

    Notes
    -----
    The test of theta = 0 in ``b(t) = b + theta g(t)``: with V(t) the covariance of the risk set at an event, the score for theta is
    ``sum g(t) (x - xbar(t))`` and the information of (b, theta) has the blocks ``sum V``, ``sum g V`` and ``sum g**2 V``. This is
    what ``cox.zph`` of R's survival 3.0 and later computes, in linear time. Robust variances do not enter, as in R.

    References
    ----------
    Grambsch PM, Therneau TM. Proportional hazards tests and diagnostics based on weighted residuals. Biometrika 1994;81:515-526.
    doi:10.1093/biomet/81.3.515

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": [4, 2, 3, 1, 6, 5], "d": [1, 1, 0, 1, 1, 1], "x": [1.0, 2, 3, 2, 2, 1]})
    >>> ph_test(cox("x", people, exit="t", event="d"), "identity")["term"].tolist()
    ['x', 'GLOBAL']
    """
    from scipy.special import chdtrc

    solved = solution_of(fit)
    moments = _moments(solved, event_scale(fit, transform))
    position = np.full(len(solved.keep), -1)
    position[solved.keep] = np.arange(int(solved.keep.sum()))
    usable = {term: position[where][position[where] >= 0] for term, where in term_columns(fit).items()}
    rows = [(term, *_statistic(moments, own, solved)) for term, own in usable.items() if len(own)]
    finite = np.flatnonzero(~solved.infinite)
    rows.append(("GLOBAL", *_statistic(moments, finite, solved)))
    table = pd.DataFrame(rows, columns=["term", "chi2", "df"])
    return table.assign(p_value=chdtrc(table["df"], table["chi2"]))


def event_scale(fit: Fit, transform: Transform = "km") -> Floats:
    """Return g(t) at the event times of a Cox model.

    Parameters
    ----------
    fit : Fit
        From `cox`.
    transform : {"km", "identity", "rank", "log"}
        See `ph_test`.

    Returns
    -------
    ndarray, shape (K,)
        In the order of the risk sets (stratum, then time).

    Raises
    ------
    DataError
        As `ph_test`.
    """
    times = solution_of(fit).likelihood.sets.times
    follow = _counted(fit)
    if transform not in get_args(Transform):
        raise DataError(f"transform: got {transform!r}; expected one of {', '.join(get_args(Transform))}.")
    if transform == "identity":
        return times
    if transform == "log":
        if (times <= 0).any():
            raise DataError(f"transform: log needs times above 0; {int((times <= 0).sum())} event times are not.")
        return np.asarray(np.log(times))
    if transform == "rank":
        ordered = np.sort(follow.exit)
        low, high = np.searchsorted(ordered, times, side="left"), np.searchsorted(ordered, times, side="right")
        return np.asarray((low + high + 1) / 2)
    return _km_before(times, follow)


def _counted(fit: Fit) -> FollowUp:
    """Return the follow-up of the rows that count: those of weight 0 are nobody."""
    follow: FollowUp = fit.parts["follow_up"]
    entry, exit_ = merge_near_ties(follow.entry, follow.exit)
    used = np.ones(len(follow), dtype=bool) if fit.parts["weights"] is None else fit.parts["weights"] > 0
    return FollowUp(entry[used], exit_[used], follow.event[used])


def _km_before(times: Floats, follow: FollowUp) -> Floats:
    """Return 1 - S(t-) of all rows together; weights do not count, as in R."""
    entry, exit_ = follow.entry, follow.exit
    events = np.sort(exit_[follow.event > 0])
    distinct, deaths = np.unique(events, return_counts=True)
    at_risk = len(exit_) - np.searchsorted(np.sort(exit_), distinct, side="left").astype(np.int64)
    if follow.delayed:
        at_risk -= len(entry) - np.searchsorted(np.sort(entry), distinct, side="left")
    survival = np.r_[1.0, np.cumprod(1 - deaths / at_risk)]
    return np.asarray(1 - survival[np.searchsorted(distinct, times, side="left")])


@dataclass(frozen=True, eq=False)
class _Moments:
    """Score for theta, and the sums over events of V, g V and g**2 V; g runs from 0 to 1, which leaves the tests as they are."""

    score: Floats
    plain: Floats
    once: Floats
    twice: Floats


def _moments(solved: Solved, scale: Floats) -> _Moments:
    spread = float(np.ptp(scale)) if len(scale) else 0.0
    if not spread > 0:
        raise DataError("all events happen at one time (on the scale of transform): a change with time cannot be seen.")
    g, model = (scale - scale.min()) / spread, solved.likelihood
    with one_blas_thread():
        sums, risk = model.sums(solved.b)
        hazard = model.hazard(sums)
        dead = np.add.reduceat(model.z_dead * model.w_dead, model.death_starts, axis=1)
        score = dead - sums.s1 * hazard.h + sums.d1 * hazard.q
        plain, once, twice = (model.information(sums, risk, _times(hazard, g**power), solved.b) for power in (0, 1, 2))
    return _Moments(score @ g, plain, once, twice)


def _times(hazard: Hazard, g: Floats) -> Hazard:
    return replace(hazard, h=hazard.h * g, q=hazard.q * g, a2=hazard.a2 * g, b2=hazard.b2 * g, c2=hazard.c2 * g)


def _statistic(moments: _Moments, columns: Ints, solved: Solved) -> tuple[float, int]:
    """Score test of some columns of theta, all of b being estimated."""
    if solved.infinite[columns].any():
        return np.nan, len(columns)
    finite = np.flatnonzero(~solved.infinite)
    mixed = moments.once[np.ix_(finite, columns)]
    left = moments.twice[np.ix_(columns, columns)] - mixed.T @ np.linalg.solve(moments.plain[np.ix_(finite, finite)], mixed)
    score = moments.score[columns]
    if not len(columns):
        return np.nan, 0
    # a term that does not vary at enough event times leaves a singular matrix
    return float(score @ np.linalg.lstsq(left, score, rcond=1e-10)[0]), len(columns)
