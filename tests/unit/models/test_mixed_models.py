"""Linear mixed models: what is refused, what is warned of, and what comes after the fit."""

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
from cobalamin.models.repeated import mixed_optimum
from cobalamin.models.repeated.mixed import mixed
from cobalamin.models.repeated.mixed_after import component_estimates, predict_mixed, random_effects, variance_components
from cobalamin.models.repeated.mixed_criterion import evaluate

EXACT = 1e-9  # the same arithmetic in another order


def visits(patients: int = 60, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(patients), 4)
    frame = pd.DataFrame({"patient": who, "time": np.tile([0.0, 1.0, 2.0, 4.0], patients), "rater": rng.integers(0, 8, 4 * patients)})
    frame["dose"] = rng.normal(size=patients)[who]
    frame["arm"] = np.where(frame["patient"] % 2 == 0, "a", "b")
    level, slope, rater = rng.normal(size=patients), rng.normal(size=patients), rng.normal(size=8)
    frame["score"] = 10 + frame["dose"] - 0.5 * frame["time"] + 2 * level[who] + 0.7 * slope[who] * frame["time"] + rater[frame["rater"]]
    return frame.assign(score=frame["score"] + rng.normal(size=len(frame)))


def quiet(*arguments: Any, **options: Any) -> Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        return mixed(*arguments, **options)


def brute(fit: Fit, data: pd.DataFrame, z: np.ndarray, crossed: list[str], reml: bool) -> tuple[float, np.ndarray, np.ndarray]:
    """The likelihood, coefficients and variance with the n x n variance matrix written out, at the fit's variances."""
    parts = variance_components(fit)
    q, x = z.shape[1], fit.parts["matrix"].X
    g = np.diag(parts["estimate"][:q] ** 2)
    if q == 2:
        g[0, 1] = g[1, 0] = parts["estimate"][2] * np.sqrt(g[0, 0] * g[1, 1])
    same = data["patient"].to_numpy()[:, None] == data["patient"].to_numpy()
    v = same * (z @ g @ z.T) + np.exp(2 * fit.coefficients[-1]) * np.eye(len(data))
    for name in crossed:
        sd = parts.query("group == @name and measure == 'standard deviation'")["estimate"].item()
        v += sd**2 * (data[name].to_numpy()[:, None] == data[name].to_numpy())
    inverse, y = np.linalg.inv(v), data["score"].to_numpy()
    information = x.T @ inverse @ x
    beta = np.linalg.solve(information, x.T @ inverse @ y)
    left = y - x @ beta
    n, p = x.shape
    total = np.linalg.slogdet(v)[1] + left @ inverse @ left + (n - p * reml) * np.log(2 * np.pi)
    return -0.5 * (total + reml * np.linalg.slogdet(information)[1]), beta, np.linalg.inv(information)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("crossed", [[], ["rater"]])
@pytest.mark.parametrize("random", ["1", "1 + time"])
def test_equals_the_likelihood_with_the_whole_variance_matrix(reml: bool, crossed: list[str], random: str) -> None:
    data = visits()
    fit = mixed("score ~ dose + time + arm", data, group="patient", random=random, crossed=crossed, method="REML" if reml else "ML")
    z = np.ones((len(data), 1)) if random == "1" else np.column_stack([np.ones(len(data)), data["time"]])
    loglik, beta, variance = brute(fit, data, z, crossed, reml)
    assert_allclose(fit.loglik, loglik, rtol=EXACT)
    assert_allclose(fit.coefficients[:4], beta, rtol=1e-8)
    assert_allclose(fit.covariance[:4, :4], variance, rtol=1e-7, atol=1e-12)
    assert not fit.glance()["singular"].item()


