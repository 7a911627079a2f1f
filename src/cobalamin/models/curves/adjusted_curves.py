"""Survival curves adjusted by standardisation: what survival would be if everybody had each level of an exposure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import ColumnNotFoundError, DataError, MissingValuesError, did_you_mean, list_names
from cobalamin.models.cox.cox_baseline import Baseline, baseline_curves
from cobalamin.models.cox.cox_predict import _people
from cobalamin.models.cox.cox_residuals import solution_of
from cobalamin.models.curves.adjusted_influence import robust_variance
from cobalamin.models.curves.adjusted_set import AdjustedCurves
from cobalamin.models.curves.adjusted_sums import Grid, Total, grid_of, people_sums, standardised
from cobalamin.models.curves.kaplan_meier import confidence_limits
from cobalamin.models.fit import Fit
from cobalamin.models.grouping import OVERALL, case_weights, label_of, read_moments
from cobalamin.models.matrix.rows import Missing, complete_rows, report_missing, require_columns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CONFIDENCE = ("log-log", "log", "plain")
MOST_LEVELS = 10
OBSERVED = "as observed"
_DEFAULT_TIMES = 200
# numbers of (person, time, level) held at once
_CELLS = 300_000


def adjusted_curve(
    fit: Fit,
    data: pd.DataFrame,
    *,
    by: str | None = None,
    times: Sequence[float] | npt.NDArray[Any] | None = None,
    levels: Sequence[Any] | None = None,
    weights: str | None = None,
    start: float | None = None,
    observed: bool = False,
    covariates: Literal["random", "fixed"] = "random",
    robust: bool | None = None,
    confidence: Literal["log-log", "log", "plain"] = "log-log",
    level: float = 0.95,
    missing: Missing = "drop",
) -> AdjustedCurves:
    """Standardise predicted survival over a cohort: the mean of everybody's curve with an exposure set to each level in turn.

    Parameters
    ----------
    fit : Fit
        From `cox`; ``by`` is a variable of its formula or one of its strata.
    data : DataFrame
        The people to standardise over, usually those of the fit, with the columns of formula, strata and offset.
    by : str, optional
        The exposure. Without it one curve: the mean of everybody's own.
    times : sequence of float, optional
        Times; by default the fit's event times, at most 200 of them.
    levels : sequence, optional
        Values to set; by default all levels of a factor, or the distinct numbers if they are at most ten.
    weights : str, optional
        Column of weights of the people, to standardise to another population.
    start : float, optional
        Condition on survival to this time: the curve is S(t) / S(start) of each person, averaged.
    observed : bool
        With ``by``: add the curve of the people as they are, first, labelled ``"as observed"``.
    covariates : {"random", "fixed"}
        Whether the people are a random sample of those whom the curves are to describe, so that the variance counts who was drawn, or
        are exactly those.
    robust : bool, optional
        Take the variance from the influence of each row, with the clusters or the survey design of the fit. By default it is so where
        the variance of the fit is not model-based.
    confidence : {"log-log", "log", "plain"}
        Scale of the limits.
    level : float
        Confidence level.
    missing : {"drop", "error"}
        Leave incomplete rows out with one counted warning, or refuse.

    Returns
    -------
    AdjustedCurves
        ``.frame``, ``.contrast()``, ``.estimates()``.

    Raises
    ------
    DataError
        Not a Cox model, an infinite coefficient, more than ten numbers without ``levels``, unknown levels or choices.
    ColumnNotFoundError, MissingValuesError
        A variable that the fit or the data lack.

    Warns
    -----
    MissingRowsWarning
        Incomplete rows were left out.

    Notes
    -----
    ``S_a(t) = mean of exp(-H(t) exp(x_a'b))``, x_a being a person's covariates with the exposure set to a (g-computation). The variance
    is that of the delta method for coefficients and baseline together (people count from their entry on), as in
    `cobalamin.models.cox.cox_predict.predict_survival`, plus that of the mean over the people; the robust one sums squared influences on
    coefficients, baseline and mean together (the infinitesimal jackknife). With ``start`` the average is over the people
    of ``data`` as they are; with delayed entry take a time scale and a start at which that is the population meant. The curve is causal
    only if the covariates hold all confounders. After the last follow-up (of any stratum in use) it is NaN.

    References
    ----------
    Makuch RW. Adjusted survival curve estimation using covariates. J Chronic Dis 1982;35:437-443. doi:10.1016/0021-9681(82)90058-3.
    Hernan MA. The hazards of hazard ratios. Epidemiology 2010;21:13-15. doi:10.1097/EDE.0b013e3181c1ea43. Ozenne BMH et al. On the
    estimation of average treatment effects with right-censored time to event outcome and competing risks. Biom J 2020;62:751-763.
    doi:10.1002/bimj.201800298

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": [4, 2, 3, 1, 6, 5] * 3, "d": [1, 1, 0, 1, 1, 1] * 3, "x": [1, 0, 1, 0, 0, 1] * 3})
    >>> adjusted_curve(cox("x", people, exit="t", event="d"), people, by="x", times=[2]).frame["estimate"].round(3).tolist()
    [0.646, 0.697]
    """
    _check_choice(fit, covariates, confidence, level)
    names = _needed(fit, data, by, weights)
    kept, counts, n_missing = complete_rows(data, names)
    report_missing(counts, n_missing, int(kept.sum()), missing)
    rows = data.loc[kept, names].reset_index(drop=True)
    weight = case_weights(rows, weights)
    if not weight.sum() > 0:
        raise DataError(f"{weights}: all weights are zero.")
    values = [None] if by is None else [*([None] if observed else []), *_levels(fit, rows, by, levels)]
    labels = tuple((OVERALL if by is None else OBSERVED) if value is None else label_of(value) for value in values)
    moments = _times(fit, times, start)
    people = _People(rows, weight, by, tuple(values), baseline_curves(fit))
    grid = grid_of(people.baselines, moments, start)
    total = _totals(fit, people, grid)
    if fit.variance != "model" if robust is None else robust:
        survival, variance = total.survival / total.weight, _robust(fit, people, grid, total, kept, random=covariates == "random")
    else:
        survival, variance = standardised(total, grid, _standardised_covariance(fit), random=covariates == "random")
    unknown = (moments > grid.last[total.used].min()) | (moments < (-np.inf if start is None else start))
    survival, variance = np.where(unknown, np.nan, survival), np.where(unknown, np.nan, variance)
    error = np.sqrt(np.maximum(np.einsum("aat->at", variance), 0.0))
    frame, events = _frame(fit, labels, moments, survival, error, (confidence, level))
    declared = by is not None and isinstance(data[by].dtype, pd.CategoricalDtype)
    size = (len(rows), n_missing)
    return AdjustedCurves(frame, by or "", confidence, level, *size, labels, events, moments, survival, variance, declared)


def _check_choice(fit: Fit, covariates: str, confidence: str, level: float) -> None:
    if solution_of(fit).infinite.any():
        raise DataError("a coefficient is infinite: predicted survival is 0 or 1. Fit with penalty='firth', or leave the term out.")
    if covariates not in ("random", "fixed"):
        raise DataError(f"covariates: got {covariates!r}; expected 'random' or 'fixed'.")
    if confidence not in CONFIDENCE or not 0 < level < 1:
        raise DataError(f"confidence: expected one of {', '.join(CONFIDENCE)} and a level between 0 and 1; got {confidence!r}, {level}.")


def _needed(fit: Fit, data: pd.DataFrame, by: str | None, weights: str | None) -> list[str]:
    """Return the columns that the prediction needs."""
    strata = [str(name) for name in fit.parts["strata"].columns]
    variables = list(fit.parts["matrix"].formula.variables)
    if by is not None and by not in (*variables, *strata):
        known = [*variables, *strata]
        raise ColumnNotFoundError(f"by: '{by}' is not in the model.{did_you_mean(by, known)} Its variables are: {list_names(known)}.")
    more = [name for name in (fit.parts["offset_name"], weights) if name is not None]
    names = list(dict.fromkeys([*variables, *strata, *more]))
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data: expected a pandas DataFrame; got {type(data).__name__}.")
    require_columns(data, names)
    return names


def _levels(fit: Fit, rows: pd.DataFrame, by: str, levels: Sequence[Any] | None) -> list[Any]:
    if levels is not None:
        chosen = list(dict.fromkeys(levels))
        if not chosen or pd.isna(pd.Series(chosen, dtype=object)).any():
            raise DataError(f"levels: expected at least one value of {by}, none missing.")
        return chosen
    known = fit.parts["matrix"].coding.categories.get(by)
    if known is not None:
        return list(known)
    found = fit.parts["strata"][by].unique() if by in fit.parts["strata"].columns else np.unique(rows[by])
    if len(found) > MOST_LEVELS:
        raise DataError(f"by: {by} has {len(found)} different values; name those to set, levels=[...].")
    return list(found)


def _times(fit: Fit, times: Sequence[float] | npt.NDArray[Any] | None, start: float | None) -> Floats:
    if times is None:
        every = np.unique(fit.parts["solved"].likelihood.sets.times)
        every = every[every > (-np.inf if start is None else start)]
        if len(every) > _DEFAULT_TIMES:
            every = every[np.unique(np.linspace(0, len(every) - 1, _DEFAULT_TIMES).round().astype(np.int64))]
        return np.asarray(every, dtype=np.float64)
    moments = read_moments(times)
    if np.isnan(moments).any():
        raise MissingValuesError(f"times: {int(np.isnan(moments).sum())} of {len(moments)} are missing.")
    return moments


@dataclass(frozen=True, eq=False)
class _People:
    """The people to standardise over, and the levels to set."""

    rows: pd.DataFrame
    weight: Floats
    by: str | None
    values: tuple[Any, ...]
    baselines: tuple[Baseline, ...]

    def lines(self, fit: Fit, lot: slice) -> list[tuple[Floats, Floats, Ints]]:
        """Return hazard ratio, standardised covariates and stratum of some people at each level."""
        part, made = self.rows.iloc[lot], []
        for value in self.values:
            rows, z, stratum = _people(fit, part if value is None else part.assign(**{str(self.by): value}), self.baselines)
            made.append((np.exp(rows["linear_predictor"].to_numpy(dtype=np.float64)), z, stratum))
        return made


def _totals(fit: Fit, people: _People, grid: Grid) -> Total:
    """Sum over everybody, a lot of people at a time."""
    size = max(1, _CELLS // max(1, grid.hazard.shape[1] * len(people.values)))
    lots = [slice(first, first + size) for first in range(0, len(people.rows), size)]
    return reduce(Total.plus, (people_sums(grid, people.lines(fit, lot), people.weight[lot]) for lot in lots))


def _standardised_covariance(fit: Fit) -> Floats:
    solved = solution_of(fit)
    scale, keep = solved.likelihood.scale, solved.keep
    return fit.covariance[np.ix_(keep, keep)] * np.outer(scale, scale)


def _robust(fit: Fit, people: _People, grid: Grid, total: Total, kept: npt.NDArray[np.bool_], *, random: bool) -> Floats:
    matrix = fit.parts["matrix"]
    same = np.array_equal(kept, matrix.kept) and np.array_equal(matrix.apply(people.rows), matrix.X)
    everybody = people.lines(fit, slice(None))
    return robust_variance(fit, grid, total, (everybody, people.weight), random=random, same_rows=same)


def _frame(
    fit: Fit, labels: tuple[str, ...], times: Floats, survival: Floats, error: Floats, choice: tuple[str, float]
) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    follow = fit.parts["follow_up"]
    exits, entries = np.sort(follow.exit), np.sort(follow.entry)
    at_risk = np.searchsorted(entries, times, side="left") - np.searchsorted(exits, times, side="left")
    events = np.searchsorted(np.sort(follow.exit[follow.event > 0]), times, side="right").astype(np.int64)
    parts = []
    for label, own, spread in zip(labels, survival, error, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = confidence_limits(own, (spread / own) ** 2, *choice)
        columns = {"estimate": own, "std_error": spread, "conf_low": low, "conf_high": high, "n_at_risk": at_risk}
        parts.append(pd.DataFrame({"group": label, "time": times, **columns}))
    return pd.concat(parts, ignore_index=True), events
