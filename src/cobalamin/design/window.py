"""One value per person from dated results: which results count, which is chosen, what happens on the same day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cobalamin.core.errors import DesignError, did_you_mean
from cobalamin.design.records import Bools, Ints, Linked, Note, Records
from cobalamin.design.timeline import Floats, years_in_days

Window = tuple[float, float]
EVER = -np.inf


@dataclass(frozen=True, eq=False)
class Chosen:
    """One value per person.

    Attributes
    ----------
    values : DataFrame, shape (n, ...)
        Columns ``value`` and, where they apply, ``censored`` (``""``, ``left``, ``right``, ``both``), ``days_before`` and the
        carried columns.
    notes : tuple of Note
        Rows that were in the window and could not be used.
    """

    values: pd.DataFrame
    notes: tuple[Note, ...]


def check_window(window: Window, lag_years: float, what: str) -> None:
    """Refuse a window that is empty or sees the future.

    Parameters
    ----------
    window : tuple of float
        First and last day counted from time zero, both included; ``-inf`` = since ever.
    lag_years : float
        How far the window is moved back.
    what : str
        For the message.

    Raises
    ------
    DesignError
        Immortal time: the window reaches after time zero; or it is empty, or the lag is negative.
    """
    first, last = window
    if not np.isfinite(lag_years) or lag_years < 0:
        raise DesignError(f"{what}: lag_years is {lag_years:g}; expected 0 or more.")
    if last > 0:
        raise DesignError(
            f"{what}: window_days ends {last:g} days after time zero: immortal time. People must live and stay free of the outcome "
            "until then to be measured. End the window at 0, or move time zero to the end of the window."
        )
    if not first <= last or np.isinf(last):
        raise DesignError(f"{what}: window_days runs from {first:g} to {last:g}; expected first <= last <= 0, days from time zero.")


def in_window(found: Records, origin: Floats, window: Window, lag_years: float = 0.0) -> Bools:
    """Tell which records lie in each person's window; both edges count.

    Parameters
    ----------
    found : Records, k rows
        Dated records.
    origin : ndarray, shape (n,)
        Time zero of each person, in days; NaN = none.
    window : tuple of float
        First and last day counted from time zero.
    lag_years : float
        The window is counted from time zero minus this lag.

    Returns
    -------
    ndarray of bool, shape (k,)
    """
    since = found.day - (origin[found.person] - years_in_days(lag_years))
    return np.asarray((since >= window[0]) & (since <= window[1]))


def choose(
    found: Records,
    inside: Bools,
    linked: Linked,
    *,
    value: str,
    origin: Floats,
    take: str,
    ties: str,
    carry: tuple[str, ...],
    use: str,
) -> Chosen:
    """Choose one value per person among the records inside the window.

    Parameters
    ----------
    found : Records, k rows
        Dated records.
    inside : ndarray of bool, shape (k,)
        Which of them count.
    linked : Linked
        Their table.
    value : str
        Column of the value: a number, or labels (then results of one day must agree).
    origin : ndarray, shape (n,)
        Time zero in days.
    take : {"last", "first", "mean"}
        The last or first day with a result, or the mean of all.
    ties : {"mean", "lowest", "highest"}
        What several numbers of the chosen day give. The order of rows never matters.
    carry : tuple of str
        Other columns of the chosen record; missing (and noted) where records of that day differ.
    use : str
        For the notes.

    Returns
    -------
    Chosen
    """
    frame, n = linked.frame, len(origin)
    known = inside & frame[value].notna().to_numpy()[found.row]
    notes = _note(use, linked, found, inside & ~known, f"no {value}")
    number = frame[value].dtype.kind in "iuf"
    day = _chosen_day(_sorted(found, known, frame, value, number), take)
    starts = _runs(day.person)
    who = day.person[starts]
    columns: dict[str, Any] = {}
    if number:
        columns |= _summary(day, starts, "mean" if take == "mean" else ties, n, f"{value}_censored" in frame.columns)
    for name in carry if number else (value, *carry):
        agreed, differ = _agreed(frame[name], day.row, starts, who, n)
        columns["value" if name == value else name] = agreed
        notes += [Note(use, linked.name, f"{name} differs between results of the chosen day", differ, differ)] if differ else []
    if take != "mean":
        columns["days_before"] = origin - _place(day.day[starts], who, n)
    return Chosen(pd.DataFrame(columns), tuple(notes))


def check_choice(word: str, known: tuple[str, ...], what: str) -> None:
    """Refuse a word that is not one of the choices.

    Parameters
    ----------
    word : str
        What the protocol says.
    known : tuple of str
        The choices.
    what : str
        For the message.

    Raises
    ------
    DesignError
        With the nearest choice.
    """
    if word not in known:
        raise DesignError(f"{what}: got '{word}', expected one of {', '.join(known)}.{did_you_mean(word, known)}")


def _runs(person: Ints) -> Ints:
    """Start of each person's rows in sorted rows."""
    if not len(person):
        return np.zeros(0, dtype=np.int64)
    return np.concatenate([[0], np.flatnonzero(np.diff(person)) + 1]).astype(np.int64)


