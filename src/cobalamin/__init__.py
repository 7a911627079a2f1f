"""Epidemiology of serum vitamin B12 and lichen sclerosus, from cohort tables to a reproducible report.

``import cobalamin as cb`` gives the public names below; each is loaded when it is first used, so that the import and
``cobalamin --help`` stay fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cobalamin.core.estimates import Estimates
    from cobalamin.design.cohort import Cohort, build_cohort
    from cobalamin.design.design import Design
    from cobalamin.dictionary.check import check
    from cobalamin.dictionary.dictionary import Dictionary, load_dictionary
    from cobalamin.dictionary.failure_report import FailureReport
    from cobalamin.models.cox import cox
    from cobalamin.models.curve_set import Curves
    from cobalamin.models.curves import survival_curve
    from cobalamin.models.describe import histogram, table1
    from cobalamin.models.fit import Fit
    from cobalamin.models.regression import logistic
    from cobalamin.models.survey import Survey
    from cobalamin.release.disclosure import disclose
    from cobalamin.sources.memory import MemorySource
    from cobalamin.sources.simulated import SimulatedSource
    from cobalamin.sources.source import Source, open_source
    from cobalamin.study.results import Results
    from cobalamin.study.study import Study, load_study

__version__ = "0.1.0"

_ROOMS = {
    "core.estimates": ("Estimates",),
    "design.cohort": ("Cohort", "build_cohort"),
    "design.design": ("Design",),
    "dictionary.check": ("check",),
    "dictionary.dictionary": ("Dictionary", "load_dictionary"),
    "dictionary.failure_report": ("FailureReport",),
    "models.cox": ("cox",),
    "models.curve_set": ("Curves",),
    "models.curves": ("survival_curve",),
    "models.describe": ("histogram", "table1"),
    "models.fit": ("Fit",),
    "models.regression": ("logistic",),
    "models.survey": ("Survey",),
    "release.disclosure": ("disclose",),
    "sources.memory": ("MemorySource",),
    "sources.simulated": ("SimulatedSource",),
    "sources.source": ("Source", "open_source"),
    "study.results": ("Results",),
    "study.study": ("Study", "load_study"),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "Cohort",
    "Curves",
    "Design",
    "Dictionary",
    "Estimates",
    "FailureReport",
    "Fit",
    "MemorySource",
    "Results",
    "SimulatedSource",
    "Source",
    "Study",
    "Survey",
    "build_cohort",
    "check",
    "cox",
    "disclose",
    "histogram",
    "load_dictionary",
    "load_study",
    "logistic",
    "open_source",
    "survival_curve",
    "table1",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its room when it is first asked for."""
    if name not in _HOME:
        from cobalamin.core.errors import did_you_mean

        raise AttributeError(f"module 'cobalamin' has no attribute '{name}'.{did_you_mean(name, _HOME)}")
    value = getattr(import_module(f"cobalamin.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
