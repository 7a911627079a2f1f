"""How much each person moves the state probabilities of a multi-state model: the infinitesimal jackknife, on arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from cobalamin.models.multistate.multistate_chain import Chain

Floats = npt.NDArray[np.float64]


def influences(chain: Chain, before: Floats, begin: int, ends: Sequence[int], start: Floats | None) -> Iterator[Floats]:
    """Yield each person's influence on the state probabilities after the steps up to each of ``ends``.

    Parameters
    ----------
    chain : Chain
        Rows and steps.
    before : ndarray, shape (m - begin + 1, K)
        State probabilities from `path`.
    begin : int
        First step used.
    ends : sequence of int
        Rising; for each the number of steps at or before the time asked.
    start : ndarray, shape (K, n_persons), or None
        Influence on the initial distribution; None where that is fixed.

    Yields
    ------
    ndarray, shape (K, n_persons)
        The derivative of the probabilities by the weight of each person.

    Notes
    -----
    A person's influence obeys ``U(t) = U(s) P(s, t) + sum over u in (s, t] of p_j(u-) / n_j(u) (dN_j(u) - at risk_j(u) dA_j(u)) P(u, t)``.
    Between two times asked, the sums are taken backwards (once over all steps together), so that the cost is that of the steps plus,
    per time asked, that of the persons.
    """
    now = np.zeros((chain.n_states, chain.n_persons)) if start is None else start
    first = begin
    for end in ends:
        if end > first:
            ahead, whole = _ahead(chain, first, end)
            now = _carried(now, whole) + _contributions(chain, before[first - begin : end - begin], first, end, ahead)
            first = end
        yield now


def stay(chain: Chain, before: Floats, begin: int, span: tuple[float, float], start: Floats | None) -> tuple[Floats, Floats]:
    """Return the expected time in each state between two times, and each person's influence on it.

    Parameters
    ----------
    chain : Chain
        Rows and steps.
    before : ndarray, shape (m - begin + 1, K)
        State probabilities from `path`; ``begin`` is the first step after the beginning of the span.
    begin : int
        First step used.
    span : (float, float)
        From and until.
    start : ndarray, shape (K, n_persons), or None
        Influence on the initial distribution.

    Returns
    -------
    expected : ndarray, shape (K,)
        Integral of the state probabilities.
    influence : ndarray, shape (K, n_persons)
        Of each person.
    """
    end = int(chain.index(np.array([span[1]]))[0])
    widths = np.diff(np.concatenate([[span[0]], chain.time[begin:end], [span[1]]]))
    expected = widths @ before[: len(widths)]
    ahead = np.empty((end - begin, chain.n_states, chain.n_states))
    now = np.eye(chain.n_states) * widths[-1]
    for u in range(end - begin - 1, -1, -1):
        ahead[u] = now
        now = np.eye(chain.n_states) * widths[u] + chain.step[begin + u] @ now
    influence = _contributions(chain, before[: end - begin], begin, end, ahead)
    return expected, influence if start is None else influence + _carried(start, now)


def _ahead(chain: Chain, first: int, end: int) -> tuple[Floats, Floats]:
    """Return P(u, t) for each step u of a block that ends at t, and P over the whole block."""
    ahead = np.empty((end - first, chain.n_states, chain.n_states))
    now = np.eye(chain.n_states)
    for u in range(end - 1, first - 1, -1):
        ahead[u - first] = now
        now = chain.step[u] @ now
    return ahead, now


def _contributions(chain: Chain, before: Floats, first: int, end: int, ahead: Floats) -> Floats:
    """Sum the influence that each person has through the steps first .. end - 1; ``ahead`` values each state after each step."""
    k, size = chain.n_states, end - first
    ratio = np.divide(before, chain.at_risk[first:end], out=np.zeros_like(before), where=chain.at_risk[first:end] > 0)
    drift = ratio[:, :, None] * ((chain.step[first:end] - np.eye(k)) @ ahead)
    total = np.concatenate([np.zeros((1, k, k)), np.cumsum(drift, axis=0)])
    rows = np.flatnonzero((chain.came < end) & (chain.left > first))
    through = (chain.came[rows] <= first) & (chain.left[rows] >= end)
    out = np.zeros((k, chain.n_persons))
    # nobody is in two states at once: a person has at most one row through the whole block
    out[:, chain.person[rows[through]]] = -total[-1].T[:, chain.state[rows[through]]]
    some = rows[~through]
    low, high = np.maximum(chain.came[some] - first, 0), np.minimum(chain.left[some] - first, size)
    moved = rows[(chain.target[rows] >= 0) & (chain.left[rows] <= end)]
    where, old, new = chain.left[moved] - 1 - first, chain.state[moved], chain.target[moved]
    jump = ratio[where, old][:, None] * (ahead[where, new] - ahead[where, old])
    part = np.concatenate([total[low, chain.state[some]] - total[high, chain.state[some]], jump])
    owner = np.concatenate([chain.person[some], chain.person[moved]])
    for j in range(k):
        out[j] += np.bincount(owner, weights=part[:, j], minlength=chain.n_persons)
    return out


def _carried(influence: Floats, whole: Floats) -> Floats:
    """Return ``whole' influence``. By lines: for few states much faster than a library's product of a small and a long matrix."""
    out = np.zeros_like(influence)
    for j, k in np.argwhere(whole != 0):
        out[k] += whole[j, k] * influence[j]
    return out
