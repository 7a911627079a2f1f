"""Covariates: what is known about a person at time zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cobalamin.core.errors import DesignError
from cobalamin.design.exposure import Measured, measure
from cobalamin.design.records import Linked, Note, find_records
from cobalamin.design.timeline import Floats, age_at, from_days
from cobalamin.design.window import in_window


@dataclass(frozen=True, kw_only=True)
class Covariate(Measured):
    """A covariate; what it is follows from what is given.

    Attributes
    ----------
    at_time_zero : {"", "age", "year"}
        Age in years at time zero (a whole number on a birthday), or its calendar year.

    Notes
    -----
    ``column`` takes a column of the person table; ``table`` with ``value`` the last (first, mean) value in the window; ``table``
    without ``value`` gives 1 where any row that counts lies in the window and 0 where none does.

    Examples
    --------
    >>> Covariate(name="metformin", table="prescriptions", date="dispensed_date", codes=("A10BA02",), code="atc").kind
    'recorded'
    """

    at_time_zero: str = ""

    def __post_init__(self) -> None:
        if not self.at_time_zero:
            super().__post_init__()
            if self.kind == "recorded" and self.codes is None and not self.where:
                raise DesignError(f"'{self.name}': say which rows of table '{self.table}' count, by codes or where; or give a value.")
        elif self.at_time_zero not in ("age", "year"):
            raise DesignError(f"'{self.name}': at_time_zero is 'age' or 'year', got '{self.at_time_zero}'.")
        elif self.column or self.table:
            raise DesignError(f"'{self.name}': at_time_zero needs no column and no table.")

    @property
    def kind(self) -> str:
        """``"age"``, ``"year"``, ``"column"``, ``"value"`` or ``"recorded"``."""
        return self.at_time_zero or ("column" if self.column else "value" if self.value else "recorded")


def covariate_columns(
    spec: Covariate, people: pd.DataFrame, linked: Mapping[str, Linked], origin: Floats, birth: Floats | None
) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """Compute one covariate for every person.

    Parameters
    ----------
    spec : Covariate
        The covariate.
    people : DataFrame, shape (n, ...)
        One row per person.
    linked : mapping of str to Linked
        The dated tables.
    origin : ndarray, shape (n,)
        Time zero in days; NaN = none.
    birth : ndarray, shape (n,), optional
        Day of birth.

    Returns
    -------
    columns : DataFrame, shape (n, ...)
    notes : tuple of Note

    Raises
    ------
    DesignError
        Age without a column of birth.
    """
    if spec.kind == "age":
        if birth is None:
            raise DesignError(f"'{spec.name}': age at time zero needs the column of birth: people = {{ ..., birth = '...' }}.")
        return pd.DataFrame({spec.name: age_at(origin, birth)}), ()
    if spec.kind == "year":
        return pd.DataFrame({spec.name: from_days(origin).dt.year.astype(np.float64)}), ()
    if spec.kind == "recorded":
        return _recorded(spec, linked, origin)
    return measure(spec, people, linked, origin)


def _recorded(spec: Covariate, linked: Mapping[str, Linked], origin: Floats) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    found = find_records(linked[spec.table], spec, f"'{spec.name}'")
    flag = np.zeros(len(origin))
    flag[found.person[in_window(found, origin, spec.window_days, spec.lag_years)]] = 1.0
    flag[np.isnan(origin)] = np.nan
    return pd.DataFrame({spec.name: flag}), found.notes
