"""Numbers behind multi-state models: Aalen-Johansen state probabilities and their infinitesimal-jackknife variance, on arrays.

Times are the distinct times of a transition, ``time[0] < time[1] < ...``; ``step[u]`` is the matrix I + dA(time[u]), so that
P(s, t) is the product of the steps at the times in (s, t]. Time indices are half-open: ``begin`` is the first step used, ``end`` the
first not used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Chain:
    """Rows of one group and the steps of its m transition times, for K states.

    Attributes
    ----------
    time : ndarray, shape (m,)
        Distinct transition times, rising.
    step : ndarray, shape (m, K, K)
        I + dA: row = state before, column = state after.
    count : ndarray, shape (m, K, K)
        Transitions.
    at_risk : ndarray, shape (m, K)
        Persons under observation in each state just before each time.
    entry, exit : ndarray, shape (n,)
        Rows.
    state, target : ndarray of int, shape (n,)
        State of each row, and the state it goes to at exit (-1 = none).
    came, left : ndarray of int, shape (n,)
        A row is at risk at the times ``came .. left - 1``.
    person : ndarray of int, shape (n,)
        Number of the row's person.
    n_persons : int
        How many numbers there are.
    entries, exits : tuple of ndarray
        Sorted entries and exits of the rows of each state.
    """

    time: Floats
    step: Floats
    count: Floats
    at_risk: Floats
    entry: Floats
    exit: Floats
    state: Ints
    target: Ints
    came: Ints
    left: Ints
    person: Ints
    n_persons: int
    entries: tuple[Floats, ...]
    exits: tuple[Floats, ...]

    @property
    def n_states(self) -> int:
        """Number of states K."""
        return len(self.entries)

    def index(self, times: Floats) -> Ints:
        """Return how many steps lie at or before each time."""
        return np.searchsorted(self.time, times, side="right").astype(np.int64)

    def count_at_risk(self, times: Floats) -> Ints:
        """Return the persons in each state with ``entry < time <= exit``, shape (T, K)."""
        parts = [np.searchsorted(a, times) - np.searchsorted(b, times) for a, b in zip(self.entries, self.exits, strict=True)]
        return np.column_stack(parts).astype(np.int64)


def make_chain(entry: Floats, exit: Floats, state: Ints, target: Ints, person: Ints, n_states: int) -> Chain:
    """Count the transitions and the risk sets of one group.

    Parameters
    ----------
    entry, exit : ndarray, shape (n,)
        Each row is at risk in ``(entry, exit]``.
    state, target : ndarray of int, shape (n,)
        State in that time, and state from exit on (-1 = no transition).
    person : ndarray of int, shape (n,)
        Number of the person, 0, 1, 2, ...
    n_states : int
        K.

    Returns
    -------
    Chain
        Steps of the transition times.

    Examples
    --------
    >>> one = make_chain(np.zeros(2), np.array([1.0, 2.0]), np.array([0, 0]), np.array([1, -1]), np.array([0, 1]), 2)
    >>> one.step[0].tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """
    moves = target >= 0
    time = np.unique(exit[moves])
    m, k = len(time), n_states
    place = (np.searchsorted(time, exit[moves]) * k + state[moves]) * k + target[moves]
    count = np.bincount(place, minlength=m * k * k).reshape(m, k, k).astype(np.float64)
    entries = tuple(np.sort(entry[state == j]) for j in range(k))
    exits = tuple(np.sort(exit[state == j]) for j in range(k))
    at_risk = np.column_stack([np.searchsorted(a, time) - np.searchsorted(b, time) for a, b in zip(entries, exits, strict=True)]).astype(
        np.float64
    )
    step = np.divide(count, at_risk[:, :, None], out=np.zeros_like(count), where=count > 0)
    leaving = count.sum(axis=2)
    # from counts, not from sums of quotients: exactly 0 where everybody leaves
    stay = np.divide(at_risk - leaving, at_risk, out=np.ones_like(at_risk), where=leaving > 0)
    step[:, np.arange(k), np.arange(k)] = stay
    came, left = (np.searchsorted(time, t, side="right").astype(np.int64) for t in (entry, exit))
    return Chain(
        time, step, count, at_risk, entry, exit, state, target, came, left, person, int(person.max(initial=-1)) + 1, entries, exits
    )


def path(chain: Chain, initial: Floats, begin: int) -> Floats:
    """Return the state probabilities before the first step used and after each.

    Parameters
    ----------
    chain : Chain
        Steps.
    initial : ndarray, shape (K,) or (H, K)
        Distribution at the start, or several.
    begin : int
        First step used.

    Returns
    -------
    ndarray, shape (m - begin + 1, ...)
        ``initial`` times the product of the steps.
    """
    out = np.empty((len(chain.time) - begin + 1, *initial.shape))
    out[0] = now = initial
    for u, step in enumerate(chain.step[begin:], start=1):
        out[u] = now = now @ step
    return out


def product_between(chain: Chain, begin: int, end: int) -> Floats:
    """Return the product of the steps begin .. end - 1.

    Parameters
    ----------
    chain : Chain
        Steps.
    begin, end : int
        First step used and first not used.

    Returns
    -------
    ndarray, shape (K, K)
        P(s, t).
    """
    out = np.eye(chain.n_states)
    for step in chain.step[begin:end]:
        out = out @ step
    return out


def initial_distribution(chain: Chain, start: float) -> tuple[Floats, Floats]:
    """Return the shares of the states at the start, and each person's influence on them.

    Parameters
    ----------
    chain : Chain
        Rows.
    start : float
        Time of the start.

    Returns
    -------
    shares : ndarray, shape (K,)
        Of those under observation just before the first transition after ``start``, as in R's ``survfit``; NaN for nobody.
    influence : ndarray, shape (K, n_persons)
        ``(in state_i - shares) / n0``.
    """
    at = int(chain.index(np.array([start]))[0])
    moment = chain.time[at] if at < len(chain.time) else chain.exit.max()
    here = (chain.entry < moment) & (moment <= chain.exit)
    n0, k = int(here.sum()), chain.n_states
    shares = np.bincount(chain.state[here], minlength=k) / n0 if n0 else np.full(k, np.nan)
    influence = np.zeros((k, chain.n_persons))
    if n0 and shares.max() < 1:
        influence[:, chain.person[here]] = (np.eye(k)[:, chain.state[here]] - shares[:, None]) / n0
    return shares, influence
