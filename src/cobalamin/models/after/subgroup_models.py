"""The models behind effects within subgroups: one with the product, or one for each level."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError, MissingRowsWarning
from cobalamin.models.after.dose_rows import Model, formula_of, written
from cobalamin.models.after.dose_scales import Row, effect_row
from cobalamin.models.after.interaction import interaction_measures
from cobalamin.models.after.joint_effects import JointEffects
from cobalamin.models.after.wald import wald_of_contrasts
from cobalamin.models.fit import Fit
from cobalamin.models.grouping import label_codes
from cobalamin.models.matrix.formula import parse_formula
from cobalamin.models.matrix.matrix import Factor
from cobalamin.models.matrix.rows import require_columns
from cobalamin.models.matrix.terms import term_columns
from cobalamin.models.tabulate import Count

Ints = npt.NDArray[np.int64]
MOST_LEVELS = 12  # lines of a forest per variable; more is a number


@dataclass(frozen=True, eq=False)
class SubgroupRequest:
    """What every subgroup variable is analysed with."""

    model: Model
    data: pd.DataFrame
    exposure: str
    adjust: str
    outcome: str
    level: float
    recode: bool

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns of the exposure."""
        return parse_formula(self.exposure, self.data.columns).variables

    def fit(self, term: str, adjust: str, frame: pd.DataFrame, *, quiet: bool) -> Fit:
        """Fit a term with the rest of the formula; ``quiet`` where the rows left out were named before."""
        with warnings.catch_warnings():
            if quiet:
                warnings.simplefilter("ignore", MissingRowsWarning)
            return self.model(formula_of(term, adjust, self.outcome), frame)


@dataclass(frozen=True, eq=False)
class SubgroupMade:
    """What one subgroup variable gives."""

    rows: list[Row]
    test: Row
    fits: dict[str, Fit]
    interaction: pd.DataFrame | None = None


def check_subgroups(request: SubgroupRequest, subgroups: Sequence[str]) -> None:
    """Refuse a list of subgroups that contradicts itself.

    Parameters
    ----------
    request : SubgroupRequest
        Exposure and adjusters.
    subgroups : sequence of str
        Columns.

    Returns
    -------
    None
        Nothing; the check passed.

    Raises
    ------
    DesignError, ColumnNotFoundError
        No list, the same column twice, the exposure itself, or an unknown column.
    """
    if isinstance(subgroups, str) or not len(subgroups) or len(set(subgroups)) < len(subgroups):
        raise DesignError("subgroups: expected a list of different columns, such as ['sex', 'age_group'].")
    require_columns(request.data, subgroups)
    used = request.variables
    adjusters = parse_formula(request.adjust, request.data.columns).variables if request.adjust else ()
    for name in used:
        if name in subgroups or name in adjusters:
            where = "subgroups" if name in subgroups else "adjust"
            raise DesignError(f"{where}: '{name}' is part of the exposure '{request.exposure}'; leave it out there.")


def exposure_columns(fit: Fit, exposure: str) -> Ints:
    """Return the coefficients of the exposure, the first term of the formula.

    Parameters
    ----------
    fit : Fit
        A model.
    exposure : str
        The term, for messages.

    Returns
    -------
    ndarray of int
        One for a number, one per level for a factor.

    Raises
    ------
    DataError
        A spline or polynomial.
    """
    where = next(places for term, places in term_columns(fit).items() if term != "Intercept")
    if len(where) > 1 and not fit.columns[where[0]].indicator:
        raise DataError(
            f"exposure: '{exposure}' has {len(where)} columns, so its effect is no single number; use classes or a straight line."
        )
    return where


