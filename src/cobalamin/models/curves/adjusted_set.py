"""The noun `AdjustedCurves`: standardised survival curves, compared with one another and turned into result rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, did_you_mean
from cobalamin.core.estimates import Estimates
from cobalamin.models.grouping import said

Floats = npt.NDArray[np.float64]
MEASURES = ("difference", "survival ratio", "risk ratio")


@dataclass(frozen=True, eq=False)
class AdjustedCurves:
    """Standardised survival curves with their covariance between levels.

    Attributes
    ----------
    frame : DataFrame
        ``group, time, estimate, std_error, conf_low, conf_high, n_at_risk``; ``n_at_risk`` counts the rows of the fit with
        ``entry < time <= exit``, whatever their level.
    by : str
        Name of the exposure.
    confidence : str
        Kind of limits.
    level : float
        Confidence level.
    n, n_missing : int
        People standardised over, and rows left out because of missing values.
    """

    frame: pd.DataFrame
    by: str
    confidence: str
    level: float
    n: int
    n_missing: int
    _groups: tuple[str, ...] = field(repr=False)
    _events: npt.NDArray[np.int64] = field(repr=False)
    _times: Floats = field(repr=False)
    _survival: Floats = field(repr=False)
    _variance: Floats = field(repr=False)
    _declared: bool = field(repr=False, default=False)

    @property
    def groups(self) -> tuple[str, ...]:
        """Labels of the levels in order."""
        return self._groups

    def joint(self, moment: int) -> tuple[Floats, Floats]:
        """Return survival of all levels at one of the times, and its covariance between levels.

        Parameters
        ----------
        moment : int
            Position of the time.

        Returns
        -------
        tuple of ndarray, shapes (levels,) and (levels, levels)
            Survival and covariance.
        """
        return self._survival[:, moment], self._variance[:, :, moment]

    def contrast(
        self, reference: str | None = None, measure: Literal["difference", "survival ratio", "risk ratio"] = "difference"
    ) -> pd.DataFrame:
        """Compare the curve of each level with that of a reference level at each time.

        Parameters
        ----------
        reference : str, optional
            Label of the level to compare with; the first by default.
        measure : {"difference", "survival ratio", "risk ratio"}
            Difference of survival, its ratio, or the ratio of the risks 1 - S.

        Returns
        -------
        DataFrame
            ``group, reference, measure, time, estimate, std_error, conf_low, conf_high, p_value``; the standard errors of ratios are
            those of their logarithm, and NaN as long as a risk is 0.

        Raises
        ------
        DataError
            An unknown reference or measure, or a single level.
        """
        labels = list(self._groups)
        base = labels[0] if reference is None else str(reference)
        if measure not in MEASURES:
            raise DataError(f"measure: got {measure!r}; expected one of {', '.join(MEASURES)}.")
        if base not in labels or len(labels) < 2:
            near = did_you_mean(base, labels) if self._declared else ""
            levels = said(labels, declared=self._declared, noun="level")
            raise DataError(f"reference: no level '{base}' beside others.{near} There are: {levels}.")
        j = labels.index(base)
        parts = [self._contrast(i, j, measure) for i in range(len(labels)) if i != j]
        return pd.concat(parts, ignore_index=True)

    def _contrast(self, i: int, j: int, measure: str) -> pd.DataFrame:
        from scipy.special import ndtr, ndtri

        pair = self._survival[[i, j]]
        own = self._variance[np.ix_([i, j], [i, j])]
        with np.errstate(divide="ignore", invalid="ignore"):
            value = 1 - pair if measure == "risk ratio" else pair
            center = pair[0] - pair[1] if measure == "difference" else np.log(value[0] / value[1])
            slope = np.ones_like(pair) if measure == "difference" else 1 / value
            variance = slope[0] ** 2 * own[0, 0] + slope[1] ** 2 * own[1, 1] - 2 * slope[0] * slope[1] * own[0, 1]
            error = np.sqrt(np.maximum(variance, 0.0))
            p = 2 * ndtr(-np.abs(center / np.where(error > 0, error, np.nan)))
        width = float(ndtri(0.5 + self.level / 2)) * error
        back = np.asarray if measure == "difference" else np.exp
        names = {"group": self._groups[i], "reference": self._groups[j], "measure": measure, "time": self._times}
        limits = {"conf_low": back(center - width), "conf_high": back(center + width)}
        return pd.DataFrame({**names, "estimate": back(center), "std_error": error, **limits, "p_value": p})

    def estimates(self, analysis: str = "adjusted survival", *, model: str | None = None, outcome: str = "") -> Estimates:
        """Return the curves as rows of the one results table.

        Parameters
        ----------
        analysis : str
            Name of the analysis.
        model : str, optional
            Name of the exposure; the column's by default.
        outcome : str
            Name of the outcome.

        Returns
        -------
        Estimates
            Per level ``adjusted survival`` rows; ``n`` and ``events`` are those of the whole fit (at risk, and so far).
        """
        names = {"group": "subgroup", "time": "at", "estimate": "value", "conf_low": "low", "conf_high": "high", "n_at_risk": "n"}
        rows = self.frame.rename(columns=names).assign(measure="adjusted survival", events=np.tile(self._events, len(self._groups)))
        common = {"analysis": analysis, "context": "curve", "model": self.by if model is None else model, "outcome": outcome}
        return Estimates.from_frame(rows.assign(**common))

    def __repr__(self) -> str:
        return f"AdjustedCurves({self.by or 'everybody'}: {len(self._groups)} curve(s), standardised over {self.n} rows)"
