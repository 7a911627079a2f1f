"""Intraclass correlation: how much of the variance of ratings is between the people rated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.models.matrix.rows import Missing
from cobalamin.models.repeated.agreement_data import Agreement, read_ratings

Floats = npt.NDArray[np.float64]
KINDS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")
_KIND = re.compile(r"ICC\(([123]),(1|k|\d+)\)")


def icc(
    data: pd.DataFrame,
    *,
    ratings: Sequence[str] | None = None,
    value: str | None = None,
    subject: str | None = None,
    rater: str | None = None,
    kind: str | None = None,
    level: float = 0.95,
    missing: Missing = "drop",
) -> Agreement:
    """Estimate the intraclass correlation of ratings.

    Parameters
    ----------
    data : DataFrame
        Either a row per subject with a column per rater (``ratings``), or a row per rating (``value``, ``subject``, ``rater``).
    ratings : sequence of str, optional
        Columns, one per rater.
    value, subject, rater : str, optional
        Columns of the rating, the subject and the rater. Without ``rater`` (each subject has its own raters) only ICC(1, .) exists.
    kind : str, optional
        ``"ICC(2,1)"`` and so on; all forms by default. First number: 1 = each subject has its own raters; 2 = the raters are a sample
        and their differences count as error (agreement); 3 = these raters only, their differences do not count (consistency). Second:
        1 = reliability of one rating, k = of the mean of the k ratings.
    level : float
        Confidence level.
    missing : {"drop", "error"}
        Leave subjects out that some rater has not rated, with a warning, or refuse.

    Returns
    -------
    Agreement
        ``.frame``: ``measure, term`` (the kind)``, estimate, conf_low, conf_high, f, df1, df2, p_value``.

    Raises
    ------
    DataError
        Ratings that are no numbers (or ordered levels), all the same, fewer than three subjects, an unknown kind.
    DesignError, MissingValuesError, ColumnNotFoundError
        As `read_ratings` demands.

    Warns
    -----
    MissingRowsWarning
        Subjects left out.

    Notes
    -----
    Mean squares between subjects (B), within (W), between raters (J) and error (E), n subjects, k raters:
    ICC(1,1) = (B - W) / (B + (k-1) W); ICC(2,1) = (B - E) / (B + (k-1) E + k (J - E) / n); ICC(3,1) = (B - E) / (B + (k-1) E); for
    means (B - W) / B, (B - E) / (B + (J - E) / n), (B - E) / B. Limits from the F distribution, for ICC(2, .) with Satterthwaite's
    degrees of freedom. An estimate below 0 is reported as it is. p: test of no correlation.

    References
    ----------
    Shrout PE, Fleiss JL. Intraclass correlations: uses in assessing rater reliability. Psychol Bull 1979;86:420-428.
    doi:10.1037/0033-2909.86.2.420
    McGraw KO, Wong SP. Forming inferences about some intraclass correlation coefficients. Psychol Methods 1996;1:30-46.
    doi:10.1037/1082-989X.1.1.30

    Examples
    --------
    >>> judges = pd.DataFrame({"a": [9, 6, 8, 7, 10, 6], "b": [2, 1, 4, 1, 5, 2], "c": [5, 3, 6, 2, 6, 4], "d": [8, 2, 8, 6, 9, 7]})
    >>> icc(judges, ratings=["a", "b", "c", "d"]).frame["estimate"].round(2).tolist()
    [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]
    """
    if not 0 < level < 1:
        raise DataError(f"level: got {level}; expected a number between 0 and 1, such as 0.95.")
    read = read_ratings(data, ratings=ratings, value=value, subject=subject, rater=rater, missing=missing)
    squares = mean_squares(read.numbers())
    known = KINDS if ratings is not None or rater is not None else ("ICC(1,1)", "ICC(1,k)")
    chosen = known if kind is None else (_named(kind, squares.k, known),)
    frame = pd.DataFrame([_row(name, squares, level) for name in chosen])
    return Agreement("intraclass correlation", frame, squares.n, squares.k, read.n_missing)


@dataclass(frozen=True)
class MeanSquares:
    """Analysis of variance of n subjects by k raters.

    Attributes
    ----------
    n, k : int
        Subjects and raters.
    subjects, within, raters, error : float
        Mean squares B, W, J and E.
    """

    n: int
    k: int
    subjects: float
    within: float
    raters: float
    error: float


def mean_squares(values: Floats) -> MeanSquares:
    """Split the variance of ratings.

    Parameters
    ----------
    values : ndarray, shape (n, k)
        Complete ratings.

    Returns
    -------
    MeanSquares
        Sums of squares divided by their degrees of freedom.

    Raises
    ------
    DataError
        All ratings are the same.

    Examples
    --------
    >>> mean_squares(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])).subjects
    8.0
    """
    n, k = values.shape
    if np.ptp(values) == 0:
        raise DataError("agreement: all ratings are the same; there is no variance to divide between subjects and raters.")
    centred = values - values.mean()
    subjects, raters = k * float((centred.mean(axis=1) ** 2).sum()), n * float((centred.mean(axis=0) ** 2).sum())
    rest = centred - centred.mean(axis=1, keepdims=True)
    within = float((rest**2).sum())
    # squares of what is left, not a difference of sums: perfect agreement gives an exact 0
    error = float(((rest - centred.mean(axis=0)) ** 2).sum())
    floor = 1e-24 * float((centred**2).sum())
    within, error = (0.0 if part < floor else part for part in (within, error))
    return MeanSquares(n, k, subjects / (n - 1), within / (n * (k - 1)), raters / (k - 1), error / ((n - 1) * (k - 1)))


def _named(kind: str, k: int, known: tuple[str, ...]) -> str:
    match = _KIND.fullmatch(kind.replace(" ", "")) if isinstance(kind, str) else None
    unit = "" if match is None else ("k" if match[2] in ("k", str(k)) else match[2])
    name = "" if match is None else f"ICC({match[1]},{unit})"
    if name not in known:
        raise DataError(f"kind: got {kind!r}; with {k} raters expected one of {'; '.join(known)}.")
    return name


def _row(name: str, s: MeanSquares, level: float) -> dict[str, object]:
    from scipy.special import fdtrc

    model, mean = name[4], name.endswith("k)")
    error, df2 = (s.within, s.n * (s.k - 1)) if model == "1" else (s.error, (s.n - 1) * (s.k - 1))
    f = s.subjects / error if error > 0 else np.inf
    one = _single(model, s)
    low, high = _limits(model, s, f, df2, one, (1 + level) / 2)
    numbers = [_stepped_up(v, s.k) if mean else v for v in (one, low, high)]
    p = float(fdtrc(s.n - 1, df2, f)) if np.isfinite(f) else 0.0
    tested = {"f": f, "df1": s.n - 1, "df2": df2, "p_value": p}
    return {
        "measure": "intraclass correlation",
        "term": name,
        **dict(zip(("estimate", "conf_low", "conf_high"), numbers, strict=True)),
        **tested,
    }


def _single(model: str, s: MeanSquares) -> float:
    error = s.within if model == "1" else s.error
    between = s.k * (s.raters - s.error) / s.n if model == "2" else 0.0
    return (s.subjects - error) / (s.subjects + (s.k - 1) * error + between)


def _stepped_up(one: float, k: int) -> float:
    """Spearman and Brown: from one rating to the mean of k."""
    below = 1 + (k - 1) * one
    return k * one / below if below > 0 else -np.inf


def _limits(model: str, s: MeanSquares, f: float, df2: int, one: float, upto: float) -> tuple[float, float]:
    from scipy.special import fdtri

    if np.isinf(f) and model != "2":
        return 1.0, 1.0
    if model == "2":
        return _agreement_limits(s, one, upto)
    low, high = f / fdtri(s.n - 1, df2, upto), f * fdtri(df2, s.n - 1, upto)
    return float((low - 1) / (low + s.k - 1)), float((high - 1) / (high + s.k - 1))


def _agreement_limits(s: MeanSquares, one: float, upto: float) -> tuple[float, float]:
    from scipy.special import fdtri

    n, k = s.n, s.k
    if s.error == 0 and s.raters == 0:
        return 1.0, 1.0
    if s.error == 0:
        df, ratio = float(k - 1), np.inf
    else:
        ratio = s.raters / s.error
        other = n * (1 + (k - 1) * one) - k * one
        spread = (n - 1) * (k * one * ratio) ** 2 + other**2
        if spread == 0:  # subjects do not differ at all
            return np.nan, np.nan
        df = (n - 1) * (k - 1) * (k * one * ratio + other) ** 2 / spread
    down, up = fdtri(n - 1, df, upto), fdtri(df, n - 1, upto)
    shared = k * s.raters + (k * n - k - n) * s.error
    # written with what cannot overflow: with few degrees of freedom the quantiles run to 0 and to infinity
    least = s.subjects / down if down > 0 else np.inf
    low = n * (least - s.error) / (shared + n * least) if np.isfinite(least) else 1.0
    if up > 1:
        return float(low), float(n * (s.subjects - s.error / up) / (shared / up + n * s.subjects))
    return float(low), float(n * (up * s.subjects - s.error) / (shared + n * up * s.subjects))
