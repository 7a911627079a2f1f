"""The results of a run: protected estimates and texts, the files they are written to, and the report made from them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cobalamin.core.errors import ProtocolError
from cobalamin.core.estimates import Estimates
from cobalamin.release.lock import lock_results
from cobalamin.release.store import REPORT_FILE, read_results, write_results
from cobalamin.report.facts import StudyFacts
from cobalamin.study.pipeline import model_table, render_report

FORMATS = ("html",)


@dataclass(frozen=True, eq=False)
class Results:
    """What a study found, after disclosure control.

    Attributes
    ----------
    estimates : Estimates
        Every number, protected.
    facts : StudyFacts
        Texts and labels of the report.
    decisions : DataFrame
        The record of disclosure control.
    folder : Path
        Where the files are.
    """

    estimates: Estimates
    facts: StudyFacts
    decisions: pd.DataFrame
    folder: Path

    def report(self, format: str = "html") -> str:
        """Return the report.

        Parameters
        ----------
        format : {"html"}
            Form of the report.

        Returns
        -------
        str
            The page as text.

        Raises
        ------
        ProtocolError
            A form that is not known.
        """
        if format not in FORMATS:
            raise ProtocolError(f"report format '{format}' is not known; expected one of {', '.join(FORMATS)}.")
        return render_report(self.estimates, self.facts)

    def summary(self) -> str:
        """Return the exposures' estimates as plain text for a terminal.

        Returns
        -------
        str
            Per model one line for each contrast that the protocol shows.
        """
        lines = [f"{'SIMULATED: ' if self.facts.simulated else ''}{self.facts.title}"]
        table = model_table(self.estimates)
        for model in self.facts.models:
            rows = table.loc[table["model"].eq(model.name) & (table["term"].isin(model.exposures) | (not model.exposures))]
            lines.append(f"  {model.label}")
            lines += [f"    {_contrast(row)}" for row in rows.to_dict("records")] or ["    no single estimate (see the report)"]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self.estimates._repr_html_()

    def __repr__(self) -> str:
        return f"Results({self.facts.title!r}: {len(self.estimates)} rows, {len(self.decisions)} disclosure decisions)"


def _contrast(row: Mapping[Hashable, Any]) -> str:
    what = f"{row['term']} {row['level']}".strip()
    if math.isnan(row["value"]):
        return f"{what:<32} hidden by disclosure control or not estimable (see the report)"
    return f"{what:<32} {row['measure']} {row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


def rebuild_report(folder: Path) -> Path:
    """Write the report again from stored results; no data are read.

    Parameters
    ----------
    folder : Path
        Study folder.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    StoreError
        No results, or files that differ from their manifest.
    """
    target = Path(folder) / "results"
    stored = read_results(target)
    facts = StudyFacts.from_json(stored.facts_json.decode("utf-8"))
    files = dict(stored.files) | {REPORT_FILE: render_report(stored.estimates, facts).encode("utf-8")}
    with lock_results(target) as lock:
        write_results(target, files, stored.manifest, lock=lock)
    return target / REPORT_FILE
