"""Survival predicted by a Cox model, for people who are described, with the uncertainty of the baseline included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, MissingValuesError
from cobalamin.models.cox.cox_baseline import Baseline, baseline_curves
from cobalamin.models.cox.cox_residuals import mean_person, solution_of
from cobalamin.models.cox.cox_rows import read_offset
from cobalamin.models.fit import Fit
from cobalamin.models.grouping import read_moments
from cobalamin.models.matrix.matrix import Matrix
from cobalamin.models.matrix.rows import require_columns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CONFIDENCE = ("log", "log-log", "plain")
# people whose curves are made at once, in numbers of (person, time) pairs
_CHUNK = 2_000_000


@dataclass(frozen=True, eq=False)
class PredictedSurvival:
    """Predicted survival curves, kept as a baseline per stratum and a linear predictor per person.

    Attributes
    ----------
    frame : DataFrame
        The curves at the times asked for, as `at` returns them; with no times asked for, at every event time if that is at most two
        million rows, else empty.
    rows : DataFrame
        One line per curve: ``row`` (label in the new data), ``stratum``, ``linear_predictor`` (less its value at the covariates' means).
    confidence : str
        Kind of limits.
    level : float
        Confidence level.
    """

    frame: pd.DataFrame
    rows: pd.DataFrame
    confidence: str
    level: float
    _baselines: tuple[Baseline, ...] = field(repr=False)
    _stratum: Ints = field(repr=False)
    _z: Floats = field(repr=False)
    _covariance: Floats = field(repr=False)

    def at(self, times: float | Sequence[float] | npt.NDArray[Any]) -> pd.DataFrame:
        """Return the curves at given times.

        Parameters
        ----------
        times : float or sequence of float
            Times, in the unit of the follow-up.

        Returns
        -------
        DataFrame
            ``row, stratum, time, estimate, std_error, conf_low, conf_high, n_at_risk``, curve by curve. ``n_at_risk`` counts the rows
            of the stratum with ``entry < time <= exit``. After the last follow-up of the stratum nothing is known and the row is NaN.

        Raises
        ------
        MissingValuesError
            A missing time.
        """
        moments = read_moments(times)
        if np.isnan(moments).any():
            raise MissingValuesError(f"times: {int(np.isnan(moments).sum())} of {len(moments)} are missing.")
        parts = [self._curves(i, moments) for i in range(len(self._baselines))]
        order = np.concatenate([np.flatnonzero(self._stratum == i) for i in range(len(self._baselines))])
        table = pd.concat(parts, ignore_index=True)
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        return table.take((place[:, None] * len(moments) + np.arange(len(moments))).ravel()).reset_index(drop=True)

    def mean(self, times: float | Sequence[float] | npt.NDArray[Any]) -> pd.DataFrame:
        """Return the mean of the predicted curves (standardised survival), a block of people at a time.

        Parameters
        ----------
        times : float or sequence of float
            Times.

        Returns
        -------
        DataFrame
            ``time, estimate``; memory does not grow with people times times.
        """
        moments = read_moments(times)
        total = np.zeros(len(moments))
        risk = np.exp(self.rows["linear_predictor"].to_numpy())
        for i, base in enumerate(self._baselines):
            own = risk[self._stratum == i]
            hazard = np.where(moments > base.end, np.nan, base.hazard[np.searchsorted(base.times, moments, side="right")])
            size = max(1, _CHUNK // len(moments))
            for start in range(0, len(own), size):
                total += np.exp(-np.outer(own[start : start + size], hazard)).sum(axis=0)
        return pd.DataFrame({"time": moments, "estimate": total / len(risk)})

    def _curves(self, stratum: int, times: Floats) -> pd.DataFrame:
        """Every curve of one stratum, in the order of the new data."""
        base, own = self._baselines[stratum], np.flatnonzero(self._stratum == stratum)
        z, risk = self._z[own], np.exp(self.rows["linear_predictor"].to_numpy()[own])
        index = np.searchsorted(base.times, times, side="right")
        held, mean, turned = base.hazard[index], base.mean[:, index], z @ self._covariance
        hazard = np.outer(risk, held)
        # the variance of (z H - m)'b, multiplied out so that no array has three dimensions
        with_coefficients = np.outer(np.einsum("ij,ij->i", turned, z), held**2) - 2 * (turned @ mean) * held
        with_coefficients += np.einsum("jt,jk,kt->t", mean, self._covariance, mean)
        std_error = risk[:, None] * np.sqrt(base.variance[index] + np.maximum(with_coefficients, 0.0))
        values = _limits(hazard, std_error, self.confidence, self.level)
        unknown = np.broadcast_to(times > base.end, hazard.shape)
        at_risk = len(base.exit) - np.searchsorted(base.exit, times) - (len(base.entry) - np.searchsorted(base.entry, times))
        labels = self.rows["row"].to_numpy()[own]
        columns = {name: np.where(unknown, np.nan, value).ravel() for name, value in values.items()}
        where = {"row": np.repeat(labels, len(times)), "stratum": base.label, "time": np.tile(times, len(own))}
        return pd.DataFrame({**where, **columns, "n_at_risk": np.tile(at_risk, len(own))})

    def __repr__(self) -> str:
        return f"PredictedSurvival({len(self.rows)} curves, {len(self._baselines)} strata, {self.confidence} limits)"


def predict_survival(
    fit: Fit,
    newdata: pd.DataFrame | None = None,
    times: float | Sequence[float] | npt.NDArray[Any] | None = None,
    *,
    confidence: str = "log",
    level: float = 0.95,
) -> PredictedSurvival:
    """Predict the survival of people described by their covariates.

    Parameters
    ----------
    fit : Fit
        From `cox`.
    newdata : DataFrame, optional
        One row per person, with the columns of the formula (and of the offset). With the columns of the strata each person gets the
        curve of their stratum; without them, one of every stratum. Without new data: one person at the (weighted) mean of each column.
    times : float or sequence of float, optional
        Times of ``.frame``; all event times by default.
    confidence : {"log", "log-log", "plain"}
        Scale of the confidence limits.
    level : float
        Confidence level.

    Returns
    -------
    PredictedSurvival
        ``.frame``, ``.at(times)``, ``.mean(times)``.

    Raises
    ------
    DataError
        Not a Cox model, an unknown stratum, kind of limits or level, an infinite coefficient.
    ColumnNotFoundError, MissingValuesError
        New data that lack a column or a value.

    Notes
    -----
    ``S(t | x) = exp(-H(t) exp(x'b))``, where H is Efron's or Breslow's estimate as in the fit and people count from their entry on. The
    variance of the cumulative hazard is ``exp(2 x'b) (sum d/s**2 + q'Vq)`` with q the sum over event times of ``(x - xbar) dH`` and V the
    variance of the coefficients in use; it is what R's ``survfit.coxph`` computes. Under a robust or survey variance the first term
    stays model-based, as there. The mean person is weighted with and without delayed entry (R's is not weighted with it), so that a
    row of weight 2 is two rows.

    References
    ----------
    Tsiatis AA. A large sample study of Cox's regression model. Ann Stat 1981;9:93-108. doi:10.1214/aos/1176345335
    Therneau TM, Grambsch PM. Modeling Survival Data: Extending the Cox Model, chapter 10. Springer 2000. doi:10.1007/978-1-4757-3294-8

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": [4, 2, 3, 1, 6, 5], "d": [1, 1, 0, 1, 1, 1], "x": [1.0, 2, 3, 2, 2, 1]})
    >>> curves = predict_survival(cox("x", people, exit="t", event="d"), pd.DataFrame({"x": [1.0]}))
    >>> curves.at([0, 2])["estimate"].round(3).tolist()
    [1.0, 0.628]
    """
    solved = solution_of(fit)
    if confidence not in CONFIDENCE or not 0 < level < 1:
        raise DataError(f"confidence: expected one of {', '.join(CONFIDENCE)} and a level between 0 and 1; got {confidence!r}, {level}.")
    if solved.infinite.any():
        raise DataError("a coefficient is infinite: predicted survival is 0 or 1. Fit with penalty='firth', or leave the term out.")
    baselines = baseline_curves(fit)
    rows, z, stratum = _people(fit, newdata, baselines)
    scale, keep = solved.likelihood.scale, solved.keep
    covariance = fit.covariance[np.ix_(keep, keep)] * np.outer(scale, scale)
    curves = PredictedSurvival(pd.DataFrame(), rows, confidence, level, baselines, stratum, z, covariance)
    moments = np.unique(np.concatenate([base.times for base in baselines])) if times is None else np.atleast_1d(times)
    if times is None and len(moments) * len(rows) > _CHUNK:
        return curves
    return PredictedSurvival(curves.at(moments), rows, confidence, level, baselines, stratum, z, covariance)


def _people(fit: Fit, newdata: pd.DataFrame | None, baselines: tuple[Baseline, ...]) -> tuple[pd.DataFrame, Floats, Ints]:
    """Return the lines of the prediction, their standardised covariates and their strata."""
    solved = solution_of(fit)
    model, matrix = solved.likelihood, fit.parts["matrix"]
    if newdata is None:
        labels, (z, offset) = np.array(["mean"], dtype=object), mean_person(fit)
    else:
        labels = newdata.index.to_numpy()
        z = (_coded(matrix, newdata)[:, solved.keep] - model.center) / model.scale
        offset = _offset(fit, newdata)
    given = None if newdata is None else _strata_of(fit.parts["strata"], newdata)
    count = len(baselines)
    who = np.repeat(np.arange(len(labels)), count) if given is None else np.arange(len(labels))
    stratum = np.tile(np.arange(count), len(labels)) if given is None else given
    names = np.array([base.label for base in baselines], dtype=object)
    rows = pd.DataFrame({"row": labels[who], "stratum": names[stratum], "linear_predictor": (z @ solved.b + offset)[who]})
    return rows, z[who], stratum


def _coded(matrix: Matrix, newdata: pd.DataFrame) -> Floats:
    if len(newdata) == 0:
        raise DataError("newdata: there are no rows to predict for.")
    return matrix.apply(newdata)


def _offset(fit: Fit, newdata: pd.DataFrame) -> Floats:
    name = fit.parts["offset_name"]
    if name is None:
        return np.zeros(len(newdata))
    require_columns(newdata, [name])
    return np.asarray(read_offset(newdata, name) - fit.parts["offset_center"])


def _strata_of(strata: pd.DataFrame, newdata: pd.DataFrame) -> Ints | None:
    """Return the stratum of each person; None where the new data do not say."""
    names = list(strata.columns)
    present = [name for name in names if name in newdata.columns]
    if not names:
        return np.zeros(len(newdata), dtype=np.int64)
    if not present:
        return None
    require_columns(newdata, names)
    known = strata.assign(_stratum_=np.arange(len(strata)))
    found = newdata[names].reset_index(drop=True).merge(known, on=names, how="left")["_stratum_"]
    if found.isna().any():
        raise DataError(
            f"newdata: {int(found.isna().sum())} of {len(newdata)} rows have a stratum ({', '.join(names)}) the model has not seen."
        )
    return found.to_numpy(dtype=np.int64)


def _limits(hazard: Floats, std_error: Floats, confidence: str, level: float) -> dict[str, Floats]:
    """Turn cumulative hazards and their standard errors into survival with limits."""
    from scipy.special import ndtri

    survival, z = np.exp(-hazard), float(ndtri((1 + level) / 2))
    if confidence == "log":
        low, high = np.exp(-hazard - z * std_error), np.minimum(np.exp(-hazard + z * std_error), 1.0)
    elif confidence == "plain":
        low, high = np.maximum(survival * (1 - z * std_error), 0.0), np.minimum(survival * (1 + z * std_error), 1.0)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.where(hazard > 0, np.exp(z * std_error / np.where(hazard > 0, hazard, 1.0)), 1.0)
        low, high = np.exp(-hazard * factor), np.exp(-hazard / factor)
    return {"estimate": survival, "std_error": survival * std_error, "conf_low": low, "conf_high": high}
