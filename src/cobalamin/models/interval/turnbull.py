"""Survival curves from interval-censored times: Turnbull's nonparametric maximum likelihood estimate."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, FitWarning, list_names
from cobalamin.models.curves.curves import CONFIDENCE
from cobalamin.models.curves.kaplan_meier import RiskSets, confidence_limits
from cobalamin.models.grouping import MOST_GROUPS, case_weights, group_by, known_rows, require_rows, whole
from cobalamin.models.interval.interval_curves import FRAME, IntervalCurves, known_ends, known_free
from cobalamin.models.interval.interval_data import IntervalData, marked_missing, read_intervals
from cobalamin.models.interval.interval_hazard import HazardProblem, hazard_problem, survival_of
from cobalamin.models.interval.interval_npmle import HazardEstimate, maximise_hazard
from cobalamin.models.interval.turnbull_variance import NO_ERROR, bootstrap_limits, log_variance

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def interval_survival(
    data: pd.DataFrame,
    *,
    lower: str,
    upper: str,
    by: str | Sequence[str] | None = None,
    entry: str | None = None,
    weights: str | None = None,
    seed: int | np.random.Generator | None = None,
    replicates: int = 200,
    confidence: str = "log-log",
    level: float = 0.95,
    unit: str = "",
) -> IntervalCurves:
    """Estimate survival curves from interval-censored times by Turnbull's method.

    Parameters
    ----------
    data : DataFrame, n rows
        One row per person: the event happened in ``(lower, upper]``.
    lower, upper : str
        Columns of the last time known to be free of the event and the first time known to have had it. ``upper`` missing or
        infinite: right-censored at ``lower``. ``lower`` missing: left-censored at ``upper``. Both equal: an exact time.
    by : str or sequence of str, optional
        Grouping column(s): one curve per group.
    entry : str, optional
        Column of the start of observation (left truncation: people whose event came before are not in the data). A ``lower`` before
        ``entry`` counts as ``entry``.
    weights : str, optional
        Column of whole case weights: weight 2 = two people.
    seed : int or Generator, optional
        Seed of the bootstrap; without it standard errors come from the information matrix, where they can.
    replicates : int
        Bootstrap samples.
    confidence : {"log-log", "log", "plain"}
        Scale of limits from the information matrix.
    level : float
        Confidence level.
    unit : str
        Unit of time, for labels.

    Returns
    -------
    IntervalCurves
        The curves; ``.at(times)`` reads them, ``.bounds(times)`` says what the data leave open.

    Raises
    ------
    FollowUpError, MissingValuesError, ColumnNotFoundError
        Bounds that cannot be analysed.
    DataError
        Weights that are not whole, an unknown kind of limits, too few replicates.
    ConvergenceError
        The likelihood was not maximised.

    Warns
    -----
    MissingRowsWarning
        Rows left out because both bounds, the group, the entry or the weight are missing.
    FitWarning
        The curve falls to 0 early under delayed entry.

    Notes
    -----
    Maximises ``sum log(S(lower) - S(upper)) - log S(entry)`` over all distributions. The likelihood determines only the mass of each
    innermost interval, not where in it the mass lies: ``at`` puts it at the midpoint, as R's ``survfit``, and ``bounds`` gives the range.
    With left truncation the curve is conditional on being free of the event at the earliest entries; where few are at risk early it
    is poor, and it may drop to 0 where all known survivors ran out.

    Standard errors: exact and right-censored times give Greenwood's. If every innermost interval has mass (few common visit times), the
    inverse information is used. Otherwise they are NaN, with a note, unless ``seed`` asks for the nonparametric bootstrap: percentile
    limits and the standard deviation over the samples. The estimate converges slowly (n^(1/3) where visits are continuous), its limit
    is not normal, and the bootstrap is then approximate.

    References
    ----------
    Turnbull BW. JRSS B 1976;38:290-295. doi:10.1111/j.2517-6161.1976.tb01597.x
    Gentleman R, Geyer CJ. Biometrika 1994;81:618-623. doi:10.1093/biomet/81.3.618
    Groeneboom P, Wellner JA. Information Bounds and Nonparametric Maximum Likelihood Estimation. 1992. doi:10.1007/978-3-0348-8621-5

    Examples
    --------
    >>> visits = pd.DataFrame({"free": [0.0, 1.0, 2.0, 3.0], "ill": [1.0, 2.0, 3.0, None]})
    >>> interval_survival(visits, lower="free", upper="ill").at([1, 2, 3])["estimate"].round(6).tolist()
    [0.75, 0.5, 0.25]
    """
    _check_choice(confidence, level, seed, replicates)
    by_names = [by] if isinstance(by, str) else list(by or [])
    require_rows(data, [lower, upper, entry, weights, *by_names])
    marked, blank = marked_missing(data, lower, upper)
    grouping, weight = group_by(data, by, MOST_GROUPS), case_weights(data, weights)
    absent = {grouping.name or "group": grouping.code < 0, blank: marked[blank].isna().to_numpy(), weights or "weights": np.isnan(weight)}
    if entry is not None:
        absent[entry] = data[entry].isna().to_numpy()
    known = known_rows(absent, "the curves")
    if not whole(weight[known]):
        raise DataError(f"{weights}: weights must be whole numbers of people here; a likelihood of shares of people has no variance.")
    keep = known & (weight > 0)
    if not keep.any():
        raise DataError("No row with a known group and a positive weight has a lower or an upper bound.")
    times = read_intervals(data.loc[keep], lower=lower, upper=upper, entry=entry)
    code, weight = grouping.code[keep], weight[keep]
    rng = None if seed is None else np.random.default_rng(seed)
    parts = {}
    for g, label in enumerate(grouping.labels):
        rows = np.flatnonzero(code == g)
        if len(rows):
            parts[label] = _one_curve(times.take(rows), weight[rows], rng, replicates, confidence, level)
    notes = _notes(parts)
    return IntervalCurves(
        frame=pd.concat([curve.frame.assign(group=label, state=upper) for label, curve in parts.items()], ignore_index=True)[FRAME],
        sets={label: curve.sets for label, curve in parts.items()},
        by=grouping.name,
        state=upper,
        unit=unit,
        confidence=confidence if rng is None else "percentile",
        level=level,
        variance=", ".join(dict.fromkeys(curve.variance for curve in parts.values())),
        n=len(times),
        n_missing=int((~known).sum()),
        n_before_start=0,
        events=int(times.happened.sum()),
        warnings=notes,
        ends={label: curve.ends for label, curve in parts.items()},
        loglik={label: curve.estimate.loglik for label, curve in parts.items()},
        gap={label: curve.estimate.gap for label, curve in parts.items()},
    )


@dataclass(frozen=True, eq=False)
class _Curve:
    """One group's curve and what stands behind it."""

    frame: pd.DataFrame
    sets: RiskSets
    ends: Floats
    estimate: HazardEstimate
    variance: str
    early: bool


