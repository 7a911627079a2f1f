"""Follow-up: when a person comes under observation, when they leave it, and with what event.

A person is at risk at time t when ``entry < t <= exit``. Every model and curve of the package uses this one rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import EventCodeError, FollowUpError, MissingValuesError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FollowUp:
    """Checked follow-up times ``(entry, exit]`` and event codes.

    Attributes
    ----------
    entry : ndarray, shape (n,)
        Start of observation; ``-inf`` where there is no delayed entry.
    exit : ndarray, shape (n,)
        End of observation.
    event : ndarray of int, shape (n,)
        0 = censored, 1..K = kind of event.
    unit : str
        Unit of time, for labels (``"years"``, ``"days"``).
    """

    entry: Floats
    exit: Floats
    event: Ints
    unit: str = ""

    def __len__(self) -> int:
        return len(self.exit)

    @property
    def delayed(self) -> bool:
        """Whether anyone enters after the origin of the time scale."""
        return bool(np.isfinite(self.entry).any())

    @property
    def n_at_zero(self) -> int:
        """How many leave at time 0 without a day of follow-up: allowed as in R's survival, but a model says so in a warning."""
        return int(((self.exit == 0) & ~np.isfinite(self.entry)).sum())

    @property
    def person_time(self) -> float:
        """Sum of ``exit - entry`` (entry 0 where no delayed entry is given)."""
        start = np.where(np.isfinite(self.entry), self.entry, 0.0)
        return float(np.sum(self.exit - start))


def follow_up(
    *,
    exit: Any,
    event: Any,
    entry: Any = None,
    kinds: int | None = 1,
    unit: str = "",
    names: tuple[str, str, str] = ("entry", "exit", "event"),
) -> FollowUp:
    """Check times and event codes and return a `FollowUp`.

    Parameters
    ----------
    exit, event : array-like, shape (n,)
        End of observation and event code. Booleans count as 0/1.
    entry : array-like, shape (n,), optional
        Start of observation (delayed entry or counting-process rows). Without it exit must not be negative.
    kinds : int or None
        Highest event code allowed: 1 for a single event, K for competing events, None for any whole number >= 0.
    unit : str
        Unit of time.
    names : tuple of str
        Column names of entry, exit and event for the messages.

    Returns
    -------
    FollowUp
        The checked follow-up.

    Raises
    ------
    EventCodeError
        Event codes other than 0..kinds; the common 1/2 coding is named.
    FollowUpError
        exit <= entry, negative exit, or infinite times.
    MissingValuesError
        Missing times or events.

    Examples
    --------
    >>> follow_up(exit=[2.0, 3.0], event=[0, 1]).event
    array([0, 1])
    """
    n_entry, n_exit, n_event = names
    stop = _times(exit, n_exit)
    start = np.full(stop.shape, -np.inf) if entry is None else _times(entry, n_entry)
    code = _event_codes(event, kinds, n_event)
    if not len(start) == len(stop) == len(code):
        raise FollowUpError(f"{n_entry}, {n_exit} and {n_event} have {len(start)}, {len(stop)} and {len(code)} rows.")
    if entry is None:
        _refuse(stop < 0, f"{n_exit} is negative", n_exit, "times run from 0; give entry= for another origin")
    _refuse(
        start >= stop,
        f"{n_exit} is not after {n_entry}",
        n_exit,
        f"a person is at risk in ({n_entry}, {n_exit}]; mend the dates, or leave these rows out and count them",
    )
    return FollowUp(entry=start, exit=stop, event=code, unit=unit)


def _times(values: Any, name: str) -> Floats:
    array = _plain_numbers(values)
    if array is None:
        array = _numbers_from(pd.Series(values).reset_index(drop=True), name)
    missing = int(np.isnan(array).sum())
    if missing:
        raise MissingValuesError(
            f"{name}: {missing} of {len(array)} rows are missing. Follow-up needs every time; leave these rows out first."
        )
    _refuse(np.isinf(array), f"{name} is infinite", name, "use the censoring time instead")
    return array


