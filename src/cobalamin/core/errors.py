"""Every refusal of the package: what, where, how many, got and expected, and what to do.

A message never shows a person's values: counts, column names and row labels of the user's own making only.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CobalaminError(Exception):
    """Base class of all refusals; ``except CobalaminError`` catches each of them."""


class DataError(CobalaminError, ValueError):
    """A table holds something that cannot be analysed."""


class EventCodeError(DataError):
    """The event column is not coded as declared (0 = no event, 1..K = event kinds)."""


class FollowUpError(DataError):
    """Entry and exit do not make a follow-up interval ``(entry, exit]``."""


class IdentifierError(DataError):
    """A column looks like a direct identifier; the load stops and no value is shown."""


class MissingValuesError(DataError):
    """Missing values where the stated policy does not allow them."""


class CollinearityError(DataError):
    """Columns of the model matrix are linear combinations of others."""


class ColumnNotFoundError(CobalaminError, KeyError):
    """A named column is not in the table."""

    def __str__(self) -> str:
        # KeyError shows the repr of its argument; a message for people is plain text
        return str(self.args[0]) if self.args else ""


class FormulaError(CobalaminError, ValueError):
    """A formula is outside the small safe language of the package."""


class DictionaryError(CobalaminError, ValueError):
    """A data dictionary contradicts itself or names what does not exist."""


class ProtocolError(CobalaminError, ValueError):
    """A protocol has an unknown key, a wrong type or a contradiction."""


class DesignError(CobalaminError, ValueError):
    """A study design that would bias its own answer (immortal time, prevalent cases, unordered dates)."""


class SourceError(CobalaminError, OSError):
    """A data source is absent, unreadable or corrupt."""


class ConvergenceError(CobalaminError, ArithmeticError):
    """A fit did not reach its solution."""


class DisclosureError(CobalaminError, PermissionError):
    """Output would break the disclosure rules in force."""


class StoreError(CobalaminError, OSError):
    """A results folder cannot be read or written, or does not hold what its manifest says."""


class CobalaminWarning(UserWarning):
    """Base class of the package's warnings; each also stands on the result it concerns."""


class MissingRowsWarning(CobalaminWarning):
    """Rows left out of a model because of missing values (counted in ``glance().n_missing``)."""


class FitWarning(CobalaminWarning):
    """A result that needs care: infinite coefficient, few events per parameter, dropped alias."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest known word, or nothing.

    Parameters
    ----------
    word : str
        What the user wrote.
    known : iterable of str
        What would have been right.

    Returns
    -------
    str
        A sentence that starts with a blank, or the empty string.

    Examples
    --------
    >>> did_you_mean("smokng", ["smoking", "age"])
    " Did you mean 'smoking'?"
    """
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""


def list_names(names: Iterable[str], most: int = 8) -> str:
    """Join names for a message, at most ``most`` of them.

    Parameters
    ----------
    names : iterable of str
        Names in the order to show.
    most : int
        How many to show.

    Returns
    -------
    str
        ``"a, b, c and 4 more"``.

    Examples
    --------
    >>> list_names(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    every = [str(n) for n in names]
    shown = ", ".join(every[:most])
    return shown if len(every) <= most else f"{shown} and {len(every) - most} more"
