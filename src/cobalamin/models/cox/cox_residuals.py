"""Residuals and baseline hazard of a Cox model, from the same risk-set sums as its likelihood and in linear time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.models.cox.blocks import one_blas_thread
from cobalamin.models.cox.cox_scores import score_residuals
from cobalamin.models.cox.partial_likelihood import PartialLikelihood
from cobalamin.models.cox.sweeps import prefix_sums

if TYPE_CHECKING:
    from cobalamin.models.cox.cox_solution import Solved
    from cobalamin.models.fit import Fit

# the models of `recurrent_events` are Cox models of rows that they arrange
PARTIAL_LIKELIHOOD_FAMILIES = ("cox", "andersen-gill", "pwp-total", "pwp-gap", "wlw")
Floats = npt.NDArray[np.float64]
Kind = Literal["martingale", "deviance", "score", "dfbeta", "dfbetas", "schoenfeld", "scaled schoenfeld"]


def martingale_residuals(likelihood: PartialLikelihood, b: Floats) -> Floats:
    """Return events observed less events expected, per row.

    Parameters
    ----------
    likelihood : PartialLikelihood
        Data of the model.
    b : ndarray, shape (p,)
        Coefficients of the standardised covariates.

    Returns
    -------
    ndarray, shape (n,)
        Residuals as R's ``residuals(type = "martingale")``; weighted, they sum to zero.

    References
    ----------
    Therneau TM, Grambsch PM, Fleming TR. Martingale-based residuals for survival models. Biometrika 1990;77:147-160.
    doi:10.1093/biomet/77.1.147
    """
    sets = likelihood.sets
    with one_blas_thread():
        sums, risk = likelihood.sums(b)
        hazard = likelihood.hazard(sums)
    held = np.r_[0.0, prefix_sums(hazard.h, sets.starts)]
    through = held[sets.exit_at] - (0.0 if sets.entry_at is None else held[sets.entry_at])
    residuals: Floats = -likelihood.per_weight(risk) * through
    residuals[sets.death_rows] += 1 + likelihood.dead_risk(b, sums.shift) * hazard.q[sets.death_bin]
    return residuals


def baseline_hazard(likelihood: PartialLikelihood, b: Floats) -> tuple[Floats, Floats]:
    """Return the cumulative baseline hazard at each event time, within strata.

    Parameters
    ----------
    likelihood : PartialLikelihood
        Data of the model.
    b : ndarray, shape (p,)
        Coefficients of the standardised covariates.

    Returns
    -------
    increment, cumulative : ndarray, shape (K,)
        At the mean of the covariates, in the order of ``sets.times``; people count from their entry on.

    References
    ----------
    Breslow N. Discussion of Cox (1972). JRSS B 1972;34:216-217. doi:10.1111/j.2517-6161.1972.tb00900.x
    """
    with one_blas_thread():
        sums, _ = likelihood.sums(b)
        hazard = likelihood.hazard(sums)
    increment = hazard.h * np.exp(-sums.shift)
    return increment, prefix_sums(increment, likelihood.sets.starts)


def schoenfeld_residuals(likelihood: PartialLikelihood, b: Floats) -> Floats:
    """Return covariate less its mean over the risk set, per event.

    Parameters
    ----------
    likelihood : PartialLikelihood
        Data of the model.
    b : ndarray, shape (p,)
        Coefficients of the standardised covariates.

    Returns
    -------
    ndarray, shape (D, p)
        On the scale of the original covariates, in the order of ``sets.death_rows`` (stratum, then time). With Efron's method a tied
        event takes the mean of the d means. Weighted, the columns sum to zero at the estimate.

    References
    ----------
    Schoenfeld D. Partial residuals for the proportional hazards regression model. Biometrika 1982;69:239-241. doi:10.1093/biomet/69.1.239
    """
    with one_blas_thread():
        sums, _ = likelihood.sums(b)
        hazard = likelihood.hazard(sums)
    mean = (sums.s1 * hazard.h - sums.d1 * hazard.q) / (likelihood.mean_weight * likelihood.tied)
    return np.asarray((likelihood.z_dead - mean[:, likelihood.sets.death_bin]).T * likelihood.scale)


def cox_residuals(fit: Fit, kind: Kind = "martingale") -> Floats:
    """Return residuals of a fitted Cox model.

    Parameters
    ----------
    fit : Fit
        From `cox`.
    kind : {"martingale", "deviance", "score", "dfbeta", "dfbetas", "schoenfeld", "scaled schoenfeld"}
        Which residuals. ``dfbeta`` is the approximate change of each coefficient that the row brings, ``dfbetas`` the same in standard
        errors. Scaled Schoenfeld residuals, smoothed against time, show b(t).

    Returns
    -------
    ndarray, shape (n,), (n, k) or (D, k)
        One line per row used, or with the Schoenfeld kinds per event (`event_rows` tells which); a column per coefficient that is not
        an alias. Only dfbeta and dfbetas are multiplied by the case weights, as in R.

    Raises
    ------
    DataError
        The fit is not a Cox model, or the kind is unknown.

    Notes
    -----
    Scaled Schoenfeld residuals are ``b + D r V`` with D events and V the model-based variance. dfbeta is ``w L V`` with L the score
    residuals.

    References
    ----------
    Grambsch PM, Therneau TM. Biometrika 1994;81:515-526. doi:10.1093/biomet/81.3.515
    """
    solved = solution_of(fit)
    model, b = solved.likelihood, solved.b
    if kind == "martingale":
        return martingale_residuals(model, b)
    if kind == "deviance":
        return _deviance(martingale_residuals(model, b), fit.parts["follow_up"].event)
    if kind == "score":
        return score_residuals(model, b)
    if kind in ("dfbeta", "dfbetas"):
        effect = score_residuals(model, b) @ solved.full_covariance
        weights = fit.parts["weights"]
        effect = effect if weights is None else effect * weights[:, None]
        return effect if kind == "dfbeta" else effect / np.sqrt(np.diag(solved.full_covariance))
    if kind in ("schoenfeld", "scaled schoenfeld"):
        plain = schoenfeld_residuals(model, b)
        return plain if kind == "schoenfeld" else len(plain) * plain @ solved.full_covariance + b / model.scale
    raise DataError(f"kind: got {kind!r}; expected one of {', '.join(get_args(Kind))}.")


def event_rows(fit: Fit) -> pd.DataFrame:
    """Return which event each line of the Schoenfeld residuals belongs to.

    Parameters
    ----------
    fit : Fit
        From `cox`.

    Returns
    -------
    DataFrame
        ``row`` (position among the rows used), ``stratum``, ``time``.

    Raises
    ------
    DataError
        The fit is not a Cox model.
    """
    sets = solution_of(fit).likelihood.sets
    return pd.DataFrame({"row": sets.death_rows, "stratum": sets.stratum[sets.death_bin], "time": sets.times[sets.death_bin]})


def _deviance(martingale: Floats, event: npt.NDArray[np.int64]) -> Floats:
    expected = event - martingale
    log_part = np.where(event > 0, np.log(np.where(event > 0, expected, 1.0)), 0.0)
    return np.asarray(np.sign(martingale) * np.sqrt(np.maximum(-2 * (martingale + log_part), 0.0)))


def cox_baseline(fit: Fit, centered: bool = False) -> pd.DataFrame:
    """Return the baseline hazard of a fitted Cox model.

    Parameters
    ----------
    fit : Fit
        From `cox`.
    centered : bool
        Give the hazard at the (weighted) mean of the covariates rather than at zero. An offset is at its mean either way.

    Returns
    -------
    DataFrame
        ``stratum, time, hazard, cumulative_hazard``, one row per event time.

    Raises
    ------
    DataError
        The fit is not a Cox model.
    """
    solved = solution_of(fit)
    increment, cumulative = baseline_hazard(solved.likelihood, solved.b)
    z, offset = mean_person(fit) if centered else (-solved.likelihood.center / solved.likelihood.scale, np.zeros(1))
    factor = float(np.exp(z @ solved.b + offset).item())
    sets = solved.likelihood.sets
    return pd.DataFrame(
        {"stratum": sets.stratum, "time": sets.times, "hazard": increment * factor, "cumulative_hazard": cumulative * factor}
    )


def mean_person(fit: Fit) -> tuple[Floats, Floats]:
    """Return the covariates and the offset of the mean person, each row counting as often as its weight says.

    Parameters
    ----------
    fit : Fit
        From `cox`.

    Returns
    -------
    z : ndarray, shape (1, p)
        Standardised covariates.
    offset : ndarray, shape (1,)
        Offset less the one that the likelihood takes away.
    """
    model, weights = solution_of(fit).likelihood, fit.parts["weights"]
    if weights is None:
        return np.zeros((1, model.p)), np.zeros(1)
    share, known = weights / weights.sum(), fit.parts["offset"]
    z = (share @ fit.parts["matrix"].X[:, solution_of(fit).keep] - model.center) / model.scale
    return z[None, :], np.array([0.0 if known is None else share @ known - fit.parts["offset_center"]])


def solution_of(fit: Fit) -> Solved:
    """Return the solution that a Cox model carries.

    Parameters
    ----------
    fit : Fit
        From `cox`.

    Returns
    -------
    Solved
        Likelihood, standardised coefficients and variance.

    Raises
    ------
    DataError
        The fit is of another kind.
    """
    if fit.family.name not in PARTIAL_LIKELIHOOD_FAMILIES:
        raise DataError(f"expected a Cox model; got {fit.family.title}.")
    solved: Solved = fit.parts["solved"]
    return solved
