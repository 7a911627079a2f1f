"""The rows of a Cox model: follow-up, strata, weights, clusters and offset, read from named columns and checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError
from cobalamin.core.followup import FollowUp, follow_up
from cobalamin.models.covariance import cluster_codes
from cobalamin.models.matrix.matrix import Matrix
from cobalamin.models.matrix.rows import refuse_follow_up, require_columns
from cobalamin.models.survey import Survey, SurveyDesign, read_weights

_NAMES = re.compile(r"[^\W\d]\w*")
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CoxColumns:
    """The column names of a call.

    Attributes
    ----------
    exit, event, entry, strata, cluster, weights, offset : str, tuple of str or None
        As given to `cox`.
    """

    exit: str
    event: str
    entry: str | None
    strata: tuple[str, ...]
    cluster: str | None
    weights: str | None
    offset: str | None = None

    @property
    def extra(self) -> tuple[str, ...]:
        """Columns whose missing rows are left out like those of covariates."""
        return (*self.strata, *(name for name in (self.cluster, self.weights, self.offset) if name is not None))

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments as the caller wrote them."""
        strata = self.strata[0] if len(self.strata) == 1 else list(self.strata) or None
        named = {"exit": self.exit, "event": self.event, "entry": self.entry, "strata": strata}
        return {**named, "cluster": self.cluster, "weights": self.weights, "offset": self.offset}


@dataclass(frozen=True, eq=False)
class CoxRows:
    """The rows of a model.

    Attributes
    ----------
    follow : FollowUp
        Entry, exit and event.
    stratum : ndarray of int, shape (n,), or None
        Stratum of each row.
    strata : DataFrame
        Values of the strata columns, one row per stratum.
    weights : ndarray, shape (n,), or None
        Case weights.
    clusters : (codes, count) or None
        Cluster of each row, numbered.
    cluster : ndarray, shape (n,), or None
        Cluster of each row, as in the data.
    offset : ndarray, shape (n,), or None
        Known part of the linear predictor.
    offset_name : str or None
        Its column.
    """

    follow: FollowUp
    stratum: Ints | None
    strata: pd.DataFrame
    weights: Floats | None
    clusters: tuple[Ints, int] | None
    cluster: npt.NDArray[Any] | None
    offset: Floats | None
    offset_name: str | None

    @property
    def n_strata(self) -> int:
        """Number of strata."""
        return len(self.strata)

    @property
    def offset_center(self) -> float:
        """Mean offset, taken away before exponentials are."""
        return 0.0 if self.offset is None else float(self.offset.mean())

    @property
    def used(self) -> npt.NDArray[np.bool_] | None:
        """Rows that count at all; None for every row."""
        return None if self.weights is None else self.weights > 0

    @property
    def whole_weights(self) -> bool:
        """Whether weights can be numbers of people."""
        return self.weights is None or bool((self.weights == np.rint(self.weights)).all())


