"""Marginal models, bounded scores and follow-up scores adjusted for baseline: twins, refusals, warnings."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import (
    ColumnNotFoundError,
    ConvergenceError,
    DataError,
    DesignError,
    EventCodeError,
    FitWarning,
    FormulaError,
    MissingRowsWarning,
    MissingValuesError,
)
from cobalamin.models.fit import Fit
from cobalamin.models.repeated.baseline import change_from_baseline
from cobalamin.models.repeated.bounded import bounded_score, expected_score
from cobalamin.models.repeated.gee import gee
from cobalamin.models.repeated.mixed import mixed

SAME = 1e-7  # Fisher scoring stops at 1e-9 of a standardised coefficient


def visits(patients: int = 60, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(patients), 4)
    frame = pd.DataFrame({"patient": who, "visit": np.tile(range(4), patients), "months": np.tile([0.0, 1.5, 3.0, 7.0], patients)})
    frame["dose"], level = rng.normal(size=patients)[who], rng.normal(size=patients)[who]
    frame["score"] = 8 + frame["dose"] - frame["visit"] + 2 * level + 2 * rng.normal(size=len(frame))
    frame["ill"] = (frame["score"] > 7).astype(int)
    frame["grade"] = pd.cut(frame["score"], [-99, 5, 8, 99], labels=["mild", "moderate", "severe"])
    return frame.drop(index=[2, 7, 9, 10]).reset_index(drop=True)


def working(fit: Fit, data: pd.DataFrame, kind: str) -> np.ndarray:
    """The whole n x n working correlation."""
    same = data["patient"].to_numpy()[:, None] == data["patient"].to_numpy()
    alpha = fit.facts["working correlation"]
    apart = np.abs(data["months"].to_numpy()[:, None] - data["months"].to_numpy())
    r = same * (alpha**apart if kind == "ar1" else alpha)
    np.fill_diagonal(r, 1)
    return np.asarray(r)


@pytest.mark.parametrize("kind", ["exchangeable", "ar1"])
@pytest.mark.parametrize("family", ["gaussian", "binomial"])
def test_solves_the_equations_with_the_whole_variance_matrix(kind: Any, family: Any) -> None:
    data, outcome = visits(), {"gaussian": "score", "binomial": "ill"}[family]
    fit = gee(f"{outcome} ~ dose + visit", data, group="patient", family=family, correlation=kind, time="months")
    x, y = fit.parts["matrix"].X, data[outcome].to_numpy(dtype=float)
    mu = x @ fit.coefficients if family == "gaussian" else 1 / (1 + np.exp(-x @ fit.coefficients))
    sd = np.ones(len(y)) if family == "gaussian" else np.sqrt(mu * (1 - mu))
    d = x * (sd**2)[:, None]
    inverse = np.linalg.inv(working(fit, data, kind) * np.outer(sd, sd))
    assert_allclose(d.T @ inverse @ (y - mu), 0, atol=1e-5)
    bread = np.linalg.inv(d.T @ inverse @ d)
    groups = [np.flatnonzero(data["patient"] == p) for p in data["patient"].unique()]
    scores = np.array([d[g].T @ inverse[np.ix_(g, g)] @ (y - mu)[g] for g in groups])
    assert_allclose(fit.covariance, bread @ scores.T @ scores @ bread, rtol=1e-6)
    assert_allclose(fit.model_covariance, fit.facts["scale"] * bread, rtol=1e-6)


def test_an_ordered_outcome_solves_its_equations_with_the_whole_variance_matrix() -> None:
    data = visits()
    fit = gee("grade ~ dose + visit", data, group="patient", family="ordinal", correlation="exchangeable")
    x, code = data[["dose", "visit"]].to_numpy(dtype=float), data["grade"].cat.codes.to_numpy()
    below = 1 / (1 + np.exp(x @ fit.coefficients[:2, None] - fit.coefficients[None, 2:]))
    n, alpha = len(x), fit.facts["working correlation"]
    total, information = np.zeros(4), np.zeros((4, 4))
    for p in data["patient"].unique():
        rows = np.flatnonzero(data["patient"] == p)
        roots, slopes, left = [], [], []
        for i in rows:
            c = below[i]
            v = np.array([[c[min(a, b)] * (1 - c[max(a, b)]) for b in range(2)] for a in range(2)])
            values, axes = np.linalg.eigh(v)
            roots.append(axes @ np.diag(np.sqrt(values)) @ axes.T)
            change = c * (1 - c)
            slopes.append(np.column_stack([-change * x[i, 0], -change * x[i, 1], np.diag(change)]))
            left.append((code[i] <= np.arange(2)) - c)
        m = len(rows)
        block = np.zeros((2 * m, 2 * m))
        for a in range(m):
            for b in range(m):
                block[2 * a : 2 * a + 2, 2 * b : 2 * b + 2] = (1.0 if a == b else alpha) * roots[a] @ roots[b].T
        d = np.vstack(slopes)
        total += d.T @ np.linalg.solve(block, np.concatenate(left))
        information += d.T @ np.linalg.solve(block, d)
    assert n == len(data)
    assert_allclose(total, 0, atol=1e-5)
    assert_allclose(fit.model_covariance, fit.facts["scale"] * np.linalg.inv(information), rtol=1e-6)


def test_refusals() -> None:
    data, ok = visits(), {"group": "patient"}
    ar1, exch, yes_no = {**ok, "correlation": "ar1", "time": "visit"}, {**ok, "correlation": "exchangeable"}, {**ok, "family": "binomial"}
    twice = data.assign(visit=data["visit"].replace({3: 2}).where(data["patient"] == 5, data["visit"]))
    apart = data.assign(sep=np.where(data["ill"] == 1, "b", "a"))
    cases: list[tuple[type[Exception], str, str, pd.DataFrame, dict[str, Any]]] = [
        (ColumnNotFoundError, "patent", "score ~ dose", data, {"group": "patent"}),
        (DesignError, "needs time=", "score ~ dose", data, {**ok, "correlation": "ar1"}),
        (DesignError, "1 of 60 groups have two rows of the same time", "score ~ dose", twice, ar1),
        (DataError, "must be a number", "score ~ dose", data.assign(visit="first"), ar1),
        (DesignError, "each of the 60 groups has one row", "score ~ dose", data.drop_duplicates("patient"), exch),
        (DesignError, "got 1 group", "score ~ dose", data.assign(patient=0), ok),
        (DesignError, "more groups than coefficients", "score ~ dose + visit", data[data["patient"] < 3], ok),
        (DesignError, "belongs to family='poisson'", "score ~ dose", data, {**ok, "exposure": "months"}),
        (DataError, "no person-time above 0", "visit ~ dose", data, {**ok, "family": "poisson", "exposure": "months"}),
        (DataError, "counts are negative", "neg ~ dose", data.assign(neg=-1.0 * data["visit"]), {**ok, "family": "poisson"}),
        (EventCodeError, "are not 0 or 1", "visit ~ dose", data, {**ok, "family": "binomial"}),
        (EventCodeError, "codes 1 and 2", "ill2 ~ dose", data.assign(ill2=data["ill"] + 1), {**ok, "family": "binomial"}),
        (EventCodeError, "Categorical", "grade ~ dose", data, ok),
        (DataError, "order is not known", "word ~ dose", data.assign(word=data["grade"].astype(str)), {**ok, "family": "ordinal"}),
        (DesignError, "cut-points are the intercepts", "grade ~ 0 + dose", data, {**ok, "family": "ordinal"}),
        (DataError, "expected one of gaussian", "score ~ dose", data, {**ok, "family": "normal"}),
        (DataError, "expected one of independence", "score ~ dose", data, {**ok, "correlation": "unstructured"}),
        (ConvergenceError, r"sep\[T.b\] runs to infinity", "ill ~ sep", apart, yes_no),
        (MissingValuesError, "dose", "score ~ dose", data.assign(dose=data["dose"].where(data["visit"] > 0)), {**ok, "missing": "error"}),
    ]  # fmt: skip
    for error, text, formula, frame, options in cases:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            with pytest.raises(error, match=text):
                gee(formula, frame, **options)


def test_few_groups_are_warned_of_and_the_correction_is_the_remedy() -> None:
    data = visits(20)
    with pytest.warns(FitWarning, match="Fewer than 40 groups"):
        gee("score ~ dose", data, group="patient")
    fit = gee("score ~ dose", data, group="patient", correction="mancl-derouen")
    assert fit.df_residual == 18 and not fit.warnings


def test_rows_of_weight_zero_are_nobody() -> None:
    data = visits().assign(w=1.0)
    data.loc[data["patient"] < 5, "w"] = 0
    one, other = gee("score ~ dose", data, group="patient", weights="w"), gee("score ~ dose", data[data["patient"] >= 5], group="patient")
    assert_allclose(one.covariance, other.covariance, rtol=SAME)
    assert (one.n, one.facts["groups"]) == (other.n, other.facts["groups"])
    assert one.facts["n_zero_weight"] == (data["w"] == 0).sum()


def test_aliases_are_nan_and_named() -> None:
    data = visits().assign(dose2=lambda d: 2 * d["dose"], one=1.0)
    for family, outcome in (("gaussian", "score"), ("ordinal", "grade")):
        with pytest.warns(FitWarning, match="dose2: left out, because it is a linear combination of dose"):
            fit = gee(f"{outcome} ~ dose + dose2 + one + visit", data, group="patient", family=family)  # type: ignore[arg-type]
        table = fit.tidy().set_index("term")
        assert table.loc[["dose2", "one"]].isna().all().all()
        other = gee(f"{outcome} ~ dose + visit", data, group="patient", family=family)  # type: ignore[arg-type]
        assert_allclose(table.loc["dose", "std_error"], other.tidy().set_index("term").loc["dose", "std_error"], rtol=SAME)


def test_counts_and_events_of_levels() -> None:
    data = visits().assign(arm=lambda d: np.where(d["patient"] % 2 == 0, "a", "b"))
    frame = gee("ill ~ arm", data, group="patient", family="binomial").estimates(analysis="primary", model="gee", outcome="ill").frame
    rows = frame[frame["context"] == "estimate"].set_index("level")
    assert rows.loc["a", "value"] == 1 and rows.loc["b", "events"] == data.loc[data["arm"] == "b", "ill"].sum()
    assert set(rows["measure"]) == {"odds ratio"}


def test_bounded_scores() -> None:
    data = visits().assign(score=lambda d: d["score"].clip(0, 12))
    fit = bounded_score("score ~ dose", data, lower=0, upper=12, group="patient")
    mean = expected_score(fit, data)
    assert_allclose((data["score"] - mean).sum(), 0, atol=1e-6)
    assert ((mean > 0) & (mean < 12)).all()
    upside = bounded_score("turned ~ dose", data.assign(turned=12 - data["score"]), lower=0, upper=12, group="patient")
    assert_allclose(upside.coefficients, -fit.coefficients, rtol=SAME)
    with pytest.raises(DataError, match=r"values lie outside \[0, 10\]"):
        bounded_score("score ~ dose", data, lower=0, upper=10)
    with pytest.raises(DataError, match="lower < upper"):
        bounded_score("score ~ dose", data, lower=12, upper=0)
    with pytest.raises(DesignError, match="bounded_score"):
        expected_score(gee("score ~ dose", data, group="patient"), data)


def test_a_pile_at_the_floor_is_warned_of() -> None:
    data = visits().assign(score=lambda d: (d["score"] - 6).clip(lower=0))
    with pytest.warns(FitWarning, match=r"floor effect.*bounded_score"):
        gee("score ~ dose", data, group="patient")


def long_rows(patients: int = 80, follow_ups: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    who = np.repeat(np.arange(patients), follow_ups + 1)
    frame = pd.DataFrame({"who": who, "visit": np.tile(range(follow_ups + 1), patients)})
    frame["b12"], level = (rng.random(patients) < 0.5)[who] * 1, rng.normal(size=patients)[who]
    frame["score"] = 20 + 3 * level - 2.0 * frame["b12"] * (frame["visit"] > 0) + rng.normal(size=len(frame))
    return frame


WHO: dict[str, Any] = {"person": "who", "visit": "visit", "baseline": 0}


def test_change_is_the_follow_up_adjusted_for_baseline() -> None:
    rows = long_rows()
    fit = change_from_baseline("score ~ b12", rows, **WHO)
    after = rows[rows["visit"] > 0].assign(first=lambda d: d["who"].map(rows[rows["visit"] == 0].set_index("who")["score"]))
    other = mixed("score ~ first + C(visit) + b12", after, group="who")
    assert_allclose(np.sort(fit.coefficients), np.sort(other.coefficients), rtol=1e-6)
    assert set(fit.names[:5]) == {"Intercept", "visit[T.2]", "visit[T.3]", "score_baseline", "b12"}
    # the change gives the same effect of the exposure when the baseline is in the model
    change = mixed("change ~ first + C(visit) + b12", after.assign(change=after["score"] - after["first"]), group="who")
    ours = fit.tidy().set_index("term").loc["b12", ["estimate", "std_error"]].astype(float)
    assert_allclose(ours, change.tidy().set_index("term").loc["b12", ["estimate", "std_error"]].astype(float), rtol=1e-6)


def test_one_follow_up_is_linear_regression_with_robust_variance() -> None:
    rows = long_rows(follow_ups=1)
    fit = change_from_baseline("score ~ b12", rows, **WHO)
    assert "gee" in fit.call and fit.variance == "cluster" and fit.n == 80
    with pytest.raises(DesignError, match="has one row"):
        change_from_baseline("score ~ b12", rows, method="mixed", **WHO)
    ar1 = change_from_baseline("score ~ b12", long_rows(), method="gee", correlation="ar1", **WHO)
    assert 0 < ar1.facts["working correlation"] < 1


def test_mistakes_with_change_are_refused() -> None:
    rows = long_rows()
    first = rows["who"].map(rows[rows["visit"] == 0].set_index("who")["score"])
    change = rows.assign(change=rows["score"] - first, start=first)
    cases: list[tuple[type[Exception], str, str, pd.DataFrame, dict[str, Any]]] = [
        (DesignError, "0 at baseline for everybody", "change ~ b12", change, WHO),
        (DesignError, "no value at baseline", "change ~ b12", change.assign(change=change["change"].where(change["visit"] > 0)), WHO),
        (DesignError, "is the baseline score itself", "score ~ b12 + start", change, WHO),
        (DesignError, "is the change of 'score'", "score ~ b12 + change", change, WHO),
        (FormulaError, "the outcome and a covariate", "score ~ b12 + score", rows, WHO),
        (FormulaError, "leave out", "score ~ 0 + b12", rows, WHO),
        (FormulaError, "must be a column", "log(score) ~ b12", rows, WHO),
        (DesignError, "no row has visit == 9", "score ~ b12", rows, {**WHO, "baseline": 9}),
        (DesignError, "there is no follow-up", "score ~ b12", rows[rows["visit"] == 0], WHO),
        (DesignError, "persons with more than one", "score ~ b12", rows.assign(visit=rows["visit"].replace({1: 0})), WHO),
        (DesignError, "is a column already", "score ~ b12", rows.assign(score_baseline=1.0), WHO),
        (MissingValuesError, "needs its person and visit", "score ~ b12", rows.assign(who=rows["who"].where(rows.index > 3)), WHO),
    ]  # fmt: skip
    for error, text, formula, frame, options in cases:
        with pytest.raises(error, match=text):
            change_from_baseline(formula, frame, **options)


def test_people_without_baseline_or_follow_up_are_counted() -> None:
    rows = long_rows()
    rows = rows[~((rows["who"] == 3) & (rows["visit"] == 0)) & ~((rows["who"] == 4) & (rows["visit"] > 0))]
    with pytest.warns(MissingRowsWarning, match=r"score_baseline \(3\)"):
        fit = change_from_baseline("score ~ b12", rows, **WHO)
    assert fit.n_missing == 3 and fit.facts["baseline only"] == 1


def test_what_changes_after_baseline_is_named() -> None:
    rows = long_rows().assign(treated=lambda d: (d["visit"] > 1) * (d["who"] % 2))
    with pytest.warns(FitWarning, match="treated: changes after baseline"):
        fit = change_from_baseline("score ~ b12 + treated", rows, **WHO)
    assert any("treated" in text for text in fit.warnings)
