"""Visits of those with the outcome: who is joined, what is counted, and what a protocol must not ask."""

from __future__ import annotations

import datetime as dt
import tomllib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from support.studies import PROJECT

from cobalamin.core.errors import DataError, DesignError, ProtocolError
from cobalamin.design.cohort import Cohort, build_cohort
from cobalamin.design.covariate import Covariate
from cobalamin.design.design import Design
from cobalamin.design.followup import Censoring
from cobalamin.design.outcome import Outcome
from cobalamin.design.timezero import TimeZero
from cobalamin.models.regression.regression import linear, logistic
from cobalamin.models.repeated.mixed import mixed
from cobalamin.study.protocol import parse_protocol
from cobalamin.study.visit_rows import agreement_rows, person_estimates, rating_pairs, severity_rows, severity_truth, trajectory_rows
from cobalamin.study.visit_sections import AgreementSection, ScoreSection, SeveritySection, TrajectorySection, VisitsSection
from cobalamin.study.visits import Visits, banded, follow_visits

SAME = 1e-12  # the same sums in another order
SPEC = VisitsSection(table="visits", date="day", rater="rater", columns=("cream",))
SCORES = (ScoreSection(name="severity", column="total", bands=(2.0, 4.0)),)
# person, visit (days after the diagnosis), rater, total, cream: person 3 has no outcome, person 4 came late, person 5 before
ROWS = [
    (1, 0, "b", 3.0, "no"), (1, 0, "a", 1.0, "no"), (1, 400, "a", 5.0, "yes"), (2, 10, "a", 4.0, "yes"), (2, 10, "b", 4.0, "yes"),
    (3, 0, "a", 9.0, "no"), (4, 200, "c", 2.0, "no"), (5, -30, "a", 8.0, "no"), (5, 30, "c", np.nan, "yes"),
]  # fmt: skip


def tables(rows: list[Any] = ROWS) -> dict[str, pd.DataFrame]:
    start = pd.Timestamp("2010-01-01")
    people = pd.DataFrame({"id": range(1, 6), "start": start, "sex": pd.Categorical(["f", "m", "f", "f", "m"])})
    people["diagnosis"] = start + pd.to_timedelta([100, 200, np.nan, 300, 400], unit="D")
    visits = pd.DataFrame(rows, columns=["id", "after", "rater", "total", "cream"])
    known = people.set_index("id")["diagnosis"].fillna(start).loc[visits["id"]].to_numpy()
    visits["day"] = known + pd.to_timedelta(visits.pop("after"), unit="D")
    return {"persons": people, "visits": visits.assign(cream=pd.Categorical(visits["cream"], ["no", "yes"]))}


def cohort(given: dict[str, pd.DataFrame], lag: float = 0.0) -> Cohort:
    design = Design(
        person_id="id",
        time_zero=TimeZero(column="start"),
        outcome=Outcome(name="LS", column="diagnosis"),
        covariates=(Covariate(name="sex", column="sex"),),
        censoring=Censoring(administrative_end=dt.date(2015, 12, 31)),
        lag_years=lag,
    )
    return build_cohort(given, design)


@pytest.fixture(scope="module")
def visits() -> Visits:
    given = tables()
    return follow_visits(cohort(given), given, SPEC, SCORES)


def test_who_is_there_and_when(visits: Visits) -> None:
    assert visits.rows["id"].tolist() == [1, 1, 1, 2, 2, 4, 5]
    assert visits.rows["rater"].tolist() == ["a", "b", "a", "a", "b", "c", "c"]
    assert visits.rows["visit_number"].tolist() == [1, 1, 2, 1, 1, 1, 1]
    assert_allclose(visits.rows["years_since_outcome"] * 365.25, [0, 0, 400, 10, 10, 200, 30], rtol=1e-9)
    assert not {"exit", "event", "entry", "person_time"} & set(visits.rows.columns)
    assert visits.rows["sex"].tolist() == ["f", "f", "f", "m", "m", "f", "m"]


def test_the_first_visit_is_soon_enough_and_has_one_rater(visits: Visits) -> None:
    assert visits.baseline["id"].tolist() == [1, 2, 5], "person 4 came after 200 days"
    assert visits.baseline["severity"].tolist()[:2] == [1.0, 4.0], "the first rater by key, not by row"
    assert visits.of("one-rater")["id"].tolist() == [1, 1, 2, 4, 5]


def test_everybody_is_counted(visits: Visits) -> None:
    assert dict(visits.counts) == {
        "n_cases": 4, "n_with_visit": 4, "n_with_baseline": 3, "n_visits": 5, "n_rows": 7, "n_rows_before_outcome": 1, "n_raters": 3,
        "n_visits_of_two_raters": 2,
    }  # fmt: skip
    assert set(visits.estimates().frame["context"]) == {"diagnostic"}


def test_a_lag_leaves_out_people_diagnosed_within_it() -> None:
    given = tables()
    late = follow_visits(cohort(given, lag=0.7), given, SPEC, SCORES)  # 256 days
    assert late.rows["id"].unique().tolist() == [4, 5]


