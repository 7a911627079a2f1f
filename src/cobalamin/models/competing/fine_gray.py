"""Fine-Gray regression: covariates and the cumulative incidence of one event where others compete."""

from __future__ import annotations

import warnings as python_warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, FitWarning
from cobalamin.core.followup import FollowUp, follow_up
from cobalamin.models.competing.fine_gray_likelihood import FineGrayLikelihood, fine_gray_likelihood
from cobalamin.models.competing.fine_gray_variance import fine_gray_scores
from cobalamin.models.competing.fine_gray_weights import CensoringTies, Observation, is_delayed, observation
from cobalamin.models.covariance import cluster_codes, expand_matrix, expand_vector, sandwich
from cobalamin.models.cox.cox_solution import Solved, solve
from cobalamin.models.cox.partial_likelihood import Ties
from cobalamin.models.cox.risk_sets import merge_near_ties
from cobalamin.models.fit import Family, Fit
from cobalamin.models.matrix.matrix import Matrix, build_matrix
from cobalamin.models.matrix.rows import Missing, refuse_follow_up, require_columns
from cobalamin.models.survey import read_weights
from cobalamin.models.tabulate import count_levels

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FINE_GRAY = Family("fine_gray", "Fine-Gray subdistribution hazards", "subdistribution hazard ratio")


def fine_gray(
    formula: str,
    data: pd.DataFrame,
    *,
    exit: str,
    event: str,
    cause: int = 1,
    entry: str | None = None,
    cluster: str | None = None,
    weights: str | None = None,
    ties: Ties = "breslow",
    censoring_ties: CensoringTies | None = None,
    missing: Missing = "drop",
) -> Fit:
    """Fit a Fine-Gray model: proportional hazards of the subdistribution of one event.

    Parameters
    ----------
    formula : str
        Covariates, one-sided: ``"log2(b12) + smoking"``; fixed at the start of follow-up.
    data : DataFrame
        One row per person.
    exit, event : str
        Columns with the end of follow-up and the event: 0 = censored, 1, 2, ... = kind of event.
    cause : int
        Event code of interest; every other code competes.
    entry : str, optional
        Column with the start of observation (delayed entry): at risk at t when ``entry < t <= exit``.
    cluster : str, optional
        Column that groups dependent rows; the variance then takes clusters as independent.
    weights : str, optional
        Column of case weights: a row of weight 2 counts as two equal rows; weights that are not whole numbers are sampling weights. Rows
        of weight 0 are nobody: ``facts`` say how many there are, and no other count has them.
    ties : {"breslow", "efron"}
        Treatment of tied events; Breslow's as in ``cmprsk::crr`` and in Fine and Gray's paper.
    censoring_ties : {"crr", "finegray"}, optional
        Whether those with an event at a time are still at risk of being censored at that time: yes as in ``cmprsk::crr``, or no as in
        ``survival::finegray`` (events come first). By default as ``crr``, and with delayed entry, which ``crr`` has not, as ``finegray``.
    missing : {"drop", "error"}
        Use complete rows and say how many are left out, or refuse.

    Returns
    -------
    Fit
        Log subdistribution hazard ratios with Fine and Gray's variance; ``model_covariance`` is the inverse information, which is not
        a valid variance here.

    Raises
    ------
    FormulaError, ColumnNotFoundError
        The formula or a column name is wrong.
    EventCodeError, FollowUpError, MissingValuesError
        Times or events that cannot be analysed.
    DataError
        No event of the cause, no rows, one-level factors, negative weights, or a gap in delayed entry after a competing event.

    Warns
    -----
    MissingRowsWarning
        Rows with missing values were left out.
    FitWarning
        An aliased column, an infinite coefficient, or no convergence.

    Notes
    -----
    Times equal up to 1.5e-8, absolutely or relative to the mean time, are ties, as with R's ``timefix``.
    Those with a competing event at x stay at risk with weight ``G(t-) / G(x-)``, G being the Kaplan-Meier estimate of remaining
    uncensored; with delayed entry ``G(t-) H(t-) / (G(x-) H(x-))``, H being the product-limit distribution of entry. The variance is
    ``I^-1 sum (eta + psi)(eta + psi)' I^-1`` where psi is the price of estimating the weights, as ``crr`` prints; summed within clusters
    first when these are given, without a correction for their number. Several rows per person are not supported.

    References
    ----------
    Fine JP, Gray RJ. A proportional hazards model for the subdistribution of a competing risk. JASA 1999;94:496-509.
    doi:10.1080/01621459.1999.10474144
    Geskus RB. Biometrics 2011;67:39-49. doi:10.1111/j.1541-0420.2010.01420.x (delayed entry)
    Zhou B, Fine J, Latouche A, Labopin M. Competing risks regression for clustered data. Biostatistics 2012;13:371-383.
    doi:10.1093/biostatistics/kxr032

    Examples
    --------
    >>> data = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6, 7, 8], "e": [1, 2, 1, 0, 2, 1, 0, 1], "x": [1, 0, 1, 1, 0, 0, 1, 0]})
    >>> fine_gray("x", data, exit="t", event="e").coefficients.round(4).tolist()
    [1.2828]
    """
    _check_arguments(data, cause, ties, censoring_ties)
    require_columns(data, [name for name in (exit, event, entry, cluster, weights) if name is not None])
    extra = tuple(name for name in (cluster, weights) if name is not None)
    matrix = build_matrix(formula, data, extra=extra, missing=missing)
    refuse_follow_up(matrix.formula.variables, exit, event, entry)
    model = _read(data if matrix.kept.all() else data.loc[matrix.kept], matrix.X, (exit, event, entry, cluster, weights), cause)
    seen = observation(model.timed, model.weights, censoring_ties or ("finegray" if is_delayed(model.timed) else "crr"))
    likelihood = fine_gray_likelihood(model.x, model.timed, cause, seen, model.weights, ties)
    solved = solve(likelihood, matrix.names)
    named = {"exit": exit, "event": event, "cause": cause, "entry": entry, "cluster": cluster, "weights": weights}
    call = _call(formula, {**named, "ties": None if ties == "breslow" else ties, "censoring_ties": censoring_ties})
    return _fit(call, matrix, model, seen, solved, cause)


