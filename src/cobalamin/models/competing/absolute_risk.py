"""Absolute risk: the cumulative incidence that cause-specific Cox models, or a Fine-Gray model, predict for given people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, MissingValuesError, list_names
from cobalamin.core.followup import follow_up
from cobalamin.models.competing.absolute_risk_model import risk_model
from cobalamin.models.competing.incidence_curves import check_limits
from cobalamin.models.cox.cox import cox
from cobalamin.models.curves.kaplan_meier import confidence_limits
from cobalamin.models.fit import Fit
from cobalamin.models.grouping import read_moments
from cobalamin.models.matrix.rows import require_columns

Floats = npt.NDArray[np.float64]


def cause_specific(
    formula: str | Mapping[int, str],
    data: pd.DataFrame,
    *,
    exit: str,
    event: str,
    labels: Mapping[int, str] | None = None,
    **options: Any,
) -> dict[str, Fit]:
    """Fit one cause-specific Cox model per kind of event, the other kinds being censored.

    Parameters
    ----------
    formula : str or mapping of int to str
        Covariates, the same for every event or by event code.
    data : DataFrame
        One row per person.
    exit, event : str
        Columns with the end of follow-up and the event: 0 = censored, 1, 2, ... = kind of event.
    labels : mapping of int to str, optional
        Event code to label; the code as text without it.
    **options
        Passed on to `cox` (``entry``, ``cluster``, ``weights``, ``ties``, ...).

    Returns
    -------
    dict of str to Fit
        Label of the event to its fit, in order of the codes that occur.

    Raises
    ------
    DataError
        No event at all, or an event without a formula.

    Examples
    --------
    >>> people = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6], "e": [1, 2, 1, 0, 2, 1], "x": [1, 0, 0.5, 2, 1, 0.2]})
    >>> {label: round(float(fit.coefficients[0]), 4) for label, fit in cause_specific("x", people, exit="t", event="e").items()}
    {'1': -0.2446, '2': -0.5882}
    """
    require_columns(data, [exit, event])
    entry = None if options.get("entry") is None else data[options["entry"]]
    codes = follow_up(
        exit=data[exit], event=data[event], entry=entry, kinds=None, names=(options.get("entry") or "entry", exit, event)
    ).event
    found = [int(code) for code in np.unique(codes) if code > 0]
    lacking = [str(code) for code in found if not isinstance(formula, str) and code not in formula]
    if not found or lacking:
        raise DataError(f"{event}: {'no events' if not found else 'no formula for the codes ' + list_names(lacking)}.")
    fits = {}
    for code in found:
        label = str(code) if labels is None else labels.get(code, str(code))
        own = f"{event} = {label}"
        terms = formula if isinstance(formula, str) else formula[code]
        fits[label] = cox(terms, data.assign(**{own: (codes == code).astype(np.int64)}), exit=exit, event=own, **options)
    return fits


def absolute_risk(
    fits: Fit | Mapping[str, Fit],
    newdata: pd.DataFrame,
    times: float | Sequence[float],
    *,
    confidence: str = "log-log",
    level: float = 0.95,
) -> pd.DataFrame:
    """Predict the cumulative incidence of each event for given people.

    Parameters
    ----------
    fits : mapping of str to Fit, or Fit
        Cause-specific Cox fits of all competing events, by label of the event, made from the same table (see `cause_specific`);
        or one Fine-Gray fit; or one Cox fit where nothing competes.
    newdata : DataFrame, m rows
        People to predict for, with the covariates of every fit.
    times : float or sequence of float
        Times since the origin of the time scale.
    confidence : {"log-log", "log", "plain"}
        Scale of the pointwise confidence limits.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        ``row`` (position in ``newdata``), ``state`` (label of the event), ``time, estimate, std_error, conf_low, conf_high``; NaN after
        the last follow-up.

    Raises
    ------
    DataError
        Fits that are not Cox or Fine-Gray, have strata, an offset, a survey design or infinite coefficients, or are of different tables.
    ColumnNotFoundError, MissingValuesError
        ``newdata`` lacks a column or a value, or a time is missing.

    Notes
    -----
    Cause-specific hazards h_k give ``F_k(t|x) = sum over u <= t of S(u-|x) (1 - exp(-h.(u|x))) h_k(u|x) / h.(u|x)`` with h. their sum
    and ``S = exp(-sum h.)``, as R's ``survfit`` of a multi-state ``coxph``; a Fine-Gray fit gives ``1 - exp(-H(t|x))``. Standard errors
    are infinitesimal jackknife: the influence of each row on every coefficient and every step of every baseline hazard (and, for
    Fine-Gray, on its weights), added up over the causes; rows of a cluster are taken together where the fits have clusters.
    The cost is linear in rows, people to predict for, and times.

    References
    ----------
    Benichou J, Gail MH. Estimates of absolute cause-specific risk in cohort studies. Biometrics 1990;46:813-826. doi:10.2307/2532098
    Ozenne B, Sorensen AL, Scheike T, Torp-Pedersen C, Gerds TA. riskRegression: predicting the risk of an event using Cox regression
    models. R Journal 2017;9:440-460. doi:10.32614/RJ-2017-062

    Examples
    --------
    >>> people = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6], "e": [1, 2, 1, 0, 2, 1], "x": [1, 0, 0.5, 2, 1, 0.2]})
    >>> fits = cause_specific("x", people, exit="t", event="e")
    >>> absolute_risk(fits, people[:1], 3)[["state", "estimate"]].round(3).to_numpy().tolist()
    [['1', 0.302], ['2', 0.126]]
    """
    named = {_label(fits): fits} if isinstance(fits, Fit) else dict(fits)
    _check(named)
    moments = read_moments(times)
    if np.isnan(moments).any():
        raise MissingValuesError(f"times: {int(np.isnan(moments).sum())} of {len(moments)} are missing.")
    check_limits(confidence, level)
    model = risk_model(named)
    z = [base.standardise(fit.parts["matrix"].apply(newdata)) for base, fit in zip(model.bases, named.values(), strict=True)]
    rows = [model.predict([one[i] for one in z], moments) for i in range(len(newdata))]
    parts = [
        _frame(i, state, moments, risk[:, k], variance[:, k], confidence, level)
        for i, (risk, variance) in enumerate(rows)
        for k, state in enumerate(named)
    ]
    return pd.concat(parts, ignore_index=True)


def _label(fit: Fit) -> str:
    return f"{fit.parts['cause']}" if fit.family.name == "fine_gray" else "event"


def _check(fits: Mapping[str, Fit]) -> None:
    if not fits or not all(isinstance(fit, Fit) and fit.family.name in ("cox", "fine_gray") for fit in fits.values()):
        raise DataError("fits: expected Cox fits by event label, or one Fine-Gray fit.")
    if len(fits) > 1 and any(fit.family.name == "fine_gray" for fit in fits.values()):
        raise DataError(
            "fits: Fine-Gray models of several events do not add up to risks below 1; predict from one of them, or from cause-specific Cox."
        )
    for label, fit in fits.items():
        if fit.parts.get("stratum") is not None or fit.parts.get("design") is not None:
            raise DataError(f"{label}: absolute risk from a fit with strata or a survey design is not supported; use covariates instead.")
        if fit.parts["solved"].likelihood.tilt_dead is not None:
            raise DataError(f"{label}: absolute risk from a fit with an offset is not supported.")
        if fit.parts["solved"].infinite.any():
            raise DataError(
                f"{label}: a coefficient is infinite; no absolute risk can be predicted. Merge sparse levels or leave the term out."
            )
    if len({len(fit.parts["matrix"].kept) for fit in fits.values()}) > 1:
        raise DataError("fits: they come from tables of different length; fit every cause to the same table.")


def _frame(row: int, state: str, times: Floats, risk: Floats, variance: Floats, confidence: str, level: float) -> pd.DataFrame:
    relative = np.divide(variance, risk**2, out=np.zeros(len(risk)), where=risk > 0)
    low, high = confidence_limits(risk, relative, confidence, level)
    if confidence != "plain":
        low, high = np.where(risk > 0, low, np.nan), np.where(risk > 0, high, np.nan)
    values = {"time": times, "estimate": risk, "std_error": np.sqrt(variance), "conf_low": low, "conf_high": high}
    return pd.DataFrame({"row": row, "state": state, **values})
