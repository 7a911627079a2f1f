"""Kappa of two raters, plain or weighted by how far apart their ratings are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError
from cobalamin.models.matrix.rows import Missing
from cobalamin.models.repeated.agreement_data import Agreement, Ratings, read_ratings

Floats = npt.NDArray[np.float64]
KappaWeights = Literal["linear", "quadratic", "none"]


def weighted_kappa(
    data: pd.DataFrame,
    *,
    ratings: Sequence[str] | None = None,
    value: str | None = None,
    subject: str | None = None,
    rater: str | None = None,
    weights: KappaWeights = "linear",
    level: float = 0.95,
    missing: Missing = "drop",
) -> Agreement:
    """Estimate Cohen's kappa of two raters.

    Parameters
    ----------
    data : DataFrame
        Either a row per subject with a column per rater (``ratings``), or a row per rating (``value``, ``subject``, ``rater``).
    ratings : sequence of two str, optional
        Columns of the two raters.
    value, subject, rater : str, optional
        Columns of the rating, the subject and the rater.
    weights : {"linear", "quadratic", "none"}
        How disagreement counts: by the distance of the two ratings, its square, or any disagreement alike.
    level : float
        Confidence level.
    missing : {"drop", "error"}
        Leave subjects with one rating out, with a warning, or refuse.

    Returns
    -------
    Agreement
        ``.frame``: ``measure, term`` (the weights)``, estimate, std_error, conf_low, conf_high, p_value, observed, expected`` (weighted
        agreement observed and by chance). p: test of no agreement beyond chance, with the standard error under that hypothesis.

    Raises
    ------
    DataError
        Text or an unordered Categorical with weights, raters with different levels, all ratings in one category.
    DesignError
        Not two raters.
    MissingValuesError, ColumnNotFoundError
        As `read_ratings` demands.

    Warns
    -----
    MissingRowsWarning
        Subjects left out.

    Notes
    -----
    With shares p_ij, margins p_i. and p_.j and agreement weights w_ij = 1 - (|i - j| / range) ** 1 or 2: kappa = (Po - Pe) / (1 - Pe),
    Po = sum w p_ij, Pe = sum w p_i. p_.j; its variance is
    ``[sum p_ij (w_ij - (w_i. + w_.j)(1 - kappa))**2 - (kappa - Pe (1 - kappa))**2] / (n (1 - Pe)**2)``. The distance is that of the
    numbers, or of the positions among all declared levels of an ordered Categorical, used or not.

    References
    ----------
    Fleiss JL, Cohen J, Everitt BS. Large sample standard errors of kappa and weighted kappa. Psychol Bull 1969;72:323-327.
    doi:10.1037/h0028106

    Examples
    --------
    >>> scores = pd.DataFrame({"a": [0, 1, 2, 2, 1, 0, 2, 1], "b": [0, 1, 2, 1, 1, 0, 2, 2]})
    >>> round(float(weighted_kappa(scores, ratings=["a", "b"], weights="none").frame["estimate"].iloc[0]), 6)
    0.619048
    """
    if weights not in get_args(KappaWeights):
        raise DataError(f"weights: got {weights!r}; expected one of {', '.join(get_args(KappaWeights))}.")
    if not 0 < level < 1:
        raise DataError(f"level: got {level}; expected a number between 0 and 1, such as 0.95.")
    read = read_ratings(data, ratings=ratings, value=value, subject=subject, rater=rater, missing=missing)
    if read.values.shape[1] != 2:
        raise DesignError(f"kappa compares 2 raters; got {read.values.shape[1]}. Take them in pairs, or use icc(...).")
    shares, place = _table(read, ordered=weights != "none")
    n = len(read.values)
    row = _kappa(shares, _agreement(place, weights), n, level)
    measure = "kappa" if weights == "none" else "weighted kappa"
    frame = pd.DataFrame([{"measure": measure, "term": "unweighted" if weights == "none" else weights, **row}])
    return Agreement(measure, frame, n, 2, read.n_missing)


def _table(read: Ratings, *, ordered: bool) -> tuple[Floats, Floats]:
    """Return the shares of each pair of ratings, and where the ratings are on their scale."""
    one, other = (read.values[name] for name in read.values.columns)
    declared = [c.cat.categories.tolist() for c in (one, other) if isinstance(c.dtype, pd.CategoricalDtype)]
    if len(declared) == 2 and declared[0] != declared[1]:
        raise DataError(
            "kappa: the two raters have Categoricals with different levels; declare the same levels, in the same order, for both."
        )
    if ordered:
        numbers = read.numbers()
        place = np.unique(numbers)
        codes = np.searchsorted(place, numbers)
        place = np.arange(float(len(declared[0]))) if declared else place
        codes = numbers.astype(np.int64) if declared else codes
    else:
        codes, place = _codes(one, other)
    k = len(place)
    counts = np.bincount(codes[:, 0] * k + codes[:, 1], minlength=k * k).reshape(k, k)
    used = (counts.sum(axis=0) + counts.sum(axis=1)) > 0
    if used.sum() < 2:
        raise DataError("kappa: both raters give everybody the same rating; agreement beyond chance is not defined.")
    return counts / counts.sum(), place


def _codes(one: pd.Series[Any], other: pd.Series[Any]) -> tuple[npt.NDArray[np.int64], Floats]:
    both = np.concatenate([np.asarray(one, dtype=object), np.asarray(other, dtype=object)])
    try:
        codes, found = pd.factorize(both, sort=True)
    except TypeError:
        raise DataError("kappa: numbers and text are mixed in the ratings; give both raters one type.") from None
    return codes.reshape(2, -1).T.astype(np.int64), np.arange(float(len(found)))


def _agreement(place: Floats, weights: str) -> Floats:
    if weights == "none":
        return np.eye(len(place))
    distance = np.abs(np.subtract.outer(place, place)) / np.ptp(place)
    return np.asarray(1 - distance if weights == "linear" else 1 - distance**2)


def _kappa(shares: Floats, w: Floats, n: int, level: float) -> dict[str, float]:
    from scipy.special import ndtr, ndtri

    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    observed, expected = float((w * shares).sum()), float(rows @ w @ columns)
    kappa = (observed - expected) / (1 - expected)
    mean = np.add.outer(w @ columns, rows @ w)
    spread = float((shares * (w - mean * (1 - kappa)) ** 2).sum()) - (kappa - expected * (1 - kappa)) ** 2
    null = float((np.outer(rows, columns) * (w - mean) ** 2).sum()) - expected**2
    error, error0 = (float(np.sqrt(max(part, 0.0) / n)) / (1 - expected) for part in (spread, null))
    width = float(ndtri((1 + level) / 2)) * error
    limits = {"conf_low": max(kappa - width, -1.0), "conf_high": min(kappa + width, 1.0)}
    p = 2 * float(ndtr(-abs(kappa) / error0)) if error0 > 0 else np.nan
    return {"estimate": kappa, "std_error": error, **limits, "p_value": p, "observed": observed, "expected": expected}
