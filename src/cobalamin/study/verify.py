"""Verification: stored results are whole, their inputs are the same, and computing them again gives the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cobalamin.core.errors import StoreError
from cobalamin.release.compare import compare
from cobalamin.release.manifest import verify_inputs
from cobalamin.release.store import MANIFEST_FILE, StoredResults, read_results
from cobalamin.study.console import Progress, silent
from cobalamin.study.pipeline import Computed
from cobalamin.study.script import carry_out, input_hashes
from cobalamin.study.study import load_study

SHOWN = 20


@dataclass(frozen=True, eq=False)
class Verdict:
    """What verification found.

    Attributes
    ----------
    changed_inputs : DataFrame
        ``[input, change, stored, current]``.
    changed_facts : tuple of str
        What else went in and is not the same: protocol, dictionary, code, versions, seed.
    changed_files : tuple of str
        What is wrong with result files: changed by hand, or other bytes when computed again.
    moved : DataFrame
        Numbers that moved, and by how much.
    """

    changed_inputs: pd.DataFrame
    changed_facts: tuple[str, ...]
    changed_files: tuple[str, ...]
    moved: pd.DataFrame

    @property
    def ok(self) -> bool:
        """Whether inputs, files and numbers are the same."""
        return self.changed_inputs.empty and not self.changed_facts and not self.changed_files

    def to_text(self) -> str:
        """Return the verdict as plain text.

        Returns
        -------
        str
            One line when all is well, otherwise what differs.
        """
        if self.ok:
            return "verified: same inputs, same protocol, same code; computed again, every file has the same bytes"
        lines = ["NOT verified"]
        lines += [f"  input {row.input}: {row.change}" for row in self.changed_inputs.itertuples()]
        lines += [f"  {fact}: changed since the run" for fact in self.changed_facts]
        lines += [f"  {text}" for text in self.changed_files]
        if self.changed_inputs.empty and self.moved.empty and self.changed_facts:
            lines.append("  no number moved")
        for row in self.moved.head(SHOWN).itertuples():
            what = " ".join(str(part) for part in (row.model, row.term, row.level, row.measure) if part)
            lines.append(f"  moved: {what}, {row.column}: {row.old:.10g} -> {row.new:.10g}")
        if len(self.moved) > SHOWN:
            lines.append(f"  and {len(self.moved) - SHOWN} more numbers moved")
        return "\n".join(lines)


def verify_study(folder: str | Path, *, progress: Progress = silent) -> Verdict:
    """Compute a study again and compare it with its stored results; nothing is written.

    Parameters
    ----------
    folder : str or Path
        Study folder with results.
    progress : callable of str, optional
        Told what begins.

    Returns
    -------
    Verdict
        What differs. When inputs changed, nothing is computed again: the difference is explained.

    Raises
    ------
    StoreError
        There are no results.
    """
    study = load_study(folder)
    progress("read the stored results")
    try:
        stored = read_results(study.folder / "results")
    except StoreError as error:
        if not (study.folder / "results" / MANIFEST_FILE).is_file():
            raise
        return Verdict(verify_inputs({}, {}), (), (str(error),), pd.DataFrame())
    progress("compare the inputs")
    inputs = verify_inputs(stored.manifest, input_hashes(study.protocol, study.folder))
    if len(inputs):
        return Verdict(inputs, (), (), pd.DataFrame())
    return _judge(stored, carry_out(study.protocol, study.folder, progress))


def _judge(stored: StoredResults, again: Computed) -> Verdict:
    facts = tuple(
        key
        for key in ("protocol", "dictionary", "design", "code", "versions", "seed", "policy")
        if stored.manifest.get(key) != again.manifest.get(key)
    )
    files = tuple(f"file {name}: differs when computed again" for name, data in again.files.items() if stored.files.get(name) != data)
    return Verdict(verify_inputs({}, {}), facts, files, compare(stored.estimates, again.disclosed.estimates))
