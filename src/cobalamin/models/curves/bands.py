"""Simultaneous confidence bands of Kaplan-Meier curves: the whole curve lies inside with the stated confidence."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.models.curves.band_values import equal_precision_value, hall_wellner_value
from cobalamin.models.curves.curve_set import Curves

Floats = npt.NDArray[np.float64]
METHODS = ("equal-precision", "hall-wellner")
TRANSFORMS = ("log-log", "plain", "arcsine")


def confidence_band(
    curves: Curves,
    *,
    method: Literal["equal-precision", "hall-wellner"] = "equal-precision",
    transform: Literal["log-log", "plain", "arcsine"] = "log-log",
    low: float | None = None,
    high: float | None = None,
    level: float | None = None,
) -> pd.DataFrame:
    """Return a band that holds the whole survival curve between two times with the stated confidence.

    Parameters
    ----------
    curves : Curves
        From `survival_curve`.
    method : {"equal-precision", "hall-wellner"}
        Nair's band, proportional to the pointwise standard error, or that of Hall and Wellner, narrower where many have had the event.
    transform : {"log-log", "plain", "arcsine"}
        Scale on which the band is built.
    low, high : float, optional
        The times between which the band holds; by default from the first event to the last one at which the curve is above 0.
    level : float, optional
        Confidence level; that of the curves by default.

    Returns
    -------
    DataFrame
        ``group, state, time, estimate, conf_low, conf_high, critical_value``: the steps of each curve from ``low`` to ``high``, each valid
        until the next.

    Raises
    ------
    DataError
        Not a Kaplan-Meier curve, unknown choices, or a group without an event between the times.

    Notes
    -----
    With s^2 Greenwood's sum and ``a = n s^2 / (1 + n s^2)``, ``sqrt(n) (S^ - S) / S`` is in the limit a Brownian motion in ``n s^2``.
    Equal precision: ``c s`` takes the place of ``z s`` in the pointwise limits, with c the quantile of ``sup |B(a)| / sqrt(a (1 - a))``
    over a(low) .. a(high). Hall-Wellner: ``k (1 + n s^2) / sqrt(n)``, with k that of ``sup |B(a)|``; n is the number of people of
    the group (under delayed entry only a scale). B is a Brownian bridge; the quantiles are computed, not read from tables. The bands
    need many people: prefer the transformed ones below some hundreds.

    References
    ----------
    Nair VN. Confidence bands for survival functions with censored data: a comparative study. Technometrics 1984;26:265-275.
    doi:10.1080/00401706.1984.10487964. Hall WJ, Wellner JA. Confidence bands for a survival curve from censored data. Biometrika
    1980;67:133-143. doi:10.1093/biomet/67.1.133. Borgan O, Liestol K. A note on confidence intervals and bands for the survival function
    based on transformations. Scand J Stat 1990;17:35-41.

    Examples
    --------
    >>> from cobalamin.models.curves.curves import survival_curve
    >>> people = pd.DataFrame({"years": np.arange(1.0, 41.0), "died": [1, 0] * 20})
    >>> band = confidence_band(survival_curve(people, exit="years", event="died"), low=5, high=20)
    >>> band.loc[band["time"] == 15, ["conf_low", "estimate", "conf_high"]].round(3).to_numpy().tolist()
    [[0.509, 0.778, 0.911]]
    """
    share = curves.level if level is None else level
    _check(curves, method, transform, share)
    return pd.concat([_group_band(curves, label, method, transform, (low, high), share) for label in curves.groups], ignore_index=True)


def _check(curves: Curves, method: str, transform: str, level: float) -> None:
    if type(curves) is not Curves or curves.variance not in ("greenwood", "robust"):
        raise DataError(f"curves: expected Kaplan-Meier curves from survival_curve; got {type(curves).__name__}.")
    if method not in METHODS:
        raise DataError(f"method: got '{method}'; expected one of {', '.join(METHODS)}.")
    if transform not in TRANSFORMS:
        raise DataError(f"transform: got '{transform}'; expected one of {', '.join(TRANSFORMS)}.")
    if not 0 < level < 1:
        raise DataError(f"level: got {level:g}; expected a share between 0 and 1, as 0.95.")


def _group_band(
    curves: Curves, label: str, method: str, transform: str, window: tuple[float | None, float | None], level: float
) -> pd.DataFrame:
    steps, sets = curves.steps(label), curves.sets[label]
    survival = steps["estimate"].to_numpy()
    variance = (steps["std_error"].to_numpy() / np.where(survival > 0, survival, np.nan)) ** 2
    low, high = _window(sets.time, survival, sets.n_events > 0, window, label)
    n = float(sets.n_events.sum() + sets.n_censored.sum())
    scaled = n * np.array([variance[np.searchsorted(sets.time, t, side="right") - 1] for t in (low, high)])
    a_low, a_high = scaled / (1 + scaled)
    inside = np.flatnonzero((sets.time >= low) & (sets.time <= high))
    if sets.time[inside[0]] > low:
        # the step on which the band begins
        inside = np.append(inside[0] - 1, inside)
    if method == "equal-precision":
        value = equal_precision_value(level, float(a_low), float(a_high))
        spread = value * np.sqrt(variance[inside])
    else:
        value = hall_wellner_value(level, float(a_low), float(a_high))
        spread = value * (1 + n * variance[inside]) / np.sqrt(n)
    ends = _limits(survival[inside], spread, transform)
    time = np.maximum(sets.time[inside], low)
    columns = {"time": time, "estimate": survival[inside], "conf_low": ends[0], "conf_high": ends[1], "critical_value": value}
    return pd.DataFrame({"group": label, "state": curves.state, **columns})


def _window(
    time: Floats, survival: Floats, event: npt.NDArray[np.bool_], window: tuple[float | None, float | None], label: str
) -> tuple[float, float]:
    """Return the times between which the band holds, refusing those at which the variance is 0 or unknown."""
    usable = time[event & (survival > 0)]
    if not len(usable):
        raise DataError(f"{label}: no event after which the curve is above 0; there is no band.")
    low = float(usable[0]) if window[0] is None else float(window[0])
    high = float(usable[-1]) if window[1] is None else float(window[1])
    fallen = time[survival <= 0]
    if low < usable[0] or high > time[-1] or (len(fallen) and high >= fallen[0]) or not low < high:
        raise DataError(
            f"{label}: the band must begin at or after the first event, and end after its beginning, within the follow-up, while the curve"
            f" is above 0; got low={low:g} and high={high:g}."
        )
    return low, high


def _limits(survival: Floats, spread: Floats, transform: str) -> tuple[Floats, Floats]:
    """Return the limits with ``spread`` in the place of z times the standard error of log S."""
    if transform == "plain":
        low, high = survival * (1 - spread), survival * (1 + spread)
    elif transform == "log-log":
        power = np.exp(spread / np.log(survival))
        low, high = survival ** (1 / power), survival**power
    else:
        half, angle = spread / 2 * np.sqrt(survival / (1 - survival)), np.arcsin(np.sqrt(survival))
        low, high = np.sin(np.maximum(angle - half, 0.0)) ** 2, np.sin(np.minimum(angle + half, np.pi / 2)) ** 2
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)
