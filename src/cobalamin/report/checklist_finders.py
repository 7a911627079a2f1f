"""What reporting checklists look for in a report, each by its name; a number hidden by disclosure control is not there."""

from __future__ import annotations

import re
from collections.abc import Collection

import pandas as pd

from cobalamin.report.checklist_rules import Finder, any_of, holding, listed, said, shown
from cobalamin.report.checklist_seen import ESTIMATED, Places, Seen
from cobalamin.report.facts import ROLES, ModelFacts
from cobalamin.report.select import squeeze

# tables that print people, events and person-time; figures have such rows behind them and do not print them
COUNTED = ("table1", "table-main-results")
_NUMERIC = (
    r"[<>\u2264\u2265]=?\s*\d",
    r"\d\s*(?:to|-|\u2013)\s*<?\s*\d",
    r"\b(?:below|under|over|above|at least)\s+\d",
    r"\d.*\bor (?:more|less|over|older)\b",
)
_CLASS = re.compile("|".join(_NUMERIC), re.I)
_ABSOLUTE = r"(?:standardi[sz]ed|absolute) risk|risk difference"
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"


def estimated(model: str) -> Finder:
    """Find tables with an estimate and its interval from a model of a kind.

    Parameters
    ----------
    model : {"crude", "adjusted"}
        A crude model has one exposure and nothing else, and an outcome that an adjusted model has too; an adjusted one says what it
        adjusts for.

    Returns
    -------
    callable
        Finder.
    """

    def find(seen: Seen) -> Places:
        outcomes = {m.outcome for m in seen.facts.models if is_adjusted(m)}
        crude = {(m.role, m.name) for m in seen.facts.models if is_crude(m) and (m.outcome in outcomes or not outcomes)}
        adjusted = {(m.role, m.name) for m in seen.facts.models if is_adjusted(m)}
        names = crude if model == "crude" else adjusted
        return holding(lambda f: _interval(f) & _of_models(f, names), *ESTIMATED)(seen)

    return find


def is_adjusted(model: ModelFacts) -> bool:
    """Say whether a model adjusts for something.

    Parameters
    ----------
    model : ModelFacts
        A model.

    Returns
    -------
    bool
        By what it declares.
    """
    return bool(model.adjustments)


def is_crude(model: ModelFacts) -> bool:
    """Say whether a model has one exposure and nothing else.

    Parameters
    ----------
    model : ModelFacts
        A model.

    Returns
    -------
    bool
        A formula with further terms is not crude, whatever the model declares; nor is one with strata.

    Examples
    --------
    >>> crude = ModelFacts("m", "M", "primary", "cox", "log2(b12)", exposures=("log2(b12)",))
    >>> is_crude(crude), is_crude(ModelFacts("m", "M", "primary", "cox", "b12 + age", exposures=("b12",)))
    (True, False)
    """
    exposures = [squeeze(t) for t in model.exposures]
    return (
        not model.adjustments
        and len(exposures) == 1
        and squeeze(model.formula.split("~")[-1]) == exposures[0]
        and "Strata" not in model.note
    )


def _of_models(frame: pd.DataFrame, names: Collection[tuple[str, str]]) -> pd.Series:
    keys = zip(frame["analysis"], frame["model"], strict=True)
    return pd.Series([(str(role), str(name)) in names for role, name in keys], frame.index, dtype=bool)


def _interval(frame: pd.DataFrame) -> pd.Series:
    return (frame["context"] == "estimate") & frame[["value", "low", "high"]].notna().all(axis=1)


def _column(name: str, frame: pd.DataFrame) -> pd.Series:
    """Rows of the exhibit's own people that hold a number: of everybody or of a level, not of the whole document."""
    return frame[name].notna() & (frame["context"].isin(["estimate"]) | ((frame["analysis"] == "table1") & (frame["measure"] == "total")))


def _subgroup(frame: pd.DataFrame) -> pd.Series:
    product = frame["term"].str.contains(r":| x ", regex=True) & ~frame["term"].str.contains("::", regex=False)
    return _interval(frame) & ((frame["subgroup"] != "") | product) & frame["analysis"].isin(ROLES)


def _classes(frame: pd.DataFrame) -> pd.Series:
    return frame["level"].map(is_class) | frame["subgroup"].map(is_class)


def is_class(level: str) -> bool:
    """Say whether the name of a category gives the boundaries of a class of a number.

    Parameters
    ----------
    level : str
        ``"148 to <221"``.

    Returns
    -------
    bool
        Also for ``"Below 148"``, ``">=221"``, ``"65 or older"``.

    Examples
    --------
    >>> [is_class(x) for x in ("148 to <221", "Below 148 pmol/L", ">=221", "221 pmol/L or more", "type 2 diabetes", "female")]
    [True, True, True, True, False, False]
    """
    return bool(_CLASS.search(level))


