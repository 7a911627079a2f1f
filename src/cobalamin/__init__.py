"""Epidemiology of serum vitamin B12 and lichen sclerosus, from cohort tables to a reproducible report.

``import cobalamin as cb`` gives the public names below; each is loaded when it is first used, so that the import and
``cobalamin --help`` stay fast. Type checkers and editors read the same names from the stub beside this file.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# module -> its public names
_ROOMS = {
    "core.estimates": "Estimates",
    "design.cohort": "Cohort build_cohort",
    "design.covariate": "Covariate",
    "design.design": "Design",
    "design.eligibility": "Criterion",
    "design.exposure": "Exposure",
    "design.followup": "Censoring GivenFollowUp",
    "design.mapping": "design_from_mapping",
    "design.outcome": "Competing Outcome",
    "design.scales": "ExposureScales",
    "design.timezero": "TimeZero",
    "dictionary.check": "check",
    "dictionary.dictionary": "Dictionary load_dictionary",
    "dictionary.failure_report": "FailureReport",
    "models.after.bootstrap": "Bootstrapped bootstrap",
    "models.after.dose_curve": "dose_response_estimates",
    "models.after.dose_response": "DoseResponse dose_response",
    "models.after.fractional_polynomial": "fractional_polynomial",
    "models.after.interaction": "interaction interaction_estimates",
    "models.after.profile_interval": "profile_interval",
    "models.after.standardize": "standardize",
    "models.after.standardized": "Standardized",
    "models.after.subgroups": "Subgroups subgroup_effects",
    "models.after.wald": "wald_test",
    "models.competing.absolute_risk": "absolute_risk cause_specific",
    "models.competing.cumulative_incidence": "cumulative_incidence",
    "models.competing.fine_gray": "fine_gray",
    "models.competing.gray": "gray_test",
    "models.competing.incidence_curves": "IncidenceCurves",
    "models.cox.concordance": "concordance",
    "models.cox.cox": "cox",
    "models.cox.cox_predict": "predict_survival",
    "models.cox.cox_residuals": "cox_baseline cox_residuals event_rows",
    "models.cox.frailty": "cox_frailty",
    "models.cox.penalty": "Ridge",
    "models.cox.ph_test": "ph_test",
    "models.cox.time_varying": "split_at_events",
    "models.curves.adjusted_curves": "adjusted_curve",
    "models.curves.adjusted_set": "AdjustedCurves",
    "models.curves.bands": "confidence_band",
    "models.curves.curve_set": "Curves",
    "models.curves.curves": "survival_curve",
    "models.curves.logrank": "logrank logrank_groups",
    "models.curves.nelson_aalen": "HazardCurves cumulative_hazard",
    "models.curves.rmst": "rmst rmst_difference",
    "models.describe.describe": "histogram table1",
    "models.figures.figure_curves": "band_estimates loglog_estimates transition_estimates",
    "models.figures.figure_data": "ph_estimates",
    "models.fit": "Fit",
    "models.interval.interval_cox": "interval_cox",
    "models.interval.interval_cox_curve": "interval_baseline",
    "models.interval.interval_curves": "IntervalCurves",
    "models.interval.turnbull": "interval_survival",
    "models.multistate.multistate": "multi_state",
    "models.multistate.multistate_result": "MultiState",
    "models.multistate.multistate_rows": "transition_rows",
    "models.ordinal.marginal_effects": "marginal_effects",
    "models.ordinal.mixed_result": "random_intercepts",
    "models.ordinal.ordinal": "ordinal",
    "models.ordinal.ordinal_mixed": "ordinal_mixed",
    "models.ordinal.ordinal_predict": "predict_ordinal",
    "models.ordinal.proportional_odds": "proportional_odds_test",
    "models.parametric.aft": "aft",
    "models.parametric.parametric_predict": "predict_hazard_ratio predict_parametric predict_quantile",
    "models.parametric.royston_parmar": "flexible_parametric",
    "models.recurrent.mean_cumulative": "MeanCumulative mean_cumulative",
    "models.recurrent.recurrent": "recurrent_events",
    "models.regression.rates": "negative_binomial poisson",
    "models.regression.regression": "linear logistic",
    "models.regression.risks": "risk_difference risk_ratio",
    "models.repeated.agreement": "icc",
    "models.repeated.agreement_data": "Agreement",
    "models.repeated.agreement_kappa": "weighted_kappa",
    "models.repeated.agreement_limits": "limits_of_agreement",
    "models.repeated.baseline": "change_from_baseline",
    "models.repeated.bounded": "bounded_score expected_score",
    "models.repeated.gee": "gee",
    "models.repeated.mixed": "mixed",
    "models.repeated.mixed_after": "component_estimates predict_mixed random_effects variance_components",
    "models.sampled.case_cohort": "case_cohort",
    "models.sampled.matched": "conditional_logistic",
    "models.survey": "Survey",
    "models.tables.count_tests": "chi_squared mcnemar",
    "models.tables.mantel_haenszel": "mantel_haenszel",
    "models.tables.person_time": "split_person_time",
    "models.tables.printed": "agrees_with_printed expected_from_printed p_from_limits printed_range",
    "models.tables.proportion": "proportion proportion_difference",
    "models.tables.rates": "rate_ratio rates",
    "models.tables.smr": "smr",
    "models.tables.standardization": "standardized_rates standardized_ratio",
    "models.tables.two_by_two": "two_by_two",
    "release.disclosure": "disclose",
    "scores.combined_b12": "AgeFactor combined_b12 combined_b12_class",
    "scores.egfr": "egfr",
    "scores.registry": "scores",
    "scores.score": "Score",
    "scores.scoring": "score score_bands",
    "sources.memory": "MemorySource",
    "sources.simulated": "SimulatedSource",
    "sources.source": "Source open_source",
    "study.results": "Results",
    "study.study": "Study load_study",
}

_HOME = {name: room for room, names in _ROOMS.items() for name in names.split()}
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    """Load a public name from its room when it is first asked for."""
    if name == "errors":
        return import_module("cobalamin.errors")
    if name not in _HOME:
        from cobalamin.core.errors import did_you_mean

        raise AttributeError(f"module 'cobalamin' has no attribute '{name}'.{did_you_mean(name, _HOME)}")
    value = getattr(import_module(f"cobalamin.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
