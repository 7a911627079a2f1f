"""What is asked of a mixed model after the fit: its variances, intraclass correlation, predicted effects and predictions."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError, MissingValuesError
from cobalamin.core.estimates import Estimates
from cobalamin.models.fit import Fit
from cobalamin.models.matrix.rows import require_columns
from cobalamin.models.repeated.mixed import MixedState
from cobalamin.models.repeated.mixed_criterion import unpack

Floats = npt.NDArray[np.float64]
ICC = "intraclass correlation"
CHUNK = 4096  # groups whose dense products with crossed levels are held at once


def _state(fit: Fit) -> MixedState:
    state = fit.parts.get("mixed")
    if not isinstance(state, MixedState):
        raise DesignError(f"expected a fit of mixed(); got {fit.family.title}, which has no random effects.")
    return state


def variance_components(fit: Fit, level: float = 0.95) -> pd.DataFrame:
    """Return standard deviations, correlations and intraclass correlations of a mixed model.

    Parameters
    ----------
    fit : Fit
        From `mixed`.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        ``group, term, measure, estimate, std_error, conf_low, conf_high``: ``standard deviation`` of each random effect and of the
        residual, ``correlation`` of random effects, and (random intercepts only) ``intraclass correlation``: the share of each
        grouping in the total variance, which is the correlation of two measurements that share only its level. ``std_error`` is of the
        logarithm, Fisher's z or the logit. Limits are NaN on the boundary.

    Raises
    ------
    DesignError
        The fit is of another model.
    DataError
        A level outside (0, 1).

    Notes
    -----
    Wald intervals on the scales named, back-transformed; the variance of the parameters is the inverse curvature of the (restricted)
    likelihood.

    Examples
    --------
    >>> from cobalamin.models.repeated.mixed import mixed
    >>> visits = pd.DataFrame({"who": np.repeat(range(5), 2), "time": [0, 1] * 5, "score": [4.0, 5, 7, 8.5, 5, 6.5, 2, 2, 6, 8]})
    >>> variance_components(mixed("score ~ time", visits, group="who")).round(3)[["measure", "estimate"]].values.tolist()
    [['standard deviation', 2.236], ['standard deviation', 0.536], ['intraclass correlation', 0.946]]
    """
    from scipy.special import ndtri

    if not 0 < level < 1:
        raise DataError(f"level: got {level}; expected a number between 0 and 1, such as 0.95.")
    state = _state(fit)
    names, known = state.names, state.precision
    z = float(ndtri((1 + level) / 2))
    se = np.sqrt(np.diag(known.covariance))
    rows = []
    for j, (group, term, measure) in enumerate(_described(state)):
        back = np.tanh if measure == "correlation" else np.exp
        at, error = known.natural[j], se[j]
        rows.append([group, term, measure, back(at), error, back(at - z * error), back(at + z * error)])
    if names.effects == ("Intercept",):
        rows += _shares(state, z)
    return pd.DataFrame(rows, columns=["group", "term", "measure", "estimate", "std_error", "conf_low", "conf_high"])


def _described(state: MixedState) -> list[tuple[str, str, str]]:
    names = state.names
    sds = [(names.group, effect, "standard deviation") for effect in names.effects]
    cors = [(names.group, f"{names.effects[a]}, {names.effects[b]}", "correlation") for a, b in names.pairs]
    crossed = [(name, "Intercept", "standard deviation") for name in names.crossed]
    return [*sds, *cors, *crossed, ("", "residual", "standard deviation")]


def _shares(state: MixedState, z: float) -> list[list[object]]:
    """Shares of the variance, with delta-method intervals on the logit scale."""
    known = state.precision
    share = np.exp(2 * known.natural)
    share = share / share.sum()
    rows: list[list[object]] = []
    for j, name in enumerate((state.names.group, *state.names.crossed)):
        # d logit(share_j) / d log sd_k = 2 (1[j = k] - share_k [k != j] / (1 - share_j)) for k != j, and 2 for k = j
        slope = np.where(np.arange(len(share)) == j, 2.0, -2 * share / (1 - share[j]))
        finite = np.isfinite(known.natural)
        inner = known.covariance[np.ix_(finite, finite)]
        error = float(np.sqrt(slope[finite] @ inner @ slope[finite])) if finite[j] else np.nan
        with np.errstate(divide="ignore"):
            at = float(np.log(share[j] / (1 - share[j])))
        low, high = (1 / (1 + np.exp(-(at + side * z * error))) for side in (-1, 1))
        rows.append([name, "Intercept", ICC, share[j], error, low, high])
    return rows


def component_estimates(fit: Fit, *, analysis: str, model: str, outcome: str, level: float = 0.95) -> Estimates:
    """Return the variance components as rows of the one results table.

    Parameters
    ----------
    fit : Fit
        From `mixed`.
    analysis, model, outcome : str
        Names for the report.
    level : float
        Confidence level.

    Returns
    -------
    Estimates
        Summary rows: ``term`` = the random effect (``residual``), ``level`` = the grouping, ``measure`` = ``standard deviation``,
        ``correlation`` or ``intraclass correlation``; ``std_error`` on the scale of the interval; ``n`` rows of the model.

    Raises
    ------
    DesignError
        The fit is of another model.
    """
    table = variance_components(fit, level)
    rows = [
        {"context": "summary", "term": r.term, "level": r.group, "measure": r.measure, "value": r.estimate, "low": r.conf_low,
         "high": r.conf_high, "std_error": r.std_error, "n": fit.n}
        for r in table.itertuples()
    ]  # fmt: skip
    return Estimates.from_rows(rows, analysis=analysis, model=model, outcome=outcome)


def random_effects(fit: Fit, factor: str | None = None) -> pd.DataFrame:
    """Return the predicted random effects (BLUPs) of each group.

    Parameters
    ----------
    fit : Fit
        From `mixed`.
    factor : str, optional
        A crossed factor, for its effects instead of those of the groups.

    Returns
    -------
    DataFrame
        ``group`` (its label), ``term``, ``estimate``, ``std_error`` (conditional on coefficients and variances, R's
        ``ranef(condVar = TRUE)``). Person-level: not for publication.

    Raises
    ------
    DesignError
        The fit is of another model, or has no such factor.

    Notes
    -----
    ``u = G Z'V^-1 (y - X b)`` with variance ``sigma^2 (G - G Z'V^-1 Z G)``.

    References
    ----------
    Robinson GK. That BLUP is a good thing. Stat Sci 1991;6:15-32. doi:10.1214/ss/1177011926

    Examples
    --------
    >>> from cobalamin.models.repeated.mixed import mixed
    >>> visits = pd.DataFrame({"who": np.repeat(range(5), 2), "time": [0, 1] * 5, "score": [4.0, 5, 7, 8.5, 5, 6.5, 2, 2, 6, 8]})
    >>> random_effects(mixed("score ~ time", visits, group="who")).round(3)["estimate"].tolist()
    [-0.875, 2.284, 0.34, -3.305, 1.555]
    """
    state = _state(fit)
    if factor is None or factor == state.names.group:
        effects, errors = _group_effects(state)
        labels = np.repeat(state.design.labels.to_numpy(), effects.shape[1])
        terms = list(state.names.effects) * len(effects)
        return pd.DataFrame({"group": labels, "term": terms, "estimate": effects.ravel(), "std_error": errors.ravel()})
    if factor not in state.names.crossed:
        raise DesignError(
            f"the model has no random effects of '{factor}'; it has those of {', '.join((state.names.group, *state.names.crossed))}."
        )
    k = state.names.crossed.index(factor)
    estimate, error = _crossed_effects(state)
    sizes = np.cumsum([0, *(len(found) for found in state.design.crossed_labels)])
    part = slice(sizes[k], sizes[k + 1])
    labels = state.design.crossed_labels[k].to_numpy()
    return pd.DataFrame({"group": labels, "term": "Intercept", "estimate": estimate[part], "std_error": error[part]})


def _group_effects(state: MixedState) -> tuple[Floats, Floats]:
    """Effects of the covariates in their own units and their standard errors, both (groups, q)."""
    factor, _ = unpack(state.best.theta, len(state.names.effects))
    g, latent = factor @ factor.T, state.best.value.latent
    seen = latent.zz.copy()
    for a, left in enumerate(latent.pc):
        for b, right in enumerate(latent.pc):
            for first in range(0, left.shape[0], CHUNK):
                rows = slice(first, first + CHUNK)
                seen[a, b, rows] -= np.asarray((left[rows] @ latent.inner * right[rows].toarray()).sum(axis=1))
    carry = state.design.random.scaling
    effects = carry @ g @ latent.zr
    half = carry @ g
    prior = np.diag(carry @ g @ carry.T)[:, None]
    left_over = prior - np.einsum("ia,abg,ib->ig", half, seen, half)
    return effects.T, state.sigma * np.sqrt(np.maximum(left_over, 0.0)).T


def _crossed_effects(state: MixedState) -> tuple[Floats, Floats]:
    _, tau = unpack(state.best.theta, len(state.names.effects))
    latent = state.best.value.latent
    t2 = np.repeat(tau**2, [len(found) for found in state.design.crossed_labels])
    return t2 * latent.cr, state.sigma * np.sqrt(np.maximum(t2 - t2**2 * latent.cc, 0.0))


def predict_mixed(
    fit: Fit, data: pd.DataFrame, *, include: Literal["none", "all"] = "all", new_levels: Literal["error", "zero"] = "error"
) -> Floats:
    """Predict the outcome of new rows, for their own groups or for the mean of the population.

    Parameters
    ----------
    fit : Fit
        From `mixed`.
    data : DataFrame
        Rows with the columns of the formula and, with ``include="all"``, of the random effects.
    include : {"all", "none"}
        Add the predicted random effects, or give the population mean.
    new_levels : {"error", "zero"}
        For groups that the fit has not seen: refuse, or take their effects as 0 (the mean).

    Returns
    -------
    ndarray, shape (rows,)
        Predicted outcomes.

    Raises
    ------
    DataError
        A group the fit has not seen, with ``new_levels="error"``.
    ColumnNotFoundError, MissingValuesError
        Columns or values that are absent.

    Examples
    --------
    >>> from cobalamin.models.repeated.mixed import mixed
    >>> visits = pd.DataFrame({"who": np.repeat(range(5), 2), "time": [0, 1] * 5, "score": [4.0, 5, 7, 8.5, 5, 6.5, 2, 2, 6, 8]})
    >>> predict_mixed(mixed("score ~ time", visits, group="who"), visits.head(2)).round(3).tolist()
    [3.925, 5.125]
    """
    for name, value, known in (("include", include, ("all", "none")), ("new_levels", new_levels, ("error", "zero"))):
        if value not in known:
            raise DataError(f"{name}: got {value!r}; expected one of {', '.join(known)}.")
    state = _state(fit)
    mean = fit.linear_predictor(data)
    if include == "none":
        return mean
    needed = (state.names.group, *state.names.crossed, *state.design.random.formula.variables)
    require_columns(data, needed)
    holes = [name for name in needed if data[name].isna().any()]
    if holes:
        raise MissingValuesError(f"new data: missing values in {', '.join(holes)}; predictions need complete rows.")
    effects, _ = _group_effects(state)
    where = _places(data[state.names.group], state.design.labels, state.names.group, new_levels)
    known_rows = np.vstack([effects, np.zeros(effects.shape[1])])[where]
    total = mean + (state.design.random.apply(data) * known_rows).sum(axis=1)
    shifts, first = _crossed_effects(state)[0], 0
    for name, labels in zip(state.names.crossed, state.design.crossed_labels, strict=True):
        own = np.append(shifts[first : first + len(labels)], 0.0)
        total, first = total + own[_places(data[name], labels, name, new_levels)], first + len(labels)
    return np.asarray(total)


def _places(values: pd.Series, labels: pd.Index, name: str, new_levels: str) -> npt.NDArray[np.int64]:
    found = np.asarray(labels.get_indexer(pd.Index(values)), dtype=np.int64)
    unseen = int((found < 0).sum())
    if unseen and new_levels == "error":
        raise DataError(
            f"{name}: {unseen} of {len(found)} rows are of levels that the fit has not seen; state new_levels='zero' to use the mean."
        )
    return found
