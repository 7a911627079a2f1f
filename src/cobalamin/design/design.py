"""The design of a study: who is followed, from when, for what. Everything about it is here, and nothing of the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cobalamin.core.errors import DesignError
from cobalamin.core.fingerprint import fingerprint
from cobalamin.design.covariate import Covariate
from cobalamin.design.derive import Derivation
from cobalamin.design.eligibility import Criterion
from cobalamin.design.exposure import Exposure
from cobalamin.design.followup import Censoring, GivenFollowUp
from cobalamin.design.outcome import Competing, Outcome
from cobalamin.design.records import Rows
from cobalamin.design.timezero import TimeZero
from cobalamin.design.window import check_choice

RESERVED = ("time_zero", "entry", "exit", "event", "person_time", "in_cohort")
TIME_SCALES = ("follow-up", "attained-age")
UNITS = ("years", "days")


@dataclass(frozen=True, kw_only=True)
class SurveyColumns:
    """Columns of a complex survey that the cohort must carry whole.

    Attributes
    ----------
    weights, strata, psu : str
        Columns of the person table; strata and psu may be empty.
    """

    weights: str
    strata: str = ""
    psu: str = ""


@dataclass(frozen=True, kw_only=True)
class Design:
    """A cohort study in a form that can be fingerprinted, described and carried out.

    Attributes
    ----------
    outcome : Outcome
        Event 1.
    time_zero : TimeZero, optional
        For tables with dates.
    follow_up : GivenFollowUp, optional
        For a table that already holds each person's follow-up. One of the two is given.
    person_table, person_id, birth, person_label : str
        Table with one row per person, its key, its column of birth (date or year), and what the flow chart calls everyone in it.
    competing : tuple of Competing
        Events 2, 3, ...
    censoring : Censoring
        When people are under observation.
    derive : tuple of Derivation
        New columns of the person table, in order.
    eligibility : tuple of Criterion
        In order.
    exposures, covariates : tuple of Exposure, tuple of Covariate
        Columns of the cohort.
    keep : tuple of str
        Further columns of the person table to carry along.
    survey : SurveyColumns, optional
        Survey design columns.
    time_scale : {"follow-up", "attained-age"}
        Time since the start of follow-up, or age with delayed entry.
    unit : {"years", "days"}
        Unit of time; a year has 365.25 days.
    lag_years : float
        Follow-up starts this long after time zero; people whose follow-up ends earlier leave in a counted step.
    after_time_zero : tuple of str
        Columns known only after time zero; eligibility, exposure and covariates must not use them.
    unordered_dates : {"error", "exclude"}
        What happens to people whose dates cannot be true.

    Examples
    --------
    >>> design = Design(outcome=Outcome(name="death", column="died"), follow_up=GivenFollowUp(exit="years"))
    >>> design.fingerprint == Design(outcome=Outcome(name="death", column="died"), follow_up=GivenFollowUp(exit="years")).fingerprint
    True
    """

    outcome: Outcome
    time_zero: TimeZero | None = None
    follow_up: GivenFollowUp | None = None
    person_table: str = "persons"
    person_id: str = "person_id"
    birth: str = ""
    person_label: str = ""
    competing: tuple[Competing, ...] = ()
    censoring: Censoring = field(default_factory=Censoring)
    derive: tuple[Derivation, ...] = ()
    eligibility: tuple[Criterion, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    covariates: tuple[Covariate, ...] = ()
    keep: tuple[str, ...] = ()
    survey: SurveyColumns | None = None
    time_scale: str = "follow-up"
    unit: str = "years"
    lag_years: float = 0.0
    after_time_zero: tuple[str, ...] = ()
    unordered_dates: str = "error"

    def __post_init__(self) -> None:
        check_choice(self.time_scale, TIME_SCALES, "time_scale")
        check_choice(self.unit, UNITS, "unit")
        check_choice(self.unordered_dates, ("error", "exclude"), "unordered_dates")
        _refuse_shape(self)
        _refuse_names(self)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything in the design."""
        return fingerprint(self)

    @property
    def event_labels(self) -> dict[int, str]:
        """Label of each event code; 0 is the end of follow-up without an event."""
        return {0: "censored", **{i: e.name for i, e in enumerate((self.outcome, *self.competing), start=1)}}

    @property
    def tables(self) -> dict[str, str]:
        """Dated tables the design reads -> what for."""
        return {rows.table: use for use, rows in self.rows() if rows.table}

    def rows(self) -> Iterator[tuple[str, Rows]]:
        """Yield every part that may read a dated table, with its name."""
        if self.time_zero is not None:
            yield "time zero", self.time_zero
        parts: tuple[Outcome | Competing | Exposure | Covariate, ...] = (self.outcome, *self.competing, *self.exposures, *self.covariates)
        yield from ((f"'{part.name}'", part) for part in parts)

    def describe(self, titles: Mapping[str, str] | None = None) -> dict[str, str]:
        """Say the design in plain sentences, in the pieces of a methods section.

        Parameters
        ----------
        titles : mapping of str to str, optional
            Column -> title, to be said instead of the column's name.

        Returns
        -------
        dict of str to str
            ``population``, ``time_zero``, ``exposure``, ``covariates``, ``outcome``, ``follow_up``.
        """
        from cobalamin.design.words import describe_design

        return describe_design(self, titles)

    def definitions(self) -> tuple[tuple[str, str], ...]:
        """List every rule exactly as it is run.

        Returns
        -------
        tuple of (str, str)
            What is defined, and its rule in columns, conditions and codes.
        """
        from cobalamin.design.words import define_design

        return define_design(self)

    def labels(self) -> Mapping[str, str]:
        """Title, with unit, of every column that the design makes.

        Returns
        -------
        mapping of str to str
            Column of the cohort -> words for tables and figures.
        """
        from cobalamin.design.labels import column_labels

        return column_labels(self)


