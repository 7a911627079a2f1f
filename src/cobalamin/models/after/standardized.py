"""The noun `Standardized`: marginal risks, rates or means and their comparisons."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from cobalamin.core.estimates import Estimates


@dataclass(frozen=True, eq=False)
class Standardized:
    """Results of `standardize`.

    Attributes
    ----------
    frame : DataFrame
        measure, level, reference, estimate, std_error, conf_low, conf_high, p_value.
    by : str
        The exposure.
    kind : {"risk", "rate", "mean"}
        What was averaged.
    n, n_missing : int
        People standardised over, and rows left out.
    confidence : float
        Confidence level.
    method : {"delta", "bootstrap"}
        Of the limits.
    time : float or None
        Time at which a risk was read.
    """

    frame: pd.DataFrame
    by: str
    kind: str
    n: int
    n_missing: int
    confidence: float
    method: str
    time: float | None = None

    def estimates(self, *, analysis: str, model: str, outcome: str) -> Estimates:
        """Return the rows of the one results table.

        Parameters
        ----------
        analysis, model, outcome : str
            Names for the report.

        Returns
        -------
        Estimates
            ``context`` estimate; ``term`` = the exposure; ``measure`` with ``"standardised "`` before it; ``at`` = the time of a risk.
        """
        names = {"estimate": "value", "conf_low": "low", "conf_high": "high", "p_value": "p"}
        rows = self.frame.rename(columns=names).assign(measure="standardised " + self.frame["measure"], term=self.by, n=self.n)
        if self.time is not None:
            rows = rows.assign(at=self.time)
        return Estimates.from_frame(rows.assign(analysis=analysis, context="estimate", model=model, outcome=outcome))

    def __repr__(self) -> str:
        return f"Standardized({self.kind} by {self.by}: {self.frame['level'].nunique() - 1} levels, {self.n} people, {self.method} limits)"

    def _repr_html_(self) -> str:
        from html import escape

        table = self.frame.to_html(index=False, float_format="{:.4g}".format, na_rep="", escape=True)
        return f"<p>{escape(repr(self))}</p>{table}"
