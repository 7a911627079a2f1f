"""Follow-up scores adjusted for the score at baseline, so that regression to the mean is not mistaken for an effect."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError, FitWarning, FormulaError, MissingValuesError, list_names
from cobalamin.models.fit import Fit
from cobalamin.models.matrix.columns import plain_numbers
from cobalamin.models.matrix.formula import ParsedFormula, parse_formula
from cobalamin.models.matrix.rows import Missing, require_columns
from cobalamin.models.repeated.gee import Correction, gee
from cobalamin.models.repeated.gee_correlation import Correlation
from cobalamin.models.repeated.mixed import mixed

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FollowUpTable:
    """Rows after baseline with the baseline score beside them.

    Attributes
    ----------
    rows : DataFrame
        Follow-up rows.
    formula : str
        Formula with the baseline score and the visits.
    repeated : bool
        Whether some person has several follow-up rows.
    only_baseline : int
        Persons seen at baseline and never after.
    notes : tuple of str
        What a reader should know.
    """

    rows: pd.DataFrame
    formula: str
    repeated: bool
    only_baseline: int
    notes: tuple[str, ...]


def change_from_baseline(
    formula: str,
    data: pd.DataFrame,
    *,
    person: str,
    visit: str,
    baseline: Any,
    method: Literal["mixed", "gee"] | None = None,
    random: str = "1",
    correlation: Correlation = "exchangeable",
    correction: Correction = "none",
    missing: Missing = "drop",
) -> Fit:
    """Fit follow-up scores adjusted for the baseline score (analysis of covariance), over one visit or several.

    Parameters
    ----------
    formula : str
        ``"score ~ exposure + covariates"``: the score itself, not its change. The baseline score and the visits are added.
    data : DataFrame, n rows
        One row per person and visit, the baseline visit among them.
    person, visit : str
        Columns of the person and of the visit (number or label).
    baseline : object
        The value of ``visit`` at baseline.
    method : {"mixed", "gee"}, optional
        Mixed model, or marginal model with robust variance. By default mixed where persons have several follow-up rows, else gee, which
        is then linear regression with robust variance.
    random : str
        Random effects of the mixed model.
    correlation : {"independence", "exchangeable", "ar1"}
        Working correlation of the marginal model (ar1 in ``visit``, which must be a number).
    correction : {"none", "mancl-derouen"}
        Of the marginal model's variance.
    missing : {"drop", "error"}
        Leave incomplete rows out with one counted warning, or refuse.

    Returns
    -------
    Fit
        Of the follow-up rows. The coefficient of the exposure is the difference in mean score at follow-up between persons of the same
        baseline score, which is also the difference in change. ``glance`` has ``baseline only``: persons never seen after baseline.

    Raises
    ------
    DesignError
        No baseline rows, several for one person, no follow-up; an outcome that is a change already; a covariate that is the baseline
        score or the change.
    FormulaError
        The score among its own covariates, a formula without intercept, or an outcome that is no plain column.
    MissingValuesError
        Rows without person or visit.
    DataError, ColumnNotFoundError, EventCodeError, ConvergenceError
        As `mixed` and `gee`.

    Warns
    -----
    MissingRowsWarning
        Rows left out, among them those of persons without a baseline score.
    FitWarning
        Covariates that change after baseline (they may be consequences of the exposure), and what `mixed` and `gee` say.

    Notes
    -----
    ``E(score at t) = a_t + c baseline + b exposure``. A change that is compared without the baseline favours the group that started
    worse, as extreme values move towards the mean; with the baseline the change and the score give the same b. The mean difference holds
    where rows are lost by chance given baseline, covariates and (mixed) the scores seen before.

    References
    ----------
    Vickers AJ, Altman DG. Analysing controlled trials with baseline and follow up measurements. BMJ 2001;323:1123-1124.
    doi:10.1136/bmj.323.7321.1123. Senn S. Change from baseline and analysis of covariance revisited. Stat Med 2006;25:4334-4344.
    doi:10.1002/sim.2682

    Examples
    --------
    >>> rows = pd.DataFrame({"who": np.repeat(range(60), 2), "visit": [0, 1] * 60, "b12": np.repeat([0, 1], 60)})
    >>> rows["score"] = 10 + (rows.who * 7 % 5) + rows.visit * (rows.who % 3 - 2.0 * rows.b12)
    >>> change_from_baseline("score ~ b12", rows, person="who", visit="visit", baseline=0).tidy()["estimate"].round(6).tolist()
    [1.0, 1.0, -2.0]
    """
    if method not in (None, "mixed", "gee"):
        raise DataError(f"method: got {method!r}; expected 'mixed' or 'gee'.")
    table = follow_up_rows(formula, data, person=person, visit=visit, baseline=baseline)
    chosen = method or ("mixed" if table.repeated else "gee")
    if chosen == "mixed":
        fit = mixed(table.formula, table.rows, group=person, random=random, missing=missing)
    else:
        kept: Correlation = correlation if table.repeated else "independence"
        times = visit + "_number" if kept == "ar1" else None
        rows = table.rows if times is None else table.rows.assign(**{times: _as_time(table.rows[visit], visit)})
        fit = gee(table.formula, rows, group=person, correlation=kept, time=times, correction=correction, missing=missing)
    if table.notes:
        warnings.warn(" ".join(table.notes), FitWarning, stacklevel=2)
    named = f"change_from_baseline({formula!r}, person={person!r}, visit={visit!r}, baseline={baseline!r}, method={chosen!r})"
    family = replace(fit.family, name="change_from_baseline", title=f"Score adjusted for baseline ({fit.family.title})")
    facts = {**fit.facts, "baseline only": float(table.only_baseline)}
    return replace(fit, family=family, call=named, facts=facts, warnings=fit.warnings + table.notes)


def _as_time(column: pd.Series[Any], name: str) -> Floats:
    values = column.astype(object)
    try:
        return np.asarray(pd.to_numeric(values), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: ar1 needs visits that are numbers (months since baseline).") from error


def follow_up_rows(formula: str, data: pd.DataFrame, *, person: str, visit: str, baseline: Any) -> FollowUpTable:
    """Put the baseline score beside each follow-up row and refuse what would bias the comparison.

    Parameters
    ----------
    formula, data, person, visit, baseline
        As `change_from_baseline`.

    Returns
    -------
    FollowUpTable
        Rows and formula for any linear model.

    Raises
    ------
    DesignError, FormulaError, MissingValuesError
        As `change_from_baseline`.

    Examples
    --------
    >>> rows = pd.DataFrame({"who": [1, 1, 2, 2], "visit": [0, 1, 0, 1], "score": [9.0, 7.0, 8.0, 8.5], "b12": [0, 0, 1, 1]})
    >>> follow_up_rows("score ~ b12", rows, person="who", visit="visit", baseline=0).formula
    'score ~ score_baseline + b12'
    """
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data: expected a pandas DataFrame; got {type(data).__name__}.")
    require_columns(data, [person, visit])
    parsed = parse_formula(formula, data.columns)
    score = _score_column(parsed, data)
    added = f"{score}_baseline"
    if added in data.columns:
        raise DesignError(f"'{added}' is a column already, and the name that the baseline score gets here; rename it or leave it out.")
    for name in (person, visit):
        if data[name].isna().any():
            raise MissingValuesError(
                f"{name}: missing in {int(data[name].isna().sum())} of {len(data)} rows; each row needs its person and visit."
            )
    at_baseline = (data[visit] == baseline).to_numpy(dtype=bool)
    first, after = data.loc[at_baseline], data.loc[~at_baseline]
    _check_baseline(first, after, person, visit, baseline)
    _check_score(first[score], after[score], score)
    # as objects: a person column that is a Categorical would make a factor of the baseline scores
    known = pd.Series(first[score].array, index=pd.Index(first[person].astype(object)))
    rows = after.assign(**{added: after[person].astype(object).map(known)})
    _check_covariates(rows, parsed, score, added)
    several = after[visit].nunique() > 1
    terms = [_quoted(added), *([_quoted(visit)] if several and visit not in parsed.variables else []), _right_side(formula)]
    if several and visit not in parsed.variables:
        rows[visit] = _in_order(rows[visit])
    return FollowUpTable(
        rows=rows,
        formula=f"{_quoted(score)} ~ {' + '.join(terms)}",
        repeated=bool(after[person].duplicated().any()),
        only_baseline=len(set(first[person]) - set(after[person])),
        notes=_changing(data, parsed, person, visit),
    )


def _score_column(parsed: ParsedFormula, data: pd.DataFrame) -> str:
    if not parsed.response:
        raise FormulaError(f"formula: '{parsed.text}' has no response; expected 'score ~ terms'.")
    score = parsed.response.strip("`")
    if score not in data.columns:
        raise FormulaError(f"formula: the response '{parsed.response}' must be a column: the score itself, not an expression of it.")
    if score in parsed.variables:
        raise FormulaError(f"formula: '{score}' is the outcome and a covariate; its value at baseline is added by itself.")
    if not parsed.intercept:
        raise FormulaError("formula: leave out '- 1' or '0 +'; the mean at follow-up is part of the model.")
    if not pd.api.types.is_numeric_dtype(plain_numbers(data[score].dropna()).dtype):
        raise DataError(f"{score}: a change needs a number; got {data[score].dtype}. For ordered classes use an ordinal model.")
    return score


def _check_baseline(first: pd.DataFrame, after: pd.DataFrame, person: str, visit: str, baseline: Any) -> None:
    if first.empty:
        raise DesignError(f"baseline: no row has {visit} == {baseline!r}; name the value of '{visit}' at baseline.")
    if after.empty:
        raise DesignError(f"{visit}: all {len(first)} rows are at baseline; there is no follow-up.")
    several = int(first[person].duplicated(keep=False).sum())
    if several:
        raise DesignError(
            f"{person}: {several} baseline rows belong to persons with more than one; keep one per person (the last before start)."
        )


def _check_score(first: pd.Series[Any], after: pd.Series[Any], score: str) -> None:
    known = first.dropna()
    text = "is it a change from baseline already? Give the score itself: with the baseline in the model both give the same difference."
    if known.empty:
        raise DesignError(f"{score}: no value at baseline; {text}")
    if len(known) > 1 and (known == 0).all() and after.dropna().nunique() > 1:
        raise DesignError(f"{score}: 0 at baseline for everybody; {text}")


def _check_covariates(rows: pd.DataFrame, parsed: ParsedFormula, score: str, added: str) -> None:
    """Refuse covariates that are the baseline score again, or made of the outcome."""
    start, outcome = rows[added].to_numpy(dtype=np.float64), plain_numbers(rows[score]).to_numpy(dtype=np.float64)
    for name in parsed.variables:
        column = plain_numbers(rows[name])
        if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
            continue
        values = column.to_numpy(dtype=np.float64)
        known = np.isfinite(values) & np.isfinite(start) & np.isfinite(outcome)
        if known.sum() < 3 or np.ptp(start[known]) == 0:
            continue
        if np.allclose(values[known], start[known]):
            raise DesignError(f"{name}: is the baseline score itself, which is added by itself; leave it out.")
        change = outcome[known] - start[known]
        if np.ptp(change) > 0 and (np.allclose(values[known], change) or np.allclose(values[known], -change)):
            raise DesignError(f"{name}: is the change of '{score}', made of the outcome; it cannot explain it.")


def _changing(data: pd.DataFrame, parsed: ParsedFormula, person: str, visit: str) -> tuple[str, ...]:
    names = [name for name in parsed.variables if name != visit]
    moving = [name for name in names if (data.groupby(person, observed=True)[name].nunique() > 1).any()]
    if not moving:
        return ()
    return (
        f"{list_names(moving)}: changes after baseline in some persons. What follows the exposure (treatment) must not be adjusted for"
        " where its whole effect is asked.",
    )


def _in_order(column: pd.Series[Any]) -> pd.Categorical:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return pd.Categorical(column).remove_unused_categories()
    return pd.Categorical(column, categories=sorted(column.unique()))


def _quoted(name: str) -> str:
    return name if name.isidentifier() else f"`{name}`"


def _right_side(formula: str) -> str:
    return formula.split("~", 1)[1].strip()
