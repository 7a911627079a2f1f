"""From a design to estimating equations in parameters that are on one scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.models.regression.algebra import independent_columns
from cobalamin.models.repeated.gee_design import GeeDesign
from cobalamin.models.repeated.gee_rows import MarginalFamily, Standardized, standardized, standardized_ordinal
from cobalamin.models.repeated.mixed_design import standardizing

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Problem:
    """Estimating equations in standardised parameters; cut-points of an ordered outcome come first.

    Attributes
    ----------
    evaluate, allowed : callable
        As `solve_gee` takes them.
    start : ndarray, shape (k,)
        Where to begin.
    carry : ndarray, shape (k, k)
        From standardised parameters to those of the columns kept.
    names : tuple of str, length k
        Their names.
    """

    evaluate: Callable[[Floats], Standardized]
    allowed: Callable[[Floats], bool]
    start: Floats
    carry: Floats
    names: tuple[str, ...]


def kept_columns(design: GeeDesign) -> Bools:
    """Find the columns that are no linear combination of those before them.

    Parameters
    ----------
    design : GeeDesign
        The rows.

    Returns
    -------
    ndarray of bool, shape (p,)
        Columns to keep; a constant is none where cut-points take the place of the intercept.
    """
    if design.categories is None:
        return independent_columns(design.x @ standardizing(design.x))
    with_one = np.column_stack([np.ones(len(design.x)), design.x])
    return np.asarray(independent_columns(with_one @ standardizing(with_one))[1:])


def make_problem(design: GeeDesign, family: MarginalFamily, kept: Bools) -> Problem:
    """Set up the estimating equations of a design.

    Parameters
    ----------
    design : GeeDesign
        The rows.
    family : {"gaussian", "binomial", "poisson", "ordinal"}
        Link and variance.
    kept : ndarray of bool, shape (p,)
        From `kept_columns`.

    Returns
    -------
    Problem
        Equations that start at the overall mean.
    """
    x, names = design.x[:, kept], tuple(n for n, k in zip(design.matrix.names, kept, strict=True) if k)
    if design.categories is not None:
        return _ordered(design, x, names)
    carry = standardizing(x)
    z, start = x @ carry, np.zeros(x.shape[1])
    if family != "gaussian" and (x[:, 0] == 1).all():
        mean = float(design.weight @ design.y / design.weight.sum())
        exposure = float(design.weight @ np.exp(design.offset) / design.weight.sum())
        start[0] = np.log(mean / (1 - mean)) if family == "binomial" else np.log(mean / exposure)
    return Problem(lambda b: standardized(family, z, design.y, design.offset, b), lambda _: True, start, carry, names)


def _ordered(design: GeeDesign, x: Floats, names: tuple[str, ...]) -> Problem:
    assert design.categories is not None
    thresholds = design.categories.thresholds
    cuts, code = len(thresholds), design.y.astype(np.int64)
    share = np.cumsum(np.bincount(code, weights=design.weight))[:-1] / design.weight.sum()
    both = standardizing(np.column_stack([np.ones(len(x)), x]))
    z = x @ both[1:, 1:] + both[0, 1:]
    carry = np.eye(cuts + z.shape[1])
    carry[cuts:, cuts:] = both[1:, 1:]
    carry[:cuts, cuts:] = -both[0, 1:]  # cut - z b = (cut + centre b / size) - x b / size
    return Problem(
        lambda b: standardized_ordinal(z, code, cuts, b),
        lambda b: bool((np.diff(b[:cuts]) > 0).all()),
        np.append(np.log(share / (1 - share)), np.zeros(z.shape[1])),
        carry,
        (*thresholds, *names),
    )
