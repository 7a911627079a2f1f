"""The scales of an exposure one by one: each is a model with the exposure written in another way, in the same rows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DesignError, FitWarning, MissingRowsWarning, list_names
from cobalamin.models.after.dose_rows import DoseRows
from cobalamin.models.after.exposure_groups import ExposureGroups, spread, weighted_knots
from cobalamin.models.after.fractional_polynomial import fractional_polynomial
from cobalamin.models.after.wald import wald_of
from cobalamin.models.fit import Fit
from cobalamin.models.matrix.spline import harrell_knots
from cobalamin.models.matrix.terms import term_columns
from cobalamin.models.tabulate import Count

Row = dict[str, Any]
Per = float | str
STEPS = {"doubling": "per doubling", "log sd": "per SD of the logarithm", "sd": "per SD", "iqr": "per interquartile range"}
ON_LOG = ("doubling", "log sd")


@dataclass(frozen=True, eq=False)
class Scale:
    """What one way of writing the exposure gives.

    Attributes
    ----------
    rows : list of dict
        Rows of `DoseResponse.table`.
    tests : list of dict
        Rows of `DoseResponse.tests`.
    fits : mapping of str to Fit
        The models.
    cutpoints : mapping of str to tuple of float
        Cut-points, knots, powers.
    selection : DataFrame, optional
        Of a fractional polynomial.
    """

    rows: list[Row] = field(default_factory=list)
    tests: list[Row] = field(default_factory=list)
    fits: Mapping[str, Fit] = field(default_factory=dict)
    cutpoints: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    selection: pd.DataFrame | None = None


def number_scales(rows: DoseRows, per: Sequence[Per], level: float, unit: str) -> Scale:
    """Estimate the effect of steps of the exposure and of its logarithm.

    Parameters
    ----------
    rows : DoseRows
        The rows.
    per : sequence of float or str
        The steps.
    level : float
        Confidence level.
    unit : str
        Unit of the exposure.

    Returns
    -------
    Scale
        A row per step; the fits ``linear`` and, where needed, ``doubling``.

    Raises
    ------
    DesignError
        A step that is no positive number and no known word.
    """
    for step in per:
        known = step in STEPS if isinstance(step, str) else not isinstance(step, bool) and np.isfinite(step) and step > 0
        if not known:
            raise DesignError(f"per: {step!r} is not a step; expected positive numbers, or {list_names(list(STEPS))}.")
    sd, iqr = spread(rows.values, rows.weight)
    fits = {"linear": rows.linear}
    sizes: dict[Per, float] = {"sd": sd, "iqr": iqr}
    if any(step in ON_LOG for step in per):
        fits["doubling"] = rows.fit(f"log2({rows.term})")
        sizes |= {"doubling": 1.0, "log sd": spread(np.log2(rows.values), rows.weight)[0]}
    made = []
    for step in per:
        fit = fits["doubling" if step in ON_LOG else "linear"]
        size = sizes.get(step, step)
        name = STEPS[step] if isinstance(step, str) else f"per {step:g} {unit}".strip()
        shown = np.nan if step == "doubling" else size
        made.append({"scale": name, "size": shown, **_total(fit), **effect_row(fit, _places(fit)[0], level, float(size))})
    return Scale(made, fits=fits)


def group_scale(rows: DoseRows, name: str, groups: ExposureGroups, level: float) -> Scale:
    """Estimate the effect of each group against the reference group, and the trend over their medians.

    Parameters
    ----------
    rows : DoseRows
        The rows.
    name : str
        Of the scale.
    groups : ExposureGroups
        How values are sorted.
    level : float
        Confidence level.

    Returns
    -------
    Scale
        A row per group, lowest first; tests ``overall`` and ``trend``.
    """
    code = np.full(len(rows.frame), -1)
    code[rows.kept] = groups.code(rows.frame[rows.exposure].to_numpy()[rows.kept])
    filled = [label for g, label in enumerate(groups.labels) if (code == g).any()]
    order = [groups.reference, *(label for label in filled if label != groups.reference)]
    text = np.array([*groups.labels, None], dtype=object)[code]
    fit = rows.fit(rows.term, rows.coded(pd.Categorical(text, categories=order)))
    middle = rows.coded(np.append(groups.medians, np.nan)[code])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # the model of the groups has said what needs care
        trend = rows.fit(rows.term, middle)
    tests = [_wald(name, "overall", fit, _places(fit)), _wald(name, "trend", trend, _places(trend))]
    made = [{"scale": name, **row} for row in _group_rows(fit, groups, level)]
    return Scale(made, tests, {name: fit, f"{name}, trend": trend}, {name: groups.cutpoints})


def _group_rows(fit: Fit, groups: ExposureGroups, level: float) -> list[Row]:
    where = {fit.columns[j].level: int(j) for j in _places(fit)}
    variable = fit.columns[_places(fit)[0]].variable
    ends = (np.nan, *groups.cutpoints, np.nan)
    made: list[Row] = []
    for g, label in enumerate(groups.labels):
        count = fit.counts.get((variable, label), Count(0.0, 0.0 if np.isfinite(fit.events) else np.nan, np.nan))
        row = {"level": label, "reference": groups.reference, "low": ends[g], "high": ends[g + 1], "median": groups.medians[g]}
        row |= {"n": count.n, "events": count.events, "person_time": count.person_time}
        if label == groups.reference:
            row |= {"estimate": 1.0 if fit.family.ratio else 0.0}
        elif label in where:
            row |= effect_row(fit, where[label], level)
        made.append(row if label in (*where, groups.reference) else {**row, "warning": "nobody in this group"})
    return made


def spline_scale(rows: DoseRows, knots: int) -> Scale:
    """Fit a restricted cubic spline and test it, and what it has beyond a straight line.

    Parameters
    ----------
    rows : DoseRows
        The rows.
    knots : int
        How many.

    Returns
    -------
    Scale
        Tests ``overall`` and ``non-linearity``; the knots.
    """
    if rows.weighted:  # rcs(x, k) places knots without weights
        at = weighted_knots(rows.values, rows.weight, knots)
        term = f"rcs({rows.term}, knots=[{', '.join(repr(float(t)) for t in at)}])"
    else:
        at, term = harrell_knots(rows.values, knots), f"rcs({rows.term}, {knots})"
    fit = rows.fit(term)
    where = _places(fit)
    tests = [_wald("spline", "overall", fit, where), _wald("spline", "non-linearity", fit, where[1:])]
    return Scale(tests=tests, fits={"spline": fit}, cutpoints={"spline": tuple(map(float, at))})


def polynomial_scale(rows: DoseRows) -> Scale:
    """Choose a fractional polynomial.

    Parameters
    ----------
    rows : DoseRows
        The rows.

    Returns
    -------
    Scale
        Tests ``overall`` and ``non-linearity`` by deviance; the powers; the table of the choice.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MissingRowsWarning)
        own = rows.frame.loc[rows.kept]
        found = fractional_polynomial(rows.model, own, exposure=rows.exposure, adjust=rows.adjust, outcome=rows.outcome)
    name, table = "fractional polynomial", found.table.set_index("model")
    tests = [
        {
            "scale": name,
            "test": test,
            "chi2": table.loc[row, "difference"],
            "df": table.loc[row, "df"],
            "p_value": table.loc[row, "p_value"],
        }
        for test, row in (("overall", "null"), ("non-linearity", "linear"))
    ]
    return Scale(tests=tests, fits={name: found.fit}, cutpoints={name: found.powers}, selection=found.table)


