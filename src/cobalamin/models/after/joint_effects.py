"""The joint effects of two exposures, read from the coefficients of a model that has their product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import ColumnNotFoundError, DataError, did_you_mean, list_names
from cobalamin.models.fit import Fit
from cobalamin.models.matrix.terms import term_columns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class JointEffects:
    """Coefficients of three joint exposures against neither, for one pair of levels.

    Attributes
    ----------
    levels : tuple of str
        Level of the first and of the second exposure (``"1"`` and the like for numbers).
    references : tuple of str
        What they are compared with.
    contrasts : ndarray, shape (3, p)
        Rows: first alone, second alone, both; over the coefficients of the fit.
    """

    levels: tuple[str, str]
    references: tuple[str, str]
    contrasts: Floats

    def log_effects(self, coefficients: Floats) -> Floats:
        """Return the three linear predictors against neither exposure."""
        rows, columns = np.nonzero(self.contrasts)  # an infinite coefficient times 0 is no number
        return np.bincount(rows, weights=self.contrasts[rows, columns] * coefficients[columns], minlength=3).astype(np.float64)

    def covariance(self, covariance: Floats) -> Floats:
        """Return the covariance of `log_effects`."""
        used = (self.contrasts != 0).any(axis=0)
        inner = np.where(np.outer(used, used), covariance, 0.0)
        return np.asarray(self.contrasts @ inner @ self.contrasts.T)


@dataclass(frozen=True, eq=False)
class _Exposure:
    """One exposure: label of each contrast, its reference, and the weight of each of its columns at both values."""

    name: str
    columns: Ints
    labels: tuple[str, ...]
    reference: str
    at: Floats
    base: Floats


def joint_effects(
    fit: Fit, a: str, b: str, a_values: Sequence[float] | None = None, b_values: Sequence[float] | None = None
) -> tuple[JointEffects, ...]:
    """Read the joint effects of two exposures from a fit.

    Parameters
    ----------
    fit : Fit
        With ``a * b`` in its formula.
    a, b : str
        Terms as written there: factors, or numbers.
    a_values, b_values : sequence of two floats, optional
        Reference and index value of a numeric exposure; (0, 1) by default.

    Returns
    -------
    tuple of JointEffects
        One per pair of levels.

    Raises
    ------
    ColumnNotFoundError
        A term that the model does not have.
    DataError
        No product term, an exposure that is transformed, or products with a third variable.

    Examples
    --------
    >>> import pandas as pd
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": range(1, 13), "d": 1, "x": [0, 1] * 6, "z": [0, 0, 1, 1] * 3})
    >>> joint_effects(cox("x * z", people, exit="t", event="d"), "x", "z")[0].contrasts.tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
    """
    terms = term_columns(fit)
    product = next((name for name in (f"{a}:{b}", f"{b}:{a}") if name in terms), None)
    for name in (a, b):
        if name not in terms:
            raise ColumnNotFoundError(f"the model has no term '{name}'.{did_you_mean(name, terms)} Its terms are: {list_names(terms)}.")
    if product is None:
        raise DataError(f"the model has no product of '{a}' and '{b}'. Write {a} * {b} in its formula.")
    others = [t for t in terms if ":" in t and t != product and {a, b} & set(t.split(":"))]
    if others:
        raise DataError(f"'{a}' or '{b}' also interacts with a third variable ({list_names(others)}): their effects are not one number.")
    one, two = (_exposure(fit, name, terms[name], values) for name, values in ((a, a_values), (b, b_values)))
    first_is_a = product == f"{a}:{b}"
    return tuple(_pair(fit, one, two, i, j, terms[product], first_is_a) for i in range(len(one.labels)) for j in range(len(two.labels)))


def _exposure(fit: Fit, name: str, columns: Ints, values: Sequence[float] | None) -> _Exposure:
    first = fit.columns[columns[0]]
    if first.indicator:
        if values is not None:
            raise DataError(f"'{name}' is a factor: its levels are compared with its reference; leave out its values.")
        k = len(columns)
        return _Exposure(name, columns, tuple(fit.columns[j].level for j in columns), first.reference, np.eye(k), np.zeros(k))
    if len(columns) > 1:
        raise DataError(f"'{name}' has {len(columns)} columns (a spline or polynomial); it needs two levels: categorise it.")
    low, high = (0.0, 1.0) if values is None else map(float, values)
    if low == high:
        raise DataError(f"'{name}': the two values to compare are the same.")
    return _Exposure(name, columns, (f"{high:g}",), f"{low:g}", np.array([[high]]), np.array([low]))


def _pair(fit: Fit, one: _Exposure, two: _Exposure, i: int, j: int, product: Ints, first_is_a: bool) -> JointEffects:
    p = len(fit.coefficients)

    def predictor(a: Floats, b: Floats) -> Floats:
        x = np.zeros(p)
        x[one.columns], x[two.columns] = a, b
        # formulaic varies the first variable fastest
        x[product] = np.outer(b, a).ravel() if first_is_a else np.outer(a, b).ravel()
        return x

    neither = predictor(one.base, two.base)
    rows = [predictor(one.at[i], two.base), predictor(one.base, two.at[j]), predictor(one.at[i], two.at[j])]
    return JointEffects((one.labels[i], two.labels[j]), (one.reference, two.reference), np.array(rows) - neither)
