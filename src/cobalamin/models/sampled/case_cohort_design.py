"""The design of a case-cohort study, read from its table: who was sampled, and how many people each of them stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError
from cobalamin.core.followup import FollowUp, follow_up
from cobalamin.models.grouping import label_codes, label_of, said

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_Strata = tuple[list[str], bool]  # labels, and whether they are declared categories


@dataclass(frozen=True, eq=False)
class Design:
    """Sampling of a case-cohort study; arrays have a line per row of the data.

    Attributes
    ----------
    follow : FollowUp
        Follow-up of all rows.
    subcohort, sampled : ndarray of bool, shape (rows,)
        Members of the subcohort; they and the cases (rows whose membership is unknown count as sampled, and as missing).
    stratum : ndarray of int, shape (rows,)
        Sampling stratum; 0 without strata, -1 where it is missing.
    cohort_size : ndarray, shape (H,)
        People in the cohort by stratum.
    per_member, per_control : ndarray, shape (H,)
        People in the cohort per member of the subcohort, and non-cases per non-case among them.
    n_subcohort : int
        Members of the subcohort.
    """

    follow: FollowUp
    subcohort: Bools
    sampled: Bools
    stratum: Ints
    cohort_size: Floats
    per_member: Floats
    per_control: Floats
    n_subcohort: int

    def follow_up(self, kept: Bools) -> FollowUp:
        """Return the follow-up of some rows."""
        return FollowUp(self.follow.entry[kept], self.follow.exit[kept], self.follow.event[kept], self.follow.unit)

    @property
    def facts(self) -> Mapping[str, float]:
        """Numbers for `Fit.glance`."""
        total = float(self.cohort_size.sum())
        return {"cohort_size": total, "n_subcohort": float(self.n_subcohort), "n_sampling_strata": float(len(self.cohort_size))}


def read_design(
    data: pd.DataFrame,
    columns: tuple[str, str, str | None],
    subcohort: str,
    stratum: str | None,
    cohort_size: int | Mapping[Any, int] | None,
    *,
    stratified: bool,
) -> Design:
    """Read and check who was sampled.

    Parameters
    ----------
    data : DataFrame
        The sample, or the whole cohort.
    columns : (exit, event, entry)
        Names of the follow-up columns.
    subcohort : str
        Column of membership.
    stratum : str, optional
        Column of the sampling stratum.
    cohort_size : int or mapping, optional
        People in the cohort; counted in the data without it.
    stratified : bool
        Whether the method is one for strata.

    Returns
    -------
    Design
        The sampling.

    Raises
    ------
    DataError, DesignError
        Sizes, strata or membership that contradict each other.
    """
    if stratified != (stratum is not None):
        wanted = (
            "needs stratum=, the sampling stratum" if stratified else "has no strata; take 'borgan1' or 'borgan2', or leave out stratum="
        )
        raise DesignError(f"stratum: the method {wanted}.")
    exit, event, entry = columns
    late = None if entry is None else data[entry]
    follow = follow_up(exit=data[exit], event=data[event], entry=late, names=(entry or "entry", exit, event))
    member, unknown = _membership(data[subcohort], subcohort)
    code, labels = (np.zeros(len(data), dtype=np.int64), ["the cohort"]) if stratum is None else label_codes(data[stratum], stratum)
    case = follow.event > 0
    sampled = member | case | unknown
    declared = stratum is None or isinstance(data[stratum].dtype, pd.CategoricalDtype)
    size = _sizes(cohort_size, code, (labels, declared), sampled, stratum)
    members, controls, cases = (_tally(code, rows, len(labels)) for rows in (member, member & ~case, case))
    _check_strata((labels, declared), size, members, controls, cases, _tally(code, sampled, len(labels)))
    with np.errstate(divide="ignore", invalid="ignore"):
        per_member, per_control = size / members, (size - cases) / controls
    return Design(follow, member, sampled, code, size, per_member, per_control, int(member.sum()))


def _membership(column: pd.Series[Any], name: str) -> tuple[Bools, Bools]:
    unknown = column.isna().to_numpy()
    values = pd.to_numeric(column.astype(object), errors="coerce").to_numpy(dtype=np.float64)
    wrong = int((~np.isin(values, [0.0, 1.0]) & ~unknown).sum())
    if wrong:
        raise DataError(
            f"{name}: expected 0/1 or True/False (member of the subcohort); got something else in {wrong} of {len(values)} rows."
        )
    member = values == 1
    if not member.any():
        raise DataError(f"{name}: no row is a member of the subcohort.")
    return np.asarray(member), np.asarray(unknown)


def _tally(code: Ints, rows: Bools, count: int) -> Floats:
    return np.bincount(code[rows & (code >= 0)], minlength=count).astype(np.float64)


def _sizes(given: int | Mapping[Any, int] | None, code: Ints, strata: _Strata, sampled: Bools, stratum: str | None) -> Floats:
    """Return the people in the cohort by stratum, as given or as counted."""
    if given is None:
        if sampled.all():
            raise DataError("cohort_size: all rows are cases or subcohort; say how many people the whole cohort has.")
        return _tally(code, np.ones(len(code), dtype=np.bool_), len(strata[0]))
    sizes = _given_sizes(given, strata, stratum)
    others = int((~sampled).sum())
    if others and sizes.sum() != len(code):
        raise DataError(
            f"subcohort: {others} of {len(code)} rows are neither cases nor in the subcohort, and the rows are not the whole cohort of"
            f" {sizes.sum():g}; leave these rows out, or give all rows of the cohort."
        )
    return sizes


def _given_sizes(given: int | Mapping[Any, int], strata: _Strata, stratum: str | None) -> Floats:
    labels, declared = strata
    if isinstance(given, Mapping) != (stratum is not None):
        raise DataError(f"cohort_size: expected {'one number' if stratum is None else f'a number for each value of {stratum}'}.")
    by_label = {label_of(key): size for key, size in given.items()} if isinstance(given, Mapping) else {labels[0]: given}
    absent = [label for label in labels if label not in by_label]
    if absent or len(by_label) > len(labels):
        lost = len(set(by_label) - set(labels))
        wanted = f"the strata of {stratum} ({said(labels, declared=declared, noun='stratum')})"
        raise DataError(f"cohort_size: expected {wanted}; {len(absent)} have no size, and {lost} of the names given are none of them.")
    sizes = np.array([by_label[label] for label in labels], dtype=np.float64)
    if not (np.isfinite(sizes) & (sizes > 0) & (sizes == np.rint(sizes))).all():
        raise DataError("cohort_size: expected whole numbers above 0.")
    return sizes


def _check_strata(strata: _Strata, size: Floats, members: Floats, controls: Floats, cases: Floats, sampled: Floats) -> None:
    """Refuse strata that nobody of the subcohort stands for, and cohorts smaller than their sample."""
    labels, declared = strata
    small = [label for label, n, have in zip(labels, size, sampled, strict=True) if n < have]
    if small:
        raise DataError(f"cohort_size: smaller than the number of sampled people in {said(small, declared=declared, noun='stratum')}.")
    empty = [label for label, n in zip(labels, controls, strict=True) if n == 0]
    if empty and (size - cases > 0).any():
        where = said(empty, declared=declared, noun="stratum")
        raise DataError(f"no member of the subcohort without the event in {where}: nobody stands for the people there.")