def _coded(request: SubgroupRequest, name: str, kept: npt.NDArray[np.bool_]) -> tuple[pd.DataFrame, tuple[str, ...], bool]:
    """Return the data with a subgroup variable as a factor of the levels in use, these levels, and whether some are missing."""
    codes, labels = label_codes(request.data[name], name)
    used = sorted(set(codes[kept]) - {-1})
    if not 2 <= len(used) <= MOST_LEVELS:
        hint = "; cut a number into classes first" if len(used) > MOST_LEVELS else ""
        raise DataError(f"{name}: {len(used)} levels in the rows of the model; a subgroup variable has 2 to {MOST_LEVELS}{hint}.")
    levels = tuple(labels[c] for c in used)
    place = np.full(len(labels) + 1, -1)
    place[used] = np.arange(len(used))
    factor = pd.Categorical.from_codes(list(place[codes]), categories=pd.Index(list(levels)))
    return request.data.assign(**{name: factor}), levels, bool((codes[kept] < 0).any())


def nested_effects(request: SubgroupRequest, base: Fit, name: str) -> SubgroupMade:
    """Fit one model with an effect of the exposure in each level.

    Parameters
    ----------
    request : SubgroupRequest
        Exposure, adjusters and data.
    base : Fit
        The model of everybody.
    name : str
        The subgroup variable.

    Returns
    -------
    SubgroupMade
        Rows, test, interaction.

    Raises
    ------
    DataError
        One level, or too many.
    """
    frame, levels, holes = _coded(request, name, np.asarray(base.parts["matrix"].kept, dtype=bool))
    own = exposure_columns(base, request.exposure)
    first = written(name)
    fit = request.fit(f"{first} + {first}:{request.exposure}", request.adjust, frame, quiet=not holes)
    factor = next(f for f in fit.parts["matrix"].factors if f.variable.strip("`") == name)
    terms = {term.replace("`", ""): where for term, where in term_columns(fit).items()}
    product = terms[f"{name}:{base.columns[own[0]].variable}".replace("`", "")]
    if factor.levels != levels or len(product) != len(own) * len(levels):
        raise DataError(f"{name}: its product with '{request.exposure}' has {len(product)} columns; expected {len(own) * len(levels)}.")
    places = product.reshape(len(own), len(levels))  # formulaic varies the first variable fastest
    rows = [
        {
            "subgroup": name,
            "level": text,
            **names_of(base, own[e]),
            **subgroup_effect(fit, places[e, s], request.level),
            **_counted(fit, factor, text),
        }
        for s, text in enumerate(levels)
        for e in range(len(own))
    ]
    test = {"subgroup": name, **_same_effect(fit, places)}
    return SubgroupMade(rows, test, {name: fit}, _crossed(request, base, fit, factor, places))


def names_of(base: Fit, place: int) -> Row:
    """Return which level of the exposure a coefficient stands for, and its reference.

    Parameters
    ----------
    base : Fit
        The model.
    place : int
        The coefficient.

    Returns
    -------
    dict
        contrast, reference.
    """
    column = base.columns[place]
    return {"contrast": column.level, "reference": column.reference}


def _counted(fit: Fit, factor: Factor, level: str) -> Row:
    count = fit.counts.get((factor.variable, level), Count(np.nan, np.nan, np.nan))
    return {"n": count.n, "events": count.events, "person_time": count.person_time}


def subgroup_effect(fit: Fit, place: int, level: float) -> Row:
    """Return a coefficient as an effect, saying where there is none.

    Parameters
    ----------
    fit : Fit
        The model.
    place : int
        The coefficient.
    level : float
        Confidence level.

    Returns
    -------
    dict
        As `effect_row`.
    """
    found = effect_row(fit, int(place), level)
    if np.isnan(fit.coefficients[place]):
        return {**found, "warning": "the exposure does not vary in this subgroup"}
    return found


def _same_effect(fit: Fit, places: Ints) -> Row:
    """Test that the columns of each row have one coefficient."""
    rows = []
    for own in places:
        real = own[np.isfinite(fit.coefficients[own])]
        for j in real[1:]:
            row = np.zeros(len(fit.coefficients))
            row[j], row[real[0]] = 1.0, -1.0
            rows.append(row)
    return wald_of_contrasts(fit, np.array(rows)) if rows else {"chi2": np.nan, "df": np.nan, "p_value": np.nan}


