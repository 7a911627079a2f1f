"""Estimators of case-cohort studies on arrays: risk sets of the subcohort, and the variance that sampling it adds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cobalamin.core.followup import FollowUp
from cobalamin.models.cox.cox_scores import score_residuals
from cobalamin.models.cox.cox_solution import Solved
from cobalamin.models.cox.partial_likelihood import PartialLikelihood, partial_likelihood
from cobalamin.models.cox.risk_sets import RiskSets, merge_near_ties, risk_sets

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows of a case-cohort study.

    Attributes
    ----------
    x : ndarray, shape (n, p)
        Covariates.
    follow : FollowUp
        Their follow-up, on a scale of ranks (`ranked`).
    subcohort : ndarray of bool, shape (n,)
        Members of the subcohort, cases among them included.
    stratum : ndarray of int, shape (n,)
        Sampling stratum; zeros for a simple random subcohort.
    """

    x: Floats
    follow: FollowUp
    subcohort: Bools
    stratum: Ints

    @property
    def case(self) -> Bools:
        """Rows with the event."""
        return self.follow.event > 0


def ranked(follow: FollowUp) -> FollowUp:
    """Put follow-up on a scale of whole numbers on which the k-th event time is 2 k + 2.

    Parameters
    ----------
    follow : FollowUp
        Any follow-up.

    Returns
    -------
    FollowUp
        With the same risk sets; between two event times there is room for an entry just before the later one.

    Examples
    --------
    >>> from cobalamin.core.followup import follow_up
    >>> ranked(follow_up(exit=[0.5, 0.7, 0.9], event=[1, 0, 1])).exit.tolist()
    [2.0, 3.0, 4.0]
    """
    entry, exit = merge_near_ties(follow.entry, follow.exit)
    times = np.unique(exit[follow.event > 0])

    def place(values: Floats) -> Floats:
        after = np.searchsorted(times, values, side="right")
        on_event = after > np.searchsorted(times, values, side="left")
        return np.asarray(2.0 * after + np.where(on_event, 0.0, 1.0))

    # a censored exit between two event times may share its rank with the entry: half a step keeps it after
    start = np.where(np.isfinite(entry), place(entry), -np.inf)
    end = place(exit)
    return FollowUp(start, np.where(end > start, end, start + 0.5), follow.event, follow.unit)


def case_at_event(sample: Sample, ties: str) -> PartialLikelihood:
    """Return Prentice's pseudo-likelihood: a case outside the subcohort is at risk at its own event only.

    Parameters
    ----------
    sample : Sample
        Cases and subcohort.
    ties : str
        ``"efron"`` or ``"breslow"``.

    Returns
    -------
    PartialLikelihood
        To be maximised.

    References
    ----------
    Prentice RL. A case-cohort design for epidemiologic cohort studies and disease prevention trials. Biometrika 1986;73:1-11.
    doi:10.1093/biomet/73.1.1
    """
    follow = sample.follow
    entry = np.where(sample.subcohort, follow.entry, np.maximum(follow.entry, follow.exit - 1))
    return partial_likelihood(sample.x, risk_sets(replace(follow, entry=entry)), None, "efron" if ties == "efron" else "breslow")


def subcohort_only(sample: Sample, weight: Floats) -> tuple[PartialLikelihood, int]:
    """Return the pseudo-likelihood whose risk sets are members of the subcohort only (Self and Prentice; Borgan I with weights).

    Parameters
    ----------
    sample : Sample
        Cases and subcohort.
    weight : ndarray, shape (n,)
        Weight of each member of the subcohort in the risk sets; every event counts once.

    Returns
    -------
    likelihood : PartialLikelihood
        Rows: first the events, then the subcohort.
    n_alone : int
        Events at which nobody of the subcohort is under observation; they are left out.

    Notes
    -----
    Tied events share one risk set to which none of them belongs, so that Efron's correction has nothing to correct.

    References
    ----------
    Self SG, Prentice RL. Asymptotic distribution theory and efficiency results for case-cohort studies. Ann Stat 1988;16:64-81.
    doi:10.1214/aos/1176350691
    """
    case, inside = np.flatnonzero(sample.case), np.flatnonzero(sample.subcohort)
    at_risk = _numbers_at_risk(sample, inside)
    alone = at_risk[np.searchsorted(_event_times(sample), sample.follow.exit[case])] == 0
    case = case[~alone]
    rows = np.concatenate([case, inside])
    event = np.repeat([1, 0], [len(case), len(inside)])
    sets = risk_sets(FollowUp(sample.follow.entry[rows], sample.follow.exit[rows], event))
    sets = _without_rows(sets, np.arange(len(rows)) >= len(case))
    return partial_likelihood(sample.x[rows], sets, np.concatenate([np.ones(len(case)), weight[inside]]), "breslow"), int(alone.sum())


