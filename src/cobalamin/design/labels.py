"""Labels of the columns that a design makes, and the cohort in rows of results: what tables and flow charts are made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from cobalamin.core.estimates import Estimates

if TYPE_CHECKING:
    from cobalamin.design.design import Design
    from cobalamin.design.exposure import Measured

_PARTS = {2: "halves", 3: "thirds", 4: "fourths", 5: "fifths", 10: "tenths"}


def column_labels(design: Design) -> Mapping[str, str]:
    """Title of every column that the design makes.

    Parameters
    ----------
    design : Design
        The design.

    Returns
    -------
    mapping of str to str

    Examples
    --------
    >>> from cobalamin.design import Design, Exposure, ExposureScales, GivenFollowUp, Outcome
    >>> b12 = Exposure(name="b12", column="x", title="Serum B12", unit="pmol/L", scales=ExposureScales(log2=True))
    >>> design = Design(outcome=Outcome(name="death", column="died"), follow_up=GivenFollowUp(exit="t"), exposures=(b12,))
    >>> column_labels(design)["b12_log2"]
    'Serum B12, per doubling'
    """
    labels: dict[str, str] = {}
    for covariate in design.covariates:
        if covariate.title or covariate.at_time_zero:
            own = {"age": "Age at time zero (years)", "year": "Calendar year of time zero"}.get(covariate.at_time_zero, "")
            labels[covariate.name] = (covariate.title + unit_of(covariate)) if covariate.title else own
    for exposure in design.exposures:
        title = exposure.title or exposure.name
        full = title + unit_of(exposure)
        labels |= {exposure.name: full, f"{exposure.name}_days_before": f"{title}, days before time zero"}
        scales = exposure.scales
        made = {
            f"{exposure.name}_log2": (scales.log2, f"{title}, per doubling"),
            f"{exposure.name}_class": (scales.cutoffs, full),
            f"{exposure.name}_q{scales.quantiles}": (scales.quantiles, f"{title}, {parts_of(scales.quantiles)} of the cohort"),
            f"{exposure.name}_z": (
                scales.standardise,
                f"{title}, per standard deviation{of_log(scales.standardise)}",
            ),
        }
        labels |= {name: text for name, (wanted, text) in made.items() if wanted}
    return labels


def cohort_estimates(attrition: pd.DataFrame, notes: pd.DataFrame, cutpoints: Mapping[str, tuple[float, ...]], design: Design) -> Estimates:
    """Turn the account of a cohort into rows of results.

    Parameters
    ----------
    attrition : DataFrame
        Steps of the flow chart.
    notes : DataFrame
        Rows that could not be used.
    cutpoints : mapping of str to tuple of float
        Cut-points, or mean and standard deviation.
    design : Design
        The design.

    Returns
    -------
    Estimates
        ``attrition`` rows with measure ``remaining``; diagnostic rows ``not known``, ``people with rows not used``,
        ``cut-point``, ``mean``, ``standard deviation``.
    """
    rows: list[dict[str, Any]] = []
    for step in attrition.itertuples():
        rows.append(
            {"context": "attrition", "measure": "remaining", "term": step.label, "at": step.step, "n": step.n, "events": step.events}
        )
    for step in attrition.loc[attrition["n_unknown"] > 0].itertuples():
        rows.append({"context": "diagnostic", "measure": "not known", "term": step.label, "at": step.step, "n": step.n_unknown})
    for note in notes.itertuples():
        term = " in ".join(str(part) for part in (note.use, note.table) if part)
        common = {"context": "diagnostic", "term": term, "level": note.reason}
        rows.append(common | {"measure": "people with rows not used", "n": note.n_people})
    for name, cuts in cutpoints.items():
        words = ("mean", "standard deviation") if name.split(" [")[0].endswith("_z") else ("cut-point",) * len(cuts)
        for number, (word, cut) in enumerate(zip(words, cuts, strict=True), start=1):
            rows.append({"context": "diagnostic", "measure": word, "term": name, "at": number, "value": cut, "n": attrition["n"].iloc[-1]})
    return Estimates.from_rows(rows, analysis="attrition", outcome=design.outcome.name)


def unit_of(spec: Measured) -> str:
    """Return the unit in brackets, to stand after a title.

    Parameters
    ----------
    spec : Measured
        An exposure or covariate.

    Returns
    -------
    str
        ``" (pmol/L)"``, or nothing.
    """
    return f" ({spec.unit})" if spec.unit else ""


def of_log(standardise: str) -> str:
    """Return what a standard deviation is of, where that is the logarithm.

    Parameters
    ----------
    standardise : {"", "value", "log2"}
        As in `ExposureScales`.

    Returns
    -------
    str
        ``" of its logarithm"`` or nothing.
    """
    return " of its logarithm" if standardise == "log2" else ""


def parts_of(count: int) -> str:
    """Return the name of so many equal groups.

    Parameters
    ----------
    count : int
        2 or more.

    Returns
    -------
    str
        ``"fourths"``.

    Examples
    --------
    >>> parts_of(4)
    'fourths'
    """
    return _PARTS.get(count, f"{count} equal groups")
