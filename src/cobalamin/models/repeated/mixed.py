"""Linear mixed models: mean differences with random intercepts and slopes, and raters crossed with patients."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, FitWarning, list_names
from cobalamin.models.fit import Family, Fit
from cobalamin.models.matrix.coding import Column
from cobalamin.models.matrix.matrix import Matrix
from cobalamin.models.matrix.rows import Missing
from cobalamin.models.regression.algebra import explained_by, independent_columns
from cobalamin.models.repeated.mixed_blocks import Blocks, make_blocks
from cobalamin.models.repeated.mixed_design import MixedDesign, read_mixed, standardizing
from cobalamin.models.repeated.mixed_inference import ComponentNames, Precision, precision
from cobalamin.models.repeated.mixed_optimum import Optimum, optimum
from cobalamin.models.repeated.outcome import pile_note
from cobalamin.models.tabulate import count_levels

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
EXACT = 1e-20  # residual sum of squares, as a share of that around the mean, below which the fit is exact


@dataclass(frozen=True, eq=False)
class MixedState:
    """What verbs on a mixed fit need besides the coefficients.

    Attributes
    ----------
    design : MixedDesign
        Rows, groups, random covariates.
    best : Optimum
        The maximum.
    names : ComponentNames
        Names of the variance parameters.
    precision : Precision
        Their values and variances.
    sigma : float
        Residual standard deviation.
    reml : bool
        Restricted likelihood.
    """

    design: MixedDesign
    best: Optimum
    names: ComponentNames
    precision: Precision
    sigma: float
    reml: bool


@dataclass(frozen=True, eq=False)
class FixedPart:
    """Fixed columns made orthonormal, aliases left out.

    Attributes
    ----------
    columns : ndarray, shape (n, k + 1)
        Orthonormal columns, and the outcome less its regression on them.
    start : ndarray, shape (k,)
        That regression.
    carry : ndarray, shape (p, k)
        From coefficients of the orthonormal columns to those of the covariates (0 for aliases).
    kept : ndarray of bool, shape (p,)
        Columns that are no aliases.
    log_size : float
        ``log |X'X|`` of the columns kept.
    """

    columns: Floats
    start: Floats
    carry: Floats
    kept: Bools
    log_size: float


def mixed(
    formula: str,
    data: pd.DataFrame,
    *,
    group: str,
    random: str = "1",
    crossed: str | Sequence[str] | None = None,
    method: Literal["REML", "ML"] = "REML",
    missing: Missing = "drop",
) -> Fit:
    """Fit a linear mixed model.

    Parameters
    ----------
    formula : str
        ``"score ~ terms"``: the fixed part.
    data : DataFrame, n rows
        One row per measurement.
    group : str
        Column of what repeats: the patient. Several levels of nesting are a group and a crossed factor: patients within clinics are
        ``group="patient", crossed="clinic"`` (patients numbered across clinics).
    random : str
        What differs between groups: ``"1"`` (level), ``"1 + time"`` (level and slope, correlated), ``"0 + time"`` (slope only).
    crossed : str or sequence of str, optional
        Further columns with a random intercept each, crossed with the groups or not: raters.
    method : {"REML", "ML"}
        Restricted likelihood, or likelihood (to compare models with different fixed parts).
    missing : {"drop", "error"}
        Leave incomplete rows out with one counted warning, or refuse.

    Returns
    -------
    Fit
        Mean differences, and after them the variance parameters (`variance_components` shows them as standard deviations). Each
        coefficient has t statistics on Satterthwaite's degrees of freedom (``fit.term_df``). ``glance`` has ``groups``, ``singular``
        (1 where a variance is 0 or a correlation 1) and ``reml``; with REML ``loglik`` and ``aic`` compare models of the same fixed
        part only. ``loglik_null`` is NaN.

    Raises
    ------
    DesignError
        One group, groups of one row each, as many random effects as rows, a random slope that does not vary within any group,
        crossed factors that divide the rows as another does.
    EventCodeError
        An outcome that is no number.
    ConvergenceError
        No maximum; the message names the parameter.
    FormulaError, ColumnNotFoundError, MissingValuesError, DataError
        As `build_matrix` demands; an exact fit.

    Warns
    -----
    MissingRowsWarning
        Rows left out because of missing values.
    FitWarning
        A variance estimated as 0, a correlation of +-1, aliases, floor or ceiling of the outcome, fewer than 5 levels.

    Notes
    -----
    ``y = X b + Z u + C v + e``, u normal with any variance matrix within a group, v and e independent with variances of their own. b
    and the residual variance are profiled out; the rest is maximised over relative Cholesky factors (Bates et al.). The answer does not
    depend on where the zero of a random slope's covariate lies, as its correlation with the intercept is always estimated.
    ``covariance`` of b is ``sigma^2 (X'V^-1 X)^-1`` (R's ``lme4``); Satterthwaite as ``lmerTest``. Intervals of variance parameters
    are Wald's on the scale of log standard deviations and Fisher's z. A correlation with an effect of variance 0 is no
    parameter. Case weights are not offered: what a weight of one measurement means differs between programs.

    References
    ----------
    Laird NM, Ware JH. Biometrics 1982;38:963-974. doi:10.2307/2529876. Bates D, Maechler M, Bolker B, Walker S. J Stat Softw
    2015;67:1-48. doi:10.18637/jss.v067.i01. Kuznetsova A et al. J Stat Softw 2017;82:1-26. doi:10.18637/jss.v082.i13

    Examples
    --------
    >>> visits = pd.DataFrame({"who": np.repeat(range(5), 2), "time": [0, 1] * 5, "score": [4.0, 5, 7, 8.5, 5, 6.5, 2, 2, 6, 8]})
    >>> fit = mixed("score ~ time", visits, group="who")
    >>> fit.tidy().loc[1, "estimate"].round(4), round(fit.term_df["time"], 3)
    (np.float64(1.2), 4.0)
    """
    if method not in ("REML", "ML"):
        raise DataError(f"method: got {method!r}; expected 'REML' or 'ML'.")
    factors = (crossed,) if isinstance(crossed, str) else tuple(crossed or ())
    design = read_mixed(formula, data, group, random, factors, missing)
    names = ComponentNames(design.random.names, group, factors)
    fixed = _fixed_part(design)
    blocks = make_blocks(fixed.columns, design.z, design.group, design.crossed)
    best = optimum(blocks, names.theta, method == "REML")
    known = precision(blocks, best, method == "REML", fixed.carry[fixed.kept], design.random.scaling)
    fit = _fit(design, fixed, blocks, best, known, names, method)
    told = fit.warnings[len(design.matrix.notes) :]
    if told:
        warnings.warn(" ".join(told), FitWarning, stacklevel=2)
    return fit


def _fixed_part(design: MixedDesign) -> FixedPart:
    x = design.matrix.X[design.order]
    back = standardizing(x)
    z = x @ back
    kept = independent_columns(z)
    if len(x) <= kept.sum():
        raise DataError(f"{len(x)} rows for {int(kept.sum())} coefficients: nothing is left for the residual variance.")
    q, r = np.linalg.qr(z[:, kept])
    start = q.T @ design.y
    left = design.y - q @ start
    if left @ left <= EXACT * float(((design.y - design.y.mean()) ** 2).sum()):
        raise DataError(f"{design.matrix.formula.response}: the terms tell it exactly in every row; there is no residual variance.")
    unscale = back[np.ix_(kept, kept)]
    log_size = 2 * float(np.log(np.abs(np.diag(r))).sum() - np.log(np.abs(np.diag(unscale))).sum())
    return FixedPart(np.column_stack([q, left]), start, back[:, kept] @ np.linalg.inv(r), kept, log_size)


def _fit(design: MixedDesign, fixed: FixedPart, blocks: Blocks, best: Optimum, known: Precision, names: ComponentNames, method: str) -> Fit:
    matrix, reml = design.matrix, method == "REML"
    sigma2 = best.value.rss / (blocks.n - blocks.p if reml else blocks.n)
    beta = np.where(fixed.kept, fixed.carry @ (fixed.start + best.value.beta), np.nan)
    cov = sigma2 * fixed.carry @ np.linalg.inv(best.value.information) @ fixed.carry.T
    p, size = len(beta), len(beta) + len(names.natural)
    covariance = np.full((size, size), np.nan)
    covariance[:p, :p] = np.where(np.outer(fixed.kept, fixed.kept), cov, np.nan)
    covariance[p:, p:] = known.covariance
    covariance[:p, p:], covariance[p:, :p] = 0.0, 0.0
    df = np.full(p, np.nan)
    df[fixed.kept] = known.df
    notes, term_notes = _notes(design, fixed, known, names)
    family = Family("mixed", "Linear mixed model", "mean difference", ratio=False, ancillary=names.natural)
    return Fit(
        family=family,
        call=_call(matrix, design, names, method),
        columns=(*matrix.columns, *(Column(name, name) for name in names.natural)),
        coefficients=np.append(beta, known.natural),
        covariance=covariance,
        model_covariance=covariance,
        variance="model",
        n=blocks.n,
        n_missing=matrix.n_missing,
        missing=matrix.missing,
        events=np.nan,
        person_time=np.nan,
        loglik=-0.5 * (best.deviance + (fixed.log_size if reml else 0.0)),
        loglik_null=np.nan,
        converged=True,
        iterations=best.iterations,
        counts=count_levels(matrix),
        warnings=matrix.notes + notes,
        term_warnings=term_notes,
        facts=_facts(design, known, names, reml),
        parts={
            "matrix": matrix,
            "response": _unsorted(design, design.y),
            "mixed": MixedState(design, best, names, known, float(np.sqrt(sigma2)), reml),
        },
        term_df=dict(zip(matrix.names, df.tolist(), strict=True)),
    )


def _unsorted(design: MixedDesign, values: Floats) -> Floats:
    back = np.empty_like(values)
    back[design.order] = values
    return back


def _facts(design: MixedDesign, known: Precision, names: ComponentNames, reml: bool) -> dict[str, float]:
    levels = {f"levels of {name}": float(len(found)) for name, found in zip(names.crossed, design.crossed_labels, strict=True)}
    singular = float(not np.isfinite(known.natural).all())
    return {
        "groups": float(len(design.labels)),
        **levels,
        "residual sd": float(np.exp(known.natural[-1])),
        "singular": singular,
        "reml": float(reml),
    }


def _notes(design: MixedDesign, fixed: FixedPart, known: Precision, names: ComponentNames) -> tuple[tuple[str, ...], dict[str, str]]:
    matrix = design.matrix
    terms = {matrix.names[j]: _alias_text(matrix, fixed.kept, int(j)) for j in np.flatnonzero(~fixed.kept)}
    for name, value in zip(names.natural, known.natural, strict=True):
        if np.isfinite(value):
            continue
        inner = name[name.index("(") + 1 : -1]
        if np.isnan(value):
            terms[name] = f"{inner}: not defined, as one of the variances is 0."
        elif name.startswith("log"):
            terms[name] = f"singular fit: {inner} is estimated as 0, the boundary; the model is that without it."
        else:
            terms[name] = f"singular fit: {inner} is estimated as {np.sign(value):g}, the boundary; a simpler random= fits as well."
    notes = [text for name, text in terms.items() if "not defined" not in text]
    few = [name for name, n in _levels(design, names) if n < 5]
    if few:
        notes.append(f"Fewer than 5 levels of {list_names(few)}: the variance between them is hardly known.")
    notes += pile_note(design.y, matrix.formula.response)
    if len(np.unique(design.y[:1000])) <= 2 and len(np.unique(design.y)) == 2:
        notes.append(f"{matrix.formula.response}: the outcome has two values only; gee(family='binomial') is made for it.")
    return tuple(notes), terms


def _levels(design: MixedDesign, names: ComponentNames) -> list[tuple[str, int]]:
    return [
        (names.group, len(design.labels)),
        *((name, len(found)) for name, found in zip(names.crossed, design.crossed_labels, strict=True)),
    ]


def _alias_text(matrix: Matrix, kept: Bools, j: int) -> str:
    parents = [matrix.names[k] for k in explained_by(matrix.X, kept, j)]
    named = [name for name in parents if name != "Intercept"] or parents
    return f"{matrix.names[j]}: left out, because it is a linear combination of {list_names(named)}."


def _call(matrix: Matrix, design: MixedDesign, names: ComponentNames, method: str) -> str:
    crossed = f", crossed={list(names.crossed)!r}" if names.crossed else ""
    return f"mixed({matrix.formula.text!r}, group={names.group!r}, random={design.random.formula.text!r}{crossed}, method={method!r})"
