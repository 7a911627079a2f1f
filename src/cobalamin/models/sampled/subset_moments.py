"""Exact conditional likelihood of matched sets: which d of n members are the cases, given that d are.

The chance of a subset is proportional to exp(sum of its members' linear predictors). Members become independent Bernoulli
variables; the distribution of their number of cases, passed forward and backward over the members, gives the chance of every
member, and with the mean of the cases' covariates their variance. All are probabilities, so nothing overflows in sets of any
size, and a set of n members costs n d p steps for p covariates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# numbers held at once in a batch of sets of one shape
_CELLS = 400_000
_BALANCE_STEPS = 60
# how far, in logits, the balance may be off
_BALANCED = 1e-2


@dataclass(frozen=True, eq=False)
class Shape:
    """Matched sets of one size and one number of chosen members, to be computed together.

    Attributes
    ----------
    z : ndarray, shape (n, p, S)
        Covariates of each member, centred within each set.
    chosen : int
        Members to choose, d: the cases or, where they are more than half, the controls.
    total : ndarray, shape (p,)
        Sum of the covariates of the chosen, over all sets.
    sign : float
        1 where the cases are chosen, -1 where the controls are (a control is a case with the sign of its predictor turned).
    """

    z: Floats
    chosen: int
    total: Floats
    sign: float

    def without(self, columns: npt.NDArray[np.bool_]) -> Shape:
        """Return the same sets with some covariates left out."""
        return Shape(np.ascontiguousarray(self.z[:, ~columns]), self.chosen, self.total[~columns], self.sign)


def shapes_of(z: Floats, case: npt.NDArray[np.bool_], owner: Ints) -> list[Shape]:
    """Gather matched sets by their shape.

    Parameters
    ----------
    z : ndarray, shape (m, p)
        Covariates of the rows of sets that have both cases and controls.
    case : ndarray of bool, shape (m,)
        Whether the row is a case.
    owner : ndarray of int, shape (m,)
        Set of each row, 0, 1, 2, ..., each with a row.

    Returns
    -------
    list of Shape
        All sets, in batches.

    Examples
    --------
    >>> [one] = shapes_of(np.array([[1.0], [0.0], [2.0]]), np.array([True, False, False]), np.array([0, 0, 0]))
    >>> one.chosen, one.total.tolist()
    (1, [0.0])
    """
    if not len(owner):
        return []
    order = np.argsort(owner, kind="stable")
    z, case, owner = z[order], case[order], owner[order]
    size, cases = np.bincount(owner), np.bincount(owner, weights=case).astype(np.int64)
    first = np.cumsum(size) - size
    shapes = []
    for n, d in np.unique(np.column_stack([size, cases]), axis=0):
        members = np.flatnonzero((size == n) & (cases == d))
        chosen = int(min(d, n - d))
        batch = max(1, _CELLS // max(n * z.shape[1], (n + z.shape[1]) * (chosen + 1)))
        for part in np.split(members, range(batch, len(members), batch)):
            rows = first[part][:, None] + np.arange(n)
            shapes.append(_shape(z[rows], case[rows], chosen))
    return shapes


def _shape(z: Floats, case: npt.NDArray[np.bool_], chosen: int) -> Shape:
    """Centre (S, n, p) covariates within sets and put the sets last, where sums over them run fastest."""
    flip = int(case[0].sum()) != chosen
    centred = z - z.mean(axis=1, keepdims=True)
    total = centred[~case if flip else case].sum(axis=0)
    return Shape(np.ascontiguousarray(centred.transpose(1, 2, 0)), chosen, total, -1.0 if flip else 1.0)


def subset_likelihood(shape: Shape, b: Floats) -> tuple[float, Floats, Floats]:
    """Return the conditional log-likelihood of a batch of sets with its derivatives.

    Parameters
    ----------
    shape : Shape
        Sets of one shape.
    b : ndarray, shape (p,)
        Coefficients.

    Returns
    -------
    loglik : float
        Sum over sets.
    score : ndarray, shape (p,)
        Its derivative.
    information : ndarray, shape (p, p)
        Minus its second derivative.

    Notes
    -----
    With eta = z'b and any constant c, the log of the sum over subsets of size d of exp(sum of eta) is
    ``log P(N = d) + sum log(1 + exp(eta + c)) - c d``, where N counts independent cases with logit eta + c. The constant is chosen so
    that N has the mean d. Score and information are ``X - E(X | N = d)`` and ``Var(X | N = d)`` of the sum X of the cases' covariates.

    References
    ----------
    Gail MH, Lubin JH, Rubinstein LV. Likelihood calculations for matched case-control studies and survival studies with tied death
    times. Biometrika 1981;68:703-707. doi:10.1093/biomet/68.3.703

    Examples
    --------
    >>> one = Shape(np.array([[[0.5]], [[-0.5]]]), 1, np.array([0.5]), 1.0)
    >>> round(subset_likelihood(one, np.zeros(1))[0], 6)
    -0.693147
    """
    eta = shape.sign * np.einsum("nps,p->ns", shape.z, b)
    log_sum, mean, second = _one_chosen(shape.z, eta) if shape.chosen == 1 else _several_chosen(shape.z, eta, shape.chosen)
    loglik = float(shape.sign * (shape.total @ b) - log_sum.sum())
    return loglik, shape.sign * (shape.total - mean.sum(axis=1)), second - mean @ mean.T


def _one_chosen(z: Floats, eta: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the log of the sum over members, their mean covariates, and the second moment summed over sets."""
    top = eta.max(axis=0)
    share = np.exp(eta - top)
    total = share.sum(axis=0)
    share /= total
    second: Floats = np.zeros((z.shape[1], z.shape[1]))
    mean: Floats = np.zeros(z.shape[1:])
    for x, own in zip(z, share, strict=True):
        weighted = x * own
        mean += weighted
        second += weighted @ x.T
    return top + np.log(total), mean, second


