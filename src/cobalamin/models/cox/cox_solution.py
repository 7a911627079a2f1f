"""From a partial likelihood to coefficients on the scale of the data, with what went wrong said in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import DataError
from cobalamin.models.cox.newton import Evaluate, Solution, covariance_of, find_aliases, infinite_terms, maximise
from cobalamin.models.cox.partial_likelihood import Evaluation, PartialLikelihood
from cobalamin.models.cox.penalty import Penalty, Ridge, climb, ridge_weights, with_firth, with_ridge
from cobalamin.models.cox.profile import finite_limit

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# below this the estimate and its interval are unreliable (Peduzzi et al. 1995, doi:10.1016/0895-4356(95)00048-8)
EVENTS_PER_PARAMETER = 10
# a profile limit costs some hundred evaluations of the likelihood
_PROFILE_ROWS = 100_000


@dataclass(frozen=True, eq=False)
class Solved:
    """A Cox model solved for the columns that can be estimated.

    Attributes
    ----------
    likelihood : PartialLikelihood
        Of the columns kept.
    b : ndarray, shape (k,)
        Finite coefficients of the standardised covariates at which residuals are computed.
    keep : ndarray of bool, shape (p,)
        Columns that are not aliases.
    infinite : ndarray of bool, shape (k,)
        Coefficients without a finite maximum.
    coefficients : ndarray, shape (k,)
        On the scale of the data; infinite ones as ``inf`` or ``-inf``.
    full_covariance, covariance : ndarray, shape (k, k)
        Inverse information, and the same with NaN for infinite coefficients.
    loglik, loglik_null : float
        At the solution and at zero.
    iterations : int
        Newton steps.
    converged : bool
        Whether the maximum was reached.
    warnings, urgent : tuple of str
        All that needs care, and the part that is also raised as a warning.
    term_warnings : mapping of str to str
        By column name.
    limits : mapping of str to (low, high)
        95% profile limits of infinite coefficients.
    objective : callable
        What was maximised: coefficients of the standardised covariates -> `Evaluation` (with the penalty, if there is one).
    penalty : Penalty or None
        The penalty.
    facts : mapping of str to float
        Numbers about the penalty.
    """

    likelihood: PartialLikelihood
    b: Floats
    keep: Bools
    infinite: Bools
    coefficients: Floats
    full_covariance: Floats
    covariance: Floats
    loglik: float
    loglik_null: float
    iterations: int
    converged: bool
    warnings: tuple[str, ...]
    urgent: tuple[str, ...]
    term_warnings: Mapping[str, str]
    limits: Mapping[str, tuple[float, float]]
    objective: Evaluate
    penalty: Penalty | None
    facts: Mapping[str, float]


def solve(likelihood: PartialLikelihood, names: Sequence[str], penalty: Penalty | None = None) -> Solved:
    """Maximise a partial likelihood, leaving out aliased columns.

    Parameters
    ----------
    likelihood : PartialLikelihood
        Of all p columns.
    names : sequence of str, length p
        Their names.
    penalty : "firth" or Ridge, optional
        What is added to the log-likelihood.

    Returns
    -------
    Solved
        Coefficients, variance and warnings.

    Notes
    -----
    A column that is a linear combination of earlier ones within risk sets is an alias: it gets no coefficient, as in R.
    The log-likelihoods are without the penalty of a ridge, and with that of Firth (at zero too), as R's packages give them.
    """
    null = likelihood.evaluate(np.zeros(likelihood.p))
    keep, combination = find_aliases(null.information, float(likelihood.w_dead.sum()))
    alias_texts = {names[j]: _alias_text(j, c, likelihood, names) for j, c in combination.items()}
    if not keep.all():
        likelihood = likelihood.without(~keep)
        null = Evaluation(null.loglik, null.score[keep], null.information[np.ix_(keep, keep)])
    objective = _objective(likelihood, [name for name, kept in zip(names, keep, strict=True) if kept], penalty)
    solution, null = _climb(objective, likelihood, null, penalty)
    infinite = np.zeros(likelihood.p, dtype=bool)
    if solution.converged and penalty is None:
        infinite = infinite_terms(solution, likelihood.z_range)
    kept_names = [name for name, kept in zip(names, keep, strict=True) if kept]
    covariance = covariance_of(solution.value.information) / np.outer(likelihood.scale, likelihood.scale)
    loglik, facts = _penalty_facts(likelihood, solution, penalty)
    limits = _limits(likelihood, solution, infinite, kept_names)
    infinite_texts = {kept_names[j]: _infinite_text(kept_names[j], solution.b[j]) for j in map(int, np.flatnonzero(infinite))}
    urgent = (*alias_texts.values(), *infinite_texts.values(), *_convergence_text(solution))
    return Solved(
        likelihood=likelihood,
        b=solution.b,
        keep=keep,
        infinite=infinite,
        coefficients=np.where(infinite, np.copysign(np.inf, solution.b), solution.b / likelihood.scale),
        full_covariance=covariance,
        covariance=_blank(covariance, infinite),
        loglik=loglik,
        loglik_null=null.loglik,
        iterations=solution.iterations,
        converged=solution.converged,
        warnings=(*urgent, *_few_events_text(len(likelihood.sets.death_rows), likelihood.p)),
        urgent=urgent,
        term_warnings={**alias_texts, **infinite_texts},
        limits=limits,
        objective=objective,
        penalty=penalty,
        facts=facts,
    )


def _objective(likelihood: PartialLikelihood, names: Sequence[str], penalty: Penalty | None) -> Evaluate:
    if penalty is None:
        return likelihood.evaluate
    if isinstance(penalty, Ridge):
        return with_ridge(likelihood.evaluate, ridge_weights(penalty, likelihood, names))
    if penalty == "firth":
        return with_firth(likelihood.evaluate, likelihood.scale)
    raise DataError(f"penalty: got {penalty!r}; expected 'firth' or Ridge(theta).")


def _climb(objective: Evaluate, likelihood: PartialLikelihood, null: Evaluation, penalty: Penalty | None) -> tuple[Solution, Evaluation]:
    """Maximise; also return the value at zero that the log-likelihood is compared with."""
    start = np.zeros(likelihood.p)
    if penalty != "firth":
        return maximise(objective, start, null if penalty is None else objective(start)), null
    b, value, steps, converged = climb(objective, start)
    return Solution(b, value, np.zeros(likelihood.p), steps, converged), objective(start)


def _penalty_facts(likelihood: PartialLikelihood, solution: Solution, penalty: Penalty | None) -> tuple[float, dict[str, float]]:
    """Return the log-likelihood to report, and the degrees of freedom that a ridge leaves."""
    if not isinstance(penalty, Ridge):
        return solution.value.loglik, {}
    plain = likelihood.evaluate(solution.b)
    freedom = float(np.trace(plain.information @ covariance_of(solution.value.information)))
    return plain.loglik, {"effective_df": freedom, "aic": -2 * plain.loglik + 2 * freedom}


def _blank(covariance: Floats, infinite: Bools) -> Floats:
    blanked = covariance.copy()
    blanked[infinite] = np.nan
    blanked[:, infinite] = np.nan
    return blanked


def _limits(likelihood: PartialLikelihood, solution: Solution, infinite: Bools, names: Sequence[str]) -> dict[str, tuple[float, float]]:
    limits: dict[str, tuple[float, float]] = {}
    for j in map(int, np.flatnonzero(infinite)):
        finite = np.nan
        if len(likelihood.sets.rows) <= _PROFILE_ROWS:
            finite = finite_limit(likelihood.evaluate, solution.b, j, solution.value.loglik) / float(likelihood.scale[j])
        limits[names[j]] = (finite, np.inf) if solution.b[j] > 0 else (-np.inf, finite)
    return limits


def _alias_text(j: int, scaled: Floats, likelihood: PartialLikelihood, names: Sequence[str]) -> str:
    """Say what an aliased column is a combination of, in the units of the data."""
    coefficients = scaled * likelihood.scale[j] / likelihood.scale
    parts = [f"{coefficients[k]:.4g} x {names[k]}" for k in map(int, np.flatnonzero(np.abs(scaled) > 1e-6))]
    if not parts:
        return f"{names[j]}: does not vary within the risk sets; it has no coefficient."
    return f"{names[j]}: is a linear combination of other columns ({' + '.join(parts)}, and a constant); it has no coefficient of its own."


def _infinite_text(name: str, b: float) -> str:
    direction = "infinity" if b > 0 else "minus infinity"
    value = "highest" if b > 0 else "lowest"
    return (
        f"{name}: the likelihood rises as the coefficient goes to {direction}; it is reported as infinite"
        f" (monotone likelihood: for instance, every event happens at the {value} value in its risk set)."
        " Merge sparse levels or leave the term out; the finite confidence limit is by profile likelihood."
    )


def _convergence_text(solution: Solution) -> tuple[str, ...]:
    if solution.converged:
        return ()
    return (f"no convergence in {solution.iterations} steps: the estimates are not the maximum of the likelihood.",)


def _few_events_text(events: int, parameters: int) -> tuple[str, ...]:
    if parameters == 0 or events >= EVENTS_PER_PARAMETER * parameters:
        return ()
    return (
        # no counts in the text: it is printed beside results whose counts the disclosure rules protect
        f"Fewer than {EVENTS_PER_PARAMETER} events per parameter: estimates may be biased and intervals too narrow.",
    )