@dataclass(frozen=True, eq=False)
class _Model:
    """The rows of a model; ``timed`` has near ties merged and an entry only where it bears on the result; weights are positive."""

    follow: FollowUp
    timed: FollowUp
    x: Floats
    used: npt.NDArray[np.bool_]
    weights: Floats | None
    cluster: npt.NDArray[Any] | None

    @property
    def clusters(self) -> tuple[Ints, int] | None:
        return None if self.cluster is None else cluster_codes(self.cluster)

    @property
    def copies(self) -> bool:
        """Whether weights are numbers of people."""
        return self.weights is not None and self.cluster is None and bool((self.weights == np.rint(self.weights)).all())


def _check_arguments(data: pd.DataFrame, cause: int, ties: str, censoring_ties: str | None) -> None:
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data: expected a pandas DataFrame; got {type(data).__name__}.")
    if isinstance(cause, bool) or not isinstance(cause, int | np.integer) or cause < 1:
        raise DataError(f"cause: expected an event code 1, 2, ...; got {cause!r}.")
    if ties not in ("efron", "breslow"):
        raise DataError(f"ties: got {ties!r}; expected 'breslow' or 'efron'.")
    if censoring_ties not in (None, "crr", "finegray"):
        raise DataError(f"censoring_ties: got {censoring_ties!r}; expected 'crr' or 'finegray'.")


