"""Laws of ordinal models and of agreement between raters, and brute-force twins of their fast code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.models.fit import Fit
from cobalamin.models.ordinal.cumulative import CumulativeRows
from cobalamin.models.ordinal.links import Link, between
from cobalamin.models.ordinal.marginal_effects import marginal_effects
from cobalamin.models.ordinal.mixed_likelihood import MixedLikelihood
from cobalamin.models.ordinal.ordinal import ordinal
from cobalamin.models.ordinal.ordinal_mixed import ordinal_mixed
from cobalamin.models.ordinal.ordinal_predict import predict_ordinal
from cobalamin.models.ordinal.proportional_odds import proportional_odds_test
from cobalamin.models.regression.regression import logistic
from cobalamin.models.repeated.agreement import icc
from cobalamin.models.repeated.agreement_kappa import weighted_kappa
from cobalamin.models.survey import Survey

SAME_MAXIMUM = 1e-7  # two Newton paths to one maximum
NUMBERS = ["estimate", "std_error", "conf_low", "conf_high"]
LINKS = ["logit", "probit", "cloglog", "loglog", "cauchit"]
MIRROR = {"cloglog": "loglog", "loglog": "cloglog"}


def people(n: int = 300, seed: int = 3, levels: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.normal(55, 10, n), "z": rng.normal(size=n), "arm": rng.choice(["a", "b", "c"], n)})
    frame["person"] = np.arange(n) // 5
    latent = 0.05 * (frame["age"] - 55) + 0.5 * (frame["arm"] == "b") + rng.normal(size=n)[frame["person"]] + rng.logistic(size=n)
    frame["y"] = np.searchsorted(np.quantile(latent, np.linspace(0, 1, levels + 1)[1:-1]), latent)
    return frame.assign(copies=rng.integers(1, 4, n))


VARIANTS: list[dict[str, Any]] = [
    {},
    {"cluster": "person"},
    {"weights": "copies"},
    {"survey": Survey(weights="copies", psu="person")},
    {"partial": ["age"]},
    {"partial": ["arm", "z"], "link": "probit"},
    {"link": "cloglog"},
]
every_variant = pytest.mark.parametrize("options", VARIANTS, ids=lambda o: "-".join(map(str, o)) or "model")


def fit(data: pd.DataFrame, formula: str = "y ~ age + arm + z", **options: Any) -> Fit:
    return ordinal(formula, data, **options)


def assert_same(one: Fit, other: Fit) -> None:
    assert_allclose(one.tidy()[NUMBERS], other.tidy()[NUMBERS], rtol=SAME_MAXIMUM, atol=SAME_MAXIMUM)


@every_variant
def test_row_order_does_not_matter(options: dict[str, Any]) -> None:
    data = people()
    assert_same(fit(data, **options), fit(data.sample(frac=1, random_state=1), **options))


@every_variant
def test_shifting_and_scaling_a_covariate(options: dict[str, Any]) -> None:
    data = people()
    one, other = (fit(d, **options).tidy().set_index("term")[NUMBERS] for d in (data, data.assign(age=(data["age"] - 50) / 10)))
    of_age = one.index.str.startswith("age")
    assert_allclose(one[of_age] * 10, other[of_age], rtol=1e-6)
    rest = ~of_age & ~one.index.str.contains("|", regex=False)
    assert_allclose(one[rest], other[rest], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("link", LINKS)
def test_turning_the_scale_turns_the_signs(link: Link) -> None:
    data = people()
    one, other = fit(data, link=link), fit(data.assign(y=-data["y"]), link=MIRROR.get(link, link))  # type: ignore[arg-type]
    assert_allclose(one.loglik, other.loglik, rtol=1e-10)
    assert_allclose(one.coefficients[:4], -other.coefficients[:4], rtol=1e-6)
    assert_allclose(one.coefficients[4:], -other.coefficients[:3:-1], rtol=1e-6)
    assert_allclose(one.tidy()["std_error"][:4], other.tidy()["std_error"][:4], rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"cluster": "person"}, {"partial": ["z"]}], ids=["model", "cluster", "partial"])
def test_weight_2_is_two_copies(options: dict[str, Any]) -> None:
    data = people()
    assert_same(fit(data, weights="copies", **options), fit(data.loc[data.index.repeat(data["copies"])], **options))


def test_rows_of_weight_0_are_nobody() -> None:
    data = people().assign(w=lambda d: (d["age"] > 50).astype(int))
    data.loc[data.index[data["w"] == 0][:3], "y"] = 99
    one, other = fit(data, weights="w"), fit(data[data["w"] > 0])
    assert_same(one, other)
    assert one.n == other.n
    assert one.names == other.names


@pytest.mark.parametrize("options", [{}, {"cluster": "person"}, {"weights": "copies"}], ids=["model", "cluster", "weights"])
def test_two_categories_are_logistic_regression(options: dict[str, Any]) -> None:
    data = people(levels=2)
    one, other = fit(data, **options), logistic("y ~ age + arm + z", data, **options)
    signs = np.array([1.0, 1, 1, 1, -1])
    assert_allclose(one.coefficients * signs, np.roll(other.coefficients, -1), rtol=SAME_MAXIMUM)
    assert_allclose(one.tidy()["std_error"], np.roll(other.tidy()["std_error"], -1), rtol=SAME_MAXIMUM)
    assert_allclose(one.loglik, other.loglik, rtol=1e-12)


def test_a_number_counts_by_its_order_only_and_empty_levels_do_not_count() -> None:
    data = people()
    levels = pd.Categorical.from_codes(data["y"] + 1, ["never", "a", "b", "c", "d", "most"], ordered=True)
    one, other = fit(data), fit(data.assign(y=levels))
    assert_same(one, fit(data.assign(y=np.exp(data["y"]))))
    assert_same(one, other)
    assert other.names[-3:] == ("a|b", "b|c", "c|d")
    assert any("never, most" in note for note in other.warnings)


def test_merging_two_categories_leaves_a_valid_estimate_of_the_same_effect() -> None:
    data = people(4000, levels=5)
    one, other = fit(data), fit(data.assign(y=np.minimum(data["y"], 3)))
    assert other.names[-1] == "2|3"
    # the same log odds ratios are estimated, with less information
    assert (np.abs(one.coefficients[:4] - other.coefficients[:4]) < 4 * other.tidy()["std_error"][:4]).all()
    assert (other.tidy()["std_error"][:4] > one.tidy()["std_error"][:4] * 0.999).all()


def test_a_partial_model_with_every_term_is_no_worse_and_its_effects_straddle() -> None:
    data = people()
    small, large = fit(data), fit(data, partial=["age", "arm", "z"])
    assert large.loglik >= small.loglik
    assert large.n_parameters == 3 * (4 + 1)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("m", [1, 3])
def test_score_and_information_are_the_derivatives(link: str, m: int) -> None:
    rng = np.random.default_rng(5)
    n, cuts = 40, 4
    code = np.sort(np.r_[np.arange(cuts + 1), rng.integers(0, cuts + 1, n - cuts - 1)])
    z = np.column_stack([np.ones(n), rng.normal(size=(n, m - 1))])
    rows = CumulativeRows(rng.normal(size=(n, 2)), z, rng.uniform(0.5, 2, n), code, link)
    place = np.zeros(cuts * m + 2)
    place[: cuts * m : m] = np.linspace(-1.5, 1.5, cuts)
    place += rng.normal(scale=0.05, size=len(place))
    value = rows.evaluate(place)
    assert value is not None
    h = 1e-6
    sides = [[rows.evaluate(place + way * h * unit) for way in (1, -1)] for unit in np.eye(len(place))]
    assert_allclose(value.score, [(u.loglik - d.loglik) / (2 * h) for u, d in sides], rtol=1e-6, atol=1e-6)  # type: ignore[union-attr]
    second = [-(u.score - d.score) / (2 * h) for u, d in sides]  # type: ignore[union-attr]
    assert_allclose(value.information.dense(), second, rtol=1e-5, atol=1e-5)
    if link == "cauchit":
        return  # not concave: its steps are found otherwise
    assert_allclose(value.information.newton(value.score), np.linalg.solve(value.information.dense(), value.score), rtol=1e-8)
    assert_allclose(rows.row_scores(value.rows).sum(axis=0), value.score, rtol=1e-10, atol=1e-10)


@given(st.sampled_from(LINKS), st.floats(-30, 30), st.floats(1e-3, 5))
@settings(max_examples=100, deadline=None)
def test_probabilities_between_bounds_are_exact_in_both_tails(link: str, low: float, width: float) -> None:
    from scipy import stats

    laws = {"logit": stats.logistic, "probit": stats.norm, "cloglog": stats.gumbel_l, "loglog": stats.gumbel_r, "cauchit": stats.cauchy}
    # the density integrated by Gauss and Legendre's rule in pieces, relative to its largest value
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges = np.linspace(low, low + width, 401)
    places = (edges[:-1, None] + edges[1:, None]) / 2 + np.diff(edges)[:, None] / 2 * nodes
    heights = laws[link].logpdf(places)
    if heights.max() < -600:  # the density falls too steeply for the rule
        return
    wanted = heights.max() + np.log((np.exp(heights - heights.max()) * weights).sum() * width / 800)
    found = float(between(link, np.array([low + width]), np.array([low])).logp[0])
    assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def test_thresholds_far_apart_or_many_cost_nothing_in_accuracy() -> None:
    data = people(400).assign(score=lambda d: np.round(d["age"] * 2))
    found = ordinal("score ~ z + arm", data).parts["ordinal"].solved
    value = found.rows.evaluate(found.parameters)
    assert len(value.score) > 60
    assert np.abs(value.score).max() < 1e-6


def test_brute_force_likelihood_and_quadrature() -> None:
    data = people(60)
    found = ordinal_mixed("y ~ z", data, group="person", points=25)
    b, cut, sd = found.coefficients[0], np.r_[-np.inf, found.coefficients[1:4], np.inf], found.facts["sd"]
    # the trapezoid rule on a fine grid is exact to rounding for a smooth bell
    u = np.linspace(-10, 10, 4001)
    y, shift = data["y"].to_numpy(), b * data["z"].to_numpy()[:, None] + sd * u
    with np.errstate(over="ignore"):
        chance = 1 / (1 + np.exp(shift - cut[y + 1][:, None])) - 1 / (1 + np.exp(shift - cut[y][:, None]))
    total = 0.0
    for person in range(12):
        bell = chance[data["person"] == person].prod(axis=0) * np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
        total += float(np.log(bell.sum() * (u[1] - u[0])))
    assert_allclose(found.loglik, total, rtol=1e-9)


def test_mixed_score_and_information_are_the_derivatives() -> None:
    data = people(100).sort_values("y", kind="stable")
    rows = CumulativeRows(data[["z"]].to_numpy(), np.ones((100, 1)), np.ones(100), data["y"].to_numpy(), "logit")
    likelihood = MixedLikelihood(rows, data["person"].to_numpy(), 20, 40)
    place, h = np.array([-1.0, 0.1, 1.2, 0.3, -0.2]), 1e-5
    value = likelihood.evaluate(place)
    sides = [[likelihood.evaluate(place + way * h * unit) for way in (1, -1)] for unit in np.eye(5)]
    # with 40 points the centres of the quadrature do not matter
    assert_allclose(value.score, [(u.loglik - d.loglik) / (2 * h) for u, d in sides], rtol=1e-6, atol=1e-6)
    assert_allclose(value.information, [-(u.score - d.score) / (2 * h) for u, d in sides], rtol=1e-5, atol=1e-5)


def test_mixed_row_order_and_names_of_groups_do_not_matter() -> None:
    data = people()
    one = ordinal_mixed("y ~ age + arm", data, group="person")
    shuffled = data.assign(person="p" + (data["person"] * 7 % 1000).astype(str)).sample(frac=1, random_state=2)
    other = ordinal_mixed("y ~ age + arm", shuffled, group="person")
    assert_allclose(one.tidy()[NUMBERS], other.tidy()[NUMBERS], rtol=1e-6)


def test_effects_within_people_are_larger_than_on_average() -> None:
    data = people(2000)
    marginal, within = fit(data, cluster="person"), ordinal_mixed("y ~ age + arm + z", data, group="person")
    assert abs(within.coefficients[0]) > abs(marginal.coefficients[0])


def test_probabilities_sum_to_1_and_the_mean_is_theirs() -> None:
    data = people()
    model = fit(data)
    chances = predict_ordinal(model, data.head(20)).pivot(index="row", columns="category", values="estimate")
    assert_allclose(chances.sum(axis=1), 1, rtol=1e-12)
    assert ((chances > 0) & (chances < 1)).all(axis=None)
    mean = predict_ordinal(model, data.head(20), what="mean")["estimate"]
    assert_allclose(mean, chances.to_numpy() @ [0, 1, 2, 3], rtol=1e-10)
    above = predict_ordinal(model, data.head(20), what="cumulative").pivot(index="row", columns="category", values="estimate")
    assert_allclose(above["2"], chances["2"] + chances["3"], rtol=1e-10)


@pytest.mark.parametrize("options", [{}, {"partial": ["age"]}, {"link": "probit"}, {"cluster": "person"}], ids=str)
def test_marginal_effects_sum_to_0_and_agree_with_small_changes(options: dict[str, Any]) -> None:
    data = people()
    model = fit(data, "y ~ rcs(age, 3) + arm" if not options else "y ~ age + arm", **options)
    slopes, small = marginal_effects(model, "age"), marginal_effects(model, "age", change=1e-4)
    assert_allclose(slopes["estimate"].sum(), 0, atol=1e-12)
    for name in ("estimate", "std_error"):
        assert_allclose(slopes[name], small[name] * 1e4, rtol=2e-4, atol=1e-8)
    arms = marginal_effects(model, "arm")
    assert_allclose(arms.groupby("level")["estimate"].sum(), 0, atol=1e-12)


@pytest.mark.parametrize("method", ["brant", "score", "likelihood ratio"])
def test_proportional_odds_tests_do_not_depend_on_units(method: Any) -> None:
    data = people()
    one, other = (proportional_odds_test(fit(d), method) for d in (data, data.assign(age=data["age"] * 100 - 3)))
    assert_allclose(one["chi2"], other["chi2"], rtol=1e-6)
    assert one["df"].tolist() == [2, 4, 2, 8]


def test_the_three_tests_agree_when_there_is_much_data() -> None:
    data = people(8000)
    tables = [proportional_odds_test(fit(data), m)["chi2"] for m in ("brant", "score", "likelihood ratio")]  # type: ignore[arg-type]
    assert_allclose(tables[0], tables[2], rtol=0.1, atol=0.3)
    assert_allclose(tables[1], tables[2], rtol=0.1, atol=0.3)


ratings = st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=4, max_size=25)


@given(ratings, st.floats(0.1, 50), st.floats(-100, 100))
@settings(max_examples=60, deadline=None)
def test_icc_does_not_depend_on_units_or_on_the_order_of_subjects(rows: list[tuple[int, ...]], scale: float, shift: float) -> None:
    data = pd.DataFrame(rows, columns=list("abc"), dtype=float)
    squares = data.to_numpy()
    if np.ptp(squares.mean(axis=1)) == 0 or np.ptp(squares - squares.mean(axis=1, keepdims=True)) < 1e-9:
        return
    one = icc(data, ratings=list("abc")).frame["estimate"]
    other = icc(data.iloc[::-1] * scale + shift, ratings=list("bca")).frame["estimate"]
    assert_allclose(one, other, rtol=1e-6, atol=1e-7)
    assert (one <= 1 + 1e-12).all()


@given(ratings, st.sampled_from(["linear", "quadratic", "none"]))
@settings(max_examples=60, deadline=None)
def test_kappa_is_symmetric_and_1_for_equal_ratings(rows: list[tuple[int, ...]], weights: Any) -> None:
    data = pd.DataFrame(rows, columns=list("abc"))
    if data["a"].nunique() < 2:
        return
    equal = weighted_kappa(data.assign(b=data["a"]), ratings=["a", "b"], weights=weights).frame.iloc[0]
    assert_allclose(equal["estimate"], 1)
    one, other = (weighted_kappa(data, ratings=pair, weights=weights).frame.iloc[0] for pair in (["a", "b"], ["b", "a"]))
    assert_allclose(one[["estimate", "std_error"]].astype(float), other[["estimate", "std_error"]].astype(float), atol=1e-12)


def test_quadratic_kappa_is_nearly_the_intraclass_correlation() -> None:
    rng = np.random.default_rng(8)
    truth = rng.normal(3, 1.5, 400)
    data = pd.DataFrame({name: np.clip(np.round(truth + rng.normal(size=400)), 0, 7) for name in "ab"})
    kappa = weighted_kappa(data, ratings=["a", "b"], weights="quadratic").frame["estimate"].iloc[0]
    both = icc(data, ratings=["a", "b"], kind="ICC(2,1)").frame["estimate"].iloc[0]
    assert_allclose(kappa, both, atol=0.005)  # Fleiss and Cohen 1973: they differ by terms of 1 / n
