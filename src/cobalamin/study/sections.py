"""The sections of a protocol as strict models: every key that exists, its type and its default."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from cobalamin.study.strict import Name, Positive, Section
from cobalamin.study.visit_sections import AgreementSection, ProportionalOddsSection, SeveritySection, TrajectorySection


class StudySection(Section):
    """Title, question and seed of the study."""

    title: str
    question: str
    seed: int = 0
    notices: tuple[str, ...] = ()
    limitations: dict[str, str] = Field(default_factory=dict)


class SourceSection(Section):
    """Where the tables come from.

    ``path`` is read relative to the study folder; the environment variable named in ``path_variable`` wins over it.
    """

    kind: Literal["simulated", "files"]
    path: str | None = None
    path_variable: str | None = None
    tables: dict[str, str] = Field(default_factory=dict)
    how_to_get: str = ""
    persons: int = Field(default=100_000, ge=100)
    parameters: dict[str, float | int | bool | str] = Field(default_factory=dict)


class DictionarySection(Section):
    """The data dictionary, and what happens to rows that contradict it."""

    path: str
    invalid_rows: Literal["stop", "exclude"] = "stop"


class ModelSection(Section):
    """One model: its formula in columns of the cohort, and how it differs from the design.

    Which of the keys after ``note`` a kind takes stands in `kinds.KINDS`; None = not given, the model's own default.
    """

    name: Name
    label: str
    kind: str
    role: Literal["primary", "secondary", "sensitivity"] = "secondary"
    formula: str
    show: tuple[str, ...] = ()
    lag_years: float | None = Field(default=None, ge=0)
    restrict: str | None = None
    adjusted_for: tuple[str, ...] = ()
    note: str = ""
    # keys of some kinds
    event: str | None = None
    survey: bool = False
    strata: tuple[str, ...] = ()
    cluster: str | None = None
    weights: str | None = None
    offset: str | None = None
    ties: Literal["efron", "breslow"] | None = None
    firth: bool = False
    ridge: Positive | None = None
    ridge_terms: tuple[str, ...] = ()
    frailty: str | None = None
    distribution: Literal["weibull", "exponential", "lognormal", "loglogistic", "generalized_gamma"] | None = None
    df: Annotated[int, Field(ge=1, le=10)] | None = None
    scale: Literal["hazard", "odds", "normal"] | None = None
    time_dependent: dict[str, Annotated[int, Field(ge=1, le=10)]] | None = None
    rows: Literal["people", "baseline", "visits", "one-rater"] = "people"
    exposure: str | None = None
    robust: Literal["HC0", "HC1", "HC2", "HC3"] | None = None
    method: str | None = None
    link: Literal["logit", "probit", "cloglog", "loglog", "cauchit"] | None = None
    partial: tuple[str, ...] = ()
    group: str | None = None
    random: str | None = None
    crossed: tuple[str, ...] = ()
    family: Literal["gaussian", "binomial", "poisson", "ordinal"] | None = None
    correlation: Literal["independence", "exchangeable", "ar1"] | None = None
    correction: Literal["none", "mancl-derouen"] | None = None
    time: str | None = None


class CutOffLine(Section):
    """A clinical cut-off drawn in the distribution."""

    value: float
    label: str


class DistributionSection(Section):
    """A variable whose distribution is drawn."""

    variable: str
    by: str | None = None
    log: bool = True
    unit: str = ""
    lines: tuple[CutOffLine, ...] = ()


class CurvesSection(Section):
    """Survival curves by group; ``start`` conditions on being event-free then."""

    by: str | None = None
    start: float | None = None
    test: bool = True
    band: Literal["equal-precision", "hall-wellner"] | None = None
    log_log: bool = False
    rmst: Positive | None = None


class IncidenceSection(Section):
    """Cumulative incidence of every kind of event by group; stacked where events compete."""

    by: str | None = None
    start: float | None = None
    test: bool = True


class StatesSection(Section):
    """States before the outcome, after it, and after the competing events, with the transitions between them."""

    by: str | None = None
    start: float | None = None
    first: str = "Event-free"


class ProportionalHazardsSection(Section):
    """Diagnostics of a Cox model: test of each term, smooths of those in ``terms`` (by default what the model shows)."""

    model: str
    terms: tuple[str, ...] = ()
    transform: Literal["km", "identity", "rank", "log"] = "km"


class DoseResponseSection(Section):
    """The curve of a model's ratio along a number, 1 at ``reference``."""

    model: str
    variable: str
    reference: float | None = None
    log: bool = False
    unit: str = ""


class SubgroupsSection(Section):
    """The effect of an exposure of a model within each level of other columns, with tests of interaction."""

    model: str
    exposure: str
    by: tuple[str, ...]


class ReportSection(Section):
    """What the report describes and shows."""

    table1: tuple[str, ...] = ()
    table1_by: str | None = None
    curves: tuple[CurvesSection, ...] = ()
    incidence: tuple[IncidenceSection, ...] = ()
    states: tuple[StatesSection, ...] = ()
    proportional_hazards: tuple[ProportionalHazardsSection, ...] = ()
    dose_response: tuple[DoseResponseSection, ...] = ()
    subgroups: tuple[SubgroupsSection, ...] = ()
    severity: tuple[SeveritySection, ...] = ()
    trajectories: tuple[TrajectorySection, ...] = ()
    agreement: tuple[AgreementSection, ...] = ()
    proportional_odds: tuple[ProportionalOddsSection, ...] = ()
    distribution: DistributionSection | None = None
    everyone: str = ""
    group: str = ""
    outcome: str = "the outcome"
    event: str = "Events"
    concerns_ls: bool = True
    labels: dict[str, str] = Field(default_factory=dict)
    levels: dict[str, str] = Field(default_factory=dict)
    truth: dict[str, str] = Field(default_factory=dict)
    formats: tuple[Literal["html"], ...] = ("html",)


# keys under [report] that may be written once, as a table, or repeatedly, as [[report.key]]
REPEATABLE = (
    "curves",
    "incidence",
    "states",
    "proportional_hazards",
    "dose_response",
    "subgroups",
    "severity",
    "trajectories",
    "agreement",
    "proportional_odds",
)


class DisclosureSection(Section):
    """The preset of disclosure control, or a policy of one's own."""

    preset: str = "opensafely"
    policy: dict[str, Any] = Field(default_factory=dict)
