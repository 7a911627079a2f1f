"""Table 1: who the people are, overall and by group, as rows of the one results table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, EventCodeError, MissingValuesError
from cobalamin.core.estimates import Estimates
from cobalamin.core.followup import follow_up
from cobalamin.models.describe.histogram import histogram
from cobalamin.models.describe.standardized_difference import difference_in_means, difference_in_shares
from cobalamin.models.grouping import MOST_GROUPS, OVERALL, case_weights, group_by, known_rows, label_codes, require_rows, whole

__all__ = ["histogram", "table1"]
MOST_LEVELS = 50  # a text column with more levels is a name, an identifier or free text, not a category
CATEGORY_KINDS = {"categorical", "boolean", "string"}
NUMBER_KINDS = {"integer", "floating", "mixed-integer-float", "empty"}
Row = dict[str, Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Sample:
    """Weights and groups of the people described.

    Attributes
    ----------
    weight : ndarray, shape (n,)
        Case weights: whole ones as given, others scaled to mean 1.
    groups : mapping of str to ndarray of bool
        Rows of ``Overall`` and of each group.
    weighted : bool
        Whether weights were given.
    """

    weight: Floats
    groups: Mapping[str, Bools]
    weighted: bool


def table1(
    data: pd.DataFrame,
    *,
    by: str | None = None,
    variables: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
    weights: str | None = None,
    event: str | None = None,
    person_time: str | None = None,
) -> Estimates:
    """Describe people, overall and by group.

    Parameters
    ----------
    data : DataFrame, n rows
        One row per person.
    by : str, optional
        Grouping column (exposure). Rows without a group are left out everywhere, with a warning, and counted in a
        ``missing`` row of the grouping column.
    variables : sequence of str, optional
        Columns to describe, in order; by default all that have no other part here.
    labels : mapping of str to str, optional
        Text to stand in ``term`` instead of the column's name.
    weights : str, optional
        Column of case weights >= 0. Whole weights are copies of a person; others are scaled to mean 1.
    event : str, optional
        Column of event codes; people with code 1 are counted as events.
    person_time : str, optional
        Column of person-time to sum.

    Returns
    -------
    Estimates
        Rows ``total``; per category ``percent`` (of the known; ``n`` people); per number ``mean``, ``sd``, ``median``, ``q1``,
        ``q3`` (``n`` known); ``missing`` (``n``, percent of all) for every variable; with ``by`` one ``smd`` per variable, the
        largest between any two groups. ``n`` counts people even where ``value`` is weighted.

    Raises
    ------
    ColumnNotFoundError, MissingValuesError, EventCodeError
        As the arguments demand.
    DataError
        A variable that is neither number nor category (dates, mixtures), infinite, or text with more than 50 values.

    Warns
    -----
    MissingRowsWarning
        Rows left out because the group or the weight is missing.

    Notes
    -----
    Categories: Categorical, text, boolean, numbers with two values. Quantiles interpolate between order statistics (type
    7 of Hyndman and Fan, the default of R and pandas). Weighted variances have the divisor ``sum(w) - 1``, so weight 2 equals
    two people, and scaled weights give the same as R's ``survey::svyvar``. No p-values: a baseline table compares sizes
    (STROBE, item 14), for which the standardized difference is made.

    References
    ----------
    Hyndman RJ, Fan Y (1996), Am Stat 50:361-365, doi:10.1080/00031305.1996.10473566.

    Examples
    --------
    >>> people = pd.DataFrame({"age": [50.0, 60.0, 70.0], "sex": ["f", "m", "f"]})
    >>> table1(people).frame.query("measure in ('mean', 'percent')")[["term", "level", "value", "n"]].round(1).values.tolist()
    [['age', '', 60.0, 3.0], ['sex', 'f', 66.7, 2.0], ['sex', 'm', 33.3, 1.0]]
    """
    require_rows(data, [by, weights, event, person_time, *(variables or [])])
    roles = {by, weights, event, person_time}
    names = [str(c) for c in data.columns if c not in roles] if variables is None else list(variables)
    known, left_out = _known_rows(data, by, weights)
    people = data.loc[known]
    sample = _sample(people, by, weights)
    rows = _totals(people, sample, event, person_time) + left_out
    for name in names:
        rows += [{**row, "term": (labels or {}).get(name, name)} for row in _describe(people[name], name, sample)]
    return Estimates.from_rows(rows, analysis="table1", context="summary", model=by or "")


def _known_rows(data: pd.DataFrame, by: str | None, weights: str | None) -> tuple[Bools, list[Row]]:
    no_group, no_weight = group_by(data, by, MOST_GROUPS).code < 0, np.isnan(case_weights(data, weights))
    known = known_rows({by or "": no_group, weights or "weights": no_weight}, "the table")
    if not known.any():
        raise MissingValuesError("No row has a known group and weight.")
    if not no_group.any():
        return known, []
    return known, [{"subgroup": OVERALL, "term": by, "measure": "missing", "n": no_group.sum(), "value": 100 * no_group.mean()}]


def _sample(people: pd.DataFrame, by: str | None, weights: str | None) -> Sample:
    weight = case_weights(people, weights)
    if not weight.sum() > 0:
        raise DataError(f"{weights}: all weights are 0.")
    grouping = group_by(people, by)
    everyone = {OVERALL: np.ones(len(people), dtype=np.bool_)}
    parts = {} if by is None else {label: grouping.code == i for i, label in enumerate(grouping.labels)}
    if OVERALL in parts:
        raise DataError(f"{by}: a group is called '{OVERALL}', the name of the column of everybody; rename it.")
    return Sample(weight if whole(weight) else weight / weight.mean(), {**everyone, **parts}, weights is not None)


def _totals(people: pd.DataFrame, sample: Sample, event: str | None, person_time: str | None) -> list[Row]:
    happened = None if event is None else _events(people[event], event)
    time = None if person_time is None else _number(people[person_time], person_time)
    if time is not None and np.isnan(time).any():
        raise MissingValuesError(f"{person_time}: {int(np.isnan(time).sum())} of {len(time)} rows are missing; person-time must be known.")
    return [
        {
            "subgroup": label,
            "measure": "total",
            "n": rows.sum(),
            "events": None if happened is None else happened[rows].sum(),
            "person_time": None if time is None else time[rows].sum(),
        }
        for label, rows in sample.groups.items()
    ]


def _events(column: pd.Series[Any], name: str) -> Bools:
    code = follow_up(exit=np.ones(len(column)), event=column, kinds=None, names=("entry", "exit", name)).event
    if not (code == 0).any() and set(np.unique(code)) == {1, 2}:
        raise EventCodeError(f"{name}: got codes 1, 2 and no 0; expected 0 (no event) and 1 (event), others for competing events.")
    return np.asarray(code == 1)


def _describe(column: pd.Series[Any], name: str, sample: Sample) -> list[Row]:
    return _categories(column, name, sample) if _is_category(column, name) else _numbers(column, name, sample)


def _is_category(column: pd.Series[Any], name: str) -> bool:
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind in CATEGORY_KINDS:
        if kind == "string" and column.nunique() > MOST_LEVELS:
            raise DataError(
                f"{name}: {column.nunique()} different texts look like names, identifiers or free text, not like categories;"
                " leave the column out, group it, or make it a Categorical."
            )
        return True
    if kind not in NUMBER_KINDS:
        raise DataError(
            f"{name}: cannot describe values of type {kind}; expected numbers or categories. Turn dates into ages or times first."
        )
    found = set(column.dropna().unique()[:3])
    return len(found) == 2 or (len(found) == 1 and found <= {0, 1})


def _categories(column: pd.Series[Any], name: str, sample: Sample) -> list[Row]:
    codes, levels = label_codes(column, name)
    known = codes >= 0
    counts, sums = (
        {label: _per_level(codes, part & known, w, len(levels)) for label, part in sample.groups.items()} for w in (None, sample.weight)
    )
    with np.errstate(invalid="ignore"):
        shares = {label: total / total.sum() for label, total in sums.items()}
    rows = [
        {"subgroup": label, "level": level, "measure": "percent", "n": counts[label][i], "value": 100 * shares[label][i]}
        for i, level in enumerate(levels)
        for label in sample.groups
    ]
    return rows + _missing(known, sample) + _smd(difference_in_shares(np.array(list(shares.values())[1:])), sample)


def _per_level(codes: Ints, rows: Bools, weight: Floats | None, levels: int) -> Floats:
    return np.asarray(np.bincount(codes[rows], None if weight is None else weight[rows], levels), dtype=np.float64)


def _numbers(column: pd.Series[Any], name: str, sample: Sample) -> list[Row]:
    values = _number(column, name)
    known = ~np.isnan(values)
    found = {label: _moments(values[rows & known], sample.weight[rows & known]) for label, rows in sample.groups.items()}
    counts = {label: (rows & known).sum() for label, rows in sample.groups.items()}
    rows = [
        {"subgroup": label, "measure": measure, "n": counts[label], "value": found[label][measure]}
        for measure in ("mean", "sd", "median", "q1", "q3")
        for label in sample.groups
    ]
    means, variances = np.array([[f["mean"], f["sd"] ** 2] for f in list(found.values())[1:]]).reshape(-1, 2).T
    return rows + _missing(known, sample) + _smd(difference_in_means(means, variances), sample)


def _number(column: pd.Series[Any], name: str) -> Floats:
    values = np.asarray(pd.to_numeric(column), dtype=np.float64)
    if np.isinf(values).any():
        raise DataError(f"{name}: {int(np.isinf(values).sum())} of {len(values)} values are infinite; expected numbers.")
    return values


def _moments(values: Floats, weight: Floats) -> dict[str, float]:
    total = float(weight.sum())
    if not total > 0:
        return dict.fromkeys(("mean", "sd", "median", "q1", "q3"), float("nan"))
    mean = float(np.dot(weight, values) / total)
    squares = float(np.dot(weight, (values - mean) ** 2))
    q1, median, q3 = quantiles(values, weight, (0.25, 0.5, 0.75))
    return {"mean": mean, "sd": float(np.sqrt(squares / (total - 1))) if total > 1 else float("nan"), "median": median, "q1": q1, "q3": q3}


def quantiles(values: Floats, weight: Floats, probabilities: Sequence[float]) -> list[float]:
    """Return quantiles of numbers with case weights.

    Parameters
    ----------
    values, weight : ndarray, shape (n,)
        Numbers and their weights >= 0, not all 0.
    probabilities : sequence of float
        Shares between 0 and 1.

    Returns
    -------
    list of float
        With ``W = sum(weight)``, interpolation at position ``1 + (W - 1) p`` of the people laid out in order, each as long as
        their weight: exactly the quantile of the copies for whole weights.

    Examples
    --------
    >>> quantiles(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 1.0]), [0.5, 0.75])
    [2.0, 2.5]
    """
    if (weight == 1).all():
        return [float(q) for q in np.quantile(values, probabilities)]
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    place = 1 + np.maximum(reached[-1] - 1, 0) * np.asarray(probabilities, dtype=np.float64)
    lower = np.floor(place)
    slack = 1e-9 * reached[-1]  # running sums of fractional weights are rounded
    low, high = (np.minimum(np.searchsorted(reached, x - slack), len(values) - 1) for x in (lower, np.minimum(lower + 1, reached[-1])))
    ordered = values[order]
    return [float(q) for q in ordered[low] + (place - lower) * (ordered[high] - ordered[low])]


def _missing(known: Bools, sample: Sample) -> list[Row]:
    rows = []
    for label, part in sample.groups.items():
        total = sample.weight[part].sum()
        share = sample.weight[part & ~known].sum() / total if total > 0 else float("nan")
        rows.append({"subgroup": label, "measure": "missing", "n": (part & ~known).sum(), "value": 100 * share})
    return rows


def _smd(value: float, sample: Sample) -> list[Row]:
    return [{"measure": "smd", "value": value}] if len(sample.groups) > 2 else []
