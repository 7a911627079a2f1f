"""Who is in: ordered steps, each counting the people and the outcome events it leaves out and those it could not judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError
from cobalamin.design.expression import condition

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Criterion:
    """One eligibility criterion.

    Attributes
    ----------
    label : str
        What the flow chart calls it: ``"Aged 18 or over"``.
    keep : str
        Condition that holds for the people who stay.

    Examples
    --------
    >>> Criterion("Adults", "age >= 18").keep
    'age >= 18'
    """

    label: str
    keep: str

    def __post_init__(self) -> None:
        if not self.label.strip() or not self.keep.strip():
            raise DesignError("an eligibility criterion needs a label for the flow chart and a condition to keep.")


@dataclass(frozen=True, eq=False)
class Check:
    """A step ready to be taken.

    Attributes
    ----------
    label : str
        What the flow chart calls it.
    keep : ndarray of bool, shape (n,)
        Who stays.
    unknown : ndarray of bool, shape (n,), optional
        Whom missing values leave undecided; they do not stay.
    refuse : callable, optional
        Makes the error, from the mask of the people at fault, when the protocol does not allow to leave them out.
    """

    label: str
    keep: Bools
    unknown: Bools | None = None
    refuse: Callable[[Bools], DataError] | None = None


@dataclass(frozen=True)
class Step:
    """One row of the flow chart: what is left after a step, and what it took.

    Attributes
    ----------
    label : str
        Name of the step.
    n, n_excluded, n_unknown : int
        People left; people left out; of these, the people whose value was not known.
    events, events_excluded : int
        Outcome events among them.
    """

    label: str
    n: int
    n_excluded: int
    events: int
    events_excluded: int
    n_unknown: int


@dataclass(frozen=True, eq=False)
class Attrition:
    """The people still in, and the steps so far.

    Attributes
    ----------
    member : ndarray of bool, shape (n,)
        Who is still in.
    has_event : ndarray of bool, shape (n,)
        Whose outcome falls into the observed time.
    steps : tuple of Step
        In order.

    Examples
    --------
    >>> flow = begin("People", np.array([True, False, True]))
    >>> flow = flow.take(Check("Adults", np.array([True, True, False])))
    >>> [(s.label, s.n, s.events_excluded) for s in flow.steps]
    [('People', 3, 0), ('Adults', 2, 1)]
    """

    member: Bools
    has_event: Bools
    steps: tuple[Step, ...]

    def take(self, check: Check) -> Attrition:
        """Take a step.

        Parameters
        ----------
        check : Check
            Whom it keeps.

        Returns
        -------
        Attrition
            With one more step.

        Raises
        ------
        DataError
            People at fault whom the protocol does not allow to leave out, or nobody is left (the step is named).
        """
        out = self.member & ~check.keep
        if check.refuse is not None:
            if out.any():
                raise check.refuse(out)
            return self  # nobody is at fault: not a step
        left = self.member & check.keep
        unknown = 0 if check.unknown is None else int((out & check.unknown).sum())
        events = _both(left, self.has_event), _both(out, self.has_event)
        step = Step(check.label, int(left.sum()), int(out.sum()), *events, unknown)
        if not step.n:
            raise DataError(
                f"the cohort is empty: step {len(self.steps)} '{check.label}' left out the last {step.n_excluded} of {len(left)} people"
                + (f" ({unknown} because a value is missing)" if unknown else "")
                + ". Check its condition, or the table it reads."
            )
        return replace(self, member=left, steps=(*self.steps, step))

    @property
    def frame(self) -> pd.DataFrame:
        """The flow chart as a table, one row per step: ``step, label, n, n_excluded, events, events_excluded, n_unknown``."""
        table = pd.DataFrame([vars(step) for step in self.steps])
        table.insert(0, "step", np.arange(len(table)))
        return table


def begin(label: str, has_event: npt.ArrayLike) -> Attrition:
    """Start the flow chart with everyone.

    Parameters
    ----------
    label : str
        Name of the first row.
    has_event : array-like of bool, shape (n,)
        Whose outcome falls into the observed time.

    Returns
    -------
    Attrition
    """
    events = np.asarray(has_event, dtype=bool)
    first = Step(label, len(events), 0, int(events.sum()), 0, 0)
    return Attrition(np.ones(len(events), dtype=bool), events, (first,))


def judge(criterion: Criterion, frame: pd.DataFrame, member: Bools) -> Check:
    """Evaluate a criterion on the people still in.

    Parameters
    ----------
    criterion : Criterion
        Its condition may name any column known at time zero.
    frame : DataFrame, shape (n, ...)
        One row per person.
    member : ndarray of bool, shape (n,)
        Who is still in; the others are not looked at.

    Returns
    -------
    Check
        A condition that is not known keeps nobody, and is counted.
    """
    holds, unknown = condition(criterion.keep, frame.loc[member], what=f"eligibility '{criterion.label}'")
    return Check(criterion.label, _back(holds, member), _back(unknown, member))


def _back(part: Any, member: Bools) -> Bools:
    full = np.zeros(len(member), dtype=bool)
    full[member] = part
    return full


def _both(a: Bools, b: Bools) -> int:
    return int((a & b).sum())
