"""The effect of an exposure within the levels of other variables, and whether it differs between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cobalamin.core.errors import list_names
from cobalamin.core.estimates import Estimates
from cobalamin.models.after.dose_rows import Model, formula_of
from cobalamin.models.after.subgroup_models import (
    SubgroupRequest,
    check_subgroups,
    exposure_columns,
    names_of,
    nested_effects,
    separate_effects,
    subgroup_effect,
)
from cobalamin.models.fit import Fit

OVERALL = "Overall"
COLUMNS = ["subgroup", "level", "contrast", "reference", "n", "events", "person_time"]
COLUMNS += ["estimate", "std_error", "conf_low", "conf_high", "p_value", "warning"]


@dataclass(frozen=True, eq=False)
class Subgroups:
    """Effects of an exposure within subgroups.

    Attributes
    ----------
    exposure : str
        The term.
    measure : str
        What ``estimate`` is.
    table : DataFrame
        Columns subgroup (variable; ``Overall`` first), level, contrast (level of the exposure, empty for a number), reference (that it is
        compared with), n, events, person_time (of all people in the subgroup), estimate, std_error (of a ratio that of its logarithm),
        conf_low, conf_high, p_value, warning.
    tests : DataFrame
        Columns subgroup, chi2, df, p_value: whether the effect is the same in all levels.
    interaction : DataFrame
        For exposures of two or more groups in a model of ratios: columns subgroup and those of `interaction`, with each level against the
        first; empty otherwise.
    fits : dict of str to Fit
        Per variable the model; with ``separate`` one per level, named ``variable: level``.
    """

    exposure: str
    measure: str
    table: pd.DataFrame
    tests: pd.DataFrame
    interaction: pd.DataFrame
    fits: dict[str, Fit]

    def estimates(self, analysis: str, outcome: str, model: str = "") -> Estimates:
        """Return the effects and tests as rows of the one results table.

        Parameters
        ----------
        analysis, outcome : str
            Role and name of the outcome.
        model : str
            Name for the report.

        Returns
        -------
        Estimates
            Context ``estimate``: ``term`` = exposure, ``level`` = its level, ``subgroup`` = ``"variable: level"`` (empty for everybody),
            and the measures of `interaction` with ``term`` = ``"exposure x variable"``. Context ``diagnostic``: ``interaction test``
            (``value`` chi-squared, ``p``) and ``interaction test df`` with ``subgroup`` = variable.
        """
        names = {"estimate": "value", "conf_low": "low", "conf_high": "high", "p_value": "p", "contrast": "level"}
        whole = self.table["subgroup"] == OVERALL
        labels = (self.table["subgroup"] + ": " + self.table["level"]).where(~whole, "")
        found = self.table.assign(subgroup=labels, context="estimate", term=self.exposure, measure=self.measure)
        parts = [Estimates.from_frame(found.drop(columns="level").rename(columns=names)), Estimates.from_rows(self._test_rows())]
        if len(self.interaction):
            parts.append(Estimates.from_rows(self._interaction_rows()))
        return Estimates.concat(parts).with_columns(analysis=analysis, outcome=outcome, model=model)

    def _test_rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for t in self.tests.to_dict("records"):
            base = {"context": "diagnostic", "term": self.exposure, "subgroup": t["subgroup"]}
            rows += [{**base, "measure": "interaction test", "value": t["chi2"], "p": t["p_value"]}]
            rows += [{**base, "measure": "interaction test df", "value": t["df"]}]
        return rows

    def _interaction_rows(self) -> list[dict[str, Any]]:
        return [
            {"context": "estimate", "term": f"{self.exposure} x {r['subgroup']}", "measure": r["measure"], "value": r["estimate"]}
            | {"level": f"{r['a']} x {r['b']}", "reference": f"{r['reference_a']} x {r['reference_b']}", "std_error": r["std_error"]}
            | {"low": r["conf_low"], "high": r["conf_high"], "p": r["p_value"]}
            for r in self.interaction.to_dict("records")
        ]

    def __repr__(self) -> str:
        return f"Subgroups({self.exposure}: {self.measure}s by {list_names(self.tests['subgroup'].tolist())})"

    def _repr_html_(self) -> str:
        from html import escape

        text = [t.to_html(index=False, float_format="{:.4g}".format, na_rep="", escape=True) for t in (self.table, self.tests)]
        return f"<p>{escape(repr(self))}</p>" + "".join(text)


def subgroup_effects(
    model: Model,
    data: pd.DataFrame,
    *,
    exposure: str,
    subgroups: Sequence[str],
    adjust: str = "",
    outcome: str = "",
    separate: bool = False,
    recode: bool = False,
    level: float = 0.95,
) -> Subgroups:
    """Estimate the effect of an exposure within each level of other variables, with tests of interaction.

    Parameters
    ----------
    model : callable
        (formula, data) -> Fit, such as ``lambda f, d: cb.cox(f, d, exit="years", event="ls")``.
    data : DataFrame, n rows
        One row per person.
    exposure : str
        A term with one column or a factor: ``"low_b12"``, ``"log2(b12)"``, ``"C(b12_class)"``.
    subgroups : sequence of str
        Columns of at most 12 levels. Numbers are taken as levels.
    adjust : str
        The rest of the formula; it may name the subgroup variables.
    outcome : str
        Left side of the formula, for models that have one.
    separate : bool
        Fit each level on its own, so that the adjusters may act differently too, instead of one model with the product.
    recode : bool
        As in `interaction`: compare with the joint group of lowest risk.
    level : float
        Confidence level.

    Returns
    -------
    Subgroups
        ``.table``, ``.tests``, ``.interaction``, ``.estimates()``.

    Raises
    ------
    ColumnNotFoundError
        A subgroup that is not a column.
    DataError
        A number of many values, a subgroup of one level, or an exposure of several columns (a spline).
    DesignError
        The exposure is a subgroup or an adjuster too, or the adjusters hold the product.

    Warns
    -----
    MissingRowsWarning
        For everybody, and again for a subgroup variable with missing values: its people are left out of its lines.

    Notes
    -----
    One model per variable, with the exposure nested in its levels: the model with the product, written so that each coefficient is the
    effect in one level; an infinite one spoils no other. The test is that these coefficients are equal (Wald; F where the model has
    residual degrees of freedom). With ``separate`` the fits are of different people, and the test is that of their weighted mean. A level
    where nothing can be estimated is left out of the test. Subgroups say little by themselves: compare them by the test.

    References
    ----------
    Wang R, Lagakos SW, Ware JH, et al. N Engl J Med 2007;357:2189-2194. doi:10.1056/NEJMsr077003
    Knol MJ, VanderWeele TJ. Int J Epidemiol 2012;41:514-520. doi:10.1093/ije/dyr218

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": range(1, 61), "d": 1, "x": [0, 1, 1, 0, 1] * 12, "sex": ["f", "m"] * 30})
    >>> found = subgroup_effects(lambda f, d: cox(f, d, exit="t", event="d"), people, exposure="x", subgroups=["sex"])
    >>> found.table[["subgroup", "level", "n"]].to_numpy().tolist()
    [['Overall', '', 60.0], ['sex', 'f', 30.0], ['sex', 'm', 30.0]]
    """
    known = SubgroupRequest(model, data, exposure, adjust, outcome, level, recode)
    check_subgroups(known, subgroups)
    base = model(formula_of(exposure, adjust, outcome), data)
    everybody = {"subgroup": OVERALL, "level": "", "n": base.n, "events": base.events, "person_time": base.person_time}
    rows = [{**everybody, **names_of(base, j), **subgroup_effect(base, j, level)} for j in exposure_columns(base, exposure)]
    made = [(separate_effects if separate else nested_effects)(known, base, name) for name in subgroups]
    crossed = [m.interaction for m in made if m.interaction is not None]
    return Subgroups(
        exposure,
        base.family.measure,
        pd.DataFrame([*rows, *(row for m in made for row in m.rows)], columns=COLUMNS),
        pd.DataFrame([m.test for m in made], columns=["subgroup", "chi2", "df", "p_value"]),
        pd.concat(crossed, ignore_index=True) if crossed else pd.DataFrame(),
        {OVERALL: base} | {name: fit for m in made for name, fit in m.fits.items()},
    )