def _places(fit: Fit) -> npt.NDArray[np.int64]:
    """Return the coefficients of the exposure, which is the first term of every formula made here."""
    return next(where for term, where in term_columns(fit).items() if term != "Intercept")


def _total(fit: Fit) -> Row:
    return {"n": fit.n, "events": fit.events, "person_time": fit.person_time}


def effect_row(fit: Fit, place: int, level: float, size: float = 1.0) -> Row:
    """Return one coefficient as an effect with its interval.

    Parameters
    ----------
    fit : Fit
        The model.
    place : int
        Which coefficient.
    level : float
        Confidence level.
    size : float
        How many units of the covariate.

    Returns
    -------
    dict
        estimate, std_error (of a ratio that of its logarithm), conf_low, conf_high, p_value, warning.

    Examples
    --------
    >>> from cobalamin.models.regression.regression import linear
    >>> fit = linear("y ~ x", pd.DataFrame({"x": [1.0, 2, 3, 4], "y": [2.0, 4.1, 5.9, 8]}))
    >>> round(effect_row(fit, 1, 0.95, 10.0)["estimate"], 6)
    19.8
    """
    line = fit.tidy(level=level).iloc[place]
    with np.errstate(over="ignore"):
        shown = {name: size * float(line[name]) for name in ("estimate", "conf_low", "conf_high")}
        shown = {name: float(np.exp(value)) if fit.family.ratio else value for name, value in shown.items()}
    warning = fit.term_warnings.get(fit.names[place], "")
    return {**shown, "std_error": size * line["std_error"], "p_value": line["p_value"], "warning": warning}


def _wald(scale: str, test: str, fit: Fit, where: npt.NDArray[np.int64]) -> Row:
    b = fit.coefficients[where]
    testable = np.isfinite(b).any() and not np.isinf(b).any()
    return {"scale": scale, "test": test, **(wald_of(fit, where) if testable else {"chi2": np.nan, "df": np.nan, "p_value": np.nan})}
