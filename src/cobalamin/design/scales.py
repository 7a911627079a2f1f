"""The scales on which an exposure is analysed: per doubling, clinical classes, quantiles, standard deviations."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cobalamin.core.errors import DataError, DesignError, did_you_mean, list_names
from cobalamin.design.records import Bools, Note

Cutpoints = Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, kw_only=True)
class ExposureScales:
    """Which scales to add beside the value itself.

    Attributes
    ----------
    log2 : bool
        Add ``<name>_log2``: one unit is a doubling.
    cutoffs : tuple of float
        Add ``<name>_class``: each class contains its lower limit.
    labels : tuple of str
        Names of the classes, lowest first; made from the cut-offs where not given.
    reference : str
        Reference class; default the highest, which for a vitamin is the normal one.
    quantiles : int
        Add ``<name>_q<k>`` with the labels Q1 (lowest) ... Qk. Cut-points are those of the cohort; a value equal to a
        cut-point belongs below it.
    quantile_reference : int
        Reference quantile group, 1 = lowest.
    within : str
        Column of the cohort (the assay, say) in whose levels quantiles and standard deviations are computed.
    standardise : {"", "value", "log2"}
        Add ``<name>_z``: distance from the mean of the cohort in standard deviations (n - 1) of the value or of its logarithm.

    Examples
    --------
    >>> ExposureScales(cutoffs=(148, 221)).class_labels
    ('<148', '148 to <221', '>=221')
    """

    log2: bool = False
    cutoffs: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    reference: str = ""
    quantiles: int = 0
    quantile_reference: int = 1
    within: str = ""
    standardise: str = ""

    def __post_init__(self) -> None:
        if any(b <= a for a, b in itertools.pairwise(self.cutoffs)):
            raise DesignError(f"cutoffs must rise: got {list_names(map(str, self.cutoffs))}.")
        if self.labels and len(self.labels) != len(self.cutoffs) + 1:
            raise DesignError(f"{len(self.cutoffs)} cutoffs make {len(self.cutoffs) + 1} classes; got {len(self.labels)} labels.")
        if self.reference and self.reference not in self.class_labels:
            raise DesignError(
                f"the reference class '{self.reference}' is not one of {list_names(self.class_labels)}."
                + did_you_mean(self.reference, self.class_labels)
            )
        if self.quantiles == 1 or self.quantiles < 0 or (self.quantiles and not 1 <= self.quantile_reference <= self.quantiles):
            raise DesignError("quantiles: give 2 or more groups, and quantile_reference as one of them.")
        if self.standardise not in ("", "value", "log2"):
            raise DesignError(f"standardise: got '{self.standardise}', expected 'value' or 'log2'.")

    @property
    def class_labels(self) -> tuple[str, ...]:
        """Labels of the classes, lowest first; empty without cut-offs."""
        if self.labels or not self.cutoffs:
            return self.labels
        text = [f"{c:g}" for c in self.cutoffs]
        between = [f"{a} to <{b}" for a, b in itertools.pairwise(text)]
        return (f"<{text[0]}", *between, f">={text[-1]}")


def add_scales(
    frame: pd.DataFrame, name: str, scales: ExposureScales, member: Bools
) -> tuple[pd.DataFrame, dict[str, tuple[float, ...]], tuple[Note, ...]]:
    """Add the scales of one exposure.

    Parameters
    ----------
    frame : DataFrame, shape (n, ...)
        One row per person with the exposure, its ``_censored`` companion where there is one, and the column ``within``.
    name : str
        The exposure.
    scales : ExposureScales
        Which to add.
    member : ndarray of bool, shape (n,)
        Who is in the cohort: quantiles, means and standard deviations are theirs.

    Returns
    -------
    frame : DataFrame
        A copy with the new columns.
    cutpoints : dict of str to tuple of float
        New column (and level of ``within``) -> cut-points, or mean and standard deviation.
    notes : tuple of Note
        Values below or above a measuring limit whose class is not known.

    Raises
    ------
    DataError
        Values that have no logarithm.

    Examples
    --------
    >>> table = pd.DataFrame({"b12": [100.0, 200.0, 400.0]})
    >>> out, _, _ = add_scales(table, "b12", ExposureScales(log2=True, cutoffs=(148, 221)), np.ones(3, bool))
    >>> out["b12_class"].tolist()
    ['<148', '148 to <221', '>=221']
    """
    result = frame.copy(deep=False)
    cutpoints: dict[str, tuple[float, ...]] = {}
    notes: tuple[Note, ...] = ()
    if scales == ExposureScales():
        return result, cutpoints, notes
    if frame[name].dtype.kind not in "iuf":
        raise DesignError(f"'{name}' is a column of {frame[name].dtype}; scales need numbers.")
    value = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    side = _sides(frame, name)
    if scales.log2 or scales.standardise == "log2":
        logarithm = _log2(value, name, member)
    if scales.log2:
        result[f"{name}_log2"] = logarithm
    if scales.cutoffs:
        result[f"{name}_class"], notes = _classes(value, side, scales, name)
        cutpoints[f"{name}_class"] = scales.cutoffs
    groups = _groups(frame, scales.within)
    if scales.quantiles:
        column = f"{name}_q{scales.quantiles}"
        result[column], points = _quantiles(value, member, groups, scales)
        cutpoints |= {f"{column}{level}": cut for level, cut in points.items()}
    if scales.standardise:
        source = logarithm if scales.standardise == "log2" else value
        result[f"{name}_z"], moments = _standardised(source, member, groups, name)
        cutpoints |= {f"{name}_z{level}": pair for level, pair in moments.items()}
    return result, cutpoints, notes


def reference_first(labels: tuple[str, ...], reference: str) -> tuple[tuple[str, ...], bool]:
    """Order labels with the reference first, keeping their natural order where that is possible.

    Parameters
    ----------
    labels : tuple of str
        In natural order.
    reference : str
        One of them.

    Returns
    -------
    labels : tuple of str
        The reference first; reversed when the reference is the last one.
    ordered : bool
        Whether the result is still monotone.

    Examples
    --------
    >>> reference_first(("low", "middle", "normal"), "normal")
    (('normal', 'middle', 'low'), True)
    """
    if reference == labels[0]:
        return labels, True
    if reference == labels[-1]:
        return labels[::-1], True
    return (reference, *(label for label in labels if label != reference)), False


def _sides(frame: pd.DataFrame, name: str) -> Any:
    companion = f"{name}_censored"
    return frame[companion].astype(object).to_numpy() if companion in frame.columns else np.full(len(frame), "", dtype=object)


def _log2(value: Any, name: str, member: Bools) -> Any:
    bad = member & (value <= 0)
    if bad.any():
        raise DataError(f"'{name}': {int(bad.sum())} of {int(member.sum())} members have a value of 0 or less, which has no logarithm.")
    return np.log2(np.where(value > 0, value, np.nan))


def _classes(value: Any, side: Any, scales: ExposureScales, name: str) -> tuple[pd.Series[Any], tuple[Note, ...]]:
    labels = scales.class_labels
    below = side == "left"
    # a result "<148" lies under 148, so it must not open the class that starts there
    code = np.where(below, np.searchsorted(scales.cutoffs, value, side="left"), np.searchsorted(scales.cutoffs, value, side="right"))
    vague = (below & (code > 0)) | ((side == "right") & (code < len(labels) - 1)) | ((side == "both") & np.isfinite(value))
    code = np.where(np.isnan(value) | vague, -1, code)
    ordered_labels, ordered = reference_first(labels, scales.reference or labels[-1])
    column = pd.Series(pd.Categorical.from_codes(list(code), categories=pd.Index(labels)))
    count = int((vague & np.isfinite(value)).sum())
    notes = (Note(f"{name}_class", "", "value beyond a measuring limit inside a class", count, count),) if count else ()
    return column.cat.reorder_categories(list(ordered_labels), ordered=ordered), notes


def _groups(frame: pd.DataFrame, within: str) -> list[tuple[str, Bools]]:
    if not within:
        return [("", np.ones(len(frame), dtype=bool))]
    levels = frame[within].dropna().unique()
    return [(f" [{level}]", np.asarray(frame[within] == level, dtype=bool)) for level in sorted(levels, key=str)]


def _quantiles(value: Any, member: Bools, groups: list[tuple[str, Bools]], scales: ExposureScales) -> tuple[pd.Series[Any], dict[str, Any]]:
    k = scales.quantiles
    code, points = np.full(len(value), -1), {}
    for level, rows in groups:
        own = value[rows & member & np.isfinite(value)]
        if not len(own):
            continue
        cuts = np.quantile(own, np.arange(1, k) / k)
        points[level] = tuple(float(c) for c in cuts)
        code = np.where(rows & np.isfinite(value), np.searchsorted(cuts, value, side="left"), code)
    labels = tuple(f"Q{i + 1}" for i in range(k))
    column = pd.Series(pd.Categorical.from_codes(list(code), categories=pd.Index(labels)))
    final, ordered = reference_first(labels, f"Q{scales.quantile_reference}")
    return column.cat.reorder_categories(list(final), ordered=ordered), points


def _standardised(value: Any, member: Bools, groups: list[tuple[str, Bools]], name: str) -> tuple[Any, dict[str, Any]]:
    z, moments = np.full(len(value), np.nan), {}
    for level, rows in groups:
        own = value[rows & member & np.isfinite(value)]
        if len(own) < 2 or np.ptp(own) == 0:
            raise DataError(f"'{name}'{level}: {len(own)} values without spread cannot be standardised.")
        mean, sd = float(own.mean()), float(own.std(ddof=1))
        moments[level] = (mean, sd)
        z = np.where(rows, (value - mean) / sd, z)
    return z, moments