def _event_times(sample: Sample) -> Floats:
    return np.unique(sample.follow.exit[sample.case])


def _numbers_at_risk(sample: Sample, rows: Ints) -> Ints:
    times = _event_times(sample)
    entry, exit = np.sort(sample.follow.entry[rows]), np.sort(sample.follow.exit[rows])
    return np.asarray(np.searchsorted(entry, times, side="left") - np.searchsorted(exit, times, side="left"), dtype=np.int64)


def _without_rows(sets: RiskSets, stay: Bools) -> RiskSets:
    """Take rows out of the risk sets, but not out of the events."""
    return replace(sets, exit_at=sets.exit_at * stay, entry_at=None if sets.entry_at is None else sets.entry_at * stay)


def everybody(sample: Sample, weight: Floats, ties: str) -> PartialLikelihood:
    """Return the weighted pseudo-likelihood of all sampled people, cases with weight 1 (Lin and Ying; Borgan II).

    Parameters
    ----------
    sample : Sample
        Cases and subcohort.
    weight : ndarray, shape (n,)
        1 for cases, people per sampled person for the others.
    ties : str
        ``"efron"`` or ``"breslow"``.

    Returns
    -------
    PartialLikelihood
        To be maximised.

    References
    ----------
    Lin DY, Ying Z. Cox regression with incomplete covariate measurements. JASA 1993;88:1341-1349.
    doi:10.1080/01621459.1993.10476416. Borgan O, Langholz B, Samuelsen SO, Goldstein L, Pogoda J. Exposure stratified case-cohort
    designs. Lifetime Data Anal 2000;6:39-58. doi:10.1023/A:1009661900674
    """
    return partial_likelihood(sample.x, risk_sets(sample.follow), weight, "efron" if ties == "efron" else "breslow")


def effects(solved: Solved) -> Floats:
    """Return the change of each coefficient that one unit of weight of each row brings.

    Parameters
    ----------
    solved : Solved
        A solved pseudo-likelihood.

    Returns
    -------
    ndarray, shape (n, k)
        Score residuals times the inverse information.
    """
    return np.asarray(score_residuals(solved.likelihood, solved.b) @ solved.full_covariance)


def stratified_spread(effect: Floats, stratum: Ints, weight: Floats) -> Floats:
    """Return the variance that sampling people by stratum adds.

    Parameters
    ----------
    effect : ndarray, shape (m, k)
        Effects per unit of weight of the sampled people.
    stratum : ndarray of int, shape (m,)
        Their stratum.
    weight : ndarray, shape (H,)
        People per sampled person in each stratum.

    Returns
    -------
    ndarray, shape (k, k)
        ``sum over strata of (w - 1) w m S`` with m sampled people and S the covariance of their effects.

    Examples
    --------
    >>> stratified_spread(np.array([[1.0], [-1.0]]), np.array([0, 0]), np.array([2.0])).tolist()
    [[8.0]]
    """
    total: Floats = np.zeros((effect.shape[1], effect.shape[1]))
    for h in np.unique(stratum):
        own = effect[stratum == h]
        centred = own - own.mean(axis=0)
        if len(own) > 1:
            total += (weight[h] - 1) * weight[h] * len(own) / (len(own) - 1) * centred.T @ centred
    return total
