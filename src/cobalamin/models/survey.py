"""Complex samples: strata, primary sampling units and weights, and the variance they give by Taylor linearization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError, MissingValuesError
from cobalamin.models.covariance import cluster_codes, sum_by
from cobalamin.models.matrix.rows import require_columns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
SinglePsu = Literal["error", "adjust", "center", "certainty", "average"]
# weights whose largest lies outside are too small for a score to be told from 0, or too large for its square
SMALLEST_WEIGHT, LARGEST_WEIGHT = 1e-8, 1e15


@dataclass(frozen=True)
class Survey:
    """A survey design, as names of columns.

    Attributes
    ----------
    weights : str
        Sampling weights.
    strata : str, optional
        Sampling strata.
    psu : str, optional
        Primary sampling units; numbered within strata (``nest = TRUE`` in R). Without it each row is its own unit.
    domain : str, optional
        Column of True/False: the subpopulation to analyse. Rows outside it stay in the design, with no influence.
    single_psu : {"error", "adjust", "center", "certainty", "average"}
        What to do with a stratum that has one unit: refuse; centre it at the grand mean ("adjust", "center"); count it as
        sampled with certainty, without variance; or give it the average variance of the other strata.

    Examples
    --------
    >>> Survey(weights="wt", strata="stratum", psu="psu").columns
    ('wt', 'stratum', 'psu')
    """

    weights: str
    strata: str | None = None
    psu: str | None = None
    domain: str | None = None
    single_psu: SinglePsu = "error"

    def __post_init__(self) -> None:
        if self.single_psu not in get_args(SinglePsu):
            raise DesignError(f"Survey: single_psu={self.single_psu!r}; expected one of {', '.join(get_args(SinglePsu))}.")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the design reads."""
        return tuple(name for name in (self.weights, self.strata, self.psu, self.domain) if name is not None)


@dataclass(frozen=True, eq=False)
class SurveyDesign:
    """A survey design read from data.

    Attributes
    ----------
    weights : ndarray, shape (n,)
        Sampling weight of every row of the data.
    stratum, psu : ndarray of int, shape (n,)
        Codes; a unit belongs to one stratum.
    n_strata, n_psu : int
        How many there are.
    inside : ndarray of bool, shape (n,)
        Rows of the domain.
    single_psu : str
        The rule for strata with one unit.
    """

    weights: Floats
    stratum: Ints
    psu: Ints
    n_strata: int
    n_psu: int
    inside: Bools
    single_psu: SinglePsu

    def degrees_of_freedom(self, kept: Bools) -> int:
        """Count units less strata among the rows used (R's ``degf``).

        Parameters
        ----------
        kept : ndarray of bool, shape (n,)
            Rows in the model.

        Returns
        -------
        int
            Design degrees of freedom.
        """
        used = kept & (self.weights > 0)
        return len(np.unique(self.psu[used])) - len(np.unique(self.stratum[used]))


def read_design(survey: Survey, data: pd.DataFrame) -> SurveyDesign:
    """Read a design from its columns.

    Parameters
    ----------
    survey : Survey
        Names of the columns.
    data : DataFrame
        All rows of the sample, also those outside the domain.

    Returns
    -------
    SurveyDesign
        Codes and weights of every row.

    Raises
    ------
    ColumnNotFoundError
        A column is absent.
    MissingValuesError
        Missing values in a design column.
    DataError
        Weights that are negative, infinite or all zero; a domain that is not True/False.
    """
    require_columns(data, survey.columns)
    for name in survey.columns:
        absent = int(data[name].isna().sum())
        if absent:
            raise MissingValuesError(f"{name}: {absent} of {len(data)} rows are missing; a survey design needs every row's {name}.")
    weights = read_weights(data, survey.weights)
    zeros = np.zeros(len(data), dtype=np.int64)
    stratum, n_strata = (zeros, 1) if survey.strata is None else cluster_codes(data[survey.strata])
    units = np.arange(len(data)) if survey.psu is None else cluster_codes(data[survey.psu])[0]
    # numbering units within strata: the pair is the unit
    psu, n_psu = cluster_codes(stratum * (int(units.max(initial=0)) + 1) + units)
    return SurveyDesign(weights, stratum, psu, n_strata, n_psu, _domain(survey.domain, data), survey.single_psu)


def read_weights(data: pd.DataFrame, name: str) -> Floats:
    """Read a column of weights.

    Parameters
    ----------
    data : DataFrame
        The table.
    name : str
        Column of weights; missing values are left to the caller.

    Returns
    -------
    ndarray, shape (rows,)
        The weights.

    Raises
    ------
    DataError
        Text, negative or infinite weights, or none above zero.

    Examples
    --------
    >>> read_weights(pd.DataFrame({"w": [1, 2]}), "w").tolist()
    [1.0, 2.0]
    """
    column = data[name]
    if column.dtype == object:  # numbers kept as objects, as covariates may be; a missing one is left to the caller
        column = pd.Series(column.to_numpy(dtype=object, na_value=np.nan)).infer_objects()
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise DataError(f"{name}: weights must be numbers; got {column.dtype}.")
    weights = column.to_numpy(dtype=np.float64, na_value=np.nan)
    bad = int(((weights < 0) | np.isinf(weights)).sum())
    if bad:
        raise DataError(f"{name}: {bad} of {len(weights)} weights are negative or infinite; a weight is a number of people, 0 or more.")
    if not (weights > 0).any():
        raise DataError(f"{name}: no weight is above zero.")
    refuse_extreme(weights, name)
    return weights


