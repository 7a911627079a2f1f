"""Names in a protocol that only the cohort can judge: groupings, labels and levels that nothing carries are refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pandas as pd

from cobalamin.core.errors import ProtocolError, did_you_mean
from cobalamin.design.cohort import Cohort
from cobalamin.design.design import Design
from cobalamin.models.matrix.formula import FUNCTIONS
from cobalamin.study.fitting import OUTCOME, event_code
from cobalamin.study.protocol import Protocol
from cobalamin.study.visits import Visits

_NAMES = re.compile(r"[A-Za-z_]\w*")
# a column of numbers with more values than this is no factor
MOST_LEVELS = 50


def refuse_unknown_events(protocol: Protocol, design: Design) -> None:
    """Refuse a model of an event that the design does not have.

    Parameters
    ----------
    protocol : Protocol
        A checked protocol.
    design : Design
        Outcome and competing events.

    Raises
    ------
    ProtocolError
        The first such model; the nearest event is suggested.
    """
    for model in protocol.model:
        event_code(model, design)


def refuse_unknown_names(protocol: Protocol, cohort: Cohort, visits: Visits | None = None) -> None:
    """Refuse groupings, labels and levels under ``[report]`` that belong to nothing in the cohort.

    Parameters
    ----------
    protocol : Protocol
        A checked protocol.
    cohort : Cohort
        The study's own cohort.
    visits : Visits, optional
        Its visits; their columns and categories have names too.

    Raises
    ------
    ProtocolError
        All of them at once, each with the nearest name.
    """
    seen = [] if visits is None else [str(name) for name in visits.rows.columns if name not in cohort.data.columns]
    own = [*map(str, cohort.data.columns), OUTCOME]
    columns = [*own, *seen]
    events = [label for code, label in cohort.event_labels.items() if code]
    things = [*columns, *events]
    problems = [
        *(_unknown(f"labels: '{key}'", key, things) for key in protocol.report.labels if not _is_term(key, things, columns)),
        *(_unknown(f"{place}: '{name}'", name, columns) for place, name in _groupings(protocol) if name not in own),
        *_level_problems(protocol, cohort, events, visits),
    ]
    if problems:
        raise ProtocolError(f"[report] {len(problems)} problem(s).\n  - " + "\n  - ".join(problems))


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    return f"{what} is no column of the cohort, no term of its columns and no event.{did_you_mean(name, list(known))}"


def _is_term(key: str, things: list[str], columns: list[str]) -> bool:
    used = [name for name in _NAMES.findall(key) if name not in FUNCTIONS]
    return key in things or (bool(used) and all(name in columns for name in used))


def _groupings(protocol: Protocol) -> Iterator[tuple[str, str]]:
    report = protocol.report
    groups = {
        "curves": [s.by for s in report.curves],
        "incidence": [s.by for s in report.incidence],
        "states": [s.by for s in report.states],
        "severity": [s.by for s in report.severity],
        "trajectories": [s.by for s in report.trajectories],
    }
    yield from ((f"{key}: by", name) for key, names in groups.items() for name in names if name)
    yield from (("table1", name) for name in report.table1)
    if report.table1_by:
        yield "table1_by", report.table1_by
    if report.distribution is not None:
        yield "distribution: variable", report.distribution.variable


def _level_problems(protocol: Protocol, cohort: Cohort, events: list[str], visits: Visits | None) -> list[str]:
    known = [*events, *(spec.first for spec in protocol.report.states), *_levels(cohort.data)]
    known += _levels(visits.rows) if visits is not None else []
    return [
        f"levels: '{key}' is no category of a column of the cohort and no event.{did_you_mean(key, known)}"
        for key in protocol.report.levels
        if key not in known
    ]


def _levels(data: pd.DataFrame) -> list[str]:
    found: dict[str, None] = {}
    for name in data.columns:
        column = data[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            found |= dict.fromkeys(map(str, column.cat.categories))
        elif column.dtype.kind != "M" and column.nunique() <= MOST_LEVELS:
            found |= dict.fromkeys(f"{v:g}" if isinstance(v, float) else str(v) for v in column.dropna().unique())
    return list(found)
