"""The outcome of a model of repeated measurements: a number, or the reason why not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, EventCodeError
from cobalamin.models.matrix.columns import plain_numbers
from cobalamin.models.matrix.matrix import Matrix

Floats = npt.NDArray[np.float64]
PILE = 0.15  # share of values at one end from which a mean no longer tells much; Terwee et al. 2007, doi:10.1016/j.jclinepi.2006.03.012
FEWEST_FOR_PILE = 20


def numeric_outcome(matrix: Matrix, data: pd.DataFrame, *, flags: bool = False) -> Floats:
    """Return the outcome as numbers; refuse text and classes, which have no mean.

    Parameters
    ----------
    matrix : Matrix
        The model matrix, made with its response.
    data : DataFrame
        The table it was made from.
    flags : bool
        Accept True and False as 1 and 0.

    Returns
    -------
    ndarray, shape (n,)
        Outcomes of the rows kept.

    Raises
    ------
    EventCodeError
        Text, classes, or True/False where numbers are expected.
    """
    name = matrix.formula.response.strip("`")
    if name in data.columns:
        column = plain_numbers(data.loc[matrix.kept, name])
        boolean = pd.api.types.is_bool_dtype(column.dtype) or set(map(type, column.unique())) <= {bool, np.bool_}
        if boolean and flags:
            return column.to_numpy(dtype=np.float64)
        if boolean:
            raise EventCodeError(f"{name}: the outcome is True/False; expected a number. For a yes/no outcome use gee(family='binomial').")
        if not pd.api.types.is_numeric_dtype(column.dtype):
            kind = "a Categorical" if isinstance(column.dtype, pd.CategoricalDtype) else "text"
            raise EventCodeError(
                f"{name}: the outcome is {kind}; expected a number. For ordered classes use ordinal() or gee(family='ordinal'); for a score"
                " stored as text use pd.to_numeric."
            )
    return np.asarray(matrix.response, dtype=np.float64)


def refuse_constant(y: Floats, name: str) -> None:
    """Refuse an outcome without variation.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Outcomes.
    name : str
        Its name, for the message.

    Returns
    -------
    None
        Nothing; the check passed.

    Raises
    ------
    DataError
        All values are the same.
    """
    if y.min() == y.max():
        raise DataError(f"{name}: the outcome has the same value in all {len(y)} rows of the model; there is nothing to explain.")


def pile_note(y: Floats, name: str) -> tuple[str, ...]:
    """Say whether a score piles up at its lowest or highest value, so that a linear model of its mean misleads.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Outcomes.
    name : str
        Its name.

    Returns
    -------
    tuple of str
        A sentence per end with more than 15% of the values; without counts, which would pass by the disclosure rules.

    Examples
    --------
    >>> pile_note(np.repeat([0.0, 1.0, 2.0, 3.0], [10, 30, 30, 4]), "itch")
    ()
    >>> pile_note(np.repeat([0.0, 1.0, 2.0, 3.0], [30, 30, 30, 4]), "itch")[0].split(";")[0]
    'itch: more than 15% of the values are the lowest one (floor effect)'
    """
    if len(y) < FEWEST_FOR_PILE:
        return ()
    ends = {"lowest one (floor effect)": y.min(), "highest one (ceiling effect)": y.max()}
    advice = "a linear model of the mean may mislead. Compare bounded_score() or an ordinal model."
    return tuple(
        f"{name}: more than {PILE:.0%} of the values are the {end}; {advice}" for end, value in ends.items() if (y == value).mean() > PILE
    )
