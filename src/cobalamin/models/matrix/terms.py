"""Terms: the columns of a model that stand for one thing in its formula."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import DataError, did_you_mean, list_names
from cobalamin.models.fit import Fit

Ints = npt.NDArray[np.int64]

# the columns of rcs(x, 4) are rcs(x, 4)[1], rcs(x, 4)[2], ...
_PART = re.compile(r"(?<=\))\[\d+\]")


def term_columns(fit: Fit) -> dict[str, Ints]:
    """Return the coefficients of each term of a model.

    Parameters
    ----------
    fit : Fit
        Any regression model.

    Returns
    -------
    dict of str to ndarray of int
        Term as written in the formula -> positions of its coefficients; a factor or a spline is one term.

    Examples
    --------
    >>> import pandas as pd
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": range(12), "x": [1, 3, 2, 2] * 3, "g": list("abcacb") * 2, "d": 1})
    >>> {term: where.tolist() for term, where in term_columns(cox("x + g", people, exit="t", event="d")).items()}
    {'x': [0], 'g': [1, 2]}
    """
    terms: dict[str, list[int]] = {}
    for j, column in enumerate(fit.columns):
        terms.setdefault(_PART.sub("", column.variable), []).append(j)
    return {term: np.array(where, dtype=np.int64) for term, where in terms.items()}


def coefficient_index(fit: Fit, term: str) -> int:
    """Find a coefficient by its name.

    Parameters
    ----------
    fit : Fit
        Any regression model.
    term : str
        Name as in ``fit.names``.

    Returns
    -------
    int
        Its position.

    Raises
    ------
    DataError
        No coefficient has this name.
    """
    if term not in fit.names:
        raise DataError(f"term: '{term}' is not a coefficient.{did_you_mean(term, fit.names)} The model has: {list_names(fit.names)}.")
    return fit.names.index(term)
