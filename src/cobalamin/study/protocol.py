"""The protocol: what a study will do, written down in TOML before its outcomes are seen, and checked to the last key."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from cobalamin.core.errors import ProtocolError, did_you_mean, list_names
from cobalamin.core.fingerprint import fingerprint
from cobalamin.study.protocol_rules import problems_of_models, problems_of_report
from cobalamin.study.sections import (
    REPEATABLE,
    DictionarySection,
    DisclosureSection,
    ModelSection,
    ReportSection,
    SourceSection,
    StudySection,
)
from cobalamin.study.strict import Section
from cobalamin.study.visit_rules import problems_of_visits
from cobalamin.study.visit_sections import ScoreSection, VisitsSection

Checked = TypeVar("Checked", bound=Section)


class Protocol(Section):
    """A whole protocol.

    Attributes
    ----------
    study, source, dictionary, design, model, visits, score, report, disclosure
        The sections of the TOML file; ``[[model]]`` and ``[[score]]`` may be repeated.
    """

    study: StudySection
    source: SourceSection
    dictionary: DictionarySection
    design: dict[str, Any]
    model: tuple[ModelSection, ...]
    visits: VisitsSection | None = None
    score: tuple[ScoreSection, ...] = ()
    report: ReportSection = ReportSection()
    disclosure: DisclosureSection = DisclosureSection()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the protocol's content: key order, comments and spacing do not matter."""
        return fingerprint(self.model_dump(mode="json"))


def load_protocol(path: Path) -> Protocol:
    """Read and check a protocol.

    Parameters
    ----------
    path : Path
        A TOML file.

    Returns
    -------
    Protocol
        The checked protocol.

    Raises
    ------
    ProtocolError
        No such file, broken TOML, an unknown key (with the nearest known one), a wrong type, or a contradiction.
    """
    return parse_protocol(read_protocol_file(path), name=path.name)


def read_protocol_file(path: Path) -> dict[str, Any]:
    """Read a protocol as nested mappings, unchecked.

    Parameters
    ----------
    path : Path
        A TOML file.

    Returns
    -------
    dict
        What ``tomllib`` returns.

    Raises
    ------
    ProtocolError
        No such file, or broken TOML.
    """
    if not path.is_file():
        raise ProtocolError(f"{path.name}: no such protocol in '{path.parent.name}'. A study folder holds a protocol.toml.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"{path.name}: not readable as TOML: {error}.") from error


def parse_protocol(raw: Mapping[str, Any], *, name: str = "protocol") -> Protocol:
    """Check a protocol given as nested mappings.

    Parameters
    ----------
    raw : mapping
        What ``tomllib`` returns.
    name : str
        How messages call it.

    Returns
    -------
    Protocol
        The checked protocol.

    Raises
    ------
    ProtocolError
        As `load_protocol`; all problems are listed at once.
    """
    protocol = validated(Protocol, _repeated(raw), name)
    _refuse_contradictions(protocol, name)
    return protocol


def validated(kind: type[Checked], raw: Mapping[str, Any], name: str) -> Checked:
    """Check nested mappings against a strict model, and list everything that is wrong in words.

    Parameters
    ----------
    kind : type of Section
        The model.
    raw : mapping
        What ``tomllib`` returns.
    name : str
        How messages call it.

    Returns
    -------
    Section
        Of that kind.

    Raises
    ------
    ProtocolError
        Unknown keys (with the nearest known one), missing keys, wrong types.
    """
    try:
        return kind.model_validate(_tuples(dict(raw)))
    except ValidationError as error:
        problems = [_explain(problem, kind) for problem in error.errors()]
        raise ProtocolError(f"{name}: {len(problems)} problem(s).\n  - " + "\n  - ".join(problems)) from error


def source_path(section: SourceSection, folder: Path) -> Path:
    """Return where a file source is: the environment variable where it is set, else the protocol's path.

    Parameters
    ----------
    section : SourceSection
        The protocol's ``[source]``.
    folder : Path
        The study folder.

    Returns
    -------
    Path
        A path that may or may not exist.
    """
    variable = os.environ.get(section.path_variable, "") if section.path_variable else ""
    return Path(variable) if variable else (folder / (section.path or ".")).resolve()


def _tuples(value: Any) -> Any:
    """TOML arrays become tuples, so that a strict, frozen model takes them; the design keeps its lists."""
    if isinstance(value, dict):
        return {k: v if k == "design" else _tuples(v) for k, v in value.items()}
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _repeated(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A key that may be repeated, written once as a table, is a list of one."""
    report = raw.get("report")
    if not isinstance(report, Mapping):
        return dict(raw)
    lists = {key: [report[key]] for key in REPEATABLE if isinstance(report.get(key), Mapping)}
    return {**raw, "report": {**report, **lists}}


def _explain(problem: Any, kind: type[Section]) -> str:
    where = [str(part) for part in problem["loc"]]
    place = ".".join(where[:-1]) or "top level"
    if problem["type"] == "extra_forbidden":
        known = _known_keys(problem["loc"][:-1], kind)
        hint = did_you_mean(where[-1], known) or f" Known keys: {list_names(sorted(known), 30)}."
        return f"[{place}] unknown key '{where[-1]}'.{hint}"
    if problem["type"] == "missing":
        return f"[{place}] the key '{where[-1]}' is missing."
    return f"[{place}] {where[-1]}: {problem['msg'][0].lower()}{problem['msg'][1:]}."


def _known_keys(loc: tuple[Any, ...], kind: type[Section]) -> set[str]:
    model: Any = kind
    for part in loc:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        inner = [a for a in (annotation, *getattr(annotation, "__args__", ())) if isinstance(a, type) and issubclass(a, Section)]
        if not inner:
            return set()
        model = inner[0]
    return set(model.model_fields)


def _refuse_contradictions(protocol: Protocol, name: str) -> None:
    problems = [
        *problems_of_models(protocol.model),
        *problems_of_report(protocol.report, protocol.model),
        *problems_of_visits(protocol.visits, protocol.score, protocol.model, protocol.report),
    ]
    if problems:
        raise ProtocolError(f"{name}: {len(problems)} problem(s).\n  - " + "\n  - ".join(problems))
    names = [m.name for m in protocol.model]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ProtocolError(f"{name}: two models are called '{twice[0]}'. Give each its own name.")
    if not any(m.role == "primary" for m in protocol.model):
        raise ProtocolError(f'{name}: no model has role = "primary". Say before you look which answer counts.')
    needs_survey = [m.name for m in protocol.model if m.survey]
    if needs_survey and "survey" not in protocol.design:
        raise ProtocolError(f"{name}: model '{needs_survey[0]}' has survey = true, but there is no [design.survey] section.")
    if protocol.source.kind == "files" and not (protocol.source.path or protocol.source.path_variable):
        raise ProtocolError(f"{name}: [source] kind = 'files' needs a path or a path_variable.")