@dataclass(frozen=True, eq=False)
class _Results:
    """Results in the order of person, day, amount and side of the limit; the order of rows in the table plays no part."""

    person: Ints
    day: Floats
    row: Ints
    amount: Floats
    side: Ints

    def __getitem__(self, pick: Any) -> _Results:
        return _Results(self.person[pick], self.day[pick], self.row[pick], self.amount[pick], self.side[pick])


def _sorted(found: Records, known: Bools, frame: pd.DataFrame, value: str, number: bool) -> _Results:
    row = found.row[known]
    amount = frame[value].to_numpy(dtype=np.float64, na_value=np.nan)[row] if number else np.zeros(len(row))
    results = _Results(found.person[known], found.day[known], row, amount, _sides(frame, value, row))
    return results[np.lexsort((results.side, results.amount, results.day, results.person))]


def _chosen_day(results: _Results, take: str) -> _Results:
    if take == "mean" or not len(results.person):
        return results
    starts = _runs(results.person)
    ends = np.concatenate([starts[1:], [len(results.person)]])
    chosen = results.day[ends - 1] if take == "last" else results.day[starts]
    return results[results.day == np.repeat(chosen, ends - starts)]


def _summary(day: _Results, starts: Ints, rule: str, n: int, censored: bool) -> dict[str, Any]:
    """The number of each run, and whether it stands for 'below' or 'above' a limit."""
    if not len(starts):
        return {"value": np.full(n, np.nan)} | ({"censored": _labels(np.full(n, "", dtype=object))} if censored else {})
    ends, who = np.concatenate([starts[1:], [len(day.person)]]), day.person[starts]
    if rule == "mean":
        value = np.add.reduceat(day.amount, starts) / (ends - starts)
        low, high = np.minimum.reduceat(day.side, starts), np.maximum.reduceat(day.side, starts)
    else:
        pick = starts if rule == "lowest" else ends - 1
        value, low, high = day.amount[pick], day.side[pick], day.side[pick]
    result: dict[str, Any] = {"value": _place(value, who, n)}
    if censored:
        words = np.full(n, "", dtype=object)
        words[who] = np.select([(low < 0) & (high > 0), low < 0, high > 0], ["both", "left", "right"], "")
        result["censored"] = _labels(words)
    return result


def _labels(words: Any) -> pd.Categorical:
    return pd.Categorical(words, categories=pd.Index(["", "left", "right", "both"]))


def _sides(frame: pd.DataFrame, value: str, row: Ints) -> Ints:
    if f"{value}_censored" not in frame.columns:
        return np.zeros(len(row), dtype=np.int64)
    side = frame[f"{value}_censored"].iloc[row]
    return np.asarray((side == "right").to_numpy(dtype=np.int64) - (side == "left").to_numpy(dtype=np.int64))


def _agreed(column: pd.Series[Any], row: Ints, starts: Ints, who: Ints, n: int) -> tuple[pd.Series[Any], int]:
    """The value on which all rows of a run agree, missing where they differ; and how many differ."""
    codes, distinct = pd.factorize(column.iloc[row], use_na_sentinel=True)
    result = np.full(n, -1, dtype=np.int64)
    differ = 0
    if len(starts):
        low, high = np.minimum.reduceat(codes, starts), np.maximum.reduceat(codes, starts)
        result[who] = np.where(low == high, low, -1)
        differ = int((low != high).sum())
    values = pd.Series(distinct).reindex(result).reset_index(drop=True)
    return values.astype(column.dtype) if isinstance(column.dtype, pd.CategoricalDtype) else values, differ


def _place(values: Floats, who: Ints, n: int) -> Floats:
    full = np.full(n, np.nan)
    full[who] = values
    return full


def _note(use: str, linked: Linked, found: Records, mask: Bools, reason: str) -> list[Note]:
    rows = int(mask.sum())
    return [Note(use, linked.name, reason, rows, len(np.unique(found.person[mask])))] if rows else []
