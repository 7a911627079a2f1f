"""Sizes and groups of a number: spread, clinical classes, quantile groups and knots, from the people in a model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import DataError, DesignError, did_you_mean, list_names
from cobalamin.models.describe.describe import quantiles
from cobalamin.models.matrix.spline import harrell_probabilities

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
NEAR = 1e-12  # a cut-point this close to a value, relative to it, is that value: interpolation has rounded


@dataclass(frozen=True, eq=False)
class ExposureGroups:
    """People sorted by the size of a number.

    Attributes
    ----------
    labels : tuple of str
        Lowest group first.
    reference : str
        The group that the others are compared with.
    cutpoints : tuple of float
        Between the groups.
    ties : {"left", "right"}
        Whether a value equal to a cut-point belongs below it (left) or above.
    medians : ndarray, shape (groups,)
        Median of the values in each group; NaN in an empty one.
    """

    labels: tuple[str, ...]
    reference: str
    cutpoints: tuple[float, ...]
    ties: Literal["left", "right"]
    medians: Floats

    def code(self, values: Floats) -> Ints:
        """Return the group of each value, 0 for the lowest."""
        return np.searchsorted(np.array(self.cutpoints), values, side=self.ties).astype(np.int64)


def clinical_classes(values: Floats, weight: Floats, cutoffs: Sequence[float], labels: Sequence[str], reference: str) -> ExposureGroups:
    """Sort values into classes that each contain their lower limit.

    Parameters
    ----------
    values, weight : ndarray, shape (n,)
        Numbers, and weights above 0.
    cutoffs : sequence of float
        Rising.
    labels : sequence of str
        Names, lowest first; made from the cut-offs where empty.
    reference : str
        Name of the reference class; the highest where empty.

    Returns
    -------
    ExposureGroups
        The classes.

    Raises
    ------
    DesignError
        Cut-offs that do not rise, labels that do not fit, an unknown reference.
    DataError
        Nobody in the reference class, or everybody in one.

    Examples
    --------
    >>> found = clinical_classes(np.array([100.0, 148.0, 300.0]), np.ones(3), (148, 221), (), "")
    >>> found.labels, found.code(np.array([147.9, 148.0])).tolist()
    (('<148', '148 to <221', '>=221'), [0, 1])
    """
    cuts = tuple(float(c) for c in cutoffs)
    if not np.isfinite(cuts).all() or any(b <= a for a, b in itertools.pairwise(cuts)):
        raise DesignError(f"cutoffs must be rising numbers: got {list_names(map(str, cutoffs))}.")
    names = tuple(labels) or _class_labels(cuts)
    if len(names) != len(cuts) + 1 or len(set(names)) < len(names) or not all(names):
        raise DesignError(f"cutoff_labels: {len(cuts)} cutoffs make {len(cuts) + 1} classes; got {len(set(names))} different names.")
    first = reference or names[-1]
    if first not in names:
        raise DesignError(f"the reference class '{first}' is not one of {list_names(names)}.{did_you_mean(first, names)}")
    made = ExposureGroups(names, first, cuts, "right", np.zeros(len(names)))
    inside = np.bincount(made.code(values), minlength=len(names))
    if not inside[names.index(first)] or (inside > 0).sum() < 2:
        raise DataError(
            f"cutoffs: the {len(values)} people in the model fill {int((inside > 0).sum())} of {len(names)} classes, and"
            f" {inside[names.index(first)]} are in the reference class '{first}'. Choose other cutoffs or another reference."
        )
    return replace(made, medians=_medians(made, values, weight))


def quantile_groups(values: Floats, weight: Floats, groups: int, reference: int) -> ExposureGroups:
    """Sort values into groups of about equal size; a value equal to a cut-point belongs below it.

    Parameters
    ----------
    values, weight : ndarray, shape (n,)
        Numbers, and weights above 0.
    groups : int
        How many, 2 to 20.
    reference : int
        Number of the reference group, 1 = lowest.

    Returns
    -------
    ExposureGroups
        Q1 (lowest) to Qk.

    Raises
    ------
    DesignError
        A number of groups or a reference out of range.
    DataError
        Cut-points that coincide because many values are equal.

    Examples
    --------
    >>> quantile_groups(np.arange(1.0, 9.0), np.ones(8), 4, 1).cutpoints
    (2.75, 4.5, 6.25)
    """
    if isinstance(groups, bool) or not 2 <= groups <= 20 or not 1 <= reference <= groups:
        raise DesignError(f"quantiles={groups}, quantile_reference={reference}: expected 2 to 20 groups, and one of them as reference.")
    cuts = _snapped(values, quantiles(values, weight, [j / groups for j in range(1, groups)]))
    names = tuple(f"Q{j + 1}" for j in range(groups))
    made = ExposureGroups(names, names[reference - 1], tuple(map(float, cuts)), "left", np.zeros(groups))
    if len(np.unique(made.code(values))) < groups:
        raise DataError(
            f"quantiles={groups}: cut-points coincide, because many of the {len(values)} values are equal. Ask for fewer groups."
        )
    return replace(made, medians=_medians(made, values, weight))


def spread(values: Floats, weight: Floats) -> tuple[float, float]:
    """Return the standard deviation (divisor sum of weights - 1) and the interquartile range.

    Parameters
    ----------
    values, weight : ndarray, shape (n,)
        Numbers, and weights above 0.

    Returns
    -------
    sd, iqr : float
        In the unit of the values.

    Raises
    ------
    DataError
        Values that are all equal.

    Examples
    --------
    >>> spread(np.array([1.0, 2.0, 3.0]), np.ones(3))
    (1.0, 1.0)
    """
    if not np.ptp(values) > 0:
        raise DataError(f"the exposure has one value only in the {len(values)} rows of the model; there is nothing to estimate.")
    total = weight.sum()
    mean = weight @ values / total
    low, high = quantiles(values, weight, (0.25, 0.75))
    return float(np.sqrt(weight @ (values - mean) ** 2 / (total - 1))), high - low


def weighted_knots(values: Floats, weight: Floats, k: int) -> Floats:
    """Return Harrell's knots of people with weights: those of the copies where weights are whole.

    Parameters
    ----------
    values, weight : ndarray, shape (n,)
        Numbers, and weights above 0.
    k : int
        Number of knots, 3 to 7.

    Returns
    -------
    ndarray, shape (k,)
        The knots.

    Raises
    ------
    FormulaError, DataError
        ``k`` out of range, or knots that coincide.

    Examples
    --------
    >>> weighted_knots(np.arange(1001.0), np.ones(1001), 3).tolist()
    [100.0, 500.0, 900.0]
    """
    knots = np.array(quantiles(values, weight, harrell_probabilities(float(weight.sum()), k)))
    if (np.diff(knots) <= 0).any():
        raise DataError(f"knots={k}: some fall on equal values. Use fewer knots.")
    return knots


def _class_labels(cuts: tuple[float, ...]) -> tuple[str, ...]:
    text = [f"{c:g}" for c in cuts]
    return (f"<{text[0]}", *(f"{a} to <{b}" for a, b in itertools.pairwise(text)), f">={text[-1]}")


def _snapped(values: Floats, cuts: Sequence[float]) -> Floats:
    ordered = np.unique(values)
    at = np.asarray(cuts)
    place = np.searchsorted(ordered, at)
    near = ordered[np.clip(np.column_stack([place - 1, place]), 0, len(ordered) - 1)]
    best = near[np.arange(len(at)), np.abs(near - at[:, None]).argmin(axis=1)]
    return np.asarray(np.where(np.abs(best - at) <= NEAR * np.abs(best), best, at))


def _medians(groups: ExposureGroups, values: Floats, weight: Floats) -> Floats:
    code = groups.code(values)
    own = [code == g for g in range(len(groups.labels))]
    return np.array([quantiles(values[rows], weight[rows], [0.5])[0] if rows.any() else np.nan for rows in own])