def test_the_order_of_rows_does_not_matter(visits: Visits) -> None:
    given = tables(ROWS[::-1])
    pd.testing.assert_frame_equal(follow_visits(cohort(given), given, SPEC, SCORES).rows, visits.rows)


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ({"columns": ("sex",)}, DesignError, "'sex' is a column of the cohort too|no column 'sex'|has no .*sex"),
        ({"table": "visit"}, DesignError, "there is no table 'visit'.*Did you mean 'visits'"),
        ({"rater": None}, DataError, "2 row.s. of 'visits' repeat a person and day"),
    ],
)
def test_what_cannot_be_joined_is_refused(spec: dict[str, Any], error: type[Exception], message: str) -> None:
    given = tables()
    given["visits"]["sex"] = "f"
    with pytest.raises(error, match=message):
        follow_visits(cohort(given), given, SPEC.model_copy(update=spec), SCORES)


def test_nobody_with_a_visit_is_refused() -> None:
    given = tables([(3, 0, "a", 1.0, "no"), (5, -3, "a", 1.0, "no")])
    with pytest.raises(DataError, match="nothing to analyse"):
        follow_visits(cohort(given), given, SPEC, SCORES)


def test_bands_have_their_lower_edge() -> None:
    found = banded(pd.Series([1.99, 2.0, 3.99, 4.0, np.nan]), (2, 4))
    assert found.tolist()[:4] == ["<2", "2 to <4", "2 to <4", ">=4"] and found.isna().tolist()[-1]
    assert found.cat.ordered


def test_an_instrument_is_computed_from_its_items() -> None:
    given = tables()
    items = ["erosions", "hyperkeratosis", "fissures", "agglutination", "stenosis", "atrophy"]
    for i, name in enumerate(items):
        given["visits"][f"grade_{name}"] = float(i % 3)
    columns = {f"gunthert_{name}": f"grade_{name}" for name in items}
    found = follow_visits(cohort(given), given, SPEC, (ScoreSection(name="g", instrument="gunthert", columns=columns),)).rows
    assert set(found["g"]) == {6.0}


def many(seed: int = 1, n: int = 60) -> Visits:
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.normal(10, 3, n), 4)
    rows = pd.DataFrame(
        {"id": np.repeat(np.arange(n), 4), "rater": np.tile(["a", "b", "a", "b"], n), "visit_number": np.tile([1, 1, 2, 2], n)}
    )
    rows = rows.assign(
        years_since_outcome=np.where(rows["visit_number"] == 1, 0.0, 1.0), group=pd.Categorical(np.repeat(["u", "v"], 2 * n))
    )
    rows = rows.assign(x=np.repeat(rng.normal(size=n), 4), severity=np.round(level + rng.normal(size=4 * n)))
    rows["cream"] = pd.Categorical(np.where((rows["visit_number"] == 2) & (rows["id"] % 3 > 0), "yes", "no"))
    rows["severity_band"] = banded(rows["severity"], (8, 12))
    rows.loc[rows["id"] == 5, "x"] = np.nan
    return Visits(rows, rows.drop_duplicates("id"), {}, "id", "LS")


@pytest.mark.filterwarnings("ignore::cobalamin.core.errors.CobalaminWarning")
def test_people_are_counted_not_rows() -> None:
    data = many()
    fit = mixed("severity ~ x + cream", data.rows, group="id")
    found = person_estimates(fit, data.rows, "id", analysis="secondary", model="m", outcome="severity").frame
    facts = found.loc[found["context"] == "diagnostic"].set_index("measure")["value"]
    assert facts[["n", "n_missing", "rows", "rows left out"]].tolist() == [59, 1, 59 * 4, 4]
    used = data.rows.dropna(subset=["x"])
    people = used.groupby("cream", observed=True)["id"].nunique()
    rows = found.loc[(found["context"] == "estimate") & (found["term"] == "cream")].set_index("level")["n"]
    assert rows.to_dict() == people.to_dict() and people.sum() > 59, "levels of what changes over time overlap"
    assert found.loc[found["term"] == "x", "n"].tolist() == [59]
    assert_allclose(found.loc[found["term"] == "x", "value"], fit.coefficients[1], rtol=SAME)
    assert set(found.loc[found["context"] == "summary", "n"]) == {59}


def test_severity_by_group_is_table_1_of_first_visits() -> None:
    data = many()
    rows = severity_rows(data, SeveritySection(score="severity", by="group")).frame
    want = pd.crosstab(data.baseline["severity_band"], data.baseline["group"])
    got = rows.loc[(rows["measure"] == "percent") & (rows["subgroup"] != "Overall")].set_index(["level", "subgroup"])["n"]
    assert got.to_dict() == want.stack().to_dict()
    assert set(rows["analysis"]) == {"severity"}


