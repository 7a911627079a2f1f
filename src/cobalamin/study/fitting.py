"""From a cohort and a model of the protocol to a Fit: which rows, which columns of follow-up, which variance."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from cobalamin.core.errors import CobalaminWarning, ProtocolError, did_you_mean
from cobalamin.design.cohort import Cohort
from cobalamin.design.design import Design
from cobalamin.models.cox.penalty import Ridge
from cobalamin.models.fit import Fit
from cobalamin.models.survey import Survey
from cobalamin.study.kinds import KINDS, Kind, load_function
from cobalamin.study.sections import ModelSection

OUTCOME = "outcome_event"
# keys of the protocol that go to a keyword of another name, or to none of their own
_RENAMED = {"frailty": "cluster"}
_MADE = ("survey", "firth", "ridge", "ridge_terms")


def fit_model(model: ModelSection, cohort: Cohort, rows: pd.DataFrame | None = None) -> Fit:
    """Fit one model of the protocol.

    Parameters
    ----------
    model : ModelSection
        The model.
    cohort : Cohort
        The cohort of its lag and restriction.
    rows : DataFrame, optional
        Rows of visits, for a model of these; by default the people of the cohort.

    Returns
    -------
    Fit
        Warnings stand on it; none is shown here, because they go to the results.

    Raises
    ------
    ProtocolError
        An event that the design does not have.
    """
    kind = KINDS[model.kind]
    where = next((function for key, function in kind.instead if getattr(model, key)), kind.function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CobalaminWarning)
        frame = fit_frame(model, cohort) if rows is None else rows
        fit: Fit = load_function(where)(model.formula, frame, **_arguments(model, kind, cohort.design))
    return fit


def fit_frame(model: ModelSection, cohort: Cohort) -> pd.DataFrame:
    """Return the rows a model is fitted on.

    Parameters
    ----------
    model : ModelSection
        The model.
    cohort : Cohort
        Its cohort.

    Returns
    -------
    DataFrame
        As `model_frame`, for the model's event.
    """
    return model_frame(cohort, whole=model.survey, code=event_code(model, cohort.design))


def event_code(model: ModelSection, design: Design) -> int:
    """Return the code of the event a model is about.

    Parameters
    ----------
    model : ModelSection
        Its ``event``; none = the outcome.
    design : Design
        Outcome and competing events.

    Returns
    -------
    int
        1 = the outcome, 2, 3, ... = competing events.

    Raises
    ------
    ProtocolError
        No such event; the nearest is suggested.
    """
    if model.event is None:
        return 1
    codes = {label: code for code, label in design.event_labels.items() if code}
    if model.event not in codes:
        raise ProtocolError(
            f"[model.{model.name}] event: the design has no '{model.event}'; it has {', '.join(codes)}.{did_you_mean(model.event, codes)}"
        )
    return codes[model.event]


def _arguments(model: ModelSection, kind: Kind, design: Design) -> dict[str, Any]:
    given = {key: getattr(model, key) for key in kind.options if key not in _MADE}
    arguments = {_RENAMED.get(key, key): _plain(value) for key, value in given.items() if value not in (None, ())}
    if model.survey:
        arguments["survey"] = _survey(design)
    if model.firth or model.ridge is not None:
        arguments["penalty"] = "firth" if model.ridge is None else Ridge(model.ridge, model.ridge_terms or None)
    if model.rows in ("visits", "one-rater") and "group" in kind.options:
        arguments.setdefault("group", design.person_id)
    if kind.timed:
        arguments |= {"entry": "entry", "exit": "exit", "event": OUTCOME if kind.follow == "one event" else "event"}
    if kind.follow == "all events":
        arguments["cause"] = event_code(model, design)
    return arguments


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def refuse_unknown_show(model: ModelSection, fit: Fit) -> None:
    """Refuse a protocol that wants to show a term its model does not have.

    Parameters
    ----------
    model : ModelSection
        The model of the protocol.
    fit : Fit
        What came of it.

    Raises
    ------
    ProtocolError
        A name in ``show`` that is no term; the nearest is suggested.
    """
    refuse_unknown_terms(model.show, fit, model, "show")


def refuse_unknown_terms(names: Iterable[str], fit: Fit, model: ModelSection, key: str) -> None:
    """Refuse names that are no terms of a model; a spline may be named as a whole.

    Parameters
    ----------
    names : iterable of str
        Terms as the protocol writes them.
    fit : Fit
        The fitted model.
    model : ModelSection
        The model of the protocol.
    key : str
        Where the names stand.

    Raises
    ------
    ProtocolError
        The first name that is no term.
    """
    terms = known_terms(fit)
    for name in names:
        if squeeze(name) not in terms:
            hint = did_you_mean(name, list(terms.values()))
            raise ProtocolError(f"[model.{model.name}] {key}: '{name}' is not a term of '{model.formula}'.{hint}")


def known_terms(fit: Fit) -> Mapping[str, str]:
    """Return the terms of a model, the parts of a spline (``rcs(x, 4)[1]``) and the spline itself.

    Parameters
    ----------
    fit : Fit
        A fitted model.

    Returns
    -------
    mapping of str to str
        Term without blanks -> term as results write it.
    """
    parts = list(dict.fromkeys(fit.estimates(analysis="", model="", outcome="").where(context="estimate").frame["term"]))
    whole = [part[: part.rindex("[")] for part in parts if part.endswith("]")]
    return {squeeze(term): term for term in (*parts, *whole)}


def squeeze(term: str) -> str:
    """Return a term without blanks: ``rcs(x,4)`` and ``rcs(x, 4)`` are the same.

    Parameters
    ----------
    term : str
        A term of a formula.

    Returns
    -------
    str
        The term without blanks.

    Examples
    --------
    >>> squeeze("rcs(x, 4)")
    'rcs(x,4)'
    """
    return "".join(term.split())


def model_frame(cohort: Cohort, *, whole: bool = False, code: int = 1) -> pd.DataFrame:
    """Return the rows models are fitted on, with one event as 0/1.

    Parameters
    ----------
    cohort : Cohort
        A cohort; its event codes above 1 are competing events.
    whole : bool
        Whether people outside the cohort stand there too (survey designs), with ``in_cohort`` 0.
    code : int
        The event; 1 = the outcome.

    Returns
    -------
    DataFrame
        The cohort's columns and ``outcome_event``: 1 = the event; every other one ends follow-up (cause-specific hazard).
    """
    data = cohort.with_outsiders() if whole else cohort.data
    return data.assign(**{OUTCOME: (data["event"] == code).astype(float).where(data["event"].notna())})


def _survey(design: Design) -> Survey:
    columns = design.survey
    if columns is None:  # the protocol was checked for it
        raise AssertionError("survey model without survey columns")
    return Survey(strata=columns.strata or None, psu=columns.psu or None, weights=columns.weights, domain="in_cohort")