def refuse_extreme(weights: Floats, name: str) -> None:
    """Refuse weights of a size at which likelihoods lose their digits.

    Parameters
    ----------
    weights : ndarray
        Weights, some above zero.
    name : str
        Their column.

    Returns
    -------
    None
        Nothing; the weights can be used.

    Raises
    ------
    DataError
        The largest weight is below 1e-8 or above 1e15.

    Examples
    --------
    >>> refuse_extreme(np.array([1.0, 2.0]), "w")
    """
    largest = float(np.nanmax(weights))
    if not SMALLEST_WEIGHT <= largest <= LARGEST_WEIGHT:
        size = f"below {SMALLEST_WEIGHT:g}" if largest < SMALLEST_WEIGHT else f"above {LARGEST_WEIGHT:g}"
        raise DataError(f"{name}: the largest weight is {size}, which is no number of people; divide the weights by their mean.")


def _domain(name: str | None, data: pd.DataFrame) -> Bools:
    if name is None:
        return np.ones(len(data), dtype=bool)
    values = np.asarray(data[name], dtype=object)
    found = set(pd.unique(values))
    if not found <= {True, False}:
        raise DataError(f"{name}: a survey domain must be True or False; got {len(found)} other kinds of values in {data[name].dtype}.")
    return values.astype(bool)


def survey_covariance(influence: Floats, design: SurveyDesign, kept: Bools) -> Floats:
    """Return the Taylor-linearized variance of estimates from the influence of each row.

    Parameters
    ----------
    influence : ndarray, shape (k, p)
        Weighted influence of the rows used (`covariance.influence`).
    design : SurveyDesign
        The design of all n rows.
    kept : ndarray of bool, shape (n,)
        The rows used, k of them; the others stay in the design with influence zero.

    Returns
    -------
    ndarray, shape (p, p)
        Variance of the estimates.

    Raises
    ------
    DesignError
        A stratum with one unit and ``single_psu="error"``.

    Notes
    -----
    With u_hi the summed influence of unit i in stratum h and n_h units: V = sum_h n_h / (n_h - 1) sum_i (u_hi - ubar_h)(u_hi - ubar_h)'.
    No finite-population correction (sampling of units with replacement).

    References
    ----------
    Binder DA. Fitting Cox's proportional hazards models from survey data. Biometrika 1992;79:139-147. doi:10.1093/biomet/79.1.139
    Lumley T. Complex Surveys. Wiley 2010. doi:10.1002/9780470580066

    Examples
    --------
    >>> data = pd.DataFrame({"w": [1.0, 1.0], "u": [1, 2]})
    >>> design = read_design(Survey(weights="w", psu="u"), data)
    >>> survey_covariance(np.array([[1.0], [-1.0]]), design, np.array([True, True])).round(9).tolist()
    [[4.0]]
    """
    totals = sum_by(influence, design.psu[kept], design.n_psu)
    home = _stratum_of_psu(design)
    size = np.bincount(home, minlength=design.n_strata).astype(np.float64)
    lonely = (size == 1) & (np.bincount(design.stratum[design.inside], minlength=design.n_strata) > 0)
    _refuse_lonely(lonely, design)
    means = sum_by(totals, home, design.n_strata) / size[:, None]
    if design.single_psu in ("adjust", "center"):
        means[lonely] = 0.0
    scale = np.sqrt(np.where(size > 1, size / np.maximum(size - 1, 1), 1.0))
    centred = (totals - means[home]) * scale[home, None]
    variance = np.asarray(centred.T @ centred)
    if design.single_psu == "average" and lonely.any():
        present = len(np.unique(design.stratum[design.inside]))
        variance *= present / (present - int(lonely.sum()))
    return variance


def _stratum_of_psu(design: SurveyDesign) -> Ints:
    home = np.zeros(design.n_psu, dtype=np.int64)
    home[design.psu] = design.stratum
    return home


def _refuse_lonely(lonely: Bools, design: SurveyDesign) -> None:
    if not lonely.any():
        return
    count = int(lonely.sum())
    if design.single_psu == "error":
        raise DesignError(
            f"Survey: {count} of {design.n_strata} strata have one primary sampling unit, so no variance within them."
            ' Merge strata, or state single_psu="adjust", "certainty" or "average".'
        )
    if design.single_psu == "average" and count == len(np.unique(design.stratum[design.inside])):
        raise DesignError('Survey: every stratum has one primary sampling unit; single_psu="average" has nothing to average.')