def _crossed(request: SubgroupRequest, base: Fit, fit: Fit, factor: Factor, places: Ints) -> pd.DataFrame | None:
    """Compare the joint effects with their sum and their product, where the exposure has groups and the model ratios."""
    first = base.columns[exposure_columns(base, request.exposure)[0]]
    own = base.parts["matrix"].X[:, exposure_columns(base, request.exposure)[0]]
    if not fit.family.ratio or not np.isin(own, (0.0, 1.0)).all() or not (first.indicator or first.variable in request.variables):
        return None
    unit = np.eye(len(fit.coefficients))
    pairs = []
    for e, columns in enumerate(places):
        column = base.columns[exposure_columns(base, request.exposure)[e]]
        for s, main in enumerate(factor.columns, start=1):
            alone, other = unit[columns[0]], unit[main]
            labels = (column.level or "1", factor.levels[s]), (column.reference or "0", factor.reference)
            pairs.append(JointEffects(*labels, np.array([alone, other, other + unit[columns[s]]])))
    finite = [pair for pair in pairs if np.isfinite(pair.log_effects(fit.coefficients)).all()]
    if not finite:
        return None
    found = interaction_measures(fit, finite, (request.exposure, factor.variable), recode=request.recode, level=request.level)
    found.insert(0, "subgroup", factor.variable.strip("`"))
    return found


def separate_effects(request: SubgroupRequest, base: Fit, name: str) -> SubgroupMade:
    """Fit each level by itself; rows of other levels stay in the data without exposure, so that a survey keeps its design.

    Parameters
    ----------
    request : SubgroupRequest
        Exposure, adjusters and data.
    base : Fit
        The model of everybody.
    name : str
        The subgroup variable.

    Returns
    -------
    SubgroupMade
        Rows, test, fits.

    Raises
    ------
    DataError
        One level, or too many.
    """
    frame, levels, _ = _coded(request, name, np.asarray(base.parts["matrix"].kept, dtype=bool))
    adjusters = parse_formula(request.adjust, request.data.columns).variables if request.adjust else ()
    rest = f"{request.adjust} - {written(name)}" if name in adjusters else request.adjust
    fits, rows = {}, []
    for text in levels:
        inside = frame[name] == text
        own = frame.assign(**{v: frame[v].where(inside) for v in request.variables}, **{name: 0.0})
        fit = fits[f"{name}: {text}"] = request.fit(request.exposure, rest, own, quiet=True)
        total = {"n": fit.n, "events": fit.events, "person_time": fit.person_time}
        where = exposure_columns(fit, request.exposure)
        rows += [{"subgroup": name, "level": text, **names_of(fit, j), **subgroup_effect(fit, j, request.level), **total} for j in where]
    return SubgroupMade(rows, {"subgroup": name, **_homogeneous(list(fits.values()), request.exposure)}, fits)


def _homogeneous(fits: Sequence[Fit], exposure: str) -> Row:
    """Compare the effects of independent fits with their weighted mean."""
    from scipy.special import chdtrc

    where = [exposure_columns(fit, exposure) for fit in fits]
    names = [[fit.columns[j].name for j in own] for fit, own in zip(fits, where, strict=True)]
    pairs = [(fit, own) for fit, own in zip(fits, where, strict=True) if np.isfinite(fit.coefficients[own]).all()]
    if len(pairs) < 2 or any(own != names[0] for own in names):
        return {"chi2": np.nan, "df": np.nan, "p_value": np.nan}
    precision = [np.linalg.inv(fit.covariance[np.ix_(own, own)]) for fit, own in pairs]
    b = [fit.coefficients[own] for fit, own in pairs]
    mean = np.linalg.solve(sum(precision), sum(w @ x for w, x in zip(precision, b, strict=True)))
    chi2 = float(sum((x - mean) @ w @ (x - mean) for w, x in zip(precision, b, strict=True)))
    df = len(mean) * (len(pairs) - 1)
    return {"chi2": chi2, "df": df, "p_value": float(chdtrc(df, chi2))}