def test_a_person_counts_once_in_each_interval() -> None:
    data = many()
    rows = trajectory_rows(data, TrajectorySection(score="severity", by="group", times=(0.0, 0.5, 1.5))).frame
    means = data.rows.loc[(data.rows["group"] == "v") & (data.rows["visit_number"] == 2)].groupby("id")["severity"].mean()
    row = rows.loc[(rows["subgroup"] == "v") & (rows["at"] == 1.0)].iloc[0]
    low, high = stats.t.interval(0.95, len(means) - 1, means.mean(), means.std() / np.sqrt(len(means)))
    assert_allclose(row[["value", "low", "high", "n"]].astype(float), [means.mean(), low, high, len(means)], rtol=1e-10)


def test_agreement_uses_one_visit_of_each_person() -> None:
    data = many()
    pair = rating_pairs(data, "severity")
    first = data.rows.loc[data.rows["visit_number"] == 1]
    assert pair["first"].tolist() == first.loc[first["rater"] == "a", "severity"].tolist()
    rows = agreement_rows(data, AgreementSection(scores=("severity",)), "rater").frame
    assert rows["measure"].tolist() == ["intraclass correlation", "weighted kappa"] and set(rows["n"]) == {60}
    values = pair.to_numpy()
    between, within = 2 * values.mean(axis=1).var(ddof=1), values.var(axis=1, ddof=1).mean()
    assert_allclose(rows["value"].iloc[0], (between - within) / (between + within), rtol=1e-10)


@pytest.mark.filterwarnings("ignore::cobalamin.core.errors.CobalaminWarning")
def test_the_truth_is_the_null_value_of_the_measure() -> None:
    data = many().baseline.assign(bad=lambda d: (d["severity"] > 9) * 1.0)
    wanted = {"x": "effect", "absent": "effect"}
    mean = severity_truth(linear("severity ~ x", data), {"effect": 0.0}, wanted, "severity").frame
    odds = severity_truth(logistic("bad ~ x", data), {"effect": 0.0}, wanted, "bad").frame
    assert mean[["term", "measure", "value"]].to_numpy().tolist() == [["x", "mean difference", 0.0]]
    assert odds[["term", "measure", "value"]].to_numpy().tolist() == [["x", "odds ratio", 1.0]]
    there = severity_truth(linear("severity ~ x", data), {"effect": -0.3}, wanted, "severity").frame
    assert there[["measure", "value"]].to_numpy().tolist() == [["difference in latent severity", -0.3]]
    assert not len(severity_truth(linear("severity ~ x", data), {}, wanted, "severity"))


def raw() -> dict[str, Any]:
    return tomllib.loads((PROJECT / "analyses/severity/protocol.toml").read_text(encoding="utf-8"))


def changed(protocol: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    *where, last = path.split(".")
    part: Any = protocol
    for key in where:
        part = part[int(key)] if key.isdigit() else part[key]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return protocol


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("visits", None, r"\[score.clissco\] needs the section \[visits\]"),
        ("visits.rater", None, r"\[report.agreement\] needs 'rater'"),
        ("score.0.column", None, "give either 'instrument'"),
        ("score.1.instrument", "gunter", "instrument 'gunter' is not known.*Did you mean 'gunthert'"),
        ("score.0.bands", [5, 5], "bands must rise; got 5, 5"),
        ("score.0.missing", "prorate", "belong to an instrument"),
        ("score.1.name", "clissco", r"\[score.clissco\] is there 2 times"),
        ("report.severity", {"score": "symptoms"}, "score 'symptoms' has no bands"),
        ("report.trajectories", {"score": "clisco"}, r"no \[\[score\]\] 'clisco'.*Did you mean 'clissco'"),
        ("report.trajectories", {"score": "clissco", "times": [1.0, 0.0]}, "times must rise"),
        ("report.proportional_odds", {"model": "onset_women"}, "of kind 'cox'; the test is for ordinal models"),
        ("report.proportional_odds", {"model": "clissco_band"}, "no model 'clissco_band'.*Did you mean 'clissco_bands'"),
        ("model.0.rows", "visits", "repeats people: take kind"),
        ("model.0.rows", "visit", "rows"),
    ],
)
def test_protocols_that_contradict_themselves_are_refused(path: str, value: Any, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        parse_protocol(changed(raw(), path, value))


def test_repeated_kinds_need_repeated_rows() -> None:
    protocol = raw()
    place = next(i for i, m in enumerate(protocol["model"]) if m["kind"] == "mixed")
    with pytest.raises(ProtocolError, match="kind 'mixed' is for rows that repeat"):
        parse_protocol(changed(protocol, f"model.{place}.rows", "baseline"))


def test_the_documented_visits_are_valid() -> None:
    page = (PROJECT / "docs/protocol-visits.md").read_text(encoding="utf-8")
    sections, models, report = (part.split("```")[0] for part in page.split("```toml\n")[1:])
    given = tomllib.loads(sections) | tomllib.loads(models)
    base = {key: raw()[key] for key in ("study", "source", "dictionary", "design")}
    protocol = parse_protocol({**base, **given, **tomllib.loads(report)})
    assert protocol.score[0].bands == (3, 5, 7) and protocol.model[1].rows == "one-rater"
    for section in (VisitsSection, ScoreSection, SeveritySection, TrajectorySection, AgreementSection):
        for key in section.model_fields:
            assert key in page, f"docs/protocol-visits.md does not describe '{key}'"
