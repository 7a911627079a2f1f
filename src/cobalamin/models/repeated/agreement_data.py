"""Ratings of the same subjects by several raters, read from rows or from columns, and the result of comparing them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError, MissingRowsWarning, MissingValuesError
from cobalamin.core.estimates import Estimates
from cobalamin.models.matrix.columns import plain_numbers
from cobalamin.models.matrix.rows import Missing, require_columns

Floats = npt.NDArray[np.float64]
FEWEST_SUBJECTS = 3
_LABELS = {"estimate": "value", "conf_low": "low", "conf_high": "high", "std_error": "std_error", "p_value": "p"}


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far raters agree.

    Attributes
    ----------
    title : str
        For headings.
    frame : DataFrame
        One row per measure: ``measure, term, estimate, std_error, conf_low, conf_high, p_value`` and further columns.
    n, raters : int
        Subjects and raters compared.
    n_missing : int
        Subjects left out because a rating was missing.
    notes : tuple of str
        What needs care.
    """

    title: str
    frame: pd.DataFrame
    n: int
    raters: int
    n_missing: int
    notes: tuple[str, ...] = ()

    def estimates(self, *, analysis: str = "agreement", model: str = "", outcome: str = "", unit: str = "") -> Estimates:
        """Return the measures as rows of the one results table.

        Parameters
        ----------
        analysis, model, outcome : str
            Names for the report.
        unit : str
            Unit of the ratings, for limits of agreement.

        Returns
        -------
        Estimates
            ``measure`` and ``term`` as in the frame, ``value``, ``low``, ``high``, ``std_error``, ``p``, ``n`` = subjects.
        """
        warning = " ".join(self.notes)
        rows = [
            {"measure": row["measure"], "term": row["term"], **{to: row[of] for of, to in _LABELS.items() if of in row}}
            for row in self.frame.to_dict("records")
        ]
        common = {"context": "summary", "n": self.n, "unit": unit, "warning": warning}
        return Estimates.from_rows(rows, analysis=analysis, model=model, outcome=outcome, **common)

    def __repr__(self) -> str:
        return f"Agreement({self.title}: {self.n} subjects, {self.raters} raters, {self.n_missing} subjects missing)"

    def _repr_html_(self) -> str:
        from html import escape

        notes = "".join(f"<li>{escape(text)}</li>" for text in self.notes)
        table = self.frame.to_html(index=False, float_format="{:.4g}".format, na_rep="", escape=True)
        return f"<p>{escape(repr(self))}</p>{table}" + (f"<ul>{notes}</ul>" if notes else "")


@dataclass(frozen=True, eq=False)
class Ratings:
    """Complete ratings, one line per subject and one column per rater.

    Attributes
    ----------
    values : DataFrame, shape (n, k)
        Ratings as they were given.
    n_missing : int
        Subjects left out.
    """

    values: pd.DataFrame
    n_missing: int

    def numbers(self) -> Floats:
        """Return the ratings as numbers, an ordered Categorical by the position of its level."""
        return np.column_stack([_numbers(self.values[name]) for name in self.values.columns])