def _refuse_shape(design: Design) -> None:
    if (design.time_zero is None) == (design.follow_up is None):
        raise DesignError(
            "give either time_zero (tables with dates) or follow_up (a person table with each person's entry and exit), not both."
        )
    if design.lag_years < 0:
        raise DesignError(f"lag_years is {design.lag_years:g}; expected 0 or more.")
    if design.time_zero is None:
        _refuse_dates_in_given(design)
    elif design.time_scale == "attained-age" and not design.birth:
        raise DesignError("time_scale 'attained-age' needs the column of birth: people = { ..., birth = '...' }.")
    if design.follow_up is not None and design.time_scale == "attained-age" and not design.follow_up.entry:
        raise DesignError("time_scale 'attained-age' needs the age at entry: follow_up = { entry = '...', exit = '...' }.")


def _refuse_dates_in_given(design: Design) -> None:
    for use, part in design.rows():
        if part.table:
            raise DesignError(
                f"{use} reads table '{part.table}', which needs time_zero; with follow_up everything is a column of the person table."
            )
    if any(c.at_time_zero for c in design.covariates):
        raise DesignError("at_time_zero needs time_zero; with follow_up name the column of the person table instead.")
    if design.censoring != Censoring():
        raise DesignError("censoring dates need time_zero; with follow_up the exit column already ends at censoring.")


def _refuse_names(design: Design) -> None:
    made = [part.name for part in (*design.exposures, *design.covariates)]
    events = [part.name for part in (design.outcome, *design.competing)]
    for names, what in ((made, "exposures and covariates"), (events, "outcome and competing events")):
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise DesignError(f"'{twice[0]}' is given twice among the {what}.")
    derived = [d.name for d in design.derive]
    for name in (*made, *derived, *design.keep):
        if name in RESERVED:
            raise DesignError(f"'{name}' is a column that the cohort makes itself; choose another name.")
