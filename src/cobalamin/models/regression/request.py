"""What a user asks of a generalized linear model, read from the table: rows, outcome, weights, offset, clusters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError, EventCodeError
from cobalamin.models.grouping import whole
from cobalamin.models.matrix.columns import plain_numbers, shown_levels
from cobalamin.models.matrix.matrix import Matrix, build_matrix
from cobalamin.models.matrix.rows import Missing
from cobalamin.models.regression.solution import Rows
from cobalamin.models.survey import Survey, SurveyDesign, read_design, read_weights

Floats = npt.NDArray[np.float64]
Robust = Literal["HC0", "HC1", "HC2", "HC3"]
Penalty = Literal["firth"]
Outcome = Literal["binary", "count", "number"]


@dataclass(frozen=True)
class Request:
    """The call of a model, before anything is read.

    Attributes
    ----------
    model : str
        Name of the function called.
    formula : str
        ``"outcome ~ terms"``.
    weights, cluster, exposure, offset : str, optional
        Columns.
    survey : Survey, optional
        Survey design.
    robust : {"HC0", "HC1", "HC2", "HC3"}, optional
        Robust variance.
    penalty : {"firth"}, optional
        Penalty of the likelihood.
    missing : {"drop", "error"}
        What to do with incomplete rows.
    shown : mapping of str to object
        Further arguments, for the text of the call.
    """

    model: str
    formula: str
    weights: str | None = None
    cluster: str | None = None
    survey: Survey | None = None
    exposure: str | None = None
    offset: str | None = None
    robust: Robust | None = None
    penalty: Penalty | None = None
    missing: Missing = "drop"
    shown: dict[str, Any] = field(default_factory=dict)

    @property
    def call(self) -> str:
        """The call as text."""
        names = ("weights", "cluster", "survey", "exposure", "offset", "robust", "penalty")
        given = {name: getattr(self, name) for name in names} | self.shown
        return f"{self.model}({self.formula!r}" + "".join(f", {k}={v!r}" for k, v in given.items() if v is not None) + ")"


@dataclass(frozen=True, eq=False)
class Prepared:
    """A request with its data.

    Attributes
    ----------
    request : Request
        What was asked.
    matrix : Matrix
        Covariates of the rows kept.
    rows : Rows
        The arrays to fit.
    person_time : ndarray, shape (n,), optional
        Time at risk of each row.
    design : SurveyDesign, optional
        The survey.
    clusters : ndarray, shape (n,), optional
        Cluster of each row.
    """

    request: Request
    matrix: Matrix
    rows: Rows
    person_time: Floats | None
    design: SurveyDesign | None
    clusters: npt.NDArray[Any] | None

    @property
    def counts_people(self) -> bool:
        """Whether weights are numbers of people, so that the likelihood is that of the people."""
        return self.design is None and whole(self.rows.weight)

    @property
    def size(self) -> float:
        """Number of people: the sum of weights that count people, else the rows of weight above zero."""
        used = self.rows.weight
        return float(used.sum()) if self.counts_people else float((used > 0).sum())


def prepare(request: Request, data: pd.DataFrame, outcome: Outcome) -> Prepared:
    """Read the columns that a request names.

    Parameters
    ----------
    request : Request
        What was asked.
    data : DataFrame
        The table.
    outcome : {"binary", "count", "number"}
        What the left side has to be.

    Returns
    -------
    Prepared
        Arrays of the rows kept.

    Raises
    ------
    DesignError
        Arguments that exclude each other.
    EventCodeError, DataError
        An outcome that is not what the model takes; person-time that is not above zero; no variation in the outcome.
    FormulaError, ColumnNotFoundError, MissingValuesError
        As `build_matrix` demands.
    """
    _check_arguments(request)
    design = None if request.survey is None else read_design(request.survey, data)
    extra = [name for name in (request.weights, request.cluster, request.exposure, request.offset) if name is not None]
    inside = None if design is None else design.inside
    matrix = build_matrix(request.formula, data, extra=extra, intercept=True, response=True, inside=inside, missing=request.missing)
    y = _read_outcome(matrix, data, outcome)
    weight = _case_weights(matrix, data, request.weights, design)
    _check_varies(y, weight, matrix.formula.response, outcome)
    time = None if request.exposure is None else _positive(data, request.exposure, matrix)
    offset = None if request.offset is None else _finite(data, request.offset, matrix)
    if time is not None:
        offset = np.log(time) if offset is None else np.log(time) + offset
    clusters = None if request.cluster is None else data[request.cluster].to_numpy()[matrix.kept]
    ready = Prepared(request, matrix, Rows(matrix.X, y, weight, offset, matrix.names), time, design, clusters)
    if request.penalty is not None and not ready.counts_people:
        raise DesignError(f"penalty='firth' needs weights that count people; {request.weights} has weights that are not whole numbers.")
    return ready


def refuse_person_time(exposure: str | None, model: str) -> None:
    """Refuse ``exposure=`` where the model has no person-time, so that it is never ignored.

    Parameters
    ----------
    exposure : str or None
        As given.
    model : str
        What the model is called.

    Returns
    -------
    None
        Nothing; none was given.

    Raises
    ------
    DesignError
        It was given.

    Examples
    --------
    >>> refuse_person_time(None, "linear")
    """
    if exposure is not None:
        raise DesignError(
            f"exposure='{exposure}': a {model} model has no person-time. For rates use a Poisson model; for the effect of"
            " an exposure write it as a term of the formula."
        )


def _check_arguments(request: Request) -> None:
    if request.survey is not None and (request.weights is not None or request.cluster is not None):
        raise DesignError("survey= already brings weights and clusters (psu); leave out weights= and cluster=.")
    if request.robust is not None and request.robust not in get_args(Robust):
        raise DesignError(f"robust: got {request.robust!r}; expected one of {', '.join(get_args(Robust))}.")
    if request.survey is not None and request.robust is not None:
        raise DesignError("survey= brings its own robust variance; leave out robust=.")
    if request.cluster is not None and request.robust in ("HC2", "HC3"):
        raise DesignError(f"robust='{request.robust}' is for rows that are independent; with cluster= use 'HC0' or 'HC1'.")
    if request.penalty not in (None, *get_args(Penalty)):
        raise DesignError(f"penalty: got {request.penalty!r}; expected 'firth'.")
    if request.penalty is not None and (request.survey or request.cluster or request.robust):
        raise DesignError("penalty='firth' is a correction of the likelihood of independent rows; leave out survey=, cluster= and robust=.")


def _read_outcome(matrix: Matrix, data: pd.DataFrame, kind: Outcome) -> Floats:
    name = matrix.formula.response.strip("`")
    if name not in data.columns:
        y = np.asarray(matrix.response, dtype=np.float64)
    else:
        column = plain_numbers(data[name] if matrix.kept.all() else data.loc[matrix.kept, name])
        boolean = pd.api.types.is_bool_dtype(column.dtype) or (
            not pd.api.types.is_numeric_dtype(column.dtype) and set(map(type, column.unique())) <= {bool, np.bool_}
        )
        if not boolean and not pd.api.types.is_numeric_dtype(column.dtype):
            raise _not_a_number(column, name, kind)
        y = column.to_numpy(dtype=np.float64)
    if kind == "binary":
        _check_binary(y, name)
    if kind == "count" and (y < 0).any():
        raise EventCodeError(f"{name}: {int((y < 0).sum())} of {len(y)} counts are negative; a count is 0 or more. Mend these rows.")
    return y


def _not_a_number(column: pd.Series[Any], name: str, kind: Outcome) -> EventCodeError:
    held = "a Categorical" if isinstance(column.dtype, pd.CategoricalDtype) else "text"
    start = f"{name}: the outcome is {held} with the values {shown_levels(column)}; expected"
    if kind == "binary":
        return EventCodeError(f"{start} 0/1 or True/False. Say which value is the event: data['{name}'] = data['{name}'] == 'the event'.")
    if kind == "count":
        return EventCodeError(f"{start} counts (0, 1, 2, ...). If these are numbers write pd.to_numeric(data['{name}']).")
    return EventCodeError(f"{start} numbers. Numbers in text: pd.to_numeric(data['{name}']); ordered classes: an ordinal model.")


def _check_binary(y: Floats, name: str) -> None:
    if ((y == 0) | (y == 1)).all():
        return
    found = np.unique(y)
    if set(found) <= {1.0, 2.0}:
        raise EventCodeError(
            f"{name}: got codes 1 and 2; expected 0 (no) and 1 (yes). Which of them is the event? After checking the"
            f" codebook write data['{name}'] = data['{name}'] == 2 (or == 1)."
        )
    raise EventCodeError(
        f"{name}: got {len(found)} different numbers; expected 0 (no) and 1 (yes). For a number as outcome use a linear model."
    )


def _case_weights(matrix: Matrix, data: pd.DataFrame, weights: str | None, design: SurveyDesign | None) -> Floats:
    if design is not None:
        weight = design.weights[matrix.kept]
        return np.asarray(weight / weight[weight > 0].mean() if (weight > 0).any() else weight)
    return np.ones(len(matrix.X)) if weights is None else read_weights(data, weights)[matrix.kept]


def _check_varies(y: Floats, weight: Floats, name: str, kind: Outcome) -> None:
    if not (weight > 0).any():
        raise DataError("No row in the model has a weight above zero.")
    used = y if (weight > 0).all() else y[weight > 0]
    low, high = used.min(), used.max()
    if kind == "count" and high == 0:
        raise EventCodeError(f"{name}: no event in any row of the model; a rate of 0 cannot be compared.")
    if low == high and kind == "binary":
        raise EventCodeError(f"{name}: the outcome is {low:g} in every row of the model; expected both 0 and 1.")
    if low == high and kind == "number":
        raise DataError(f"{name}: the outcome is the same in every row of the model; there is nothing to explain.")


def _finite(data: pd.DataFrame, name: str, matrix: Matrix) -> Floats:
    column = plain_numbers(data.loc[matrix.kept, name])
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        raise DataError(f"{name}: expected numbers; got {column.dtype}.")
    values = column.to_numpy(dtype=np.float64)
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise DataError(f"{name}: {bad} of {len(values)} values are infinite; mend or leave out these rows.")
    return np.asarray(values)


def _positive(data: pd.DataFrame, name: str, matrix: Matrix) -> Floats:
    values = _finite(data, name, matrix)
    zero, negative = int((values == 0).sum()), int((values < 0).sum())
    if zero or negative:
        raise DataError(
            f"{name}: person-time is zero in {zero} and negative in {negative} of {len(values)} rows; a rate needs time above zero. Someone"
            " with an event on the first day has some time at risk (half a day, say); rows without time at risk do not belong in the model."
        )
    return values
