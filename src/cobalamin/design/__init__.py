"""Who is followed, from when, for what."""

from cobalamin.design.cohort import Cohort, build_cohort
from cobalamin.design.covariate import Covariate
from cobalamin.design.derive import Case, Derivation
from cobalamin.design.design import Design, SurveyColumns
from cobalamin.design.eligibility import Criterion
from cobalamin.design.exposure import Exposure
from cobalamin.design.followup import Censoring, GivenFollowUp
from cobalamin.design.mapping import design_from_mapping
from cobalamin.design.outcome import Competing, Outcome
from cobalamin.design.scales import ExposureScales
from cobalamin.design.timezero import TimeZero

__all__ = [
    "Case",
    "Censoring",
    "Cohort",
    "Competing",
    "Covariate",
    "Criterion",
    "Derivation",
    "Design",
    "Exposure",
    "ExposureScales",
    "GivenFollowUp",
    "Outcome",
    "SurveyColumns",
    "TimeZero",
    "build_cohort",
    "design_from_mapping",
]
