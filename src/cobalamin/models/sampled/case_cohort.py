"""Cox regression of case-cohort studies: all cases, and a random subcohort that stands for everybody."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, FitWarning
from cobalamin.core.followup import FollowUp
from cobalamin.models.covariance import expand_matrix, expand_vector
from cobalamin.models.cox.cox_solution import Solved, solve
from cobalamin.models.fit import Family, Fit
from cobalamin.models.matrix.matrix import Matrix, build_matrix
from cobalamin.models.matrix.rows import Missing, refuse_follow_up, require_columns
from cobalamin.models.sampled.case_cohort_design import Design, read_design
from cobalamin.models.sampled.case_cohort_sums import Sample, case_at_event, effects, everybody, ranked, stratified_spread, subcohort_only
from cobalamin.models.tabulate import count_levels

Floats = npt.NDArray[np.float64]
Method = Literal["prentice", "self-prentice", "lin-ying", "borgan1", "borgan2"]
METHODS = ("prentice", "self-prentice", "lin-ying", "borgan1", "borgan2")

CASE_COHORT = Family("case-cohort", "Case-cohort Cox", "hazard ratio")


def case_cohort(
    formula: str,
    data: pd.DataFrame,
    *,
    exit: str,
    event: str,
    subcohort: str,
    method: Method = "prentice",
    cohort_size: int | Mapping[object, int] | None = None,
    entry: str | None = None,
    stratum: str | None = None,
    ties: Literal["efron", "breslow"] = "efron",
    robust: bool = False,
    missing: Missing = "drop",
) -> Fit:
    """Fit a Cox model to a case-cohort sample.

    Parameters
    ----------
    formula : str
        Covariates, one-sided.
    data : DataFrame
        One row per person: the cases and the subcohort, or the whole cohort (the others may lack covariates; they are counted only).
    exit, event : str
        Columns of the end of follow-up and of the event (1) or censoring (0).
    subcohort : str
        Column that is 1 (or True) for members of the random subcohort, cases among them included, else 0.
    method : {"prentice", "self-prentice", "lin-ying", "borgan1", "borgan2"}
        Who is in the risk sets, see Notes. The two of Borgan are for subcohorts sampled by stratum.
    cohort_size : int or mapping of stratum to int, optional
        People in the cohort (by stratum for the methods of Borgan); needed unless ``data`` holds the whole cohort.
    entry : str, optional
        Column of the start of follow-up (delayed entry).
    stratum : str, optional
        Column of the sampling stratum, for the methods of Borgan. It does not stratify the baseline hazard.
    ties : {"efron", "breslow"}
        Treatment of tied events where cases are in risk sets ("prentice", "lin-ying", "borgan2").
    robust : bool
        With "lin-ying", replace the model part of the variance by the sandwich.
    missing : {"drop", "error"}
        Leave incomplete rows of the sample out with one counted warning, or refuse.

    Returns
    -------
    Fit
        Log hazard ratios; ``variance`` is "two-phase". The log-likelihood is NaN, for a pseudo-likelihood serves no test; its value is in
        ``facts``, with the sizes of cohort and subcohort.

    Raises
    ------
    DataError
        No cohort size, one smaller than the sample, people in neither part of the sample, no subcohort (in some stratum), no events.
    DesignError
        A stratum with a method that has none, or a method of Borgan without it.
    EventCodeError, FollowUpError, FormulaError, ColumnNotFoundError, MissingValuesError
        As `cox`.

    Warns
    -----
    MissingRowsWarning, FitWarning
        Rows left out; aliases, infinite coefficients, events at which nobody of the subcohort is under observation.

    Notes
    -----
    In the risk sets are: "prentice" the subcohort and the case itself; "self-prentice" the subcohort only; "lin-ying" all sampled people,
    non-cases weighted by (non-cases in the cohort) / (non-cases in the subcohort); "borgan1" the subcohort weighted by stratum; "borgan2"
    as "lin-ying" by stratum. The variance is the inverse information plus what sampling the subcohort adds; Prentice's takes that of
    Self and Prentice. R's ``cch`` gives the same numbers. Sampling fractions are those of the design, before incomplete rows are left out.

    References
    ----------
    Prentice RL. Biometrika 1986;73:1-11. doi:10.1093/biomet/73.1.1. Self SG, Prentice RL. Ann Stat 1988;16:64-81.
    doi:10.1214/aos/1176350691. Lin DY, Ying Z. JASA 1993;88:1341-1349. doi:10.1080/01621459.1993.10476416. Therneau TM, Li H. Computing
    the Cox model for case cohort designs. Lifetime Data Anal 1999;5:99-112. doi:10.1023/A:1009691327335. Borgan O et al. Lifetime Data
    Anal 2000;6:39-58. doi:10.1023/A:1009661900674

    Examples
    --------
    >>> i = np.arange(60)
    >>> people = pd.DataFrame({"t": i % 17 + 1, "ill": i % 5 == 0, "x": i * 7 % 10 / 10, "sub": i % 3 == 0})
    >>> case_cohort("x", people, exit="t", event="ill", subcohort="sub").coefficients.round(3).tolist()
    [-2.081]
    """
    _check_arguments(method, ties, robust)
    names = [name for name in (exit, event, subcohort, entry, stratum) if name is not None]
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data: expected a pandas DataFrame; got {type(data).__name__}.")
    require_columns(data, names)
    design = read_design(data, (exit, event, entry), subcohort, stratum, cohort_size, stratified=method.startswith("borgan"))
    extra = [subcohort] if stratum is None else [subcohort, stratum]
    matrix = build_matrix(formula, data, extra=extra, inside=design.sampled, missing=missing)
    refuse_follow_up(matrix.formula.variables, exit, event, entry)
    follow = design.follow_up(matrix.kept)
    if not follow.event.any():
        raise DataError(f"{event}: no events in the {len(follow)} complete rows of the sample.")
    sample = Sample(matrix.X, ranked(follow), design.subcohort[matrix.kept], design.stratum[matrix.kept])
    estimate = _ESTIMATORS[method](sample, design, matrix, ties, robust)
    for text in estimate.urgent:
        warnings.warn(text, FitWarning, stacklevel=2)
    named = {"exit": exit, "event": event, "subcohort": subcohort, "method": method, "cohort_size": cohort_size, "entry": entry}
    named |= {"stratum": stratum, "ties": None if ties == "efron" else ties, "robust": robust or None}
    given = "".join(f", {name}={value!r}" for name, value in named.items() if value is not None)
    return _fit(f"case_cohort({formula!r}, data{given})", matrix, follow, design, estimate)


@dataclass(frozen=True, eq=False)
class _Estimate:
    """A solved pseudo-likelihood and its variances, of all p columns; what needs care, and how often it happens."""

    solved: Solved
    covariance: Floats
    model_covariance: Floats
    notes: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def urgent(self) -> tuple[str, ...]:
        """Texts to be raised; only these have counts, for the others are printed beside protected results."""
        told = ", ".join(f"{name} = {count}" for name, count in self.counts.items())
        return (*(f"{note} ({told})" if told else note for note in self.notes), *self.solved.urgent)


def _check_arguments(method: str, ties: str, robust: bool) -> None:
    if method not in METHODS:
        raise DataError(f"method: got {method!r}; expected one of {', '.join(METHODS)}.")
    if ties not in ("efron", "breslow"):
        raise DataError(f"ties: got {ties!r}; expected 'efron' or 'breslow'.")
    if robust and method != "lin-ying":
        raise DataError(f"robust=True is for method='lin-ying'; '{method}' has its own variance.")


def _blank(values: Floats, solved: Solved) -> Floats:
    """Put NaN where a coefficient is infinite or an alias."""
    finite = ~solved.infinite
    return expand_matrix(np.where(np.outer(finite, finite), values, np.nan), solved.keep)


def _self_prentice(sample: Sample, design: Design, matrix: Matrix, ties: str, robust: bool) -> _Estimate:
    likelihood, alone = subcohort_only(sample, np.ones(len(sample.x)))
    solved = solve(likelihood, matrix.names)
    moved = effects(solved)[len(likelihood.sets.death_rows) :]
    added = (1 - 1 / float(design.per_member[0])) * moved.T @ moved
    model = solved.full_covariance
    return _Estimate(solved, _blank(model + added, solved), _blank(model, solved), *_alone(alone))


def _prentice(sample: Sample, design: Design, matrix: Matrix, ties: str, robust: bool) -> _Estimate:
    solved = solve(case_at_event(sample, ties), matrix.names)
    variance = _self_prentice(sample, design, matrix, ties, robust)
    # 1 where Prentice's own likelihood has a finite estimate, NaN elsewhere
    finite = expand_vector(np.where(solved.infinite, np.nan, 1.0), solved.keep)
    lost = np.flatnonzero(np.isfinite(finite) & np.isnan(np.diag(variance.covariance)))
    words = [f"{matrix.names[j]}: no standard error, because its values in the subcohort alone do not allow one." for j in lost]
    both = np.outer(finite, finite)
    return _Estimate(solved, variance.covariance * both, variance.model_covariance * both, tuple(words))


def _lin_ying(sample: Sample, design: Design, matrix: Matrix, ties: str, robust: bool) -> _Estimate:
    weight = np.where(sample.case, 1.0, design.per_control[0])
    solved = solve(everybody(sample, weight, ties), matrix.names)
    moved = effects(solved)
    controls = moved[~sample.case]
    added = stratified_spread(controls, np.zeros(len(controls), dtype=np.int64), design.per_control) * (1 - 1 / max(len(controls), 2))
    model = (moved * weight[:, None]).T @ moved if robust else solved.full_covariance
    return _Estimate(solved, _blank(model + added, solved), _blank(solved.full_covariance, solved))


def _borgan1(sample: Sample, design: Design, matrix: Matrix, ties: str, robust: bool) -> _Estimate:
    likelihood, alone = subcohort_only(sample, design.per_member[sample.stratum])
    solved = solve(likelihood, matrix.names)
    moved, stratum = effects(solved)[len(likelihood.sets.death_rows) :], sample.stratum[sample.subcohort]
    return _stratified(solved, moved, stratum, design, design.per_member, *_alone(alone))


def _borgan2(sample: Sample, design: Design, matrix: Matrix, ties: str, robust: bool) -> _Estimate:
    weight = np.where(sample.case, 1.0, design.per_control[sample.stratum])
    solved = solve(everybody(sample, weight, ties), matrix.names)
    return _stratified(solved, effects(solved)[~sample.case], sample.stratum[~sample.case], design, design.per_control)


def _stratified(
    solved: Solved,
    moved: Floats,
    stratum: npt.NDArray[np.int64],
    design: Design,
    weight: Floats,
    notes: tuple[str, ...] = (),
    counts: Mapping[str, int] | None = None,
) -> _Estimate:
    model, told = solved.full_covariance, dict(counts or {})
    single = int(((np.bincount(stratum, minlength=len(weight)) == 1) & (weight > 1)).sum())
    if single:
        notes = (*notes, "One person stands for others in a sampling stratum: that stratum's part of the variance is not counted.")
        told["n_single_person_strata"] = single
    return _Estimate(solved, _blank(model + stratified_spread(moved, stratum, weight), solved), _blank(model, solved), notes, told)


def _alone(count: int) -> tuple[tuple[str, ...], Mapping[str, int]]:
    """Say that events without anybody to be compared with are left out."""
    text = "Events at which nobody of the subcohort is under observation are left out: they have nobody to be compared with."
    return ((text,), {"n_events_without_subcohort": count}) if count else ((), {})


_ESTIMATORS = {
    "prentice": _prentice,
    "self-prentice": _self_prentice,
    "lin-ying": _lin_ying,
    "borgan1": _borgan1,
    "borgan2": _borgan2,
}


def _fit(call: str, matrix: Matrix, follow: FollowUp, design: Design, estimate: _Estimate) -> Fit:
    solved = estimate.solved
    return Fit(
        family=CASE_COHORT,
        call=call,
        columns=matrix.columns,
        coefficients=expand_vector(solved.coefficients, solved.keep),
        covariance=estimate.covariance,
        model_covariance=estimate.model_covariance,
        variance="two-phase",
        n=len(follow),
        n_missing=matrix.n_missing,
        missing=matrix.missing,
        events=float(follow.event.sum()),
        person_time=np.nan,  # that of the sample is not that of the cohort, and its rates would mislead
        loglik=np.nan,
        loglik_null=np.nan,
        converged=solved.converged,
        iterations=solved.iterations,
        counts=count_levels(matrix, follow.event.astype(np.float64)),
        warnings=(*matrix.notes, *estimate.notes, *solved.warnings),
        term_warnings=solved.term_warnings,
        limits=solved.limits,
        facts={**design.facts, **estimate.counts, "pseudo_loglik": solved.loglik},
        parts={"matrix": matrix, "follow_up": follow, "case_cohort": design},
    )
