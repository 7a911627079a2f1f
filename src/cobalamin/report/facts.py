"""What a report must know besides the numbers: plain texts and labels, stored as ``facts.json`` beside the results.

A `StudyFacts` holds no person and no number of the results, so a report can be rebuilt from it and the `Estimates` alone, on a
machine that never saw the data. It holds no date, host or absolute path either: the same study gives the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from cobalamin.core.errors import DataError, did_you_mean

Role = Literal["primary", "secondary", "sensitivity"]
ROLES: tuple[str, ...] = get_args(Role)
# what models are called whose facts do not say it themselves (`ModelFacts.method`)
KIND_WORDS = {"cox": "Cox proportional-hazards regression", "logistic": "logistic regression"}


@dataclass(frozen=True)
class ModelFacts:
    """One model of the protocol, in words.

    Attributes
    ----------
    name : str
        What stands in ``Estimates.model`` (the role stands in ``Estimates.analysis``).
    label : str
        Name for people: ``"Adjusted for age, sex and autoimmune gastritis"``.
    role : {"primary", "secondary", "sensitivity"}
        Place in the report; the first primary model gives the answer.
    kind : str
        Family of the model: ``cox``, ``logistic``; any other with ``method``.
    formula : str
        Right-hand side as written in the protocol.
    adjustments : tuple of str
        What the exposure is adjusted for, in words; empty = unadjusted.
    exposures : tuple of str
        ``Estimates.term`` of the rows to show in the main table and the forest plot, in order.
    outcome : str
        What stands in ``Estimates.outcome``.
    survey : bool
        Whether the survey design (weights, strata, clusters) is used.
    lag : float
        Time (in ``time_unit``) that must pass between the exposure and the start of follow-up; 0 = none.
    note : str
        One further sentence, e.g. how the time scale differs in this model.
    method : str
        What the report calls the model: ``"Fine-Gray regression of the subdistribution hazard"``; empty for the words of its kind.
    rows : {"", "baseline", "visits", "one-rater"}
        Who it is about: the people of the cohort, or those who had the outcome, at their first visit, at all visits by all raters, or
        by one rater each.
    """

    name: str
    label: str
    role: Role
    kind: str
    formula: str
    adjustments: tuple[str, ...] = ()
    exposures: tuple[str, ...] = ()
    outcome: str = ""
    survey: bool = False
    lag: float = 0.0
    note: str = ""
    method: str = ""
    rows: str = ""

    def __post_init__(self) -> None:
        _one_of(self.role, ROLES, f"model '{self.name}': role")
        if not self.method:
            _one_of(self.kind, tuple(KIND_WORDS), f"model '{self.name}': kind")

    @property
    def words(self) -> str:
        """What the report calls the model."""
        return self.method or KIND_WORDS[self.kind]


@dataclass(frozen=True)
class Limitation:
    """A weakness that applies to this run: a short code and a sentence.

    Attributes
    ----------
    code : str
        Stable short name (``"assay"``, ``"reverse_causation"``), for tests and translations.
    text : str
        The sentence to print.
    """

    code: str
    text: str


@dataclass(frozen=True)
class CutOff:
    """A line to draw in a distribution: a clinical cut-off.

    Attributes
    ----------
    variable : str
        Variable it belongs to (``Estimates.term`` of the distribution).
    value : float
        In the unit of the distribution.
    label : str
        ``"148 pmol/L: deficient"``.
    """

    variable: str
    value: float
    label: str


@dataclass(frozen=True)
class StudyFacts:
    """The texts of one report.

    Attributes
    ----------
    title, question : str
        Title of the study and its question in one sentence.
    simulated : bool
        Whether the people are simulated; then every title, caption and figure says so.
    outcome, event : str
        Label of the outcome ("diagnosis of lichen sclerosus") and of one event for axes and columns ("LS diagnoses").
    time_unit : str
        ``"years"``; with ``time_scale`` it labels the axes of curves.
    time_scale : str
        What time runs from: ``"Years since time zero"``, ``"Attained age (years)"``.
    group : str
        Label of the grouping of Table 1, curves and distribution ("Serum B12 group").
    labels : mapping of str to str
        Variable (or formula term) -> label with unit, ``"Serum vitamin B12 (pmol/L)"``.
    levels : mapping of str to str
        Category -> label, where a category needs another name than its own.
    design : tuple of str
        Plain sentences in order: population, time zero, exposure, outcome, censoring, models, missing values.
    definitions : tuple of (str, str)
        What is defined -> its rule exactly as run (columns, conditions, code lists).
    models : tuple of ModelFacts
        In the order to show.
    limitations : tuple of Limitation
        What applies to this run.
    disclosure : str
        One sentence: which rules protected the numbers.
    protected_curves : bool
        Whether curves hold only the times that disclosure control lets out: points are then joined, not drawn as steps.
    notices : tuple of str
        Acknowledgements and notices of the data holder.
    cutoffs : tuple of CutOff
        Lines of the distribution figure.
    concerns_ls : bool
        Whether the outcome is lichen sclerosus; the evidence statement depends on it.
    checklists : tuple of str
        Reporting checklists to fill at the end of the report (see `checklist.find_checklist`).
    confidence : float
        Level of the intervals in the Estimates.
    provenance : mapping of str to (str or mapping of str to str)
        Package versions, input hashes, protocol fingerprint, seed, code version. No dates, hosts or absolute paths.

    Examples
    --------
    >>> facts = StudyFacts(title="B12 and LS", question="Is B12 associated with LS?")
    >>> StudyFacts.from_json(facts.to_json()) == facts
    True
    """

    title: str
    question: str
    simulated: bool = False
    outcome: str = "the outcome"
    event: str = "Events"
    time_unit: str = "years"
    time_scale: str = ""
    group: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, str] = field(default_factory=dict)
    design: tuple[str, ...] = ()
    definitions: tuple[tuple[str, str], ...] = ()
    models: tuple[ModelFacts, ...] = ()
    limitations: tuple[Limitation, ...] = ()
    disclosure: str = ""
    protected_curves: bool = False
    notices: tuple[str, ...] = ()
    cutoffs: tuple[CutOff, ...] = ()
    concerns_ls: bool = True
    checklists: tuple[str, ...] = ()
    confidence: float = 0.95
    provenance: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [(m.role, m.name) for m in self.models]
        twice = sorted({name for role, name in names if names.count((role, name)) > 1})
        if twice:
            raise DataError(
                f"StudyFacts: model '{twice[0]}' is listed {[n for _, n in names].count(twice[0])} times; give each its own name."
            )
        if not 0 < self.confidence < 1:
            raise DataError(f"StudyFacts: confidence is {self.confidence}; expected a level between 0 and 1, such as 0.95.")

    def to_json(self) -> str:
        """Return the canonical JSON text.

        Returns
        -------
        str
            JSON with the fields in the order above, indented, ending in a line feed.
        """
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> StudyFacts:
        """Read what `to_json` wrote.

        Parameters
        ----------
        text : str
            JSON of a facts file.

        Returns
        -------
        StudyFacts
            The same facts.

        Raises
        ------
        DataError
            Text that is not JSON, an unknown key, a missing key, or a wrong role or kind.
        """
        try:
            raw = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(f"facts: not valid JSON (line {error.lineno}); write the file with StudyFacts.to_json.") from error
        raw = _known(raw, cls, "facts")
        nested = {"models": ModelFacts, "limitations": Limitation, "cutoffs": CutOff}
        for key, kind in nested.items():
            raw[key] = tuple(_build(kind, item, f"facts.{key}") for item in raw.get(key, ()))
        for key in ("design", "notices", "checklists"):
            raw[key] = tuple(raw.get(key, ()))
        raw["definitions"] = tuple((name, rule) for name, rule in raw.get("definitions", ()))
        made: StudyFacts = _make(cls, raw, "facts")
        return made


def _build(kind: type[Any], item: Any, where: str) -> Any:
    raw = _known(item, kind, where)
    return _make(kind, {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}, where)


def _known(raw: Any, kind: type[Any], where: str) -> dict[str, Any]:
    names = [f.name for f in dataclasses.fields(kind)]
    if not isinstance(raw, dict):
        raise DataError(f"{where}: expected an object with the keys {', '.join(names)}; got {type(raw).__name__}.")
    for key in raw:
        if key not in names:
            raise DataError(f"{where}: unknown key '{key}'.{did_you_mean(key, names)}")
    return dict(raw)


def _make(kind: type[Any], raw: dict[str, Any], where: str) -> Any:
    needed = [f.name for f in dataclasses.fields(kind) if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING]
    missing = [name for name in needed if name not in raw]
    if missing:
        raise DataError(f"{where}: key '{missing[0]}' is missing; expected at least {', '.join(needed)}.")
    return kind(**raw)


def _one_of(value: str, allowed: tuple[str, ...], what: str) -> None:
    if value not in allowed:
        raise DataError(f"{what} is '{value}'; expected one of {', '.join(allowed)}.{did_you_mean(str(value), allowed)}")
