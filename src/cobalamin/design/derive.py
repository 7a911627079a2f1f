"""Columns made from columns, in the order the protocol writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cobalamin.core.errors import DesignError, did_you_mean, list_names
from cobalamin.design.expression import condition, evaluate


@dataclass(frozen=True)
class Case:
    """One label and the condition under which it is given.

    Attributes
    ----------
    label : str
        The label.
    when : str
        The condition.
    """

    label: str
    when: str


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """A new column of the person table.

    Attributes
    ----------
    name : str
        Name of the column.
    expression : str
        An expression; or else ``cases``.
    cases : tuple of Case
        Tried in order; the first that is known to hold gives the label. A case that is not known stops the search: the label
        could be that one, so the value is missing.
    otherwise : str
        Label where no case holds; empty = missing.
    reference : str
        Label that comes first, the reference of models; default the first case.

    Examples
    --------
    >>> Derivation(name="age_entry", expression="where(is_missing(RIDAGEMN), RIDAGEYR + 0.5, RIDAGEMN / 12)").name
    'age_entry'
    """

    name: str
    expression: str = ""
    cases: tuple[Case, ...] = ()
    otherwise: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        if bool(self.expression) == bool(self.cases):
            raise DesignError(f"derive '{self.name}': give either an expression or cases.")
        given = [*(case.label for case in self.cases), self.otherwise]
        if self.cases and self.reference and self.reference not in given:
            hint = did_you_mean(self.reference, given)
            raise DesignError(f"derive '{self.name}': the reference '{self.reference}' is not one of its labels.{hint}")

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the cases, the reference first."""
        every = dict.fromkeys([self.reference] if self.reference else [])
        every |= dict.fromkeys(case.label for case in self.cases)
        return tuple(every | dict.fromkeys([self.otherwise] if self.otherwise else []))

    @property
    def texts(self) -> tuple[str, ...]:
        """Every expression in it."""
        return (self.expression,) if self.expression else tuple(case.when for case in self.cases)


def derive(people: pd.DataFrame, derivations: tuple[Derivation, ...]) -> pd.DataFrame:
    """Add the derived columns, in order; each may use the ones before it.

    Parameters
    ----------
    people : DataFrame, shape (n, ...)
        One row per person.
    derivations : tuple of Derivation
        What to add.

    Returns
    -------
    DataFrame, shape (n, ...)
        A copy with the new columns.

    Raises
    ------
    DesignError
        A name that the table already has: replacing a column would hide what the dictionary says about it.

    Examples
    --------
    >>> table = pd.DataFrame({"x": [1.0, 4.0]})
    >>> rules = (Derivation(name="size", cases=(Case("small", "x < 2"),), otherwise="large"),)
    >>> derive(table, rules)["size"].tolist()
    ['small', 'large']
    """
    result = people.copy(deep=False)
    for rule in derivations:
        if rule.name in result.columns:
            raise DesignError(f"derive '{rule.name}': the person table already has a column of that name; choose another.")
        what = f"derive '{rule.name}'"
        result[rule.name] = _by_expression(rule, result, what) if rule.expression else _by_cases(rule, result, what)
    return result


def _by_expression(rule: Derivation, people: pd.DataFrame, what: str) -> pd.Series[Any]:
    column = evaluate(rule.expression, people, what=what)
    if column.dtype == "boolean":
        return pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan), index=people.index)  # 1, 0, missing: models take it as it is
    if rule.reference:
        labels = list(column.cat.categories) if isinstance(column.dtype, pd.CategoricalDtype) else []
        if rule.reference not in labels:
            raise DesignError(f"{what}: the reference '{rule.reference}' is not one of its labels ({list_names(labels)}).")
        column = column.cat.reorder_categories([rule.reference, *(c for c in labels if c != rule.reference)])
    return column


def _by_cases(rule: Derivation, people: pd.DataFrame, what: str) -> pd.Series[str]:
    labels = rule.labels
    codes = np.full(len(people), -1)
    open_rows = np.ones(len(people), dtype=bool)
    for case in rule.cases:
        holds, unknown = condition(case.when, people, what=f"{what}, case '{case.label}'")
        codes[open_rows & holds] = labels.index(case.label)
        open_rows &= ~(holds | unknown)
    if rule.otherwise:
        codes[open_rows] = labels.index(rule.otherwise)
    return pd.Series(pd.Categorical.from_codes(list(codes), categories=pd.Index(labels)), index=people.index)
