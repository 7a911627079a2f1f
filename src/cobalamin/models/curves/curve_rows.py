"""The rows of a table as curves need them: checked follow-up, weights and clusters, sorted into groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.core.followup import FollowUp, follow_up
from cobalamin.models.cox.risk_sets import merge_near_ties
from cobalamin.models.grouping import MOST_GROUPS, case_weights, group_by, known_rows, require_rows, whole

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CurveRows:
    """Rows behind the curves of one or more groups.

    Attributes
    ----------
    follow : FollowUp
        Follow-up of all rows of the table.
    weight : ndarray, shape (rows,)
        Case weights.
    owner : ndarray of int, shape (rows,)
        Cluster of each row; row numbers without clusters.
    groups : mapping of str to ndarray of int
        Rows to use, by group label in order.
    by : str
        Name of the grouping column.
    independent : bool
        Rows are people of their own: no clusters, and weights (if any) are whole numbers of people.
    n_missing, n_before_start : int
        Rows left out for a missing group, cluster or weight, and rows that end at or before the start.
    """

    follow: FollowUp
    weight: Floats
    owner: Ints
    groups: Mapping[str, Ints]
    by: str
    independent: bool
    n_missing: int
    n_before_start: int

    @property
    def n(self) -> int:
        """Rows used."""
        return sum(map(len, self.groups.values()))

    @property
    def events(self) -> int:
        """Events in the rows used."""
        return sum(int(self.follow.event[rows].sum()) for rows in self.groups.values())

    def part(self, label: str) -> tuple[FollowUp, Floats, Ints]:
        """Return follow-up, weights and clusters of one group.

        Parameters
        ----------
        label : str
            Group label.

        Returns
        -------
        follow, weight, owner
            Of its rows.
        """
        rows, follow = self.groups[label], self.follow
        return FollowUp(follow.entry[rows], follow.exit[rows], follow.event[rows], follow.unit), self.weight[rows], self.owner[rows]


def read_curve_rows(
    data: pd.DataFrame,
    columns: tuple[str, str, str | None],
    *,
    by: str | Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    start: float | None = None,
    unit: str = "",
    purpose: str = "the curves",
) -> CurveRows:
    """Read and check the rows of a table for curves.

    Parameters
    ----------
    data : DataFrame
        One row per person or person-interval.
    columns : (exit, event, entry)
        Names of the follow-up columns.
    by, weights, cluster : str, optional
        Columns of groups, case weights and clusters.
    start : float, optional
        Condition on being event-free at this time.
    unit : str
        Unit of time.
    purpose : str
        What the rows are for, in the warning about missing values.

    Returns
    -------
    CurveRows
        The rows by group.

    Raises
    ------
    DataError
        No row to use.
    EventCodeError, FollowUpError, MissingValuesError, ColumnNotFoundError
        Events, times or names that cannot be used.

    Notes
    -----
    Times equal up to 1.5e-8 are ties, as in the Cox model (R's ``timefix``).
    """
    exit, event, entry = columns
    require_rows(data, [*columns, weights, cluster, *([by] if isinstance(by, str) else by or [])])
    late = None if entry is None else data[entry]
    follow = follow_up(exit=data[exit], event=data[event], entry=late, unit=unit, names=(entry or "entry", exit, event))
    # ages made of dates tie or not by the accident of rounding: one rule for curves, tests and models
    follow = FollowUp(*merge_near_ties(follow.entry, follow.exit, warn=True), follow.event, unit)
    grouping, weight = group_by(data, by, MOST_GROUPS), case_weights(data, weights)
    owner = np.arange(len(data), dtype=np.int64) if cluster is None else np.asarray(pd.factorize(data[cluster])[0], dtype=np.int64)
    missing = {grouping.name: grouping.code < 0, weights or "weights": np.isnan(weight), cluster or "cluster": owner < 0}
    known = known_rows(missing, purpose)
    lasting = follow.exit > (-np.inf if start is None else start)
    keep = known & lasting & (weight > 0)
    if not keep.any():
        when = "." if start is None else " after start."
        raise DataError(f"No row with a known group and a positive weight is under observation{when}")
    rows = {label: np.flatnonzero(keep & (grouping.code == code)) for code, label in enumerate(grouping.labels)}
    return CurveRows(
        follow=follow if start is None else FollowUp(np.maximum(follow.entry, start), follow.exit, follow.event, unit),
        weight=weight,
        owner=owner,
        groups={label: part for label, part in rows.items() if len(part)},
        by=grouping.name,
        independent=cluster is None and whole(weight[known]),
        n_missing=int((~known).sum()),
        n_before_start=int((known & ~lasting).sum()),
    )
