"""The protocol of a study that departs from the standard steps: a script computes its numbers, everything else stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from cobalamin.core.errors import ProtocolError
from cobalamin.core.fingerprint import fingerprint
from cobalamin.study.protocol import Protocol, parse_protocol, read_protocol_file, validated
from cobalamin.study.sections import DictionarySection, DisclosureSection, StudySection
from cobalamin.study.strict import Section

# no backslash, drive or control character: the same file on every system
Inside = Annotated[str, Field(pattern=r"^[^/\\:\x00-\x1f][^\\:\x00-\x1f]*$")]
_STANDARD = ("source", "design", "model", "visits", "score")


class ScriptSection(Section):
    """The script, the files it reads, and whether the people behind them are simulated."""

    file: Inside
    inputs: tuple[Inside, ...] = ()
    simulated: bool = False


class ScriptReportSection(Section):
    """Words of the report: how the numbers were made, and labels."""

    methods: tuple[str, ...] = ()
    outcome: str = "the outcome"
    event: str = "Events"
    concerns_ls: bool = True
    labels: dict[str, str] = Field(default_factory=dict)
    levels: dict[str, str] = Field(default_factory=dict)


class ScriptProtocol(Section):
    """The protocol of a study with a script: no source, no design, no model.

    Attributes
    ----------
    study, script, dictionary, report, disclosure
        The sections of the TOML file; with a dictionary, the input tables are checked against it.
    """

    study: StudySection
    script: ScriptSection
    dictionary: DictionarySection | None = None
    report: ScriptReportSection = ScriptReportSection()
    disclosure: DisclosureSection = DisclosureSection()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the protocol's content: key order, comments and spacing do not matter."""
        return fingerprint(self.model_dump(mode="json"))


AnyProtocol = Protocol | ScriptProtocol


def load_any_protocol(path: Path) -> AnyProtocol:
    """Read and check a protocol of either kind.

    Parameters
    ----------
    path : Path
        A TOML file.

    Returns
    -------
    Protocol or ScriptProtocol
        The second where the file has a section ``[script]``.

    Raises
    ------
    ProtocolError
        As `protocol.load_protocol`.
    """
    raw = read_protocol_file(path)
    return parse_script_protocol(raw, name=path.name) if "script" in raw else parse_protocol(raw, name=path.name)


def parse_script_protocol(raw: Mapping[str, Any], *, name: str = "protocol") -> ScriptProtocol:
    """Check the protocol of a study with a script.

    Parameters
    ----------
    raw : mapping
        What ``tomllib`` returns.
    name : str
        How messages call it.

    Returns
    -------
    ScriptProtocol
        The checked protocol.

    Raises
    ------
    ProtocolError
        Unknown keys, wrong types, a path that leaves the study folder, a file named twice, or sections of the standard steps beside a
        script.
    """
    both = [f"[{key}]" for key in _STANDARD if key in raw]
    if both:
        raise ProtocolError(
            f"{name}: {', '.join(both)} cannot stand beside [script]: the script reads its own files and computes its own numbers. "
            "Leave out one or the other."
        )
    protocol = validated(ScriptProtocol, raw, name)
    problems = list(_file_problems(protocol.script))
    if protocol.dictionary is not None and protocol.dictionary.invalid_rows != "stop":
        problems.append(
            "[dictionary] invalid_rows: a script reads its own files, so rows cannot be left out for it; only 'stop' is possible."
        )
    if problems:
        raise ProtocolError(f"{name}: {len(problems)} problem(s).\n  - " + "\n  - ".join(problems))
    return protocol


def _file_problems(section: ScriptSection) -> Iterator[str]:
    files = [section.file, *section.inputs]
    if not section.file.endswith(".py"):
        yield f"[script] file: '{section.file}' is not a Python file; expected a name such as 'analysis.py'."
    for file in dict.fromkeys(files):
        steps = file.split("/")
        if not all(steps) or {".", ".."} & set(steps):
            yield f"[script] '{file}' is not a plain path inside the study folder."
        if steps[0] == "results":
            yield f"[script] '{file}' lies among the results, which every run replaces."
        if files.count(file) > 1:
            yield f"[script] names '{file}' {files.count(file)} times."
