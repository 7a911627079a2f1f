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
    from cobalamin.design.covariate import Covariate
    from cobalamin.design.design import Design
    from cobalamin.design.eligibility import Criterion
    from cobalamin.design.exposure import Exposure
    from cobalamin.design.followup import Censoring, GivenFollowUp
    from cobalamin.design.mapping import design_from_mapping
    from cobalamin.design.outcome import Competing, Outcome
    from cobalamin.design.scales import ExposureScales
    from cobalamin.design.timezero import TimeZero
    from cobalamin.dictionary.check import check
    from cobalamin.dictionary.dictionary import Dictionary, load_dictionary
    from cobalamin.dictionary.failure_report import FailureReport
    from cobalamin.models.competing.absolute_risk import absolute_risk, cause_specific
    from cobalamin.models.competing.cumulative_incidence import cumulative_incidence
    from cobalamin.models.competing.fine_gray import fine_gray
    from cobalamin.models.competing.gray import gray_test
    from cobalamin.models.competing.incidence_curves import IncidenceCurves
    from cobalamin.models.cox.concordance import concordance
    from cobalamin.models.cox.cox import cox
    from cobalamin.models.cox.cox_predict import predict_survival
    from cobalamin.models.cox.cox_residuals import cox_baseline, cox_residuals, event_rows
    from cobalamin.models.cox.frailty import cox_frailty
    from cobalamin.models.cox.penalty import Ridge
    from cobalamin.models.cox.ph_test import ph_test
    from cobalamin.models.cox.profile_interval import profile_interval
    from cobalamin.models.cox.time_varying import split_at_events
    from cobalamin.models.curves.adjusted_curves import adjusted_curve
    from cobalamin.models.curves.bands import confidence_band
    from cobalamin.models.curves.curve_set import Curves
    from cobalamin.models.curves.curves import survival_curve
    from cobalamin.models.curves.logrank import logrank
    from cobalamin.models.curves.nelson_aalen import cumulative_hazard
    from cobalamin.models.curves.rmst import rmst, rmst_difference
    from cobalamin.models.describe.describe import histogram, table1
    from cobalamin.models.fit import Fit
    from cobalamin.models.interval.interval_cox import interval_cox
    from cobalamin.models.interval.turnbull import interval_survival
    from cobalamin.models.multistate.multistate import multi_state
    from cobalamin.models.multistate.multistate_result import MultiState
    from cobalamin.models.multistate.multistate_rows import transition_rows
    from cobalamin.models.parametric.aft import aft
    from cobalamin.models.parametric.royston_parmar import flexible_parametric
    from cobalamin.models.recurrent.mean_cumulative import MeanCumulative, mean_cumulative
    from cobalamin.models.recurrent.recurrent import recurrent_events
    from cobalamin.models.regression.regression import logistic
    from cobalamin.models.sampled.case_cohort import case_cohort
    from cobalamin.models.sampled.matched import conditional_logistic
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
    "design.cohort": (
        "Cohort",
        "build_cohort",
    ),
    "design.covariate": ("Covariate",),
    "design.design": ("Design",),
    "design.eligibility": ("Criterion",),
    "design.exposure": ("Exposure",),
    "design.followup": (
        "Censoring",
        "GivenFollowUp",
    ),
    "design.mapping": ("design_from_mapping",),
    "design.outcome": (
        "Competing",
        "Outcome",
    ),
    "design.scales": ("ExposureScales",),
    "design.timezero": ("TimeZero",),
    "dictionary.check": ("check",),
    "dictionary.dictionary": (
        "Dictionary",
        "load_dictionary",
    ),
    "dictionary.failure_report": ("FailureReport",),
    "models.competing.absolute_risk": (
        "absolute_risk",
        "cause_specific",
    ),
    "models.curves.adjusted_curves": ("adjusted_curve",),
    "models.parametric.aft": ("aft",),
    "models.curves.bands": ("confidence_band",),
    "models.sampled.case_cohort": ("case_cohort",),
    "models.cox.concordance": ("concordance",),
    "models.cox.cox": ("cox",),
    "models.cox.cox_predict": ("predict_survival",),
    "models.cox.cox_residuals": (
        "cox_baseline",
        "cox_residuals",
        "event_rows",
    ),
    "models.competing.cumulative_incidence": ("cumulative_incidence",),
    "models.curves.curve_set": ("Curves",),
    "models.curves.curves": ("survival_curve",),
    "models.describe.describe": (
        "histogram",
        "table1",
    ),
    "models.competing.fine_gray": ("fine_gray",),
    "models.fit": ("Fit",),
    "models.cox.frailty": ("cox_frailty",),
    "models.competing.gray": ("gray_test",),
    "models.competing.incidence_curves": ("IncidenceCurves",),
    "models.interval.interval_cox": ("interval_cox",),
    "models.curves.logrank": ("logrank",),
    "models.sampled.matched": ("conditional_logistic",),
    "models.recurrent.mean_cumulative": (
        "MeanCumulative",
        "mean_cumulative",
    ),
    "models.multistate.multistate": ("multi_state",),
    "models.multistate.multistate_result": ("MultiState",),
    "models.multistate.multistate_rows": ("transition_rows",),
    "models.curves.nelson_aalen": ("cumulative_hazard",),
    "models.cox.penalty": ("Ridge",),
    "models.cox.ph_test": ("ph_test",),
    "models.cox.profile_interval": ("profile_interval",),
    "models.recurrent.recurrent": ("recurrent_events",),
    "models.regression.regression": ("logistic",),
    "models.curves.rmst": (
        "rmst",
        "rmst_difference",
    ),
    "models.parametric.royston_parmar": ("flexible_parametric",),
    "models.survey": ("Survey",),
    "models.cox.time_varying": ("split_at_events",),
    "models.interval.turnbull": ("interval_survival",),
    "release.disclosure": ("disclose",),
    "sources.memory": ("MemorySource",),
    "sources.simulated": ("SimulatedSource",),
    "sources.source": (
        "Source",
        "open_source",
    ),
    "study.results": ("Results",),
    "study.study": (
        "Study",
        "load_study",
    ),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "Censoring",
    "Cohort",
    "Competing",
    "Covariate",
    "Criterion",
    "Curves",
    "Design",
    "Dictionary",
    "Estimates",
    "Exposure",
    "ExposureScales",
    "FailureReport",
    "Fit",
    "GivenFollowUp",
    "IncidenceCurves",
    "MeanCumulative",
    "MemorySource",
    "MultiState",
    "Outcome",
    "Results",
    "Ridge",
    "SimulatedSource",
    "Source",
    "Study",
    "Survey",
    "TimeZero",
    "absolute_risk",
    "adjusted_curve",
    "aft",
    "build_cohort",
    "case_cohort",
    "cause_specific",
    "check",
    "concordance",
    "conditional_logistic",
    "confidence_band",
    "cox",
    "cox_baseline",
    "cox_frailty",
    "cox_residuals",
    "cumulative_hazard",
    "cumulative_incidence",
    "design_from_mapping",
    "disclose",
    "event_rows",
    "fine_gray",
    "flexible_parametric",
    "gray_test",
    "histogram",
    "interval_cox",
    "interval_survival",
    "load_dictionary",
    "load_study",
    "logistic",
    "logrank",
    "mean_cumulative",
    "multi_state",
    "open_source",
    "ph_test",
    "predict_survival",
    "profile_interval",
    "recurrent_events",
    "rmst",
    "rmst_difference",
    "split_at_events",
    "survival_curve",
    "table1",
    "transition_rows",
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
