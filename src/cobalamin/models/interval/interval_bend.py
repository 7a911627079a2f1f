"""Second derivatives of the likelihood of hazard masses: multiplying by them and solving with them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cobalamin.models.interval.interval_hazard import HazardProblem, Slopes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_DENSE = 400  # up to here a dense Cholesky factor is faster than a sparse one


def _within(problem: HazardProblem) -> tuple[Ints, Ints]:
    return problem.sets.first[problem.within], problem.sets.last[problem.within]


def multiply_bend(problem: HazardProblem, found: Slopes, direction: Floats) -> Floats:
    """Multiply minus the second derivative by a direction.

    Parameters
    ----------
    problem : HazardProblem
        The data.
    found : Slopes
        From `slopes`.
    direction : ndarray, shape (m,)
        Change of each mass.

    Returns
    -------
    ndarray, shape (m,)
        The product, in time proportional to rows + masses.
    """
    return problem.over_within(found.bend * problem.inside(direction)) + found.point_bend * direction


def separate_masses(problem: HazardProblem, mass: Floats) -> Ints:
    """Return the innermost intervals with mass, one of each lot that the same rows span.

    Parameters
    ----------
    problem : HazardProblem
        The data.
    mass : ndarray, shape (m,)
        Hazard masses.

    Returns
    -------
    ndarray of int
        Innermost intervals on which the second derivative is not singular.

    Notes
    -----
    Two innermost intervals that the same rows span share their mass in any way where they cost the same: only at coefficients of 0, when
    as many people enter as leave between them.
    """
    used = np.flatnonzero(mass > 0)
    first, last = (np.searchsorted(used, part) for part in _within(problem))
    parted = problem.exact_mass[used] | np.append(True, problem.exact_mass[used][:-1])[: len(used)]
    parted[first[first < len(used)]] = True
    parted[last[last < len(used)]] = True
    return np.asarray(used[parted], dtype=np.int64)


def solve_bend(problem: HazardProblem, found: Slopes, used: Ints, push: Floats) -> Floats:
    """Solve (minus the second derivative in the masses ``used``) @ step = push.

    Parameters
    ----------
    problem : HazardProblem
        The data.
    found : Slopes
        From `slopes`.
    used : ndarray of int, shape (s,)
        Innermost intervals.
    push : ndarray, shape (s,) or (s, k)
        Right-hand side.

    Returns
    -------
    ndarray, same shape as push
        The step.

    Notes
    -----
    In the cumulative hazard each row of the data ties two numbers together, so the matrix is that of a graph: few entries where
    intervals are short. It is solved dense for few masses, sparse for many.
    """
    size = len(used)
    ranges = _within(problem)
    first, last = (np.searchsorted(used, part) for part in ranges)
    if size <= _DENSE:
        return _solve_dense(first, last, found.bend, found.point_bend[used], push)
    return _solve_sparse(first, last, found.bend, found.point_bend[used], push)


def _solve_dense(first: Ints, last: Ints, bend: Floats, point: Floats, push: Floats) -> Floats:
    from scipy.linalg import cho_factor, cho_solve

    size = len(point)
    flat = np.bincount(first * (size + 1) + last, bend, minlength=(size + 1) ** 2)
    pairs = flat.astype(np.float64).reshape(size + 1, size + 1)
    # element (j, k) sums the rows whose range holds both j and k: first <= min(j, k) and last > max(j, k)
    ahead = np.cumsum(np.cumsum(pairs[:, ::-1], axis=1)[:, ::-1], axis=0)
    upper = np.triu(ahead[:size, 1:])
    matrix = upper + np.triu(upper, 1).T
    matrix[np.diag_indices(size)] += point
    diagonal = np.sqrt(np.maximum(np.diag(matrix), np.finfo(np.float64).tiny))
    matrix /= np.outer(diagonal, diagonal)
    matrix[np.diag_indices(size)] += 1e-12
    scaled = (push.T / diagonal).T
    return np.asarray((cho_solve(_factor(matrix, cho_factor), scaled).T / diagonal).T)


def _factor(matrix: Floats, cho_factor: object) -> tuple[Floats, bool]:
    """Factor a matrix that is singular where two innermost intervals are in exactly the same rows."""
    ridge = 1e-10
    while True:
        try:
            return cho_factor(matrix)  # type: ignore[operator, no-any-return]
        except np.linalg.LinAlgError:
            matrix[np.diag_indices(len(matrix))] += ridge
            ridge *= 100


def _solve_sparse(first: Ints, last: Ints, bend: Floats, point: Floats, push: Floats) -> Floats:
    from scipy.sparse import coo_matrix
    from scipy.sparse.linalg import splu

    size = len(point)
    lower, upper = np.concatenate([first, np.arange(size)]), np.concatenate([last, np.arange(1, size + 1)])
    diagonal = np.bincount(first, bend, minlength=size + 1) + np.bincount(last, bend, minlength=size + 1)
    own = point + 1e-12 * np.maximum(diagonal[1:], 1.0)
    value = np.concatenate([bend, own])
    row, column = np.concatenate([lower, upper, lower, upper]), np.concatenate([lower, upper, upper, lower])
    graph = coo_matrix((np.concatenate([value, value, -value, -value]), (row, column)), shape=(size + 1, size + 1)).tocsc()[1:, 1:]
    target = push - np.concatenate([push[1:], np.zeros_like(push[:1])])
    levels = splu(graph).solve(target)
    return np.asarray(np.diff(levels, axis=0, prepend=np.zeros_like(levels[:1])))
