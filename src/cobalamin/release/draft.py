"""A results table under revision, with a record of every number that was hidden or changed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pandas as pd

from cobalamin.release.policy import SUPPRESSED

DECISION_COLUMNS = ("analysis", "context", "model", "outcome", "term", "level", "subgroup", "at", "measure", "column", "rule", "action")
_IDENTITY = ("analysis", "context", "model", "outcome", "term", "level", "subgroup", "at", "measure")
NUMBERS_OF_A_ROW = ("value", "low", "high", "std_error", "p", "n", "events", "person_time")
HIDDEN = "hidden"


@dataclass(frozen=True)
class Draft:
    """Rows being made safe.

    Attributes
    ----------
    frame : DataFrame
        The rows as they will leave; its index is the row number in the results table as it came.
    true : DataFrame
        The same rows as they came.
    hidden : dict
        (row, column) -> rule.
    changed : dict
        (analysis, context, column, rule) -> how many numbers.
    notes : list of dict
        Decisions about whole figures (grids, merged bins).
    unsaid : set of int
        Rows whose own warning is left out, as that of every row with a hidden number: it may describe what is hidden.
    """

    frame: pd.DataFrame
    true: pd.DataFrame
    hidden: dict[tuple[int, str], str] = field(default_factory=dict)
    changed: dict[tuple[str, str, str, str], int] = field(default_factory=dict)
    notes: list[dict[str, object]] = field(default_factory=list)
    unsaid: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Draft:
        """Start from rows as they came."""
        return cls(frame=frame.copy(), true=frame.copy())

    def number(self, row: int, column: str) -> float:
        """Return a number as it will leave."""
        return float(cast("float", self.frame.at[row, column]))

    def before(self, row: int, column: str) -> float:
        """Return a number as it came."""
        return float(cast("float", self.true.at[row, column]))

    def text(self, row: int, column: str) -> str:
        """Return a text column of a row."""
        return str(self.true.at[row, column])

    def hide(self, row: int, columns: Iterable[str], rule: str) -> None:
        """Empty the numbers of a row that are there, and remember why (the first reason stays)."""
        for column in columns:
            if not math.isnan(self.number(row, column)):
                self.hidden.setdefault((row, column), rule)
                self.frame.at[row, column] = np.nan

    def put(self, row: int, column: str, number: float, rule: str) -> None:
        """Replace a number that is there, and count the replacement when it differs."""
        before = self.number(row, column)
        if math.isnan(before) or before == number:
            return
        self.frame.at[row, column] = number
        place = (self.text(row, "analysis"), self.text(row, "context"), column, rule)
        self.changed[place] = self.changed.get(place, 0) + 1

    def note(self, rule: str, action: str, **identity: object) -> None:
        """Record a decision about a figure as a whole."""
        self.notes.append({**identity, "rule": rule, "action": action})

    def warned(self) -> pd.DataFrame:
        """Return the rows with the reasons for what is hidden in place of their own ``warning``."""
        frame = self.frame.copy()
        frame.loc[sorted(self.unsaid), "warning"] = ""
        reasons: dict[int, list[str]] = {}
        for (row, _), rule in self.hidden.items():
            if rule not in reasons.setdefault(row, []):
                reasons[row].append(rule)
        for row, rules in reasons.items():
            left = any(not math.isnan(self.number(row, c)) for c in NUMBERS_OF_A_ROW)
            frame.at[row, "warning"] = f"{SUPPRESSED}{' in part' if left else ''}: {', '.join(rules)}"
        return frame


def decisions_of(drafts: Iterable[Draft]) -> pd.DataFrame:
    """Return the record for an output checker.

    Parameters
    ----------
    drafts : iterable of Draft
        All parts of one results table.

    Returns
    -------
    DataFrame
        Columns ``DECISION_COLUMNS``: one row per hidden number, per kind of changed number and per figure regridded.
        It names rules and places; it never holds a number that was hidden.
    """
    rows: list[dict[str, object]] = []
    for draft in drafts:
        rows += [
            {**{name: draft.true.at[row, name] for name in _IDENTITY}, "column": column, "rule": rule, "action": HIDDEN}
            for (row, column), rule in sorted(draft.hidden.items())
        ]
        rows += draft.notes
        rows += [
            {"analysis": analysis, "context": context, "column": column, "rule": rule, "action": f"changed {count} numbers"}
            for (analysis, context, column, rule), count in sorted(draft.changed.items())
        ]
    frame = pd.DataFrame(rows, columns=list(DECISION_COLUMNS))
    frame["at"] = pd.to_numeric(frame["at"]).astype(np.float64)
    texts = [name for name in DECISION_COLUMNS if name != "at"]
    frame[texts] = frame[texts].astype(object).where(frame[texts].notna(), "").astype(str)
    return frame
