"""One group of a multi-state model: its rows and steps, where it starts, and the probabilities and variances from there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.models.multistate.multistate_chain import Chain, path
from cobalamin.models.multistate.multistate_influence import influences

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Process:
    """One group: its rows and steps, where it starts, and the state probabilities from there.

    Attributes
    ----------
    chain : Chain
        Rows and steps.
    origin : float
        Time of the start.
    shares : ndarray, shape (K,)
        Distribution over the states at the start.
    influence : ndarray, shape (K, n_persons), or None
        Each person's influence on it; None where it is fixed or everybody starts in one state.
    begin : int
        First step after the start.
    before : ndarray, shape (m - begin + 1, K)
        State probabilities before that step and after each.
    """

    chain: Chain
    origin: float
    shares: Floats
    influence: Floats | None
    begin: int
    before: Floats

    @classmethod
    def starting(cls, chain: Chain, origin: float, shares: Floats, influence: Floats | None) -> Process:
        """Follow the distribution from the start on."""
        begin = int(chain.index(np.array([origin]))[0])
        return cls(chain, origin, shares, influence, begin, path(chain, shares, begin))

    @property
    def observed(self) -> npt.NDArray[np.bool_]:
        """States in which somebody is under observation at some time, shape (K,)."""
        return np.array([len(part) > 0 for part in self.chain.exits])

    @property
    def last(self) -> float:
        """Time after which nothing is known; infinite once everybody has reached a state that nobody leaves."""
        return float("inf") if self.before[-1][self.observed].sum() < 1e-12 else float(self.chain.exit.max())

    def unobserved(self) -> Ints:
        """Return the states with a probability but nobody under observation at some transition time."""
        empty = (self.chain.at_risk[self.begin :] == 0) & (self.before[:-1] > 1e-12)
        return np.flatnonzero(empty.any(axis=0) & self.observed)

    def variance(self, ends: Ints) -> Floats:
        """Return the variance of the state probabilities after so many steps, shape (T, K)."""
        return squared_influence(self.chain, self.before, self.begin, ends, self.influence)


def squared_influence(chain: Chain, before: Floats, begin: int, ends: Ints, start: Floats | None) -> Floats:
    """Return the infinitesimal-jackknife variance of the state probabilities.

    Parameters
    ----------
    chain : Chain
        Rows and steps.
    before : ndarray, shape (m - begin + 1, K)
        State probabilities from `path`.
    begin : int
        First step used.
    ends : ndarray of int, shape (T,)
        Number of steps at or before each time asked, in any order.
    start : ndarray, shape (K, n_persons), or None
        Influence on the initial distribution.

    Returns
    -------
    ndarray, shape (T, K)
        Sum over persons of the squared influence.
    """
    asked, where = np.unique(np.maximum(ends, begin), return_inverse=True)
    found = [np.einsum("ki,ki->k", u, u) for u in influences(chain, before, begin, asked.tolist(), start)]
    return np.vstack(found)[where]


def count_transitions(chain: Chain) -> list[tuple[int, int, int, float]]:
    """Count the transitions, and the ends of observation, of each state.

    Parameters
    ----------
    chain : Chain
        Rows of one group.

    Returns
    -------
    list of (state, next state, number, person-time in the state)
        The next state is -1 where observation in the state ended and no other row of the person continues it.
    """
    begins = pd.MultiIndex.from_arrays([chain.person, chain.entry])
    rows = []
    for j in range(chain.n_states):
        mine = chain.state == j
        if mine.any():
            time = float((chain.exit[mine] - chain.entry[mine]).sum())
            none = np.flatnonzero(mine & (chain.target < 0))
            continued = pd.MultiIndex.from_arrays([chain.person[none], chain.exit[none]]).isin(begins)
            moves = [(j, int(t), int(n), time) for t, n in enumerate(chain.count[:, j].sum(axis=0)) if n]
            rows += [*moves, (j, -1, int((~continued).sum()), time)]
    return rows
