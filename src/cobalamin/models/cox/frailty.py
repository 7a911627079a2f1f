"""Cox regression with shared gamma frailty: clusters differ in risk beyond their covariates."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, FitWarning
from cobalamin.models.covariance import expand_matrix, expand_vector
from cobalamin.models.cox.cox import cox
from cobalamin.models.cox.cox_residuals import solution_of
from cobalamin.models.cox.cox_solution import Solved
from cobalamin.models.cox.frailty_likelihood import FrailtyProblem, FrailtySolution, solve_frailty
from cobalamin.models.cox.partial_likelihood import Ties
from cobalamin.models.fit import Family, Fit
from cobalamin.models.matrix.rows import Missing

Floats = npt.NDArray[np.float64]

FRAILTY = Family("cox", "Cox proportional hazards with gamma frailty", "hazard ratio")
# the range in which the variance is sought, and the gain of log-likelihood below which it is 0
_RANGE = (1e-6, 1e2)
_NO_GAIN = 1e-7


def cox_frailty(
    formula: str,
    data: pd.DataFrame,
    *,
    exit: str,
    event: str,
    cluster: str,
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    offset: str | None = None,
    ties: Ties = "efron",
    theta: float | None = None,
    missing: Missing = "drop",
) -> Fit:
    """Fit a Cox model in which the rows of a cluster share an unobserved factor of the hazard.

    Parameters
    ----------
    formula, data, exit, event, entry, strata, weights, offset, ties, missing
        As in `cobalamin.models.cox.cox.cox`.
    cluster : str
        Column of the clusters (families, clinics, persons with several rows).
    theta : float, optional
        Variance of the frailties; estimated by default.

    Returns
    -------
    Fit
        Log hazard ratios within clusters. ``glance()`` has ``frailty_variance``, ``loglik_marginal`` (R's I-likelihood),
        ``frailty_chi2`` and ``frailty_p`` (likelihood-ratio test of no frailty, half a chi-squared with 1 df) and ``effective_df``;
        ``fit.parts["frailty"]`` has the frailty of each cluster. An estimated variance of 0 leaves the Cox model without frailty.

    Raises
    ------
    DataError
        As `cox`; a negative ``theta``, an infinite coefficient, or clusters of one row with one event at most (they cannot tell a
        frailty).

    Warns
    -----
    FitWarning
        No convergence.

    Notes
    -----
    The hazard is ``z_c h(t) exp(x'b)`` with z_c gamma distributed of mean 1 and variance theta. Given theta, coefficients and frailties
    maximise a penalised partial likelihood (the EM solution); theta maximises the marginal likelihood. Standard errors are those of R's
    ``coxph(frailty())``: they take theta as known.

    References
    ----------
    Therneau TM, Grambsch PM, Pankratz VS. Penalized survival models and frailty. J Comput Graph Stat 2003;12:156-175.
    doi:10.1198/1061860031365
    Nielsen GG, Gill RD, Andersen PK, Sorensen TIA. A counting process approach to maximum likelihood estimation in frailty models.
    Scand J Stat 1992;19:25-43.

    Examples
    --------
    >>> eyes = pd.DataFrame({"id": [1, 1, 2, 2, 3, 3], "t": [1, 2, 6, 7, 3, 9], "d": [1, 1, 1, 0, 1, 0], "x": [0, 1, 0, 1, 1, 0]})
    >>> "frailty_variance" in cox_frailty("x", eyes, exit="t", event="d", cluster="id").glance()
    True
    """
    columns = {"exit": exit, "event": event, "entry": entry, "strata": strata, "cluster": cluster, "weights": weights, "offset": offset}
    base = cox(formula, data, **columns, ties=ties, robust=False, missing=missing)  # type: ignore[arg-type]
    if theta is not None and not (np.isfinite(theta) and theta >= 0):
        raise DataError(f"theta: a variance is a number of 0 or more; got {theta}.")
    problem = _problem(base)
    zero = FrailtySolution(0.0, *_without(base, problem))
    found = _at(problem, zero, theta) if theta else zero if theta == 0 else _estimate(problem, zero)
    if not found.converged:
        warnings.warn("no convergence: the frailties are not at the maximum of their likelihood.", FitWarning, stacklevel=2)
    return _fit(base, problem, found, zero, cluster, theta)


def _problem(base: Fit) -> FrailtyProblem:
    solved = solution_of(base)
    if solved.infinite.any():
        raise DataError("a coefficient is infinite: frailties cannot be estimated beside it. Leave the term out, or merge sparse levels.")
    codes, count = base.parts["clusters"]
    weight = np.ones(len(codes)) if base.parts["weights"] is None else np.asarray(base.parts["weights"])
    events = np.asarray(np.bincount(codes, base.parts["follow_up"].event * weight, minlength=count), dtype=np.float64)
    if np.bincount(codes).max() == 1 and (base.parts["follow_up"].event <= 1).all() and events.max(initial=0.0) <= 1:
        raise DataError("cluster: every cluster has one row only; a shared frailty needs clusters of two rows or more.")
    offset = base.parts["offset"]
    known = np.zeros(len(codes)) if offset is None else offset - base.parts["offset_center"]
    return FrailtyProblem(solved.likelihood, codes, count, known, events, weight)


def _without(base: Fit, problem: FrailtyProblem) -> tuple[Floats, Floats, float, float, Floats, float, int, bool]:
    solved = solution_of(base)
    covariance = solved.full_covariance * np.outer(solved.likelihood.scale, solved.likelihood.scale)
    return (
        solved.b,
        np.zeros(problem.count),
        base.loglik,
        base.loglik,
        covariance,
        float(len(solved.b)),
        base.iterations,
        base.converged,
    )


def _at(problem: FrailtyProblem, start: FrailtySolution, theta: float) -> FrailtySolution:
    return solve_frailty(problem, theta, start.b, start.log_frailty)


def _estimate(problem: FrailtyProblem, zero: FrailtySolution) -> FrailtySolution:
    """Maximise the marginal likelihood over the variance; 0 where no variance is better than none."""
    from scipy.optimize import minimize_scalar

    best = zero
    seen: dict[float, FrailtySolution] = {}

    def loss(log_theta: float) -> float:
        nonlocal best
        start = min(seen, key=lambda known: abs(known - log_theta), default=None)
        seen[log_theta] = _at(problem, zero if start is None else seen[start], float(np.exp(log_theta)))
        if seen[log_theta].marginal > best.marginal:
            best = seen[log_theta]
        return -seen[log_theta].marginal

    coarse = np.log([1e-3, 1e-2, 0.1, 0.5, 2.0, 10.0])
    losses = [loss(float(value)) for value in coarse]
    middle = int(np.argmin(losses))
    low = np.log(_RANGE[0]) if middle == 0 else coarse[middle - 1]
    high = np.log(_RANGE[1]) if middle == len(coarse) - 1 else coarse[middle + 1]
    minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-7})
    return best if best.marginal > zero.marginal + _NO_GAIN else zero


def _fit(base: Fit, problem: FrailtyProblem, found: FrailtySolution, zero: FrailtySolution, cluster: str, theta: float | None) -> Fit:
    from scipy.special import ndtr

    solved = _solved(solution_of(base), problem, found)
    chi2 = max(2 * (found.marginal - zero.marginal), 0.0)
    facts = {
        **{name: value for name, value in base.facts.items() if name != "likelihood_ratio"},
        "frailty_variance": found.theta,
        "loglik_marginal": found.marginal,
        "frailty_chi2": chi2,
        "frailty_p": float(ndtr(-np.sqrt(chi2))),
        "effective_df": found.effective_df,
        "aic": -2 * found.loglik + 2 * found.effective_df,
    }
    covariance = expand_matrix(solved.covariance, solved.keep)
    numbers = pd.Series(base.parts["cluster"]).drop_duplicates().to_numpy()
    frailty = pd.DataFrame({cluster: numbers, "frailty": np.exp(found.log_frailty), "events": problem.events})
    given = "" if theta is None else f", theta={theta!r}"
    return replace(
        base,
        family=FRAILTY,
        call=base.call.replace("cox(", "cox_frailty(", 1).replace(", robust=False", given),
        coefficients=expand_vector(solved.coefficients, solved.keep),
        covariance=covariance,
        model_covariance=covariance,
        loglik=found.loglik,
        converged=found.converged,
        iterations=found.steps,
        facts=facts,
        parts={**base.parts, "solved": solved, "offset": problem.known + found.log_frailty[problem.codes], "frailty": frailty},
    )


def _solved(base: Solved, problem: FrailtyProblem, found: FrailtySolution) -> Solved:
    scale = base.likelihood.scale
    covariance = found.covariance / np.outer(scale, scale)
    return replace(
        base,
        likelihood=problem.with_frailty(found.log_frailty),
        b=found.b,
        coefficients=found.b / scale,
        full_covariance=covariance,
        covariance=covariance,
        loglik=found.loglik,
    )
