"""From the ``[design]`` section of a protocol, as nested mappings, to a `Design`; an unknown key is refused with the nearest one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from cobalamin.core.errors import DesignError, ProtocolError, did_you_mean, list_names
from cobalamin.design.covariate import Covariate
from cobalamin.design.derive import Case, Derivation
from cobalamin.design.design import Design, SurveyColumns
from cobalamin.design.eligibility import Criterion
from cobalamin.design.exposure import Exposure
from cobalamin.design.followup import Censoring, GivenFollowUp
from cobalamin.design.outcome import Competing, Outcome
from cobalamin.design.scales import ExposureScales
from cobalamin.design.timezero import TimeZero
from cobalamin.dictionary.codelist import CodeList

Given = Mapping[str, Any]
CodeLists = Mapping[str, CodeList]
Reader = Callable[[Any, str], Any]

SECTIONS = (
    "people",
    "time_scale",
    "unit",
    "lag_years",
    "unordered_dates",
    "time_zero",
    "follow_up",
    "derive",
    "eligibility",
    "exposures",
    "covariates",
    "outcome",
    "competing",
    "censoring",
    "keep",
    "survey",
)


def design_from_mapping(mapping: Given, *, codelists: CodeLists | None = None, after_time_zero: Iterable[str] = ()) -> Design:
    """Read a design from nested mappings, such as a protocol in TOML gives.

    Parameters
    ----------
    mapping : mapping
        The ``[design]`` section; ``docs/protocol-design.md`` shows every key.
    codelists : mapping of str to CodeList, optional
        Code lists that ``codes = "name"`` may name.
    after_time_zero : iterable of str
        Columns known only after time zero (roles outcome, event_date, end_of_follow_up, follow_up of the dictionary).

    Returns
    -------
    Design

    Raises
    ------
    ProtocolError
        An unknown key (with the nearest one), a missing key, a value of the wrong type, an unknown code list.
    DesignError
        A design that would bias its own answer.

    Examples
    --------
    >>> design = design_from_mapping({"outcome": {"name": "death", "column": "died"}, "follow_up": {"exit": "years"}})
    >>> design.outcome.name
    'death'
    >>> design_from_mapping({"outcom": {}})
    Traceback (most recent call last):
    ...
    cobalamin.core.errors.ProtocolError: [design] unknown key 'outcom'. Did you mean 'outcome'?
    """
    given = _table(mapping, "design")
    _refuse_unknown(given, SECTIONS, "design")
    if "outcome" not in given:
        raise ProtocolError("[design] the key 'outcome' is missing.")
    lists = codelists or {}
    parts: dict[str, Any] = _people(given.get("people", {})) | {"after_time_zero": tuple(after_time_zero)}
    parts |= {
        key: _READERS[key](given[key], f"design.{key}")
        for key in ("time_scale", "unit", "unordered_dates", "lag_years", "keep")
        if key in given
    }
    for key, cls in (
        ("time_zero", TimeZero),
        ("follow_up", GivenFollowUp),
        ("censoring", Censoring),
        ("survey", SurveyColumns),
        ("outcome", Outcome),
    ):
        if key in given:
            parts[key] = _make(cls, given[key], f"design.{key}", lists)
    parts["derive"] = tuple(_derivation(n, v) for n, v in _table(given.get("derive", {}), "design.derive").items())
    parts["eligibility"] = tuple(_criterion(v, i) for i, v in enumerate(_list(given.get("eligibility", []), "design.eligibility"), start=1))
    parts["exposures"] = tuple(_exposure(n, v, lists) for n, v in _table(given.get("exposures", {}), "design.exposures").items())
    parts["covariates"] = _named(Covariate, given.get("covariates", {}), "design.covariates", lists)
    parts["competing"] = _named(Competing, given.get("competing", {}), "design.competing", lists)
    return Design(**parts)


def _people(value: Any) -> dict[str, str]:
    given = _table(value, "design.people")
    names = {"table": "person_table", "id": "person_id", "birth": "birth", "label": "person_label"}
    _refuse_unknown(given, names, "design.people")
    return {names[k]: _text(v, f"design.people.{k}") for k, v in given.items()}


def _named(cls: type[Any], value: Any, where: str, lists: CodeLists) -> tuple[Any, ...]:
    """``name = "column"`` or ``name = { ... }``."""
    result = []
    for name, spec in _table(value, where).items():
        inner = {"column": spec} if isinstance(spec, str) else spec
        result.append(_make(cls, inner, f"{where}.{name}", lists, name=name))
    return tuple(result)


def _exposure(name: str, value: Any, lists: CodeLists) -> Exposure:
    where = f"design.exposures.{name}"
    given = dict(_table(value, where))
    keys = _keys(ExposureScales)
    _refuse_unknown(given, (*_keys(Exposure, "name", "scales"), *keys), where)
    scales = _make(ExposureScales, {k: given.pop(k) for k in keys if k in given}, where, lists)
    exposure: Exposure = _make(Exposure, given, where, lists, name=name, scales=scales)
    return exposure


def _derivation(name: str, value: Any) -> Derivation:
    where = f"design.derive.{name}"
    if isinstance(value, str):
        return Derivation(name=name, expression=value)
    given = _table(value, where)
    _refuse_unknown(given, ("expression", "cases", "otherwise", "reference"), where)
    cases = tuple(
        _pair(Case, ("label", "when"), v, f"{where}.cases[{i}]")
        for i, v in enumerate(_list(given.get("cases", []), f"{where}.cases"), start=1)
    )
    texts = {k: _text(v, f"{where}.{k}") for k, v in given.items() if k != "cases"}
    return Derivation(name=name, cases=cases, **texts)


def _criterion(value: Any, number: int) -> Criterion:
    criterion: Criterion = _pair(Criterion, ("label", "keep"), value, f"design.eligibility[{number}]")
    return criterion


def _pair(cls: type[Any], keys: tuple[str, str], value: Any, where: str) -> Any:
    given = _table(value, where)
    _refuse_unknown(given, keys, where)
    for key in keys:
        if key not in given:
            raise ProtocolError(f"[{where}] the key '{key}' is missing.")
    build: Any = cls
    return build(*(_text(given[key], f"{where}.{key}") for key in keys))


def _make(cls: type[Any], value: Any, where: str, lists: CodeLists, **fixed: Any) -> Any:
    given = _table(value, where)
    _refuse_unknown(given, _keys(cls, *fixed), where)
    read = {key: _read(key, value, f"{where}.{key}", lists) for key, value in given.items()}
    build: Any = cls
    try:
        return build(**fixed, **read)
    except TypeError as error:
        missing = [k for k in _keys(cls, *fixed) if f"'{k}'" in str(error)]
        raise ProtocolError(f"[{where}] the key '{list_names(missing)}' is missing.") from error
    except DesignError as error:
        raise DesignError(f"[{where}] {error}") from error


def _read(key: str, value: Any, where: str, lists: CodeLists) -> Any:
    if key == "codes":
        return _codes(value, where, lists)
    reader: Reader = _READERS[key] if key in _READERS else _text  # noqa: SIM401
    return reader(value, where)


def _keys(cls: type[Any], *without: str) -> tuple[str, ...]:
    return tuple(name for name in cls.__dataclass_fields__ if name not in without)


def _refuse_unknown(given: Given, known: Iterable[str], where: str) -> None:
    names = list(known)
    for key in given:
        if key not in names:
            hint = did_you_mean(str(key), names) or f" Known keys: {list_names(names, 30)}."
            raise ProtocolError(f"[{where}] unknown key '{key}'.{hint}")


def _codes(value: Any, where: str, lists: CodeLists) -> CodeList | tuple[str, ...]:
    if not isinstance(value, str):
        return _texts(value, where)
    if value not in lists:
        raise ProtocolError(
            f"[{where}] there is no code list '{value}'.{did_you_mean(value, lists)} Known: {list_names(sorted(lists)) or 'none'}."
        )
    return lists[value]


def _wrong(value: Any, where: str, expected: str) -> ProtocolError:
    return ProtocolError(f"[{where}] expected {expected}, got {type(value).__name__}.")


def _table(value: Any, where: str) -> Given:
    if not isinstance(value, Mapping):
        raise _wrong(value, where, "a table of keys")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise _wrong(value, where, "a list")
    return list(value)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _wrong(value, where, "text")
    return value


def _texts(value: Any, where: str) -> tuple[str, ...]:
    return tuple(_text(v, where) for v in _list(value, where))


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(value, where, "true or false")
    return value


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or np.isnan(value):
        raise _wrong(value, where, "a number")
    return value


def _count(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(value, where, "a whole number")
    return value


def _numbers(value: Any, where: str) -> tuple[float, ...]:
    return tuple(_number(v, where) for v in _list(value, where))


def _window(value: Any, where: str) -> tuple[float, ...]:
    return tuple(-np.inf if v == "ever" else _number(v, where) for v in _list(value, where))


def _date(value: Any, where: str) -> dt.date:
    if isinstance(value, dt.datetime) or not isinstance(value, dt.date):
        raise _wrong(value, where, "a date such as 2005-01-01, without quotes")
    return value


def _limits(value: Any, where: str) -> tuple[dt.date | str, ...]:
    items = _list(value, where) if not isinstance(value, str | dt.date) else [value]
    return tuple(v if isinstance(v, str) else _date(v, where) for v in items)


_READERS: Mapping[str, Reader] = {
    "lag_years": _number,
    "window_days": _window,
    "carry": _texts,
    "columns": _texts,
    "keep": _texts,
    "code_status": _texts,
    "labels": _texts,
    "cutoffs": _numbers,
    "quantiles": _count,
    "quantile_reference": _count,
    "log2": _flag,
    "on": _date,
    "administrative_end": _date,
    "on_or_after": _limits,
    "time_scale": _text,
    "unit": _text,
    "unordered_dates": _text,
}
