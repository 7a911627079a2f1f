"""Cross-products of a mixed model: all that its likelihood needs of the rows, made once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Crossed:
    """Cross-products with the indicators of crossed levels (raters).

    Attributes
    ----------
    zc : tuple of sparse array, each (groups, levels)
        Sums of each random covariate over the rows of a group and a level.
    cc : sparse array, shape (levels, levels)
        Rows that two levels share.
    cf : ndarray, shape (levels, p + 1)
        Sums of the fixed columns and the response over the rows of a level.
    factor : ndarray of int, shape (levels,)
        To which crossed factor a level belongs.
    n_factors : int
        How many crossed factors there are.
    """

    zc: tuple[Any, ...]
    cc: Any
    cf: Floats
    factor: Ints
    n_factors: int


@dataclass(frozen=True, eq=False)
class Blocks:
    """Cross-products of a mixed model with q random covariates in each group and p orthonormal fixed columns.

    Attributes
    ----------
    n, p, q : int
        Rows, fixed columns, random covariates.
    zz : ndarray, shape (q, q, groups)
        Products of random covariates, summed within groups.
    zf : ndarray, shape (q, groups, p + 1)
        Products of random covariates with the fixed columns and the response.
    ff : ndarray, shape (p + 1, p + 1)
        Products of the fixed columns and the response.
    crossed : Crossed or None
        The same for crossed levels.
    """

    n: int
    p: int
    q: int
    zz: Floats
    zf: Floats
    ff: Floats
    crossed: Crossed | None

    @property
    def n_factors(self) -> int:
        """Number of crossed factors."""
        return 0 if self.crossed is None else self.crossed.n_factors

    @property
    def n_theta(self) -> int:
        """Number of relative variance parameters."""
        return self.q * (self.q + 1) // 2 + self.n_factors


def make_blocks(f: Floats, z: Floats, group: Ints, crossed: tuple[Ints, ...] = ()) -> Blocks:
    """Sum the cross-products of a mixed model.

    Parameters
    ----------
    f : ndarray, shape (n, p + 1)
        Fixed columns, and the response last.
    z : ndarray, shape (n, q)
        Random covariates.
    group : ndarray of int, shape (n,)
        Group of each row, 0 to groups - 1, in ascending order.
    crossed : tuple of ndarray of int, each shape (n,)
        Level of each row in each crossed factor, from 0 without gaps.

    Returns
    -------
    Blocks
        The sums.

    Examples
    --------
    >>> blocks = make_blocks(np.array([[1.0, 3.0], [1.0, 5.0], [1.0, 7.0]]), np.ones((3, 1)), np.array([0, 0, 1]))
    >>> blocks.zz.tolist(), blocks.zf[0].tolist()
    ([[[2.0, 1.0]]], [[2.0, 8.0], [1.0, 7.0]])
    """
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    q = z.shape[1]
    zz = np.empty((q, q, len(starts)))
    for a in range(q):
        for b in range(a + 1):
            zz[a, b] = zz[b, a] = np.add.reduceat(z[:, a] * z[:, b], starts)
    zf = np.stack([np.add.reduceat(f * z[:, [a]], starts, axis=0) for a in range(q)])
    return Blocks(len(f), f.shape[1] - 1, q, zz, zf, f.T @ f, _crossed(f, z, group, crossed) if crossed else None)


def _crossed(f: Floats, z: Floats, group: Ints, crossed: tuple[Ints, ...]) -> Crossed:
    from scipy.sparse import csr_array, hstack

    rows, ones = np.arange(len(f)), np.ones(len(f))
    sizes = [int(codes.max()) + 1 for codes in crossed]
    c = hstack([csr_array((ones, (rows, codes)), shape=(len(f), size)) for codes, size in zip(crossed, sizes, strict=True)]).tocsr()
    shape = (int(group[-1]) + 1, len(f))
    zc = tuple((csr_array((z[:, a], (group, rows)), shape=shape) @ c).tocsr() for a in range(z.shape[1]))
    return Crossed(zc, (c.T @ c).tocsr(), np.asarray(c.T @ f), np.repeat(np.arange(len(crossed)), sizes), len(crossed))
