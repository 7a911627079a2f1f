"""The exposure: a column of the person table, or a result chosen from a window before time zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from cobalamin.core.errors import DesignError
from cobalamin.design.records import Linked, Note, Rows, find_records, need_columns
from cobalamin.design.scales import ExposureScales
from cobalamin.design.timeline import Floats
from cobalamin.design.window import EVER, Window, check_choice, check_window, choose, in_window

CHOICES = ("last", "first", "mean")
TIES = ("mean", "lowest", "highest")


@dataclass(frozen=True, kw_only=True)
class Measured(Rows):
    """A value measured at or before time zero.

    Attributes
    ----------
    name : str
        Name of the column in the cohort.
    title, unit : str
        What figures and tables call it.
    column : str
        A column of the person table, instead of a dated table.
    value : str
        Column of the value in the dated table.
    window_days : tuple of float
        First and last day counted from time zero, both included; ``-inf`` = since ever.
    choose : {"last", "first", "mean"}
        Which day's result counts, or the mean of all results in the window.
    ties : {"mean", "lowest", "highest"}
        What several numbers on the chosen day give.
    lag_years : float
        The window is counted from time zero minus this lag: what was measured in the last years before time zero, when an
        undiagnosed disease may already change it, is not used.
    carry : tuple of str
        Other columns of the chosen record (the assay) to keep as ``<name>_<column>``.
    """

    name: str
    title: str = ""
    unit: str = ""
    column: str = ""
    value: str = ""
    window_days: Window = (EVER, 0)
    choose: str = "last"
    ties: str = "mean"
    lag_years: float = 0.0
    carry: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        what = f"'{self.name}'"
        if bool(self.column) == bool(self.table):
            raise DesignError(f"{what}: give either a column of the person table, or a table with its date.")
        if self.table and not self.date:
            raise DesignError(f"{what}: say which column of table '{self.table}' holds the date.")
        if len(self.window_days) != 2:
            raise DesignError(f"{what}: window_days takes two numbers, first and last day; got {len(self.window_days)}.")
        check_window(self.window_days, self.lag_years, what)
        check_choice(self.choose, CHOICES, f"{what}, choose")
        check_choice(self.ties, TIES, f"{what}, ties")


@dataclass(frozen=True, kw_only=True)
class Exposure(Measured):
    """An exposure with its scales.

    Attributes
    ----------
    scales : ExposureScales
        Scales to add beside the value.

    Examples
    --------
    >>> Exposure(name="b12", table="lab_results", date="sample_date", value="result", window_days=(-365, 30))
    Traceback (most recent call last):
    ...
    cobalamin.core.errors.DesignError: 'b12': window_days ends 30 days after time zero: immortal time. People must live and \
stay free of the outcome until then to be measured. End the window at 0, or move time zero to the end of the window.
    """

    scales: ExposureScales = field(default_factory=ExposureScales)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.table and not self.value:
            raise DesignError(f"'{self.name}': say which column of table '{self.table}' holds the value.")


def measure(spec: Measured, people: pd.DataFrame, linked: Mapping[str, Linked], origin: Floats) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """Measure a value for every person.

    Parameters
    ----------
    spec : Measured
        What to measure.
    people : DataFrame, shape (n, ...)
        One row per person.
    linked : mapping of str to Linked
        The dated tables.
    origin : ndarray, shape (n,)
        Time zero in days since 1970-01-01; NaN = none, and then nothing is measured.

    Returns
    -------
    columns : DataFrame, shape (n, ...)
        ``<name>``, and where they apply ``<name>_censored``, ``<name>_days_before``, ``<name>_<carried>``.
    notes : tuple of Note
        Rows that could not be used.

    Raises
    ------
    ColumnNotFoundError
        A column that is absent.
    """
    if spec.column:
        return _from_column(spec, people), ()
    table = linked[spec.table]
    need_columns(table.frame, [spec.value, *spec.carry], f"'{spec.name}'", spec.table)
    found = find_records(table, spec, f"'{spec.name}'")
    inside = in_window(found, origin, spec.window_days, spec.lag_years)
    chosen = choose(
        found, inside, table, value=spec.value, origin=origin, take=spec.choose, ties=spec.ties, carry=spec.carry, use=f"'{spec.name}'"
    )
    names = {column: spec.name if column == "value" else f"{spec.name}_{column}" for column in chosen.values.columns}
    return chosen.values.rename(columns=names), found.notes + chosen.notes


def _from_column(spec: Measured, people: pd.DataFrame) -> pd.DataFrame:
    need_columns(people, [spec.column, *spec.carry], f"'{spec.name}'", "people")
    columns = {spec.name: people[spec.column]}
    if f"{spec.column}_censored" in people.columns:
        columns[f"{spec.name}_censored"] = people[f"{spec.column}_censored"]
    return pd.DataFrame(columns | {f"{spec.name}_{name}": people[name] for name in spec.carry})
