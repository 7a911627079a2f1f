"""Conditional logistic regression of matched sets: nested case-control studies, 1:1, 1:M and N:M matching."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, FitWarning
from cobalamin.core.followup import FollowUp, follow_up
from cobalamin.models.covariance import expand_matrix, expand_vector
from cobalamin.models.cox.cox_solution import Solved, solve
from cobalamin.models.cox.partial_likelihood import Evaluation, PartialLikelihood, partial_likelihood
from cobalamin.models.cox.risk_sets import risk_sets
from cobalamin.models.cox.sweeps import one_blas_thread
from cobalamin.models.fit import Family, Fit
from cobalamin.models.grouping import group_by
from cobalamin.models.matrix.matrix import Matrix, build_matrix
from cobalamin.models.matrix.rows import Missing, require_columns
from cobalamin.models.sampled.subset_moments import Shape, shapes_of, subset_likelihood
from cobalamin.models.tabulate import count_levels

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Method = Literal["exact", "efron", "breslow"]

CONDITIONAL = Family("conditional logistic", "Conditional logistic", "odds ratio")


def conditional_logistic(
    formula: str,
    data: pd.DataFrame,
    *,
    matched_set: str | Sequence[str],
    method: Method = "exact",
    missing: Missing = "drop",
) -> Fit:
    """Fit a logistic regression conditional on the number of cases in each matched set.

    Parameters
    ----------
    formula : str
        ``"case ~ terms"``; case is 0/1 or boolean. What is the same for all members of a set has no coefficient.
    data : DataFrame, n rows
        One row per member of a set; a person may be a member of several sets (nested case-control).
    matched_set : str or sequence of str
        Column (or columns, whose combinations count) that names the set of each row.
    method : {"exact", "efron", "breslow"}
        Likelihood of sets with several cases: exact, or the approximations of a Cox model, faster in sets of hundreds.
    missing : {"drop", "error"}
        Leave incomplete rows out with one counted warning, or refuse.

    Returns
    -------
    Fit
        Log odds ratios. ``facts`` hold ``n_sets``, ``n_sets_used`` and ``n_sets_without_contrast``.

    Raises
    ------
    EventCodeError
        A case column that is not 0/1 or boolean.
    DataError
        No set with both a case and a control.
    FormulaError, ColumnNotFoundError, MissingValuesError
        As `build_matrix` demands.

    Warns
    -----
    MissingRowsWarning
        Rows left out because a covariate, the case status or the set is missing.
    FitWarning
        Sets without a case or without a control (after incomplete rows are gone), which say nothing; aliases; infinite
        coefficients (separation within sets).

    Notes
    -----
    A set with the cases C among its members R contributes ``exp(sum over C of x'b) / sum over subsets S of R of size |C| of
    exp(sum over S of x'b)``; the sum over subsets is built up member by member in n d steps. This is a Cox model with the sets as
    strata and exact ties, R's ``clogit(method = "exact")``. With an approximation, too, sets without a control are left out; R's
    approximations let them speak.

    References
    ----------
    Breslow NE, Day NE. Statistical methods in cancer research I: the analysis of case-control studies, chapter 7. IARC 1980. Gail MH,
    Lubin JH, Rubinstein LV. Likelihood calculations for matched case-control studies. Biometrika 1981;68:703-707.
    doi:10.1093/biomet/68.3.703

    Examples
    --------
    >>> pairs = pd.DataFrame({"set": np.repeat(range(12), 2), "case": [1, 0] * 12, "exposed": [1, 0] * 9 + [0, 1] * 3})
    >>> conditional_logistic("case ~ exposed", pairs, matched_set="set").tidy(exponentiate=True)["estimate"].round(6).tolist()
    [3.0]
    """
    names = [matched_set] if isinstance(matched_set, str) else list(matched_set)
    _check_arguments(data, names, method)
    matrix = build_matrix(formula, data, extra=names, response=True, missing=missing)
    model = _read(data, matrix, names)
    solved = solve(_likelihood(matrix.X, model, method), matrix.names)
    for text in (*_idle_sets(model, counts=True), *solved.urgent):
        warnings.warn(text, FitWarning, stacklevel=2)
    listed = matched_set if isinstance(matched_set, str) else names
    chosen = "" if method == "exact" else f", method={method!r}"
    call = f"conditional_logistic({formula!r}, data, matched_set={listed!r}{chosen})"
    return _fit(call, matrix, model, solved, (*_idle_sets(model, counts=False), *solved.warnings))


@dataclass(frozen=True, eq=False)
class _Sets:
    """Case status and set of each row used, and how many sets can be compared within."""

    follow: FollowUp
    owner: Ints
    informative: npt.NDArray[np.bool_]
    n_without_case: int
    n_without_control: int

    @property
    def case(self) -> npt.NDArray[np.bool_]:
        return self.follow.event > 0

    @property
    def n_sets(self) -> int:
        return len(self.informative)

    @property
    def facts(self) -> Mapping[str, float]:
        useless = self.n_without_case + self.n_without_control
        return {"n_sets": self.n_sets, "n_sets_used": self.n_sets - useless, "n_sets_without_contrast": useless}


@dataclass(frozen=True, eq=False)
class MatchedLikelihood(PartialLikelihood):
    """The exact conditional likelihood, with the interface of a partial likelihood.

    Attributes
    ----------
    shapes : tuple of Shape
        The matched sets, gathered by size and number of cases.
    """

    shapes: tuple[Shape, ...] = ()

    def without(self, columns: npt.NDArray[np.bool_]) -> MatchedLikelihood:
        """Return the likelihood with some covariates left out.

        Parameters
        ----------
        columns : ndarray of bool, shape (p,)
            Covariates to leave out.

        Returns
        -------
        MatchedLikelihood
            A copy without them.
        """
        fewer = super().without(columns)
        assert isinstance(fewer, MatchedLikelihood)
        return replace(fewer, shapes=tuple(shape.without(columns) for shape in self.shapes))

    def evaluate(self, b: Floats) -> Evaluation:
        """Compute the log-likelihood, score and information.

        Parameters
        ----------
        b : ndarray, shape (p,)
            Coefficients of the standardised covariates.

        Returns
        -------
        Evaluation
            At ``b``.
        """
        loglik, score, information = 0.0, np.zeros(len(b)), np.zeros((len(b), len(b)))
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            for shape in self.shapes:
                part = subset_likelihood(shape, b)
                loglik, score, information = loglik + part[0], score + part[1], information + part[2]
        if not np.isfinite(loglik):
            return Evaluation(-np.inf, np.full(len(b), np.nan), np.full((len(b), len(b)), np.nan))
        return Evaluation(loglik, score, (information + information.T) / 2)


def _check_arguments(data: pd.DataFrame, names: Sequence[str], method: str) -> None:
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data: expected a pandas DataFrame; got {type(data).__name__}.")
    if not names:
        raise DataError("matched_set: name the column that holds the set of each row.")
    if method not in ("exact", "efron", "breslow"):
        raise DataError(f"method: got {method!r}; expected 'exact', 'efron' or 'breslow'.")
    require_columns(data, names)


def _read(data: pd.DataFrame, matrix: Matrix, names: Sequence[str]) -> _Sets:
    rows = data if matrix.kept.all() else data.loc[matrix.kept]
    response = matrix.formula.response.strip("`")
    status = rows[response] if response in rows.columns else matrix.response
    # everybody leaves at one time: the sets are the risk sets
    follow = follow_up(exit=np.ones(len(rows)), event=status, names=("entry", "time", response))
    owner = group_by(rows, list(names)).code
    size = np.bincount(owner)
    cases = np.bincount(owner, weights=follow.event)
    informative = (cases > 0) & (cases < size)
    if not informative.any():
        raise DataError(
            f"{' x '.join(names)}: none of the {len(size)} matched sets has both a case and a control; there is nothing to compare."
        )
    return _Sets(follow, owner, informative, int((cases == 0).sum()), int((cases == size).sum()))


def _likelihood(x: Floats, model: _Sets, method: Method) -> PartialLikelihood:
    inside = model.informative[model.owner]
    sets = risk_sets(model.follow, model.owner, inside)
    likelihood = partial_likelihood(x, sets, None, "breslow" if method == "exact" else method)
    if method != "exact":
        return likelihood
    z = (x[inside] - likelihood.center) / likelihood.scale
    renumbered = (np.cumsum(model.informative) - 1)[model.owner[inside]]
    fields = {name: getattr(likelihood, name) for name in likelihood.__dataclass_fields__}
    return MatchedLikelihood(**fields, shapes=tuple(shapes_of(z, model.case[inside], renumbered)))


def _idle_sets(model: _Sets, *, counts: bool) -> tuple[str, ...]:
    """Say that sets without contrast are of no use; on the result without counts, which would pass by the disclosure rules."""
    numbers = {"without a case": model.n_without_case, "without a control": model.n_without_control}
    told = " and ".join(f"{count} {what}" if counts else what for what, count in numbers.items() if count)
    whole = f"{told} of {model.n_sets} matched sets" if counts else f"Matched sets {told}"
    return (f"{whole}: they say nothing about the odds ratios.",) if told else ()


def _fit(call: str, matrix: Matrix, model: _Sets, solved: Solved, notes: tuple[str, ...]) -> Fit:
    keep = solved.keep
    covariance = expand_matrix(solved.covariance, keep)
    return Fit(
        family=CONDITIONAL,
        call=call,
        columns=matrix.columns,
        coefficients=expand_vector(solved.coefficients, keep),
        covariance=covariance,
        model_covariance=covariance,
        variance="model",
        n=len(model.owner),
        n_missing=matrix.n_missing,
        missing=matrix.missing,
        events=float(model.case.sum()),
        person_time=np.nan,
        loglik=solved.loglik,
        loglik_null=solved.loglik_null,
        converged=solved.converged,
        iterations=solved.iterations,
        counts=count_levels(matrix, model.follow.event.astype(np.float64)),
        warnings=(*matrix.notes, *notes),
        term_warnings=solved.term_warnings,
        limits=solved.limits,
        facts={**model.facts, "likelihood_ratio": 2 * (solved.loglik - solved.loglik_null)},
        parts={"matrix": matrix, "sets": model.owner, "solved": solved},
    )
