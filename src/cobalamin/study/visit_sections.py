"""The sections of a protocol about repeated visits after the outcome: which table, which scores, what the report shows of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cobalamin.study.strict import Name, Section

Days = Annotated[int, Field(ge=0)]


class ScoreSection(Section):
    """A score of each visit: computed from its items, or a column that holds it; with bands also as ordered classes."""

    name: Name
    title: str = ""
    instrument: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    missing: Literal["none", "prorate", "zero"] = "none"
    most_missing: Annotated[int, Field(ge=0)] = 0
    column: str | None = None
    bands: tuple[float, ...] = ()


class VisitsSection(Section):
    """A table with a row per visit and rater of people who had the outcome."""

    table: str
    date: str
    person: str | None = None
    rater: str | None = None
    columns: tuple[str, ...] = ()
    baseline_days: Days = 90
    truth: dict[str, str] = Field(default_factory=dict)


class SeveritySection(Section):
    """Bars of a banded score at the first visit, by group."""

    score: str
    by: str | None = None


class TrajectorySection(Section):
    """Mean of a score by time since the outcome, by group; ``times`` are the edges of the intervals, in years."""

    score: str
    by: str | None = None
    times: Annotated[tuple[float, ...], Field(min_length=2)] = (0.0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5)


class AgreementSection(Section):
    """Agreement of two raters who saw the same visit."""

    scores: Annotated[tuple[str, ...], Field(min_length=1)]
    weights: Literal["linear", "quadratic"] = "quadratic"


class ProportionalOddsSection(Section):
    """Test of proportional odds of an ordinal model."""

    model: str
    method: Literal["brant", "score", "likelihood ratio"] = "brant"