# ------------------------------------------------------------------ methods
DATES = said(rf"\b(?:{_MONTHS}) (?:19|20)\d\d\b|\b(?:in|from|since|between|until) (?:19|20)\d\d\b", "methods")
ELIGIBILITY = said(r"\beligib|\bpopulation (is|was)\b", "methods")
START = said(r"\btime zero (is|was)\b|\bstart of each person's follow-up\b|follow-up started", "methods")
END = said(r"\bfollow-up\b.*\b(ends?|ended)\b", "methods")
OUTCOME = said(r"\boutcomes? (is|was|are|were)\b", "methods")
EXPOSURE = said(r"\bexposures? (is|was|are|were)\b|\bwas (the (last|first) result|the mean of all results|taken as given)", "methods")
COVARIATES = said(r"^covariates (are|were)\b", "methods")
SCALE = said(
    r"analysed per |\bclasses were\b|\bdivided into\b|divided by the cohort's standard deviation|\bspline\b|, per doubling", "methods"
)
CUTTING = said(r"\bclasses were\b|\bdivided into\b", "methods")
MODELS = said(r"^(primary|secondary|sensitivity) model \(", "methods")
CONFOUNDING = said(r"^(primary|secondary|sensitivity) model \(.*\badjusted for\b|inverse[- ]probability|standardi[sz]ed to", "methods")
SENSITIVITY_DECLARED = said(r"^sensitivity model \(", "methods")
SUBGROUPS_DESCRIBED = said(r"\binteraction|\bsubgroup|\beffect modif|^(primary|secondary|sensitivity) model \(.*\u00d7", "methods")
MISSING_DESCRIBED = said(r"\bimput|\bcomplete (data|cases?|rows)\b", "methods")
LAGS = said(r"with a lag of|\brestricted to people with\b|inverse[- ]probability|negative control", "methods")
RULES = listed(r"^rules exactly as they were run", "methods")
CODE_LISTS = listed(r"code of the list '", "methods")
CODES = listed(r"code of the list '|with code ", "methods")
MATCHING = said(r"\bmatch(ed|ing)\b|conditional logistic", "methods")
MATCHING_MODEL = said(r"conditional logistic", "methods")

# ------------------------------------------------------------------ participants
FLOW_CHART = shown("flow")
FLOW = shown("flow", "table-attrition")
REASONS = holding(lambda f: (f["measure"] == "remaining") & (f["at"] > 0) & (f["term"] != ""), "flow", "table-attrition")
TABLE1 = holding(lambda f: f["term"] != "", "table1")
TABLE1_GROUPS = holding(lambda f: (f["subgroup"] != "") & (f["subgroup"] != "Overall"), "table1")
EXPOSURE_SHOWN = any_of(shown("distribution"), TABLE1_GROUPS)
MISSING_BY_VARIABLE = holding(lambda f: (f["measure"] == "missing") & f["n"].notna(), "table1")
MISSING_BY_MODEL = any_of(
    holding(lambda f: (f["measure"] == "n_missing") & f["value"].notna(), "table-fits"),
    said(r"left (out of a model|anybody out)", "diagnostics"),
)
PERSON_TIME = holding(lambda f: _column("person_time", f), *COUNTED)
EVENTS = any_of(holding(lambda f: _column("events", f), *COUNTED), shown("severity", "trajectory"))

# ------------------------------------------------------------------ results
CRUDE, ADJUSTED = estimated("crude"), estimated("adjusted")
INTERVALS = holding(_interval, *ESTIMATED)
PRIMARY = said(r"^primary model \(.*\d% CI \d", "summary")
ABSOLUTE = any_of(
    holding(lambda f: (f["context"] == "curve") & f["value"].notna(), "incidence", "curves"),
    holding(lambda f: f["measure"].str.contains(_ABSOLUTE, case=False) & f["value"].notna(), *ESTIMATED),
    said(r"cumulative (probability|incidence)", "results"),
)
CLASSES = holding(_classes, "table1", "table-main-results", "table-sensitivity-analyses", "forest", "curves", "incidence")
SUBGROUPS = holding(_subgroup, *ESTIMATED, "forest", "table-subgroups", "table-interaction")
SENSITIVITY = shown("table-sensitivity-analyses")
OTHER = any_of(SENSITIVITY, SUBGROUPS, shown("dose-response"))
DAG = shown("dag")

# ------------------------------------------------------------------ discussion and other information
NO_STUDY_FOUND = said(r"we found no published study", "question")
QUESTION = said(r".", "question")
PROTOCOL = listed(r"^this run \| protocol", "provenance")
CODE = listed(r"^this run \| code|versions \| cobalamin", "provenance")
DICTIONARY = listed(r"^this run \| dictionary", "provenance")
VERSIONS = listed(r"^versions \|", "provenance")


def declared_limitations(seen: Seen) -> Places:
    """Find limitations that the study declared: those of every report do not count.

    Parameters
    ----------
    seen : Seen
        A report.

    Returns
    -------
    tuple of Place
        The section, if it holds one of them.
    """
    return limitation_about(".")(seen)


def limitation_about(pattern: str) -> Finder:
    """Find a declared limitation about something.

    Parameters
    ----------
    pattern : str
        Regular expression.

    Returns
    -------
    callable
        Finder; sentences that stand in every report are not looked at.
    """

    def find(seen: Seen) -> Places:
        texts = [" ".join(x.text.split()) for x in seen.facts.limitations if re.search(pattern, x.text, re.I)]
        return tuple(dict.fromkeys(p for t in texts for p in seen.said(f"^{re.escape(t)}$", "limitations")))

    return find
