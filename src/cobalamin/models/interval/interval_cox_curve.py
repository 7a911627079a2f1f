"""Survival curves that a Cox model of interval-censored times predicts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.models.fit import Fit
from cobalamin.models.interval.interval_cox import IntervalSolved
from cobalamin.models.interval.interval_curves import FRAME, IntervalCurves, known_ends, known_free
from cobalamin.models.interval.interval_data import IntervalData
from cobalamin.models.interval.interval_hazard import hazard_problem, survival_of
from cobalamin.models.interval.interval_profile import ProfileLikelihood
from cobalamin.models.likelihood.climb import climb
from cobalamin.models.matrix.matrix import Matrix

Floats = npt.NDArray[np.float64]

BASELINE = "baseline"
NO_ERROR = (
    "no standard errors: the cumulative hazard of interval-censored times converges slower than the coefficients."
    " State seed= for bootstrap limits."
)


def interval_baseline(
    fit: Fit,
    data: pd.DataFrame | None = None,
    *,
    label: str | None = None,
    seed: int | np.random.Generator | None = None,
    replicates: int = 200,
    level: float = 0.95,
    unit: str = "",
) -> IntervalCurves:
    """Return the survival curve of a Cox model for interval-censored times, at covariates of choice.

    Parameters
    ----------
    fit : Fit
        From `interval_cox`.
    data : DataFrame, optional
        One row per curve, with the columns of the formula. Without it all columns of the model are 0 (the baseline).
    label : str, optional
        Column of ``data`` with the names of the curves; row numbers from 1 otherwise.
    seed : int or Generator, optional
        Seed of the bootstrap; without it there are no standard errors.
    replicates : int
        Bootstrap samples; the model is fitted to each.
    level : float
        Confidence level.
    unit : str
        Unit of time.

    Returns
    -------
    IntervalCurves
        One curve per row: ``exp(-L(t) exp(x'b))``; steps at the midpoints of innermost intervals.

    Raises
    ------
    DataError
        A fit of another kind, a fit with infinite coefficients, too few replicates.

    Notes
    -----
    Numbers at risk and events are those of the whole model. Under delayed entry the curve is conditional on being free of the
    event at the earliest entries.

    Examples
    --------
    >>> from cobalamin.models.interval.interval_cox import interval_cox
    >>> visits = pd.DataFrame({"free": [0, 0, 1, 1, 2, 0], "ill": [1, 2, 2, 3, None, 1], "x": [1, 0, 1, 0, 1, 0]})
    >>> interval_baseline(interval_cox("x", visits, lower="free", upper="ill")).groups
    ('baseline',)
    """
    if fit.family.name != "interval_cox":
        raise DataError(f"fit: got a {fit.family.title} model; interval_baseline needs a fit from interval_cox().")
    if not np.isfinite(fit.coefficients[~np.isnan(fit.coefficients)]).all():
        raise DataError("fit: an infinite coefficient has no survival curve; merge the sparse levels or leave the term out first.")
    if seed is not None and replicates < 20:
        raise DataError(f"replicates: got {replicates}; a bootstrap needs at least 20, better 200 or more.")
    x, labels = _profiles(fit, data, label)
    solved: IntervalSolved = fit.parts["solved"]
    times: IntervalData = fit.parts["intervals"]
    times, weight = times.take(solved.used), fit.parts["weights"][solved.used]
    middle, survival = _curves(solved, solved.solution.b, x)
    band = None if seed is None else _bootstrap(fit, x, middle, np.random.default_rng(seed), replicates, level)
    sets = known_free(times, weight)
    frames = [_frame(solved, middle, survival[i], None if band is None else band[:, i]) for i in range(len(labels))]
    at_risk = sets.count(solved.problem.sets.right)[1]
    frames = [
        f.assign(group=name, state=fit.parts["upper"], n_at_risk=at_risk, n_event=np.nan).loc[f["mass"] > 0]
        for name, f in zip(labels, frames, strict=True)
    ]
    return IntervalCurves(
        frame=pd.concat(frames, ignore_index=True)[FRAME],
        sets=dict.fromkeys(labels, sets),
        by=label or "",
        state=fit.parts["upper"],
        unit=unit,
        confidence="percentile",
        level=level,
        variance="none" if band is None else "bootstrap",
        n=fit.n,
        n_missing=fit.n_missing,
        n_before_start=0,
        events=int(fit.events),
        warnings=(NO_ERROR,) if band is None else (),
        ends=dict.fromkeys(labels, known_ends(times, weight)),
        loglik=dict.fromkeys(labels, fit.loglik),
        gap=dict.fromkeys(labels, solved.baseline.gap),
    )


def _profiles(fit: Fit, data: pd.DataFrame | None, label: str | None) -> tuple[Floats, tuple[str, ...]]:
    """Return the covariates of each curve and its name."""
    matrix: Matrix = fit.parts["matrix"]
    if data is None:
        return np.zeros((1, len(fit.columns))), (BASELINE,)
    x = matrix.apply(data)
    labels = [str(i + 1) for i in range(len(data))] if label is None else [str(v) for v in data[label]]
    if len(set(labels)) < len(labels):
        raise DataError(f"{label}: {len(labels) - len(set(labels))} curve names are given twice; name each curve once.")
    return x, tuple(labels)


def _curves(solved: IntervalSolved, b: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return the midpoints of the innermost intervals and each curve after them, shapes (m,) and (rows, m)."""
    sets = solved.problem.sets
    risk = np.exp((x[:, solved.keep] - solved.center) / solved.scale @ b)
    base = survival_of(solved.problem, solved.baseline.mass)
    return (sets.left + sets.right) / 2, base[None, :] ** risk[:, None]


def _frame(solved: IntervalSolved, middle: Floats, survival: Floats, band: Floats | None) -> pd.DataFrame:
    sets = solved.problem.sets
    drop = np.append(1.0, survival[:-1]) - survival
    error, low, high = (np.full(len(middle), np.nan),) * 3 if band is None else band
    values = {"time": middle, "left": sets.left, "right": sets.right, "mass": drop, "estimate": survival}
    return pd.DataFrame({**values, "std_error": error, "conf_low": low, "conf_high": high})


def _bootstrap(fit: Fit, x: Floats, moments: Floats, rng: np.random.Generator, replicates: int, level: float) -> Floats:
    """Fit the model to samples of persons; return standard deviation and percentiles, shape (3, curves, m)."""
    solved: IntervalSolved = fit.parts["solved"]
    matrix: Matrix = fit.parts["matrix"]
    times, weight = fit.parts["intervals"].take(solved.used), fit.parts["weights"][solved.used]
    z = np.ascontiguousarray((matrix.X[solved.used][:, solved.keep] - solved.center) / solved.scale)
    at = (x[:, solved.keep] - solved.center) / solved.scale
    total = int(weight.sum())
    drawn = np.empty((replicates, len(x), len(moments)))
    for r in range(replicates):
        copies = rng.multinomial(total, weight / total)
        rows = np.flatnonzero(copies)
        drawn[r] = _refit(times.take(rows), z[rows], copies[rows].astype(np.float64), solved.solution.b, at, moments)
    return np.stack([drawn.std(axis=0, ddof=1), *np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)])


def _refit(times: IntervalData, z: Floats, weight: Floats, start: Floats, at: Floats, moments: Floats) -> Floats:
    problem = hazard_problem(times, weight, density=True)
    likelihood = ProfileLikelihood(problem, z)
    found = climb(likelihood.evaluate, start)
    base = np.append(1.0, survival_of(problem, likelihood.baseline(found.b).mass))
    middle = (problem.sets.left + problem.sets.right) / 2
    level = base[np.searchsorted(middle, moments, side="right")]
    return np.asarray(level[None, :] ** np.exp(at @ found.b)[:, None])