def _plain_numbers(values: Any) -> Floats | None:
    """The array itself where it already holds plain numbers: a million rows should cost milliseconds."""
    array = values.to_numpy() if isinstance(values, pd.Series) and isinstance(values.dtype, np.dtype) else values
    if isinstance(array, np.ndarray) and array.dtype.kind == "c":
        raise FollowUpError("times and events are numbers; got complex numbers.")
    if isinstance(array, np.ndarray) and array.dtype.kind in "fiub":
        return array.astype(np.float64)
    return None


def _numbers_from(series: pd.Series[Any], name: str) -> Floats:
    if pd.api.types.is_datetime64_any_dtype(series):
        raise FollowUpError(f"{name} holds dates; expected numbers on one time scale. Subtract the origin first, e.g. days / 365.25.")
    if pd.api.types.is_timedelta64_dtype(series):
        raise FollowUpError(
            f"{name} holds durations; expected numbers. Divide by the unit first, e.g. data['{name}'] / pandas.Timedelta(days=365.25)."
        )
    array = np.asarray(pd.to_numeric(series.astype(object), errors="coerce"), dtype=np.float64)
    text = int((np.isnan(array) & series.notna().to_numpy()).sum())
    if text:
        raise FollowUpError(f"{name}: expected numbers, got text in {text} of {len(array)} rows.")
    return array


def _refuse(bad: npt.NDArray[np.bool_], what: str, name: str, remedy: str) -> None:
    if bad.any():
        first = ", ".join(str(i) for i in np.flatnonzero(bad)[:5])
        raise FollowUpError(
            f"{what} in {int(bad.sum())} of {len(bad)} rows (row positions {first}{', ...' if bad.sum() > 5 else ''}): {remedy}."
        )


def _event_codes(values: Any, kinds: int | None, name: str) -> Ints:
    plain = _plain_numbers(values)
    series = pd.Series(values if plain is None else plain).reset_index(drop=True)
    missing = int(series.isna().sum())
    if missing:
        raise MissingValuesError(
            f"{name}: {missing} of {len(series)} rows are missing. An unknown event is not a censored one; decide row by row first."
        )
    code = plain if plain is not None else np.asarray(pd.to_numeric(series.astype(object), errors="coerce"), dtype=np.float64)
    if np.isnan(code).any():
        top_code = "K" if kinds is None else kinds
        raise EventCodeError(
            f"{name}: expected whole numbers 0 to {top_code}, got text in {int(np.isnan(code).sum())} of {len(code)} rows."
        )
    if ((code == 0) | (code == 1)).all():
        return code.astype(np.int64)
    found = np.unique(code)
    top = np.inf if kinds is None else kinds
    if ((found < 0) | (found > top) | (found != np.floor(found))).any():
        raise EventCodeError(_event_message(found, kinds, name))
    return code.astype(np.int64)


def _event_message(found: Floats, kinds: int | None, name: str) -> str:
    # a handful of whole numbers are codes of somebody's codebook; anything else may be measurements of persons
    coded = len(found) <= 6 and bool((found == np.floor(found)).all())
    shown = ", ".join(f"{v:g}" for v in found) if coded else f"{len(found)} different numbers"
    expected = "0 (no event) or 1 (event)" if kinds == 1 else f"whole numbers 0 to {'K' if kinds is None else kinds}"
    message = f"{name}: got {'codes ' if coded else ''}{shown}; expected {expected}."
    if kinds == 1 and set(found) == {1.0, 2.0}:
        message += f" This looks like 1 = censored, 2 = event: use event=({name} == 2) after checking the codebook."
    elif kinds == 1 and set(found) <= {0.0, 1.0, 2.0, 3.0}:
        message += (
            " Codes above 1 look like competing events: make the event of interest 1 and the others 0"
            " (cause-specific hazard), or use fine_gray(cause=...)."
        )
    return message