def _check_choice(confidence: str, level: float, seed: object, replicates: int) -> None:
    if confidence not in CONFIDENCE:
        raise DataError(f"confidence: got '{confidence}'; expected one of {', '.join(CONFIDENCE)}.")
    if not 0 < level < 1:
        raise DataError(f"level: got {level:g}; expected a share between 0 and 1, as 0.95.")
    if seed is not None and replicates < 20:
        raise DataError(f"replicates: got {replicates}; a bootstrap needs at least 20, better 200 or more.")


def _one_curve(
    times: IntervalData, weight: Floats, rng: np.random.Generator | None, replicates: int, confidence: str, level: float
) -> _Curve:
    problem = hazard_problem(times, weight, density=False)
    estimate = maximise_hazard(problem, np.ones(len(weight)))
    survival = survival_of(problem, estimate.mass)
    middle = (problem.sets.left + problem.sets.right) / 2
    if rng is None:
        kind, variance = log_variance(problem, estimate.mass, times)
        with np.errstate(over="ignore"):
            low, high = confidence_limits(survival, variance, confidence, level)
        error = survival * np.sqrt(variance)
    else:
        kind, (error, low, high) = "bootstrap", bootstrap_limits(times, weight, middle, rng, replicates, level)
    sets = known_free(times, weight)
    drop = np.append(1.0, survival[:-1]) - survival
    values = {"time": middle, "left": problem.sets.left, "right": problem.sets.right, "mass": drop, "estimate": survival}
    counts = {"n_at_risk": sets.count(problem.sets.right)[1], "n_event": _expected_events(problem, survival, drop)}
    frame = pd.DataFrame({**values, "std_error": error, "conf_low": low, "conf_high": high, **counts})
    return _Curve(frame.loc[drop > 0], sets, known_ends(times, weight), estimate, kind, _ends_early(problem, times))


def _expected_events(problem: HazardProblem, survival: Floats, drop: Floats) -> Floats:
    """Spread each row's event over the innermost intervals it spans, in proportion to their mass."""
    sets = problem.sets
    rows = np.flatnonzero(sets.last > sets.first)
    level = np.append(1.0, survival)
    inside = level[sets.first[rows]] - level[sets.last[rows]]
    share = np.divide(problem.weights[rows], inside, out=np.zeros(len(rows)), where=inside > 0)
    return drop * sets.add(sets.first[rows], sets.last[rows], share)


def _ends_early(problem: HazardProblem, times: IntervalData) -> bool:
    """Whether the curve falls to 0 while others enter later."""
    ended = problem.sets.right[problem.endless]
    return bool(len(ended) and (times.entry >= ended[0]).any())


def _notes(parts: Mapping[str, _Curve]) -> tuple[str, ...]:
    bare = [label for label, curve in parts.items() if curve.variance == "none"]
    notes = [f"{list_names(bare)}: {NO_ERROR}"] if bare else []
    early = [
        f"{label}: the curve falls to 0 early, because nobody is known to survive an interval while others enter later;"
        " leave out the first entries, when few were under observation."
        for label, curve in parts.items()
        if curve.early
    ]
    if early:
        warnings.warn(" ".join(early), FitWarning, stacklevel=3)
    return (*notes, *early)