def listed(strata: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the strata columns as a tuple.

    Parameters
    ----------
    strata : str, sequence of str or None
        As given to `cox`.

    Returns
    -------
    tuple of str
        One name per column.
    """
    return () if strata is None else (strata,) if isinstance(strata, str) else tuple(strata)


def check_arguments(columns: CoxColumns, survey: Survey | None, data: pd.DataFrame, ties: str) -> None:
    """Refuse arguments that contradict one another or name no column.

    Parameters
    ----------
    columns : CoxColumns
        Names.
    survey : Survey or None
        Design of a complex sample.
    data : DataFrame
        The table.
    ties : str
        Treatment of ties.

    Returns
    -------
    None
        Nothing; the arguments can be used.
    """
    if ties not in ("efron", "breslow"):
        raise DataError(f"ties: got {ties!r}; expected 'efron' or 'breslow'.")
    if survey is not None and not isinstance(survey, Survey):
        raise DesignError(f"survey: expected Survey(weights=..., strata=..., psu=...); got {type(survey).__name__}.")
    if survey is not None and (columns.weights is not None or columns.cluster is not None):
        raise DesignError("survey= already has the weights and the clusters; leave out weights= and cluster=.")
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data: expected a pandas DataFrame; got {type(data).__name__}.")
    require_columns(data, [name for name in (columns.exit, columns.event, columns.entry, *columns.extra) if name is not None])


def read_rows(data: pd.DataFrame, matrix: Matrix, columns: CoxColumns, design: SurveyDesign | None) -> CoxRows:
    """Read and check what a Cox model needs besides its covariates.

    Parameters
    ----------
    data : DataFrame
        The table.
    matrix : Matrix
        Covariates, and the rows kept.
    columns : CoxColumns
        Names.
    design : SurveyDesign or None
        Design of a complex sample.

    Returns
    -------
    CoxRows
        One line per row kept.
    """
    rows = data if matrix.kept.all() else data.loc[matrix.kept]
    names = (columns.entry or "entry", columns.exit, columns.event)
    entry = None if columns.entry is None else rows[columns.entry]
    follow = follow_up(exit=rows[columns.exit], event=rows[columns.event], entry=entry, names=names)
    weights = None if columns.weights is None else read_weights(rows, columns.weights)
    if design is not None:
        weights = design.weights[matrix.kept]
        weights = weights / weights.mean()
    events = int(follow.event.sum()) if weights is None else int(follow.event[weights > 0].sum())
    if events == 0:
        raise DataError(f"{columns.event}: no events in the {len(rows)} rows used; a hazard ratio cannot be estimated.")
    stratum, strata = _strata(rows, columns.strata)
    _refuse_follow_up(matrix, columns, follow, stratum)
    cluster = None if columns.cluster is None else rows[columns.cluster].to_numpy()
    clusters = None if cluster is None else cluster_codes(cluster)
    offset = None if columns.offset is None else read_offset(rows, columns.offset)
    return CoxRows(follow, stratum, strata, weights, clusters, cluster, offset, columns.offset)


def _refuse_follow_up(matrix: Matrix, columns: CoxColumns, follow: FollowUp, stratum: Ints | None) -> None:
    """Refuse follow-up as a covariate; only a function of time times a covariate may stand, on rows split at the events."""
    clock = {columns.exit, columns.entry} - {None}
    used = set(matrix.formula.variables)
    alone = [name for name in clock & used for c in matrix.columns if set(_NAMES.findall(c.variable)) & used <= clock]
    split = columns.exit not in used or _is_split(follow, np.zeros(len(follow), dtype=np.int64) if stratum is None else stratum)
    refuse_follow_up(used, columns.event, *alone, *(() if split else (columns.exit,)))


def _is_split(follow: FollowUp, stratum: Ints) -> bool:
    """Whether no event of its stratum falls inside a row, so that the end of a row is the time of each risk set it is in."""
    for one in np.unique(stratum):
        mine = stratum == one
        times = np.unique(follow.exit[mine & (follow.event > 0)])
        inside = np.searchsorted(times, follow.exit[mine], side="left") - np.searchsorted(times, follow.entry[mine], side="right")
        if (inside > 0).any():
            return False
    return True


def read_offset(rows: pd.DataFrame, name: str) -> Floats:
    """Read a column of offsets.

    Parameters
    ----------
    rows : DataFrame
        Rows without missing values in the column.
    name : str
        The column.

    Returns
    -------
    ndarray, shape (n,)
        Numbers.

    Raises
    ------
    DataError
        Text, or values that are not finite.

    Examples
    --------
    >>> read_offset(pd.DataFrame({"o": [1, 2]}), "o").tolist()
    [1.0, 2.0]
    """
    if not pd.api.types.is_numeric_dtype(rows[name].dtype):
        raise DataError(f"{name}: an offset is a number on the scale of the linear predictor; got {rows[name].dtype}.")
    values = rows[name].to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise DataError(f"{name}: {int((~np.isfinite(values)).sum())} of {len(values)} offsets are not finite.")
    return values


def _strata(rows: pd.DataFrame, names: tuple[str, ...]) -> tuple[Ints | None, pd.DataFrame]:
    """Number the combinations of the strata columns, in order of their values."""
    codes: Ints | None = None
    for name in names:
        own, labels = pd.factorize(rows[name], sort=True)
        codes = np.asarray(own if codes is None else codes * len(labels) + own, dtype=np.int64)
        if name != names[0]:
            codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    if codes is None:
        return None, pd.DataFrame(index=[0])
    first = np.zeros(int(codes.max()) + 1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return codes, rows[list(names)].iloc[first].reset_index(drop=True)
