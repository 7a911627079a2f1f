"""The one results table: everything that is ever reported is a row of it.

Table 1, the flow chart, hazard ratios and survival curves share one schema, so disclosure control, storage, comparison
of two runs, pooling of cohorts and drawing are each written once. ``docs/estimates.md`` says how each kind of result
fills the columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cobalamin.core.errors import ColumnNotFoundError, DataError, did_you_mean

TEXT = (
    "analysis",
    "context",
    "model",
    "outcome",
    "term",
    "level",
    "reference",
    "subgroup",
    "measure",
    "unit",
    "warning",
)
NUMBERS = ("at", "value", "low", "high", "std_error", "p", "n", "events", "person_time")
COLUMNS = (
    "analysis",
    "context",
    "model",
    "outcome",
    "term",
    "level",
    "reference",
    "subgroup",
    "at",
    "measure",
    "value",
    "low",
    "high",
    "std_error",
    "p",
    "n",
    "events",
    "person_time",
    "unit",
    "warning",
)
CONTEXTS = ("attrition", "summary", "estimate", "curve", "diagnostic")


@dataclass(frozen=True, eq=False)
class Estimates:
    """Rows of results in the one schema.

    Attributes
    ----------
    frame : DataFrame
        Exactly the columns of ``COLUMNS``: text columns hold ``""`` for "not applicable", number columns hold NaN.

    Examples
    --------
    >>> rows = Estimates.from_rows([{"context": "estimate", "term": "age", "measure": "hazard ratio", "value": 1.5}])
    >>> len(rows)
    1
    """

    frame: pd.DataFrame

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]], **common: Any) -> Estimates:
        """Make Estimates from dictionaries; columns not named stay empty.

        Parameters
        ----------
        rows : iterable of mapping
            One mapping per row, keys from ``COLUMNS``.
        **common
            Columns with the same content in every row (rows win over it).

        Returns
        -------
        Estimates
            The rows in the order given.

        Raises
        ------
        ColumnNotFoundError
            A key outside the schema.
        DataError
            An unknown context, or text where a number belongs.
        """
        return cls.from_frame(pd.DataFrame([{**common, **row} for row in rows]))

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Estimates:
        """Check and complete a data frame to the schema.

        Parameters
        ----------
        frame : DataFrame
            Any subset of ``COLUMNS``.

        Returns
        -------
        Estimates
            The same rows with every column, in schema order and types.

        Raises
        ------
        ColumnNotFoundError
            A column outside the schema.
        DataError
            An unknown context, or text where a number belongs.
        """
        for name in frame.columns:
            if name not in COLUMNS:
                raise ColumnNotFoundError(f"'{name}' is not a column of Estimates.{did_you_mean(str(name), COLUMNS)}")
        full = pd.DataFrame(index=pd.RangeIndex(len(frame)))
        for name in COLUMNS:
            column = frame[name].reset_index(drop=True) if name in frame.columns else pd.Series([None] * len(frame), dtype=object)
            full[name] = _text(column) if name in TEXT else _number(column, name)
        unknown = sorted(set(full["context"]) - {*CONTEXTS, ""})
        if unknown:
            raise DataError(f"Estimates: unknown context {unknown[0]!r}; expected one of {', '.join(CONTEXTS)}.")
        return cls(full)

    @classmethod
    def concat(cls, parts: Iterable[Estimates]) -> Estimates:
        """Put several Estimates below one another.

        Parameters
        ----------
        parts : iterable of Estimates
            In the order wanted.

        Returns
        -------
        Estimates
            All rows.
        """
        frames = [part.frame for part in parts if len(part)]
        return cls(pd.concat(frames, ignore_index=True)) if frames else cls.from_frame(pd.DataFrame())

    def __len__(self) -> int:
        return len(self.frame)

    def where(self, **equal: str | Iterable[str]) -> Estimates:
        """Keep the rows whose text columns equal the given values.

        Parameters
        ----------
        **equal : str or iterable of str
            Column = value, or one of several values.

        Returns
        -------
        Estimates
            The rows, in order.

        Examples
        --------
        >>> rows = Estimates.from_rows([{"term": "age"}, {"term": "sex"}])
        >>> len(rows.where(term="age"))
        1
        """
        keep = np.ones(len(self.frame), dtype=bool)
        for name, wanted in equal.items():
            values = [wanted] if isinstance(wanted, str) else list(wanted)
            keep &= self.frame[name].isin(values).to_numpy()
        return Estimates(self.frame.loc[keep].reset_index(drop=True))

    def with_columns(self, **values: Any) -> Estimates:
        """Return a copy with columns set.

        Parameters
        ----------
        **values
            Column = scalar or one value per row.

        Returns
        -------
        Estimates
            The changed copy.
        """
        return Estimates.from_frame(self.frame.assign(**values))

    def _repr_html_(self) -> str:
        filled = self.frame.loc[:, [c for c in COLUMNS if self.frame[c].notna().any() and (self.frame[c] != "").any()]]
        return str(filled.to_html(index=False, na_rep="", escape=True))

    def __repr__(self) -> str:
        kinds = self.frame["context"].value_counts()
        return f"Estimates({len(self)} rows: " + ", ".join(f"{n} {k}" for k, n in kinds.items()) + ")"


def _text(column: pd.Series[Any]) -> pd.Series[str]:
    return column.astype(object).where(column.notna(), "").map(str)


def _number(column: pd.Series[Any], name: str) -> pd.Series[float]:
    try:
        return pd.to_numeric(column.astype(object).where(column.notna(), np.nan)).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"Estimates: column '{name}' holds text; expected numbers.") from error