def read_ratings(
    data: pd.DataFrame,
    *,
    ratings: Sequence[str] | None,
    value: str | None,
    subject: str | None,
    rater: str | None,
    missing: Missing,
) -> Ratings:
    """Read ratings from one column per rater, or from one row per rating.

    Parameters
    ----------
    data : DataFrame
        The table.
    ratings : sequence of str or None
        Columns, one per rater; each row is a subject.
    value, subject, rater : str or None
        Columns of the rating, who was rated and by whom; each row is a rating. Without ``rater`` the ratings of a subject are
        numbered as they come.
    missing : {"drop", "error"}
        Leave subjects with a missing rating out and say how many, or refuse.

    Returns
    -------
    Ratings
        Complete ones.

    Raises
    ------
    DesignError
        Neither or both ways of naming the ratings, fewer than two raters, two ratings of a subject by one rater.
    DataError
        Fewer than three complete subjects.
    MissingValuesError
        Missing ratings with ``missing="error"``, or a missing subject or rater.
    """
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data: expected a pandas DataFrame; got {type(data).__name__}.")
    if missing not in ("drop", "error"):
        raise DataError(f"missing: got {missing!r}; expected 'drop' or 'error'.")
    by_rows = (value is not None, subject is not None)
    if (ratings is not None) == any(by_rows) or (any(by_rows) and not all(by_rows)) or (ratings is not None and rater is not None):
        raise DesignError("agreement: give either ratings=[one column per rater], or value=, subject= and rater= (one row per rating).")
    wide = _columns(data, ratings) if ratings is not None else _pivot(data, str(value), str(subject), rater)
    if wide.shape[1] < 2:
        raise DesignError(f"agreement: {wide.shape[1]} rater; at least 2 are needed.")
    kept = wide.notna().all(axis=1).to_numpy()
    lost = int((~kept).sum())
    if lost:
        _report(lost, len(wide), missing)
    if int(kept.sum()) < FEWEST_SUBJECTS:
        raise DataError(f"agreement: {int(kept.sum())} subjects with a rating by every rater; at least {FEWEST_SUBJECTS} are needed.")
    return Ratings(wide.loc[kept], lost)


def _report(lost: int, total: int, missing: Missing) -> None:
    text = f"{lost} of {total} subjects lack a rating by one rater or more"
    if missing == "error":
        raise MissingValuesError(f'{text}. Mend or leave them out, or state missing="drop".')
    warnings.warn(f"{text}; the others are compared.", MissingRowsWarning, stacklevel=4)


def _columns(data: pd.DataFrame, ratings: Sequence[str]) -> pd.DataFrame:
    if isinstance(ratings, str):
        raise DesignError(f"ratings: expected a list of columns, one per rater; got the text {ratings!r}.")
    require_columns(data, ratings)
    if len(set(ratings)) < len(ratings):
        raise DesignError("ratings: a column is named twice; a rater always agrees with himself.")
    return data[list(ratings)]


def _pivot(data: pd.DataFrame, value: str, subject: str, rater: str | None) -> pd.DataFrame:
    names = [subject] if rater is None else [subject, rater]
    require_columns(data, [value, *names])
    for name in names:
        absent = int(data[name].isna().sum())
        if absent:
            raise MissingValuesError(f"{name}: missing in {absent} of {len(data)} rows; each rating needs its {name}.")
    place = data.groupby(subject, observed=True).cumcount() if rater is None else data[rater]
    keys = pd.DataFrame({"subject": data[subject].to_numpy(), "rater": np.asarray(place)})
    twice = int(keys.duplicated().sum())
    if twice:
        raise DesignError(f"{rater}: {twice} ratings are of a subject that the same rater has rated already; keep one, or average them.")
    codes, subjects = pd.factorize(keys["subject"])
    at, raters = pd.factorize(keys["rater"], sort=True)
    column = plain_numbers(data[value]) if not data[value].isna().any() else data[value]
    made = {}
    for j in range(len(raters)):
        of_rater = column[at == j].reset_index(drop=True)
        of_rater.index = pd.Index(codes[at == j])
        made[j] = of_rater.reindex(range(len(subjects)))
    return pd.DataFrame(made)


def _numbers(column: pd.Series[Any]) -> Floats:
    if isinstance(column.dtype, pd.CategoricalDtype):
        if not column.cat.ordered:
            raise DataError(f"{column.name}: a Categorical without order; declare the order of its levels (ordered=True).")
        return np.asarray(column.cat.codes, dtype=np.float64)
    flat = plain_numbers(column)
    if not (pd.api.types.is_numeric_dtype(flat.dtype) or pd.api.types.is_bool_dtype(flat.dtype)):
        raise DataError(f"{column.name}: ratings are {flat.dtype}; expected numbers or an ordered Categorical.")
    values = flat.to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise DataError(f"{column.name}: {int((~np.isfinite(values)).sum())} of {len(values)} ratings are infinite.")
    return values
