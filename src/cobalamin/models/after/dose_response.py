"""One exposure on every scale at once: per unit, per doubling, per SD, classes, quantile groups, spline and fractional polynomial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from cobalamin.core.errors import ColumnNotFoundError, did_you_mean, list_names
from cobalamin.core.estimates import Estimates
from cobalamin.models.after.dose_curve import dose_response_estimates
from cobalamin.models.after.dose_rows import DoseRows, Model, read_rows, refuse_not_positive
from cobalamin.models.after.dose_scales import ON_LOG, Per, Scale, group_scale, number_scales, polynomial_scale, spline_scale
from cobalamin.models.after.exposure_groups import clinical_classes, quantile_groups
from cobalamin.models.fit import Fit

COLUMNS = [
    *("scale", "level", "reference", "low", "high", "median", "size", "n", "events", "person_time"),
    *("estimate", "std_error", "conf_low", "conf_high", "p_value", "warning"),
]


@dataclass(frozen=True, eq=False)
class DoseResponse:
    """What an exposure does, on several scales, in the same people.

    Attributes
    ----------
    exposure : str
        The column.
    measure : str
        What ``estimate`` is (``hazard ratio``, ``mean difference``).
    table : DataFrame
        Columns scale, level, reference, low and high (limits of a group), median (of the exposure in it), size (the step of a scale per
        unit, SD or interquartile range), n, events, person_time, estimate, std_error (of a ratio that of its logarithm), conf_low,
        conf_high, p_value, warning. Groups stand from low to high; the reference row has the null value.
    tests : DataFrame
        Columns scale, test (``overall``, ``trend``, ``non-linearity``), chi2, df, p_value.
    selection : DataFrame or None
        Comparison of fractional polynomials.
    cutpoints : mapping of str to tuple of float
        Scale -> cut-points of its groups, knots of its spline, powers of its polynomial.
    fits : mapping of str to Fit
        Scale -> model (``linear`` for all steps on the scale of the exposure, ``doubling`` for its logarithm).
    n, n_missing : int
        People in every one of the models, and rows left out.
    reference : float or None
        Value at which curves are null.
    unit : str
        Unit of the exposure.
    """

    exposure: str
    measure: str
    table: pd.DataFrame
    tests: pd.DataFrame
    selection: pd.DataFrame | None
    cutpoints: Mapping[str, tuple[float, ...]]
    fits: Mapping[str, Fit]
    n: int
    n_missing: int
    reference: float | None
    unit: str
    parts: Mapping[str, Any] = field(repr=False)

    def estimates(self, analysis: str, outcome: str, model: str = "") -> Estimates:
        """Return the table and the tests as rows of the one results table.

        Parameters
        ----------
        analysis, outcome : str
            Role and name of the outcome.
        model : str
            Put before the name of each scale in the column ``model``.

        Returns
        -------
        Estimates
            Context ``estimate``: ``model`` = scale, ``term`` = exposure, ``level`` = group. Context ``diagnostic``: ``overall test``,
            ``trend test`` and ``non-linearity test`` (``value`` chi-squared, ``p``), the same with `` df``, the ``step`` of scales
            per unit, SD or interquartile range, and each ``cut-point``, ``knot`` and ``power``.
        """
        rows: list[dict[str, Any]] = []
        for r in self.table.to_dict("records"):
            row = {k: r[k] for k in ("level", "reference", "std_error", "n", "events", "person_time", "warning")}
            row |= {"context": "estimate", "model": r["scale"], "measure": self.measure, "p": r["p_value"]}
            rows += [{**row, "value": r["estimate"], "low": r["conf_low"], "high": r["conf_high"]}]
        sizes = self.table.dropna(subset=["size"]).to_dict("records")
        rows += [{"context": "diagnostic", "model": r["scale"], "measure": "step", "value": r["size"]} for r in sizes]
        for t in self.tests.to_dict("records"):
            base = {"context": "diagnostic", "model": t["scale"]}
            rows += [{**base, "measure": f"{t['test']} test", "value": t["chi2"], "p": t["p_value"]}]
            rows += [{**base, "measure": f"{t['test']} test df", "value": t["df"]}]
        cuts = [(scale, cut) for scale, all_cuts in self.cutpoints.items() for cut in all_cuts]
        kinds = {"spline": "knot", "fractional polynomial": "power"}
        rows += [{"context": "diagnostic", "model": s, "measure": kinds.get(s, "cut-point"), "value": c} for s, c in cuts]
        named = [{**row, "model": f"{model}: {row['model']}" if model else row["model"]} for row in rows]
        return Estimates.from_rows(named, analysis=analysis, outcome=outcome, term=self.exposure)

    def curve(
        self, reference: float | None = None, *, scale: str = "spline", model: str = "", outcome: str = "", **options: Any
    ) -> Estimates:
        """Return the effect along the exposure relative to a reference value, with the exposure's distribution.

        Parameters
        ----------
        reference : float, optional
            Value with ratio 1 or difference 0; that of the declaration, else the rounded median, by default.
        scale : str
            Which of ``fits`` to draw: ``spline``, ``linear``, ``doubling``, ``fractional polynomial``.
        model, outcome : str
            Names for the report.
        **options
            ``log``, ``bins``, ``minimum``, ``level`` of `dose_response_estimates`.

        Returns
        -------
        Estimates
            As `dose_response_estimates`.

        Raises
        ------
        ColumnNotFoundError
            A scale that was not asked for, or that has no curve.
        """
        curves = [name for name in self.fits if name in ("linear", "doubling", "spline", "fractional polynomial")]
        if scale not in curves:
            raise ColumnNotFoundError(f"there is no curve '{scale}'.{did_you_mean(scale, curves)} There are: {list_names(curves)}.")
        rows: pd.DataFrame = self.parts["frame"]
        if scale == "fractional polynomial":
            rows = rows.loc[self.parts["kept"]]
        known = self.reference if reference is None else reference
        names: dict[str, Any] = {"model": model, "outcome": outcome, "unit": self.unit}
        return dose_response_estimates(self.fits[scale], self.exposure, rows, reference=known, **names, **options)

    def __repr__(self) -> str:
        scales = list_names(list(dict.fromkeys([*self.table["scale"], *self.tests["scale"]])), most=12)
        return f"DoseResponse({self.exposure}: {self.measure}s in {self.n} people, {self.n_missing} rows missing; {scales})"

    def _repr_html_(self) -> str:
        from html import escape

        shown = [self.table.dropna(axis="columns", how="all"), self.tests, self.selection]
        text = [t.to_html(index=False, float_format="{:.4g}".format, na_rep="", escape=True) for t in shown if t is not None]
        return f"<p>{escape(repr(self))}</p>" + "".join(text)


def dose_response(
    model: Model,
    data: pd.DataFrame,
    *,
    exposure: str,
    adjust: str = "",
    outcome: str = "",
    per: Sequence[Per] = (1.0, "doubling", "sd"),
    cutoffs: Sequence[float] = (),
    cutoff_labels: Sequence[str] = (),
    reference_class: str = "",
    quantiles: int = 0,
    quantile_reference: int = 1,
    knots: int = 4,
    fractional: bool = False,
    reference: float | None = None,
    level: float = 0.95,
    unit: str = "",
) -> DoseResponse:
    """Estimate the effect of one exposure on several scales, all in the same people.

    Parameters
    ----------
    model : callable
        (formula, data) -> Fit, such as ``lambda f, d: cb.cox(f, d, exit="years", event="ls")``.
    data : DataFrame, n rows
        One row per person.
    exposure : str
        Column of numbers.
    adjust : str
        The rest of the formula, such as ``"age + sex"``.
    outcome : str
        Left side of the formula, for models that have one.
    per : sequence of float or str
        Steps of the continuous scales: numbers (in the exposure's unit), ``"sd"``, ``"iqr"`` on the scale of the exposure; ``"doubling"``,
        ``"log sd"`` on that of its logarithm.
    cutoffs : sequence of float
        Clinical classes; each contains its lower limit.
    cutoff_labels : sequence of str
        Names of the classes, lowest first.
    reference_class : str
        Default the highest, which for a vitamin is the normal one.
    quantiles : int
        Number of quantile groups; 0 for none. A value equal to a cut-point belongs below it.
    quantile_reference : int
        Reference group, 1 = lowest.
    knots : int
        Of the restricted cubic spline, 3 to 7, at Harrell's quantiles; 0 for none.
    fractional : bool
        Choose a fractional polynomial.
    reference : float, optional
        Value at which curves are null; the rounded median by default.
    level : float
        Confidence level.
    unit : str
        Unit of the exposure.

    Returns
    -------
    DoseResponse
        ``.table``, ``.tests``, ``.selection``, ``.estimates()``, ``.curve()``.

    Raises
    ------
    ColumnNotFoundError
        The exposure is not a column.
    DataError
        The exposure is no number, has values of 0 or less on a scale that takes its logarithm, or too few values for its groups.
    DesignError
        The exposure is among the adjusters too, or the declaration contradicts itself.

    Warns
    -----
    MissingRowsWarning
        Once, from the first model.

    Notes
    -----
    All models use the rows that are complete in the exposure, the adjusters and what ``model`` reads. Cut-points, medians, SD and knots
    are those of the people in these rows, with the model's weights where it has them (whole weights are copies; others are scaled to
    mean 1). The trend test is the Wald test of one coefficient with each group at its median. Tests of several coefficients are Wald
    tests, F where the model has residual degrees of freedom; those of a fractional polynomial compare deviances.

    References
    ----------
    Harrell FE. Regression Modeling Strategies, 2nd ed. Springer 2015. doi:10.1007/978-3-319-19425-7
    Greenland S. Epidemiology 1995;6:356-365. doi:10.1097/00001648-199507000-00005

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> b12 = [100 + 5 * (k * 37 % 80) for k in range(80)]
    >>> people = pd.DataFrame({"t": range(1, 81), "d": [1, 1, 0, 1] * 20, "b12": b12})
    >>> found = dose_response(lambda f, d: cox(f, d, exit="t", event="d"), people, exposure="b12", cutoffs=(148, 221), quantiles=4)
    >>> found.table["level"].iloc[3:].tolist()
    ['<148', '148 to <221', '>=221', 'Q1', 'Q2', 'Q3', 'Q4']
    """
    rows = read_rows(model, data, exposure, adjust, outcome)
    refuse_not_positive(rows, [f"per='{p}'" for p in per if p in ON_LOG] + ["fractional=True"] * fractional)
    made = [number_scales(rows, per, level, unit)]
    if len(cutoffs):
        made += [group_scale(rows, "classes", clinical_classes(rows.values, rows.weight, cutoffs, cutoff_labels, reference_class), level)]
    if quantiles:
        name = f"{quantiles} quantile groups"
        made += [group_scale(rows, name, quantile_groups(rows.values, rows.weight, quantiles, quantile_reference), level)]
    if knots:
        made += [spline_scale(rows, knots)]
    if fractional:
        made += [polynomial_scale(rows)]
    return _gathered(rows, made, reference, unit)


def _gathered(rows: DoseRows, made: Sequence[Scale], reference: float | None, unit: str) -> DoseResponse:
    table = pd.DataFrame([row for scale in made for row in scale.rows], columns=COLUMNS)
    text = ["level", "reference", "warning"]
    table = table.assign(**{name: table[name].astype(object).where(table[name].notna(), "") for name in text})
    tests = pd.DataFrame([row for scale in made for row in scale.tests], columns=["scale", "test", "chi2", "df", "p_value"])
    return DoseResponse(
        exposure=rows.exposure,
        measure=rows.linear.family.measure,
        table=table,
        tests=tests,
        selection=next((scale.selection for scale in made if scale.selection is not None), None),
        cutpoints={name: cuts for scale in made for name, cuts in scale.cutpoints.items()},
        fits={name: fit for scale in made for name, fit in scale.fits.items()},
        n=rows.linear.n,
        n_missing=rows.linear.n_missing,
        reference=reference,
        unit=unit,
        parts={"frame": rows.frame, "kept": rows.kept},
    )
