"""A study is a folder: its protocol, and what is done with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cobalamin.core.errors import ProtocolError
from cobalamin.design.cohort import Cohort, build_cohort
from cobalamin.release.lock import lock_results
from cobalamin.release.store import write_results
from cobalamin.study.console import Progress, silent
from cobalamin.study.inputs import Inputs, read_inputs
from cobalamin.study.protocol import Protocol
from cobalamin.study.results import Results
from cobalamin.study.script import carry_out
from cobalamin.study.script_protocol import AnyProtocol, load_any_protocol
from cobalamin.study.variants import read_design


@dataclass(frozen=True)
class Study:
    """A study folder with its checked protocol.

    Attributes
    ----------
    folder : Path
        Holds ``protocol.toml``; results go to ``results/`` in it.
    protocol : Protocol or ScriptProtocol
        The checked protocol; the second where the study's numbers come from a script of its own.
    """

    folder: Path
    protocol: AnyProtocol

    def inputs(self) -> Inputs:
        """Read and check the tables.

        Returns
        -------
        Inputs
            Source, dictionary, and the report with the valid tables.

        Raises
        ------
        ProtocolError
            The study has a script, which reads its own files.
        """
        return read_inputs(self._standard(), self.folder)

    def cohort(self) -> Cohort:
        """Build the study's cohort.

        Returns
        -------
        Cohort
            One row per person, with the account of everyone who is not in it. Person-level: it stays in memory.

        Raises
        ------
        ProtocolError
            The study has a script, so it builds no cohort by the standard steps.
        """
        inputs = self.inputs()
        return build_cohort(inputs.report.valid, read_design(self._standard(), inputs.dictionary))

    def _standard(self) -> Protocol:
        if isinstance(self.protocol, Protocol):
            return self.protocol
        raise ProtocolError(
            f"'{self.folder.name}' has a script ({self.protocol.script.file}) in place of tables, a design and a cohort. Use run()."
        )

    def run(self, *, progress: Progress = silent) -> Results:
        """Carry out the protocol and write ``results/`` all or nothing.

        Parameters
        ----------
        progress : callable of str, optional
            Told what begins.

        Returns
        -------
        Results
            Protected results.

        Raises
        ------
        StoreError
            The results folder cannot be written (found out before anything is computed), or another run is in it.
        CobalaminError
            As the steps raise them; earlier results stay as they were.
        """
        target = self.folder / "results"
        with lock_results(target) as lock:
            computed = carry_out(self.protocol, self.folder, progress)
            write_results(target, computed.files, computed.manifest, lock=lock)
        return Results(computed.disclosed.estimates, computed.facts, computed.disclosed.decisions, target)


def load_study(folder: str | Path) -> Study:
    """Load a study folder.

    Parameters
    ----------
    folder : str or Path
        Folder with a ``protocol.toml``.

    Returns
    -------
    Study
        Nothing is read yet but the protocol.

    Raises
    ------
    ProtocolError
        No folder, no protocol, or a protocol with faults (all are listed).
    """
    # resolved first: an empty or relative path gets a name that a message can say
    path = Path(folder).resolve()
    if not path.is_dir():
        raise ProtocolError(f"'{path.name}' is not a folder. Give the study folder, the one that holds protocol.toml.")
    return Study(path, load_any_protocol(path / "protocol.toml"))