def balance(eta: Floats, chosen: int) -> Floats:
    """Return the constant that gives each set's independent members the expected number of cases.

    Parameters
    ----------
    eta : ndarray, shape (n, S)
        Linear predictors.
    chosen : int
        Number of cases wanted, above 0 and below n.

    Returns
    -------
    ndarray, shape (S,)
        Added to every logit of the set; found by bisection, for it need not be exact.

    Examples
    --------
    >>> balance(np.zeros((2, 1)), 1).round(6).tolist()
    [0.0]
    """
    from scipy.special import expit

    start = float(np.log(chosen / (len(eta) - chosen)))
    low, high = start - eta.max(axis=0), start - eta.min(axis=0)
    for _ in range(_BALANCE_STEPS):
        middle = (low + high) / 2
        many = expit(eta + middle).sum(axis=0) > chosen
        low, high = np.where(many, low, middle), np.where(many, middle, high)
        if (high - low).max() < _BALANCED:
            break
    return np.asarray((low + high) / 2)


def _several_chosen(z: Floats, eta: Floats, chosen: int) -> tuple[Floats, Floats, Floats]:
    """Return the same for subsets of several members.

    ``ahead[k]`` is the chance that the members behind the present one bring k cases up to d, ``moment[k]`` the same times the sum of
    their covariates. Pairs of members are met once, the later one in ``moment``: the other half of the products is the transpose.
    """
    from scipy.special import expit

    (n, p, sets), shift = z.shape, balance(eta, chosen)
    logit = eta + shift
    yes, no = expit(logit), expit(-logit)
    count = _forward(yes, no, chosen)
    chance = count[-1, chosen]
    ahead, moment = np.zeros((chosen + 1, sets)), np.zeros((chosen + 1, p, sets))
    ahead[chosen] = 1.0
    own, crossed = np.zeros((p, p)), np.zeros((p, p))
    for i in range(n - 1, -1, -1):
        x, before = z[i], count[i, :chosen]
        weighted = x * (yes[i] / chance)
        own += (weighted * (before * ahead[1:]).sum(axis=0)) @ x.T
        crossed += weighted @ np.einsum("ks,kps->ps", before, moment[1:]).T
        gain = moment[1:] + x * ahead[1:, None]
        gain *= yes[i]
        moment *= no[i]
        moment[:-1] += gain
        step = ahead[1:] * yes[i]
        ahead *= no[i]
        ahead[:-1] += step
    log_sum = np.log(chance) + np.logaddexp(0.0, logit).sum(axis=0) - shift * chosen
    return log_sum, moment[0] / chance, own + crossed + crossed.T


def _forward(yes: Floats, no: Floats, chosen: int) -> Floats:
    """Return the chance of k = 0, 1, ..., d cases among the first i = 0, 1, ..., n members, set by set."""
    n, sets = yes.shape
    count = np.zeros((n + 1, chosen + 1, sets))
    count[0, 0] = 1.0
    for i in range(n):
        np.multiply(count[i], no[i], out=count[i + 1])
        count[i + 1, 1:] += count[i, :-1] * yes[i]
    return count
