"""Area under a Kaplan-Meier curve up to a horizon, its variance and the influence of each row, on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import DataError
from cobalamin.core.followup import FollowUp
from cobalamin.models.curves.kaplan_meier import RiskSets, product_limit

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Area:
    """Area under a Kaplan-Meier curve up to a horizon.

    Attributes
    ----------
    sets : RiskSets
        Risk sets of the group, m exit times.
    mean, variance : float
        The area and its variance by Greenwood's formula.
    ahead : ndarray, shape (m,)
        Area from each exit time to the horizon.
    """

    sets: RiskSets
    mean: float
    variance: float
    ahead: Floats

    def influence(self, follow: FollowUp) -> Floats:
        """Return the derivative of the area by the weight of each row.

        Parameters
        ----------
        follow : FollowUp
            The rows behind the risk sets, n rows.

        Returns
        -------
        ndarray, shape (n,)
            ``sum over exit times in (entry, exit] of A d / (n (n - d))``, less ``A / (n - d)`` at the own event.
        """
        alive, time = self.sets.at_risk > self.sets.events, self.sets.time
        alive &= ~self.sets.exhausted
        inverse = np.divide(self.ahead, self.sets.at_risk - self.sets.events, out=np.zeros(len(time)), where=alive)
        share = np.divide(self.sets.events, self.sets.at_risk, out=np.zeros(len(time)), where=self.sets.n_at_risk > 0)
        held = np.append(0.0, np.cumsum(inverse * share))
        last, before = np.searchsorted(time, follow.exit), np.searchsorted(time, follow.entry, side="right")
        return np.asarray(held[last + 1] - held[before] - np.where(follow.event > 0, inverse[last], 0.0))


def restricted_area(sets: RiskSets, begin: float, tau: float, label: str = "Overall") -> Area:
    """Integrate a Kaplan-Meier curve from its start to a horizon.

    Parameters
    ----------
    sets : RiskSets
        Risk sets of one group.
    begin, tau : float
        From where to where; the curve is 1 until the first event.
    label : str
        Name of the group, for messages.

    Returns
    -------
    Area
        The area and what its variance needs.

    Raises
    ------
    DataError
        A horizon after the last follow-up of a curve that has not reached 0.
    """
    time = sets.time
    if tau > time[-1] and not sets.exhausted.any():
        raise DataError(
            f"tau: {tau:g} lies after the last follow-up of group {label}, whose curve ends above 0 and is not known there;"
            " take a horizon within the follow-up of every group."
        )
    survival = product_limit(sets)
    ends = np.clip(np.append(time, max(tau, time[-1])), begin, tau)
    pieces = survival * np.diff(ends)
    ahead: Floats = np.cumsum(pieces[::-1])[::-1]
    use = (sets.n_events > 0) & ~sets.exhausted
    terms = np.divide(sets.events * ahead**2, sets.at_risk * (sets.at_risk - sets.events), out=np.zeros(len(time)), where=use)
    return Area(sets, float(ends[0] - begin + ahead[0]), float(terms.sum()), ahead)
