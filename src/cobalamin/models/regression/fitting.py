"""From a maximum to a `Fit`: what every generalized linear model has in common."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import CobalaminError, FitWarning
from cobalamin.models.fit import Family, Fit
from cobalamin.models.regression.likelihoods import Likelihood, link_of
from cobalamin.models.regression.newton import Objective, climb
from cobalamin.models.regression.notes import notes_of
from cobalamin.models.regression.request import Outcome, Prepared
from cobalamin.models.regression.solution import Rows, Solution, maximum
from cobalamin.models.regression.variance import Variance
from cobalamin.models.tabulate import count_levels

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Assembly:
    """What is particular to one kind of model.

    Attributes
    ----------
    family : Family
        Name and effect measure.
    outcome : {"binary", "count", "number"}
        Kind of outcome.
    loglik, loglik_null : float
        With constants.
    df_residual : float
        Of t statistics of the model's own variance; infinite for normal ones.
    firth : bool
        Whether Firth's penalty is a remedy for separation here.
    other_parameters : int
        Parameters estimated besides the coefficients.
    facts : mapping of str to float
        For `Fit.glance`.
    notes : tuple of str
        Further warnings.
    """

    family: Family
    outcome: Outcome
    loglik: float
    loglik_null: float
    df_residual: float = np.inf
    firth: bool = False
    other_parameters: int = 0
    facts: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def assemble(ready: Prepared, found: Solution, variance: Variance, kind: Assembly) -> Fit:
    """Put a fit together and warn of what needs care.

    Parameters
    ----------
    ready : Prepared
        Request and data.
    found : Solution
        The maximum.
    variance : Variance
        Of the coefficients.
    kind : Assembly
        What is particular to the model.

    Returns
    -------
    Fit
        The result.

    Warns
    -----
    FitWarning
        Infinite coefficients, aliases, few events, and the notes of the model.
    """
    matrix, y, used = ready.matrix, ready.rows.y, ready.rows.weight > 0
    notes, term_notes = notes_of(ready, found, kind.outcome, firth=kind.firth)
    notes += kind.notes
    if notes:
        warnings.warn(" ".join(notes), FitWarning, stacklevel=4)
    absent = {} if used.all() else {"n_zero_weight": float((~used).sum())}
    events = None if kind.outcome == "number" else y
    time = ready.person_time
    freedom = kind.df_residual
    if ready.design is not None:
        freedom = ready.design.degrees_of_freedom(matrix.kept) + 1 - found.z.shape[1]
    return Fit(
        family=kind.family,
        call=ready.request.call,
        columns=matrix.columns,
        coefficients=found.coefficients,
        covariance=variance.covariance,
        model_covariance=variance.model,
        variance=variance.kind,
        n=int(used.sum()),
        n_missing=matrix.n_missing,
        missing=matrix.missing,
        events=np.nan if events is None else float(events[used].sum()),
        person_time=np.nan if time is None else float(time[used].sum()),
        loglik=kind.loglik,
        loglik_null=kind.loglik_null,
        converged=True,
        iterations=found.iterations,
        counts=count_levels(matrix, events, time, used=used),
        df_residual=freedom,
        warnings=matrix.notes + notes,
        term_warnings=term_notes,
        limits={matrix.names[j]: both for j, both in found.limits.items()},
        other_parameters=kind.other_parameters,
        facts={**kind.facts, **absent},
        parts=_parts(ready, found),
    )


def _parts(ready: Prepared, found: Solution) -> dict[str, object]:
    likelihood = found.objective.likelihood
    with np.errstate(over="ignore"):
        fitted = likelihood.mean(found.eta)
    return {
        "matrix": ready.matrix,
        "response": ready.rows.y,
        "weights": ready.rows.weight,
        "fitted": fitted,
        "link": likelihood.link,
        "offset": ready.rows.offset,
        "refit": Refit(ready.rows, likelihood, found.objective.firth, found.objective.scale),
    }


@dataclass(frozen=True, eq=False)
class Refit:
    """What a fit was made from, for profile likelihoods (standardised columns are not kept: they would double the memory of a fit).

    Attributes
    ----------
    rows : Rows
        Covariates, outcomes, weights, offset.
    likelihood : Likelihood
        Kind of outcome and link; with the estimated theta of a negative binomial model.
    firth : bool
        Whether the likelihood is penalised.
    scale : float
        Size of the linear predictor by which a step is small.
    """

    rows: Rows
    likelihood: Likelihood
    firth: bool
    scale: float

    def maximum(self, level: float) -> Solution:
        """Fit again, with profile-likelihood limits of infinite coefficients at a level."""
        return maximum(self.rows, self.likelihood, firth=self.firth, scale=self.scale, level=level)


@dataclass(frozen=True)
class Likelihoods:
    """Log-likelihoods with constants, and deviances.

    Attributes
    ----------
    loglik, loglik_null : float
        At the estimate and without covariates.
    deviance, deviance_null : float
        Twice the distance from a model that fits every row.
    """

    loglik: float
    loglik_null: float
    deviance: float
    deviance_null: float

    @property
    def facts(self) -> dict[str, float]:
        """As `Fit.facts`."""
        return {"deviance": self.deviance, "null deviance": self.deviance_null}


def likelihoods_of(ready: Prepared, found: Solution) -> Likelihoods:
    """Return log-likelihoods and deviances of a fit.

    Parameters
    ----------
    ready : Prepared
        Request and data.
    found : Solution
        The maximum.

    Returns
    -------
    Likelihoods
        NaN for a null model that the link does not allow (no intercept and an identity or log link).
    """
    objective = found.objective
    y, weight, likelihood = objective.y, objective.weight, objective.likelihood
    constant, top = float(weight @ likelihood.constant(y)), float(weight @ likelihood.top(y))
    null = null_kernel(objective, ready.matrix.formula.intercept)
    own, plain = found.loglik, null
    if objective.firth:
        # deviances are those of the likelihood itself; the penalty is stated for the covariates as they came, not standardised
        unpenalised = replace(objective, firth=False)
        own, plain = unpenalised.evaluate(found.beta).loglik, null_kernel(unpenalised, ready.matrix.formula.intercept)
        constant -= float(np.linalg.slogdet(found.back[~found.aliases])[1])
    return Likelihoods(found.loglik + constant, null + constant, 2 * (top - own), 2 * (top - plain))


def null_kernel(objective: Objective, intercept: bool) -> float:
    """Return the log-likelihood without covariates and without constants.

    Parameters
    ----------
    objective : Objective
        The likelihood of the model.
    intercept : bool
        Whether the null model has an intercept.

    Returns
    -------
    float
        Its maximum; NaN where the link does not allow it. With Firth's penalty the penalty is that of all columns.
    """
    y, weight, offset, likelihood = objective.y, objective.weight, objective.offset, objective.likelihood
    n, p = objective.x.shape
    if objective.firth:
        basis = np.eye(p)[:, : int(intercept)]
        return climb(objective, np.zeros(p), basis=basis, limit=200).loglik
    if not intercept or offset is None:
        level = link_of(float(weight @ y / weight.sum()), likelihood.link) if intercept else 0.0
        eta = np.full(n, level) if offset is None else offset
        with np.errstate(over="ignore", invalid="ignore"):
            value = float(weight @ likelihood.terms(y, eta)[0])
        return value if np.isfinite(value) else np.nan
    try:
        return maximum(Rows(np.ones((n, 1)), y, weight, offset, ("Intercept",)), likelihood, scale=objective.scale).loglik
    except CobalaminError:
        return np.nan