def _read(rows: pd.DataFrame, x: Floats, names: tuple[str, str, str | None, str | None, str | None], cause: int) -> _Model:
    exit, event, entry, cluster, weights = names
    start = None if entry is None else rows[entry]
    follow = follow_up(exit=rows[exit], event=rows[event], entry=start, kinds=None, names=(entry or "entry", exit, event))
    case = None if weights is None else read_weights(rows, weights)
    used = np.ones(len(follow), dtype=bool) if case is None else case > 0
    if not (follow.event[used] == cause).any():
        raise DataError(f"{event}: no event with code {cause} in the {int(used.sum())} rows used; a hazard ratio cannot be estimated.")
    owner = None if cluster is None else rows[cluster].to_numpy()
    begin, end = merge_near_ties(follow.entry, follow.exit, warn=True)
    codes = follow.event
    if not used.all():
        begin, end, codes, x, case = begin[used], end[used], codes[used], x[used], None if case is None else case[used]
        owner = None if owner is None else owner[used]
    timed = FollowUp(begin, end, codes)
    if timed.delayed and not is_delayed(timed):
        timed = FollowUp(np.full(len(end), -np.inf), end, timed.event)
    return _Model(follow, timed, x, used, case, owner)


def _variance(solved: Solved, model: _Model, seen: Observation) -> Floats:
    assert isinstance(solved.likelihood, FineGrayLikelihood)
    scores = fine_gray_scores(solved.likelihood, model.timed, seen, solved.b)
    if model.weights is not None:
        scores *= (np.sqrt(model.weights) if model.copies else model.weights)[:, None]
    # bread, meat, bread: the same as the sandwich of influences, without another array of the size of the data
    robust = solved.full_covariance @ sandwich(scores, model.clusters) @ solved.full_covariance
    robust[solved.infinite] = np.nan
    robust[:, solved.infinite] = np.nan
    return robust


def _fit(call: str, matrix: Matrix, model: _Model, seen: Observation, solved: Solved, cause: int) -> Fit:
    follow, keep, used = model.follow, solved.keep, model.used
    variance = _variance(solved, model, seen)
    happened = (follow.event == cause).astype(np.float64)
    at_risk = np.asarray(follow.exit - np.where(np.isfinite(follow.entry), follow.entry, 0.0))
    for text in solved.urgent:
        python_warnings.warn(text, FitWarning, stacklevel=3)
    return Fit(
        family=FINE_GRAY,
        call=call,
        columns=matrix.columns,
        coefficients=expand_vector(solved.coefficients, keep),
        covariance=expand_matrix(variance, keep),
        model_covariance=expand_matrix(solved.covariance, keep),
        variance="robust" if model.cluster is None else "cluster",
        n=int(used.sum()),
        n_missing=matrix.n_missing,
        missing=matrix.missing,
        events=float(happened[used].sum()),
        person_time=float(at_risk[used].sum()),
        loglik=solved.loglik,
        loglik_null=solved.loglik_null,
        converged=solved.converged,
        iterations=solved.iterations,
        counts=count_levels(matrix, happened, at_risk, used),
        warnings=(*matrix.notes, *solved.warnings),
        term_warnings=solved.term_warnings,
        limits=solved.limits,
        facts=_facts(model, solved, cause),
        parts={
            "matrix": matrix,
            "follow_up": follow,
            "timed": model.timed,
            "used": model.used,
            "weights": model.weights,
            "cluster": model.cluster,
            "observation": seen,
            "solved": solved,
            "cause": cause,
        },
    )


def _facts(model: _Model, solved: Solved, cause: int) -> dict[str, float]:
    event = model.timed.event  # of the rows used
    facts = {
        "cause": float(cause),
        "competing_events": float(((event > 0) & (event != cause)).sum()),
        "censored": float((event == 0).sum()),
        "likelihood_ratio": 2 * (solved.loglik - solved.loglik_null),
    }
    if not model.used.all():
        facts["n_zero_weight"] = float((~model.used).sum())
    return facts if model.cluster is None else {**facts, "n_clusters": float(len(pd.unique(model.cluster)))}


def _call(formula: str, arguments: dict[str, Any]) -> str:
    given = "".join(f", {name}={value!r}" for name, value in arguments.items() if value is not None)
    return f"fine_gray({formula!r}, data{given})"
