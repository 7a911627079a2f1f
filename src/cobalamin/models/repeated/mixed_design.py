"""What a mixed model reads from a table: outcome, fixed columns, random covariates, groups and crossed factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError, FormulaError, list_names
from cobalamin.models.matrix.coding import Coding, encode
from cobalamin.models.matrix.columns import prepare_columns
from cobalamin.models.matrix.formula import ParsedFormula, parse_formula
from cobalamin.models.matrix.matrix import Matrix, build_matrix
from cobalamin.models.matrix.rows import Missing, require_columns
from cobalamin.models.regression.algebra import independent_columns
from cobalamin.models.repeated.outcome import numeric_outcome, refuse_constant

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MOST_EFFECTS = 8
MOST_LEVELS = 6000  # crossed levels: their variance is a dense matrix


@dataclass(frozen=True, eq=False)
class RandomTerms:
    """The random covariates.

    Attributes
    ----------
    formula : ParsedFormula
        As written.
    coding : Coding or None
        How to code them again; None for an intercept only.
    names : tuple of str, length q
        Their names.
    scaling : ndarray, shape (q, q)
        Random effects of the covariates are ``scaling @`` those of the standardised covariates.
    """

    formula: ParsedFormula
    coding: Coding | None
    names: tuple[str, ...]
    scaling: Floats

    def apply(self, data: pd.DataFrame) -> Floats:
        """Code new rows, in the units of the data."""
        if self.coding is None:
            return np.ones((len(data), 1))
        from cobalamin.models.matrix.coding import replay

        return replay(self.coding, prepare_columns(data, self.formula.variables, self.coding.categories))


@dataclass(frozen=True, eq=False)
class MixedDesign:
    """A mixed model read from data, rows sorted by group.

    Attributes
    ----------
    matrix : Matrix
        Fixed part.
    order : ndarray of int, shape (n,)
        Sorted row -> row of the matrix.
    y : ndarray, shape (n,)
        Outcomes, sorted.
    z : ndarray, shape (n, q)
        Standardised random covariates, sorted.
    random : RandomTerms
        What they stand for.
    group : ndarray of int, shape (n,)
        Group of each sorted row.
    labels : Index
        Label of each group.
    crossed : tuple of ndarray of int
        Level of each sorted row in each crossed factor.
    crossed_labels : tuple of Index
        Labels of those levels.
    """

    matrix: Matrix
    order: Ints
    y: Floats
    z: Floats
    random: RandomTerms
    group: Ints
    labels: pd.Index
    crossed: tuple[Ints, ...]
    crossed_labels: tuple[pd.Index, ...]


def read_mixed(formula: str, data: pd.DataFrame, group: str, random: str, crossed: Sequence[str], missing: Missing) -> MixedDesign:
    """Read a mixed model from a table and refuse what cannot be estimated.

    Parameters
    ----------
    formula, data, group, random, crossed, missing
        As `mixed`.

    Returns
    -------
    MixedDesign
        Arrays sorted by group.

    Raises
    ------
    DesignError
        Groups of one row, one group, a random slope that does not vary within groups, factors crossed with themselves.
    """
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data: expected a pandas DataFrame; got {type(data).__name__}.")
    require_columns(data, [group, *crossed])
    terms = _random_formula(random, data, group)
    extra = tuple(dict.fromkeys((group, *crossed, *terms.variables)))
    matrix = build_matrix(formula, data, extra=extra, intercept=True, response=True, missing=missing)
    y = numeric_outcome(matrix, data)
    refuse_constant(y, matrix.formula.response)
    rows = data if matrix.kept.all() else data.loc[matrix.kept]
    codes, labels = pd.factorize(rows[group], sort=False)
    order = np.argsort(codes, kind="stable")
    sorted_codes = np.asarray(codes, dtype=np.int64)[order]
    levels = [pd.factorize(rows[name]) for name in crossed]
    sorted_levels = tuple(np.asarray(code, dtype=np.int64)[order] for code, _ in levels)
    z, coding, names = _random_covariates(terms, rows)
    z = z[order]
    _check_groups(sorted_codes, z.shape[1], group)
    _check_slopes(z, names, sorted_codes, group)
    _check_crossed(sorted_codes, sorted_levels, crossed, group)
    scaling = standardizing(z)
    effects = RandomTerms(terms, coding, names, scaling)
    return MixedDesign(
        matrix,
        order,
        y[order],
        z @ scaling,
        effects,
        sorted_codes,
        pd.Index(labels),
        sorted_levels,
        tuple(pd.Index(found) for _, found in levels),
    )


def _random_formula(random: str, data: pd.DataFrame, group: str) -> ParsedFormula:
    if isinstance(random, str) and "|" in random:
        raise FormulaError(f"random: got '{random}'; write the random effects only, as '1' or '1 + time'. The groups are named by group=.")
    terms = parse_formula(random, data.columns)
    if terms.response:
        raise FormulaError(f"random: '{random}' has a left side; expected '1' or '1 + time'.")
    if group in terms.variables:
        raise FormulaError(f"random: '{group}' is the group itself; random effects are of covariates that vary within it.")
    return terms


def _random_covariates(terms: ParsedFormula, rows: pd.DataFrame) -> tuple[Floats, Coding | None, tuple[str, ...]]:
    if not terms.variables:
        if not terms.intercept:
            raise FormulaError("random: there is no random effect; expected '1' or '1 + time'. Without random effects use a linear model.")
        return np.ones((len(rows), 1)), None, ("Intercept",)
    text = terms.terms if terms.intercept else f"0 + {terms.terms}"
    z, coding = encode(text, prepare_columns(rows, terms.variables), intercept=True, aliases=terms.aliases)
    names = tuple(column.name for column in coding.columns)
    if len(names) > MOST_EFFECTS:
        raise DesignError(f"random: {len(names)} random effects per group; at most {MOST_EFFECTS} can be estimated here.")
    return z, coding, names


def _check_groups(group: Ints, q: int, name: str) -> None:
    n, groups = len(group), int(group[-1]) + 1
    if groups < 2:
        raise DesignError(f"{name}: got 1 group; the variance between groups needs at least 2, and many more to be of use.")
    if groups == n:
        raise DesignError(
            f"{name}: each of the {n} groups has one row, so that differences between groups cannot be told from the residual: random"
            " effects are not identified. Use a linear model, or name the column that repeats."
        )
    if groups * q >= n:
        raise DesignError(
            f"{name}: {groups} groups with {q} random effects each, for {n} rows: as many random effects as rows, which cannot be told from"
            " the residual. Use random='1'."
        )


def _check_slopes(z: Floats, names: Sequence[str], group: Ints, group_name: str) -> None:
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    for j, name in enumerate(names):
        if name == "Intercept":
            continue
        if not np.isfinite(z[:, j]).all():
            raise DataError(f"random: {name} is not finite in {int((~np.isfinite(z[:, j])).sum())} of {len(z)} rows.")
        constant = np.maximum.reduceat(z[:, j], starts) == np.minimum.reduceat(z[:, j], starts)
        if constant.all():
            raise DesignError(
                f"random: {name} does not vary within any {group_name}; its slope cannot differ between them. Leave it out of random= and"
                " keep it in the formula."
            )
    kept = independent_columns(z @ standardizing(z))
    if not kept.all():
        names = [name for name, k in zip(names, kept, strict=True) if not k]
        raise DesignError(f"random: {list_names(names)} is a linear combination of the other random effects; leave it out.")


def _check_crossed(group: Ints, levels: Sequence[Ints], names: Sequence[str], group_name: str) -> None:
    partitions = {group_name: group}
    for name, code in zip(names, levels, strict=True):
        size = int(code.max()) + 1
        if name in partitions:
            raise DesignError(f"crossed: '{name}' is named twice; each factor can have one random intercept.")
        if size < 2:
            raise DesignError(f"crossed: {name} has one level only; its variance cannot be estimated. Leave it out.")
        if size == len(code):
            raise DesignError(f"crossed: {name} is different in each of the {size} rows; its variance cannot be told from the residual.")
        if size > MOST_LEVELS:
            raise DesignError(
                f"crossed: {name} has {size} levels, at most {MOST_LEVELS} fit; make it group= and cross it with '{group_name}'."
            )
        for other, code2 in partitions.items():
            pairs = len(np.unique(code * np.int64(int(code2.max()) + 1) + code2))
            if pairs == size == int(code2.max()) + 1:
                raise DesignError(
                    f"crossed: {name} and {other} divide the rows alike; their variances cannot be told apart. Keep one of them."
                )
        partitions[name] = code


def standardizing(x: Floats) -> Floats:
    """Return the matrix that centres columns (where there is an intercept) and brings them to one scale.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Columns; the intercept, if any, comes first.

    Returns
    -------
    ndarray, shape (p, p)
        ``x @`` it is standardised; coefficients of x are it ``@`` those of the standardised columns.

    Examples
    --------
    >>> standardizing(np.array([[1.0, 3.0], [1.0, 7.0]])).tolist()
    [[1.0, -2.5], [0.0, 0.5]]
    """
    p = x.shape[1]
    intercept = bool((x[:, 0] == 1).all())
    scaling = np.eye(p)
    for j in range(int(intercept), p):
        varies = x[:, j].min() < x[:, j].max()
        centre = float(x[:, j].mean()) if intercept and varies else 0.0
        size = float(np.sqrt(((x[:, j] - centre) ** 2).mean())) or 1.0
        scaling[j, j] = 1 / size
        if intercept:
            scaling[0, j] = -centre / size
    return scaling