def test_three_random_effects_and_two_crossed_factors() -> None:
    data = visits(120).assign(clinic=lambda d: d["patient"] // 10)
    data["bend"] = (data["time"] - 2) ** 2
    fit = quiet("score ~ dose + time", data, group="patient", random="1 + time + bend", crossed=["rater", "clinic"])
    assert len(fit.family.ancillary) == 3 + 3 + 2 + 1
    other = quiet("score ~ dose + time", data, group="patient", crossed=["rater", "clinic"])
    assert fit.loglik >= other.loglik - 1e-6  # the larger model cannot be worse


def test_the_gradient_is_the_difference_of_the_likelihood_and_0_at_the_maximum() -> None:
    fit = mixed("score ~ dose + time", visits(), group="patient", random="1 + time", crossed="rater")
    state = fit.parts["mixed"]
    from cobalamin.models.repeated.mixed import _fixed_part
    from cobalamin.models.repeated.mixed_blocks import make_blocks

    design = state.design
    blocks = make_blocks(_fixed_part(design).columns, design.z, design.group, design.crossed)
    theta, h = np.array([0.8, 0.3, 0.5, 0.6]), 1e-5
    at = evaluate(blocks, theta, True)
    for j, unit in enumerate(np.eye(4)):
        up, down = evaluate(blocks, theta + h * unit, True), evaluate(blocks, theta - h * unit, True)
        assert_allclose(at.grad_logdet[j], (up.logdet - down.logdet) / (2 * h), rtol=1e-6)
        assert_allclose(at.grad_rss[j], (up.rss - down.rss) / (2 * h), rtol=1e-6)
    best = evaluate(blocks, state.best.theta, True)
    slope = best.grad_logdet + (blocks.n - blocks.p) * best.grad_rss / best.rss
    assert_allclose(slope, 0, atol=1e-3)


def test_refusals() -> None:
    data = visits()
    ok: dict[str, Any] = {"group": "patient"}
    cases: list[tuple[type[Exception], str, str, pd.DataFrame, dict[str, Any]]] = [
        (ColumnNotFoundError, "no column 'patent'", "score ~ dose", data, {"group": "patent"}),
        (ColumnNotFoundError, "tme", "score ~ dose", data, {**ok, "random": "1 + tme"}),
        (ColumnNotFoundError, "reader", "score ~ dose", data, {**ok, "crossed": ["reader"]}),
        (DesignError, "each of the 60 groups has one row", "score ~ dose", data[data["time"] == 0], ok),
        (DesignError, "got 1 group", "score ~ dose", data.assign(patient=1), ok),
        (DesignError, "dose does not vary within any patient", "score ~ dose", data, {**ok, "random": "1 + dose"}),
        (DesignError, "as many random effects as rows", "score ~ dose", data[data["time"] < 2], {**ok, "random": "1 + time"}),
        (DesignError, "linear combination", "score ~ dose", data.assign(t2=data["time"] * 2), {**ok, "random": "1 + time + t2"}),
        (DesignError, "divide the rows alike", "score ~ dose", data.assign(same=data["patient"] + 100), {**ok, "crossed": "same"}),
        (DesignError, "named twice", "score ~ dose", data, {**ok, "crossed": "patient"}),
        (DesignError, "one level only", "score ~ dose", data.assign(one=1), {**ok, "crossed": "one"}),
        (DesignError, "different in each", "score ~ dose", data.assign(row=range(len(data))), {**ok, "crossed": "row"}),
        (FormulaError, "write the random effects only", "score ~ dose", data, {**ok, "random": "1 | patient"}),
        (FormulaError, "is the group itself", "score ~ dose", data, {**ok, "random": "1 + patient"}),
        (FormulaError, "has no response", "dose", data, ok),
        (EventCodeError, "is text", "arm ~ dose", data, ok),
        (EventCodeError, "True/False", "sick ~ dose", data.assign(sick=data["score"] > 10), ok),
        (EventCodeError, "Categorical", "cut ~ dose", data.assign(cut=pd.cut(data["score"], 3)), ok),
        (DataError, "the same value in all 240 rows", "flat ~ dose", data.assign(flat=3.0), ok),
        (DataError, "tell it exactly", "exact ~ dose", data.assign(exact=2 + 3 * data["dose"]), ok),
        (DataError, "expected 'REML' or 'ML'", "score ~ dose", data, {**ok, "method": "reml"}),
        (MissingValuesError, "dose", "score ~ dose", data.assign(dose=data["dose"].where(data["time"] > 0)), {**ok, "missing": "error"}),
    ]  # fmt: skip
    for error, text, formula, frame, options in cases:
        with pytest.raises(error, match=text):
            quiet(formula, frame, **options)


def test_missing_rows_are_counted_for_every_column() -> None:
    data = visits()
    data.loc[[3, 9], "rater"] = np.nan
    data.loc[[3, 20], "time"] = np.nan
    data["patient"] = data["patient"].astype(object).where(data.index != 40, None)
    with pytest.warns(MissingRowsWarning, match=r"4 of 240 rows.*patient \(1\).*rater \(2\).*time \(2\)"):
        fit = mixed("score ~ dose", data, group="patient", random="1 + time", crossed="rater")
    assert (fit.n, fit.n_missing) == (236, 4)


def test_warnings_name_what_they_are_about() -> None:
    data = visits()
    with pytest.warns(FitWarning, match="dose2: left out, because it is a linear combination of dose"):
        fit = mixed("score ~ dose + dose2", data.assign(dose2=2 * data["dose"] + 1), group="patient")
    assert np.isnan(fit.tidy().set_index("term").loc["dose2"]).all()
    assert_allclose(fit.tidy()["estimate"][:2], mixed("score ~ dose", data, group="patient").tidy()["estimate"][:2], rtol=EXACT)
    with pytest.warns(FitWarning, match="floor effect"):
        mixed("low ~ dose", data.assign(low=np.maximum(data["score"] - 9, 0)), group="patient")
    with pytest.warns(FitWarning, match="two values only"):
        mixed("high ~ dose", data.assign(high=(data["score"] > 10) * 1), group="patient")
    with pytest.warns(FitWarning, match="Fewer than 5 levels of rater"):
        mixed("score ~ dose", data.assign(rater=data["rater"] % 3), group="patient", crossed="rater")


def test_a_correlation_of_one_is_on_the_boundary() -> None:
    rng = np.random.default_rng(4)
    data = visits(40, 4)
    level = rng.normal(size=40)[data["patient"]]
    data["score"] = 5 + 2 * level + level * data["time"] + 0.8 * rng.normal(size=len(data))
    fit = quiet("score ~ time", data, group="patient", random="1 + time")
    table = variance_components(fit)
    assert fit.glance()["singular"].item() == 1.0
    assert table.loc[2, "estimate"] == 1.0 and table.loc[2, ["conf_low", "conf_high"]].isna().all()
    assert any("cor patient: Intercept, time is estimated as 1" in text for text in fit.warnings)


def test_no_maximum_names_the_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixed_optimum, "MOST_NEWTON", 1)
    monkeypatch.setattr(mixed_optimum._Search, "descend", lambda self, theta: theta + 3.0)
    with pytest.raises(ConvergenceError, match=r"the (co)?variance of .* does not settle\. Try fewer random effects"):
        mixed("score ~ dose", visits(), group="patient", random="1 + time")


