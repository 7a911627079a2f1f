"""Limits of agreement between two methods or raters (Bland and Altman)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cobalamin.core.errors import DataError, DesignError
from cobalamin.models.matrix.rows import Missing
from cobalamin.models.repeated.agreement_data import Agreement, read_ratings


def limits_of_agreement(
    data: pd.DataFrame,
    *,
    ratings: Sequence[str] | None = None,
    value: str | None = None,
    subject: str | None = None,
    rater: str | None = None,
    log: bool = False,
    level: float = 0.95,
    missing: Missing = "drop",
) -> Agreement:
    """Estimate the mean difference of two measurements and the limits within which most differences lie.

    Parameters
    ----------
    data : DataFrame
        Either a row per subject with a column per method (``ratings``), or a row per measurement (``value``, ``subject``, ``rater``).
    ratings : sequence of two str, optional
        Columns of the two methods; differences are first less second.
    value, subject, rater : str, optional
        Columns of the measurement, the subject and the method (in sorted order, first less second).
    log : bool
        Compare logarithms and give ratios, first over second: for measurements whose differences grow with their size.
    level : float
        Confidence level, and the share of differences that the limits hold (0.95 = mean +- 1.96 standard deviations).
    missing : {"drop", "error"}
        Leave incomplete subjects out, with a warning, or refuse.

    Returns
    -------
    Agreement
        ``.frame``, rows ``bias``, ``lower limit of agreement``, ``upper limit of agreement`` and ``slope of differences`` (on the mean of
        the two: other than 0 where differences grow with size; the limits then do not hold): ``measure, term, estimate, std_error,
        conf_low, conf_high, p_value``. With ``log`` the first three are ratios (``std_error`` of the logarithm).

    Raises
    ------
    DesignError
        Not two methods.
    DataError
        Measurements that are no numbers, or not positive with ``log``.
    MissingValuesError, ColumnNotFoundError
        As `read_ratings` demands.

    Warns
    -----
    MissingRowsWarning
        Subjects left out.

    Notes
    -----
    With mean d and standard deviation s of n differences: limits d +- z s, standard error of the mean s / sqrt(n) and of a limit
    s sqrt(1 / n + z**2 / (2 (n - 1))), intervals with t on n - 1 degrees of freedom.

    References
    ----------
    Bland JM, Altman DG. Measuring agreement in method comparison studies. Stat Methods Med Res 1999;8:135-160.
    doi:10.1177/096228029900800204

    Examples
    --------
    >>> assays = pd.DataFrame({"old": [210.0, 340, 150, 480], "new": [200.0, 350, 160, 470]})
    >>> limits_of_agreement(assays, ratings=["old", "new"]).frame["estimate"].head(3).round(3).tolist()
    [0.0, -22.632, 22.632]
    """
    from scipy.special import ndtri, stdtrit

    if not 0 < level < 1:
        raise DataError(f"level: got {level}; expected a number between 0 and 1, such as 0.95.")
    read = read_ratings(data, ratings=ratings, value=value, subject=subject, rater=rater, missing=missing)
    if read.values.shape[1] != 2:
        raise DesignError(f"limits of agreement compare 2 methods; got {read.values.shape[1]}. Take them in pairs.")
    numbers = read.numbers()
    if log and (numbers <= 0).any():
        raise DataError(
            f"log=True needs measurements above 0; {int((numbers <= 0).any(axis=1).sum())} of {len(numbers)} subjects have others."
        )
    numbers = np.log(numbers) if log else numbers
    difference, middle = numbers[:, 0] - numbers[:, 1], numbers.mean(axis=1)
    n, z = len(difference), float(ndtri((1 + level) / 2))
    mean, spread = float(difference.mean()), float(difference.std(ddof=1))
    width, error = float(stdtrit(n - 1, (1 + level) / 2)), spread / np.sqrt(n)
    edge = spread * float(np.sqrt(1 / n + z**2 / (2 * (n - 1))))
    places = {
        "bias": (mean, error),
        "lower limit of agreement": (mean - z * spread, edge),
        "upper limit of agreement": (mean + z * spread, edge),
    }
    scale = np.exp if log else float
    rows = [
        {"measure": name, "estimate": scale(at), "std_error": se, "conf_low": scale(at - width * se), "conf_high": scale(at + width * se)}
        for name, (at, se) in places.items()
    ]
    rows[0]["p_value"] = _two_sided(mean, error, n - 1)
    rows.append(_slope(difference, middle, level))
    frame = pd.DataFrame(rows).assign(term="ratio" if log else "difference")
    columns = ["measure", "term", "estimate", "std_error", "conf_low", "conf_high", "p_value"]
    return Agreement("limits of agreement", frame[columns], n, 2, read.n_missing)


def _two_sided(value: float, error: float, df: int) -> float:
    from scipy.special import stdtr

    return 2 * float(stdtr(df, -abs(value / error))) if error > 0 else np.nan


def _slope(difference: np.ndarray, middle: np.ndarray, level: float) -> dict[str, object]:
    """Regress the differences on the means."""
    from scipy.special import stdtrit

    n, x = len(middle), middle - middle.mean()
    size = float(x @ x)
    if n < 3 or size == 0:
        slope = error = np.nan
    else:
        slope = float(x @ difference) / size
        rest = difference - difference.mean() - slope * x
        error = float(np.sqrt(rest @ rest / (n - 2) / size))
    width = float(stdtrit(n - 2, (1 + level) / 2)) * error
    name = {"measure": "slope of differences", "estimate": slope, "std_error": error}
    return {**name, "conf_low": slope - width, "conf_high": slope + width, "p_value": _two_sided(slope, error, n - 2)}
