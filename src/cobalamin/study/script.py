"""The steps of a study with a script: check its inputs, run it, protect, put the files together; and the choice between both kinds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.dictionary.check import check
from cobalamin.dictionary.dictionary import Dictionary, load_dictionary
from cobalamin.dictionary.failure_report import FAILURE_COLUMNS, MISSING_COLUMNS, NOTE_COLUMNS, FailureReport
from cobalamin.release.csvtext import decisions_to_csv, estimates_to_csv
from cobalamin.release.disclosure import Disclosed, disclose
from cobalamin.release.manifest import build_manifest, code_version
from cobalamin.release.policy import make_policy
from cobalamin.release.store import DECISIONS_FILE, ESTIMATES_FILE, FACTS_FILE, REPORT_FILE
from cobalamin.report.facts import Limitation, StudyFacts
from cobalamin.sources.source import open_source
from cobalamin.study.console import Progress
from cobalamin.study.inputs import data_present, open_protocol_source
from cobalamin.study.pipeline import Computed, compute, render_report
from cobalamin.study.script_protocol import AnyProtocol, ScriptProtocol
from cobalamin.study.script_run import read_script, run_script, script_hashes, script_path
from cobalamin.study.wording import disclosure_sentence, provenance_texts

SCRIPT_SENTENCE = (
    "The numbers were computed by the study's own script, {file}, and not by the standard steps of a cohort study; "
    "its hash stands among the inputs under Provenance."
)


def carry_out(protocol: AnyProtocol, folder: Path, progress: Progress) -> Computed:
    """Carry out a protocol of either kind; nothing is written.

    Parameters
    ----------
    protocol : Protocol or ScriptProtocol
        A checked protocol.
    folder : Path
        The study folder.
    progress : Progress
        Told what begins.

    Returns
    -------
    Computed
        Protected results, texts, and the bytes of every file.

    Raises
    ------
    CobalaminError
        As the rooms raise them.
    """
    return compute_script(protocol, folder, progress) if isinstance(protocol, ScriptProtocol) else compute(protocol, folder, progress)


def input_hashes(protocol: AnyProtocol, folder: Path) -> Mapping[str, str]:
    """Return the inputs of a study as they are now.

    Parameters
    ----------
    protocol : Protocol or ScriptProtocol
        A checked protocol.
    folder : Path
        The study folder.

    Returns
    -------
    mapping of str to str
        Input -> SHA-256.

    Raises
    ------
    CobalaminError
        They are not there.
    """
    if isinstance(protocol, ScriptProtocol):
        return script_hashes(protocol.script, folder)
    return open_protocol_source(protocol, folder).hashes()


def inputs_present(protocol: AnyProtocol, folder: Path) -> bool:
    """Whether a study's data are on this machine.

    Parameters
    ----------
    protocol : Protocol or ScriptProtocol
        A checked protocol.
    folder : Path
        The study folder.

    Returns
    -------
    bool
        Always true for simulated data, and for a script, whose inputs belong to the study folder.
    """
    return isinstance(protocol, ScriptProtocol) or data_present(protocol, folder)


def check_script(protocol: ScriptProtocol, folder: Path) -> FailureReport:
    """Check what a study with a script reads; the script is read, not run.

    Parameters
    ----------
    protocol : ScriptProtocol
        A checked protocol.
    folder : Path
        The study folder.

    Returns
    -------
    FailureReport
        Of the input tables against the dictionary; empty where the protocol names none.

    Raises
    ------
    ScriptError
        The script or an input is not there, or there is no function ``analyse``.
    DictionaryError, SourceError, IdentifierError
        As the rooms below raise them.
    """
    read_script(protocol.script, folder)
    script_hashes(protocol.script, folder)
    dictionary = _dictionary(protocol, folder)
    if dictionary is None:
        return _joined([])
    paths = [script_path(folder, name) for name in protocol.script.inputs]
    return _joined([check(open_source(path), dictionary, tables=[path.stem]) for path in paths])


def compute_script(protocol: ScriptProtocol, folder: Path, progress: Progress) -> Computed:
    """Carry out the protocol of a study with a script; nothing is written.

    Parameters
    ----------
    protocol : ScriptProtocol
        A checked protocol.
    folder : Path
        The study folder.
    progress : Progress
        Told what begins.

    Returns
    -------
    Computed
        As for every other study.

    Raises
    ------
    CobalaminError
        As the rooms raise them; an input that breaks a rule of its dictionary stops the run.
    """
    progress("check the inputs of the script")
    report = check_script(protocol, folder)
    if not report.ok:
        raise DataError(f"{len(report.failures)} rule(s) of the dictionary are broken by the inputs of {folder.name}.\n{report.to_text()}")
    progress(f"run {protocol.script.file}")
    hashes = script_hashes(protocol.script, folder)
    estimates = run_script(protocol.script, folder)
    progress("protect small counts")
    disclosed = disclose(estimates, make_policy(protocol.disclosure.policy or protocol.disclosure.preset))
    progress("write the report")
    return _put_together(protocol, folder, hashes, disclosed)


def _put_together(protocol: ScriptProtocol, folder: Path, hashes: Mapping[str, str], disclosed: Disclosed) -> Computed:
    dictionary = _dictionary(protocol, folder)
    manifest = build_manifest(
        inputs=hashes,
        protocol_fingerprint=protocol.fingerprint,
        dictionary_fingerprint="" if dictionary is None else dictionary.fingerprint,
        seed=protocol.study.seed,
        code=code_version(),
        policy=disclosed.policy.name,
        simulated=protocol.script.simulated,
        script=protocol.script.file,
    )
    shown = {key: value for key, value in manifest.items() if key not in ("format", "outputs") and value != ""}
    facts = script_facts(protocol, disclosed, shown)
    files = {
        ESTIMATES_FILE: estimates_to_csv(disclosed.estimates),
        DECISIONS_FILE: decisions_to_csv(disclosed.decisions),
        FACTS_FILE: facts.to_json().encode("utf-8"),
        REPORT_FILE: render_report(disclosed.estimates, facts).encode("utf-8"),
    }
    return Computed(disclosed, facts, files, manifest)


def script_facts(protocol: ScriptProtocol, disclosed: Disclosed, provenance: Mapping[str, object]) -> StudyFacts:
    """Put together the texts of a report.

    Parameters
    ----------
    protocol : ScriptProtocol
        Title, question, methods, labels, limitations.
    disclosed : Disclosed
        The protected results, for the rules that were applied.
    provenance : mapping
        The manifest's record.

    Returns
    -------
    StudyFacts
        No number of the results and no person.
    """
    section = protocol.report
    return StudyFacts(
        title=protocol.study.title,
        question=protocol.study.question,
        simulated=protocol.script.simulated,
        outcome=section.outcome,
        event=section.event,
        labels=section.labels,
        levels=section.levels,
        design=(*section.methods, SCRIPT_SENTENCE.format(file=protocol.script.file)),
        limitations=tuple(Limitation(code, text) for code, text in protocol.study.limitations.items()),
        disclosure=disclosure_sentence(disclosed.policy),
        protected_curves=disclosed.policy.active,
        notices=protocol.study.notices,
        concerns_ls=section.concerns_ls,
        provenance=provenance_texts(provenance),
    )


def _dictionary(protocol: ScriptProtocol, folder: Path) -> Dictionary | None:
    return None if protocol.dictionary is None else load_dictionary((folder / protocol.dictionary.path).resolve())


def _joined(reports: list[FailureReport]) -> FailureReport:
    """Several reports, each of one table, as one."""
    return FailureReport(
        _below([r.failures for r in reports], FAILURE_COLUMNS),
        _below([r.missing for r in reports], MISSING_COLUMNS),
        _below([r.notes for r in reports], NOTE_COLUMNS),
        {name: frame for r in reports for name, frame in r.valid.items()},
        {name: n for r in reports for name, n in r.n_rows.items()},
        {name: n for r in reports for name, n in r.n_valid.items()},
    )


def _below(frames: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(columns))