def test_predicted_effects_are_the_conditional_mean_and_variance() -> None:
    data = visits(25)
    fit = quiet("score ~ dose + time", data, group="patient", random="1 + time", crossed="rater")
    parts, z = variance_components(fit), np.column_stack([np.ones(len(data)), data["time"]])
    g = np.diag(parts["estimate"][:2] ** 2)
    g[0, 1] = g[1, 0] = parts["estimate"][2] * np.sqrt(g[0, 0] * g[1, 1])
    own = np.kron(np.eye(25), np.ones((1, 2)))[data["patient"]] * np.tile(z, 25)
    raters = np.eye(8)[data["rater"]]
    full, prior = np.hstack([own, raters]), np.zeros((58, 58))
    prior[:50, :50], prior[50:, 50:] = np.kron(np.eye(25), g), parts["estimate"][3] ** 2 * np.eye(8)
    v = full @ prior @ full.T + parts["estimate"][4] ** 2 * np.eye(len(data))
    left = data["score"] - fit.linear_predictor(data)
    mean = prior @ full.T @ np.linalg.solve(v, left)
    sd = np.sqrt(np.diag(prior - prior @ full.T @ np.linalg.solve(v, full @ prior)))
    patients, rater = random_effects(fit), random_effects(fit, "rater").sort_values("group")
    assert_allclose(patients["estimate"], mean[:50], atol=1e-8)
    assert_allclose(patients["std_error"], sd[:50], rtol=1e-7)
    assert_allclose(rater["estimate"], mean[50:], atol=1e-8)
    assert_allclose(rater["std_error"], sd[50:], rtol=1e-7)
    assert_allclose(predict_mixed(fit, data), fit.linear_predictor(data) + full @ mean, rtol=1e-8)
    assert_allclose(predict_mixed(fit, data, include="none"), fit.linear_predictor(data))


def test_predictions_for_unknown_groups() -> None:
    data = visits()
    fit = mixed("score ~ dose + time", data, group="patient")
    new = data.head(2).assign(patient=[0, 999])
    with pytest.raises(DataError, match="1 of 2 rows are of levels that the fit has not seen"):
        predict_mixed(fit, new)
    assert_allclose(predict_mixed(fit, new, new_levels="zero")[1], fit.linear_predictor(new)[1])
    with pytest.raises(MissingValuesError, match="patient"):
        predict_mixed(fit, new.assign(patient=[0, np.nan]))
    with pytest.raises(DesignError, match="no random effects of 'rater'"):
        random_effects(fit, "rater")


def test_rows_of_the_results_table() -> None:
    fit = mixed("score ~ dose + arm", visits(), group="patient", crossed="rater")
    frame = fit.estimates(analysis="primary", model="mixed", outcome="severity").frame
    effects = frame[frame["context"] == "estimate"]
    assert effects["term"].tolist() == ["dose", "arm", "arm"] and set(effects["measure"]) == {"mean difference"}
    assert effects["value"].tolist()[1] == 0 and effects["n"].tolist() == [240, 120, 120]
    rows = component_estimates(fit, analysis="primary", model="mixed", outcome="severity").frame
    assert rows["measure"].value_counts().to_dict() == {"standard deviation": 3, "intraclass correlation": 2}
    assert ((rows["low"] < rows["value"]) & (rows["value"] < rows["high"])).all()
    shares = rows.loc[rows["measure"] == "intraclass correlation", "value"]
    sds = rows.loc[rows["measure"] == "standard deviation", "value"].to_numpy()
    assert_allclose(shares, sds[:2] ** 2 / (sds**2).sum(), rtol=EXACT)


def test_interval_of_the_intraclass_correlation_is_the_delta_method() -> None:
    fit = mixed("score ~ dose", visits(), group="patient", crossed="rater")
    share = variance_components(fit).iloc[3]
    at, h = fit.coefficients[2:], 1e-6

    def logit(natural: np.ndarray) -> float:
        v = np.exp(2 * natural)
        return float(np.log(v[0] / (v.sum() - v[0])))

    slope = np.array([(logit(at + h * u) - logit(at - h * u)) / (2 * h) for u in np.eye(3)])
    assert_allclose(share["std_error"], np.sqrt(slope @ fit.covariance[2:, 2:] @ slope), rtol=1e-6)
