"""Checking from the command line: a study, or any data path against any dictionary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cobalamin.core.errors import DictionaryError, list_names
from cobalamin.dictionary.check import check
from cobalamin.dictionary.dictionary import load_dictionary
from cobalamin.dictionary.failure_report import FailureReport
from cobalamin.sources.source import open_source
from cobalamin.study.inputs import open_protocol_source, tables_to_check
from cobalamin.study.script import check_script
from cobalamin.study.script_protocol import ScriptProtocol
from cobalamin.study.study import load_study


def check_path(path: Path, dictionary: Path | None) -> FailureReport:
    """Check a study folder's tables, or a data path against a dictionary.

    Parameters
    ----------
    path : Path
        Study folder (with ``protocol.toml``), data file, or folder of data files.
    dictionary : Path, optional
        Dictionary; the protocol's when a study is checked.

    Returns
    -------
    FailureReport
        Every failure.

    Raises
    ------
    DictionaryError
        A data path without a dictionary.
    """
    if (path / "protocol.toml").is_file() and dictionary is None:
        study = load_study(path)
        if isinstance(study.protocol, ScriptProtocol):
            return check_script(study.protocol, study.folder)
        known = load_dictionary((study.folder / study.protocol.dictionary.path).resolve())
        source = open_protocol_source(study.protocol, study.folder)
        return check(source, known, tables=tables_to_check(study.protocol, known, source))
    if dictionary is None:
        raise DictionaryError(f"'{path.name}' is not a study folder: say which dictionary to check it against (--dictionary FOLDER).")
    return check(open_source(path), load_dictionary(dictionary))


def failures_csv(report: FailureReport) -> bytes:
    """Write the failures as CSV.

    Parameters
    ----------
    report : FailureReport
        The check.

    Returns
    -------
    bytes
        One row per broken rule; row keys are joined by blanks. Cells that a spreadsheet would run are quoted.
    """
    frame = report.failures.assign(rows=[" ".join(keys) for keys in report.failures["rows"]])
    safe = frame.map(lambda cell: f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t") else cell)
    return str(safe.to_csv(index=False, lineterminator="\n")).encode("utf-8")


def import_redcap(csv_file: Path, folder: Path) -> list[Path]:
    """Write the descriptors of a REDCap data dictionary; code lists are not part of it and must be named again by hand.

    Parameters
    ----------
    csv_file : Path
        REDCap's data dictionary export.
    folder : Path
        Where to write one YAML file per form; existing files are not overwritten.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    DictionaryError
        Not a REDCap data dictionary, or a descriptor of that name is there already.
    """
    import yaml

    from cobalamin.dictionary.describe import to_descriptor
    from cobalamin.dictionary.redcap import from_redcap

    try:
        text = csv_file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DictionaryError(f"'{csv_file.name}' is not UTF-8: export it again from REDCap, or save it as CSV UTF-8.") from error
    dictionary = from_redcap(text)
    targets = {folder / f"{name}.yaml": table for name, table in dictionary.tables.items()}
    there = [path.name for path in targets if path.exists()]
    if there:
        raise DictionaryError(f"'{folder.name}' already holds {list_names(there)}: name another folder (--output), or move them first.")
    folder.mkdir(parents=True, exist_ok=True)
    for path, table in targets.items():
        path.write_text(
            yaml.safe_dump(_without_lists(to_descriptor(table)), sort_keys=False, allow_unicode=True), encoding="utf-8", newline="\n"
        )
    load_dictionary(folder)
    return list(targets)


def _without_lists(descriptor: dict[str, Any]) -> dict[str, Any]:
    """A descriptor without its code lists: REDCap has no place for their files, and a name without a file would not load."""
    fields = [{k: v for k, v in field.items() if k != "codeLists"} for field in descriptor["fields"]]
    return {**descriptor, "fields": fields}
