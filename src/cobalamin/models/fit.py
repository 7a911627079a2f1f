"""`Fit`: the one result of every regression model, whatever its likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.models.matrix.coding import Column
from cobalamin.models.matrix.matrix import Matrix
from cobalamin.models.tabulate import Count, coefficient_rows, fact_rows, tidy_frame

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Family:
    """What a kind of model calls itself and its effect measure.

    Attributes
    ----------
    name : str
        Short name (``"cox"``).
    title : str
        For headings (``"Cox proportional hazards"``).
    measure : str
        What exp(coefficient), or the coefficient where ``ratio`` is False, is called (``"hazard ratio"``).
    ratio : bool
        Whether the measure is exp(coefficient).
    ancillary : tuple of str
        Parameters that are no effects of covariates (``log(scale)``, spline coefficients); `Fit.estimates` leaves them out.
    """

    name: str
    title: str
    measure: str
    ratio: bool = True
    ancillary: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Fit:
    """Coefficients with their variance, and everything a report says about them.

    Attributes
    ----------
    family : Family
        Kind of model.
    call : str
        The call that made it, as text.
    columns : tuple of Column
        What each coefficient stands for.
    coefficients : ndarray, shape (p,)
        On the linear scale; NaN for an alias, infinite where the likelihood has no maximum.
    covariance : ndarray, shape (p, p)
        Variance in use (model, robust, cluster or survey); NaN for aliases and infinite coefficients.
    model_covariance : ndarray, shape (p, p)
        Inverse information.
    variance : str
        Kind of ``covariance``: "model", "robust", "cluster" or "survey".
    n, n_missing : int
        Rows used, and rows left out because of missing values.
    missing : mapping of str to int
        Missing values per column.
    events, person_time : float
        In the rows used; NaN where the model has none.
    loglik, loglik_null : float
        Log-likelihood at the estimate and without covariates.
    converged : bool
        Whether the solution was reached.
    iterations : int
        Steps taken.
    counts : mapping of (variable, level) to Count
        Rows, events and person-time per level of each factor.
    df_residual : float
        Degrees of freedom of t statistics; infinite for normal ones.
    term_df : mapping of str to float
        Degrees of freedom of single coefficients where they have their own (Satterthwaite, Barnard and Rubin).
    warnings : tuple of str
        What needs care.
    term_warnings : mapping of str to str
        Column name to what needs care about it.
    limits : mapping of str to (low, high)
        95% limits of coefficients that have no standard error (profile likelihood of infinite ones).
    other_parameters : int
        Parameters estimated besides the coefficients (sigma, theta); they count in Akaike's criterion.
    facts : mapping of str to float
        Further numbers for `glance`.
    parts : mapping of str to object
        Person-level pieces for verbs on a fit (matrix, follow-up, residuals); never written.
    """

    family: Family
    call: str
    columns: tuple[Column, ...]
    coefficients: Floats
    covariance: Floats
    model_covariance: Floats
    variance: str
    n: int
    n_missing: int
    missing: Mapping[str, int]
    events: float
    person_time: float
    loglik: float
    loglik_null: float
    converged: bool
    iterations: int
    counts: Mapping[tuple[str, str], Count] = field(default_factory=dict)
    df_residual: float = np.inf
    warnings: tuple[str, ...] = ()
    term_warnings: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    other_parameters: int = 0
    facts: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    term_df: Mapping[str, float] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        return tuple(column.name for column in self.columns)

    @property
    def n_parameters(self) -> int:
        """Number of coefficients estimated (aliases not counted)."""
        return int((~np.isnan(self.coefficients)).sum())

    @property
    def aic(self) -> float:
        """Akaike's criterion; NaN under survey weights, where the log-likelihood is not one."""
        return np.nan if self.variance == "survey" else -2 * self.loglik + 2 * (self.n_parameters + self.other_parameters)

    def tidy(self, exponentiate: bool = False, level: float = 0.95) -> pd.DataFrame:
        """Return one row per coefficient.

        Parameters
        ----------
        exponentiate : bool
            Give ratios: estimate and limits as exp(coefficient). The standard error stays that of the coefficient.
        level : float
            Confidence level, between 0 and 1.

        Returns
        -------
        DataFrame
            ``term, estimate, std_error, statistic, p_value, conf_low, conf_high``; an alias has NaN throughout.

        Raises
        ------
        DataError
            A level outside (0, 1).
        """
        return tidy_frame(self, exponentiate=exponentiate, level=level)

    def glance(self) -> pd.DataFrame:
        """Return one row about the whole model.

        Returns
        -------
        DataFrame
            ``n, n_missing, events, person_time, loglik, loglik_null, aic, n_parameters, converged, iterations, variance``
            and further facts.
        """
        row = {
            "n": self.n,
            "n_missing": self.n_missing,
            "events": self.events,
            "person_time": self.person_time,
            "loglik": self.loglik,
            "loglik_null": self.loglik_null,
            "aic": self.aic,
            "n_parameters": self.n_parameters,
            "converged": self.converged,
            "iterations": self.iterations,
            "variance": self.variance,
        }
        return pd.DataFrame([{**row, **self.facts}])

    def linear_predictor(self, data: pd.DataFrame) -> Floats:
        """Return x'b for new data (an alias counts as 0, as in R).

        Parameters
        ----------
        data : DataFrame
            Rows with the columns of the formula.

        Returns
        -------
        ndarray, shape (rows,)
            The linear predictor, not centred.

        Raises
        ------
        ColumnNotFoundError, MissingValuesError, DataError
            The data lack a column, a value, or have a level that the fit has not seen.
        """
        matrix: Matrix = self.parts["matrix"]
        x = matrix.apply(data)
        # parameters after the columns of the matrix (scale, spline of time) are no part of it
        b = self.coefficients[: x.shape[1]]
        return np.asarray(x @ np.where(np.isfinite(b), b, 0.0) + _infinite_part(x, b))

    def estimates(self, *, analysis: str, model: str, outcome: str, terms: Sequence[str] | None = None, level: float = 0.95) -> Estimates:
        """Return the coefficients and the facts of the model as rows of the one results table.

        Parameters
        ----------
        analysis : str
            Role of the model: ``primary``, ``secondary``, ``sensitivity``.
        model, outcome : str
            Names for the report.
        terms : sequence of str, optional
            Variables to report, as written in the formula; all but the intercept by default.
        level : float
            Confidence level.

        Returns
        -------
        Estimates
            One row per coefficient, a row for each reference level, and the model's facts as diagnostics.

        Raises
        ------
        ColumnNotFoundError
            A term that the model does not have.
        """
        common = {"analysis": analysis, "model": model, "outcome": outcome}
        rows = coefficient_rows(self, terms, level)
        return Estimates.from_rows([*rows, *fact_rows(self)], **common)

    def __repr__(self) -> str:
        events = "" if np.isnan(self.events) else f", {self.events:g} events"
        state = "" if self.converged else ", NOT CONVERGED"
        size = f"n={self.n}{events}, {self.n_missing} rows missing, {len(self.columns)} terms"
        return f"Fit({self.family.title}: {size}, {self.variance} variance{state})"

    def _repr_html_(self) -> str:
        from html import escape

        table = self.tidy(exponentiate=self.family.ratio)
        head = f"<p>{escape(repr(self))}<br>{escape(self.call)}</p>"
        notes = "".join(f"<li>{escape(text)}</li>" for text in self.warnings)
        name = self.family.measure if self.family.ratio else "estimate"
        body = table.rename(columns={"estimate": name}).to_html(index=False, float_format="{:.4g}".format, na_rep="", escape=True)
        return head + body + (f"<ul>{notes}</ul>" if notes else "")


def _infinite_part(x: Floats, coefficients: Floats) -> Floats:
    """Sum the terms with an infinite coefficient; 0 where all their covariates are 0."""
    total = np.zeros(len(x))
    for j in np.flatnonzero(np.isinf(coefficients)):
        moved = x[:, j] != 0
        total[moved] += x[moved, j] * coefficients[j]
    return total
