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
    from cobalamin.models.after.bootstrap import bootstrap
    from cobalamin.models.after.interaction import interaction, interaction_estimates
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
    from cobalamin.models.curves.adjusted_set import AdjustedCurves
    from cobalamin.models.curves.bands import confidence_band
    from cobalamin.models.curves.curve_set import Curves
    from cobalamin.models.curves.curves import survival_curve
    from cobalamin.models.curves.logrank import logrank
    from cobalamin.models.curves.nelson_aalen import cumulative_hazard
    from cobalamin.models.curves.rmst import rmst, rmst_difference
    from cobalamin.models.describe.describe import histogram, table1
    from cobalamin.models.figures.figure_curves import band_estimates, loglog_estimates, transition_estimates
    from cobalamin.models.figures.figure_data import dose_response_estimates, ph_estimates
    from cobalamin.models.fit import Fit
    from cobalamin.models.interval.interval_cox import interval_cox
    from cobalamin.models.interval.turnbull import interval_survival
    from cobalamin.models.multistate.multistate import multi_state
    from cobalamin.models.multistate.multistate_result import MultiState
    from cobalamin.models.multistate.multistate_rows import transition_rows
    from cobalamin.models.ordinal.marginal_effects import marginal_effects
    from cobalamin.models.ordinal.ordinal import ordinal
    from cobalamin.models.ordinal.ordinal_mixed import ordinal_mixed
    from cobalamin.models.ordinal.ordinal_predict import predict_ordinal
    from cobalamin.models.ordinal.proportional_odds import proportional_odds_test
    from cobalamin.models.parametric.aft import aft
    from cobalamin.models.parametric.royston_parmar import flexible_parametric
    from cobalamin.models.recurrent.mean_cumulative import MeanCumulative, mean_cumulative
    from cobalamin.models.recurrent.recurrent import recurrent_events
    from cobalamin.models.regression.rates import negative_binomial, poisson
    from cobalamin.models.regression.regression import linear, logistic
    from cobalamin.models.regression.risks import risk_difference, risk_ratio
    from cobalamin.models.repeated.agreement import icc
    from cobalamin.models.repeated.agreement_kappa import weighted_kappa
    from cobalamin.models.repeated.agreement_limits import limits_of_agreement
    from cobalamin.models.repeated.gee import gee
    from cobalamin.models.repeated.mixed import mixed
    from cobalamin.models.repeated.mixed_after import component_estimates, predict_mixed, random_effects, variance_components
    from cobalamin.models.sampled.case_cohort import case_cohort
    from cobalamin.models.sampled.matched import conditional_logistic
    from cobalamin.models.survey import Survey
    from cobalamin.models.tables.mantel_haenszel import mantel_haenszel
    from cobalamin.models.tables.person_time import split_person_time
    from cobalamin.models.tables.rates import rate_ratio, rates
    from cobalamin.models.tables.smr import smr
    from cobalamin.models.tables.standardization import standardized_rates, standardized_ratio
    from cobalamin.models.tables.two_by_two import two_by_two
    from cobalamin.release.disclosure import disclose
    from cobalamin.scores.combined_b12 import AgeFactor, combined_b12, combined_b12_class
    from cobalamin.scores.egfr import egfr
    from cobalamin.scores.registry import scores
    from cobalamin.scores.score import Score
    from cobalamin.scores.scoring import score, score_bands
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
    "models.after.bootstrap": ("bootstrap",),
    "models.after.interaction": (
        "interaction",
        "interaction_estimates",
    ),
    "models.competing.absolute_risk": (
        "absolute_risk",
        "cause_specific",
    ),
    "models.competing.cumulative_incidence": ("cumulative_incidence",),
    "models.competing.fine_gray": ("fine_gray",),
    "models.competing.gray": ("gray_test",),
    "models.competing.incidence_curves": ("IncidenceCurves",),
    "models.cox.concordance": ("concordance",),
    "models.cox.cox": ("cox",),
    "models.cox.cox_predict": ("predict_survival",),
    "models.cox.cox_residuals": (
        "cox_baseline",
        "cox_residuals",
        "event_rows",
    ),
    "models.cox.frailty": ("cox_frailty",),
    "models.cox.penalty": ("Ridge",),
    "models.cox.ph_test": ("ph_test",),
    "models.cox.profile_interval": ("profile_interval",),
    "models.cox.time_varying": ("split_at_events",),
    "models.curves.adjusted_curves": ("adjusted_curve",),
    "models.curves.adjusted_set": ("AdjustedCurves",),
    "models.curves.bands": ("confidence_band",),
    "models.curves.curve_set": ("Curves",),
    "models.curves.curves": ("survival_curve",),
    "models.curves.logrank": ("logrank",),
    "models.curves.nelson_aalen": ("cumulative_hazard",),
    "models.curves.rmst": (
        "rmst",
        "rmst_difference",
    ),
    "models.describe.describe": (
        "histogram",
        "table1",
    ),
    "models.figures.figure_curves": (
        "band_estimates",
        "loglog_estimates",
        "transition_estimates",
    ),
    "models.figures.figure_data": (
        "dose_response_estimates",
        "ph_estimates",
    ),
    "models.fit": ("Fit",),
    "models.interval.interval_cox": ("interval_cox",),
    "models.interval.turnbull": ("interval_survival",),
    "models.multistate.multistate": ("multi_state",),
    "models.multistate.multistate_result": ("MultiState",),
    "models.multistate.multistate_rows": ("transition_rows",),
    "models.ordinal.marginal_effects": ("marginal_effects",),
    "models.ordinal.ordinal": ("ordinal",),
    "models.ordinal.ordinal_mixed": ("ordinal_mixed",),
    "models.ordinal.ordinal_predict": ("predict_ordinal",),
    "models.ordinal.proportional_odds": ("proportional_odds_test",),
    "models.parametric.aft": ("aft",),
    "models.parametric.royston_parmar": ("flexible_parametric",),
    "models.recurrent.mean_cumulative": (
        "MeanCumulative",
        "mean_cumulative",
    ),
    "models.recurrent.recurrent": ("recurrent_events",),
    "models.regression.rates": (
        "negative_binomial",
        "poisson",
    ),
    "models.regression.regression": (
        "linear",
        "logistic",
    ),
    "models.regression.risks": (
        "risk_difference",
        "risk_ratio",
    ),
    "models.repeated.agreement": ("icc",),
    "models.repeated.agreement_kappa": ("weighted_kappa",),
    "models.repeated.agreement_limits": ("limits_of_agreement",),
    "models.repeated.gee": ("gee",),
    "models.repeated.mixed": ("mixed",),
    "models.repeated.mixed_after": (
        "component_estimates",
        "predict_mixed",
        "random_effects",
        "variance_components",
    ),
    "models.sampled.case_cohort": ("case_cohort",),
    "models.sampled.matched": ("conditional_logistic",),
    "models.survey": ("Survey",),
    "models.tables.mantel_haenszel": ("mantel_haenszel",),
    "models.tables.person_time": ("split_person_time",),
    "models.tables.rates": (
        "rate_ratio",
        "rates",
    ),
    "models.tables.smr": ("smr",),
    "models.tables.standardization": (
        "standardized_rates",
        "standardized_ratio",
    ),
    "models.tables.two_by_two": ("two_by_two",),
    "release.disclosure": ("disclose",),
    "scores.combined_b12": (
        "AgeFactor",
        "combined_b12",
        "combined_b12_class",
    ),
    "scores.egfr": ("egfr",),
    "scores.registry": ("scores",),
    "scores.score": ("Score",),
    "scores.scoring": (
        "score",
        "score_bands",
    ),
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
    "AdjustedCurves",
    "AgeFactor",
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
    "Score",
    "SimulatedSource",
    "Source",
    "Study",
    "Survey",
    "TimeZero",
    "absolute_risk",
    "adjusted_curve",
    "aft",
    "band_estimates",
    "bootstrap",
    "build_cohort",
    "case_cohort",
    "cause_specific",
    "check",
    "combined_b12",
    "combined_b12_class",
    "component_estimates",
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
    "dose_response_estimates",
    "egfr",
    "event_rows",
    "fine_gray",
    "flexible_parametric",
    "gee",
    "gray_test",
    "histogram",
    "icc",
    "interaction",
    "interaction_estimates",
    "interval_cox",
    "interval_survival",
    "limits_of_agreement",
    "linear",
    "load_dictionary",
    "load_study",
    "logistic",
    "loglog_estimates",
    "logrank",
    "mantel_haenszel",
    "marginal_effects",
    "mean_cumulative",
    "mixed",
    "multi_state",
    "negative_binomial",
    "open_source",
    "ordinal",
    "ordinal_mixed",
    "ph_estimates",
    "ph_test",
    "poisson",
    "predict_mixed",
    "predict_ordinal",
    "predict_survival",
    "profile_interval",
    "proportional_odds_test",
    "random_effects",
    "rate_ratio",
    "rates",
    "recurrent_events",
    "risk_difference",
    "risk_ratio",
    "rmst",
    "rmst_difference",
    "score",
    "score_bands",
    "scores",
    "smr",
    "split_at_events",
    "split_person_time",
    "standardized_rates",
    "standardized_ratio",
    "survival_curve",
    "table1",
    "transition_estimates",
    "transition_rows",
    "two_by_two",
    "variance_components",
    "weighted_kappa",
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
