"""What follows a Cox fit: refusals, edge cases and numbers that can be worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import ColumnNotFoundError, DataError, FitWarning, MissingValuesError
from cobalamin.models.cox.concordance import concordance
from cobalamin.models.cox.cox import cox
from cobalamin.models.cox.cox_predict import predict_survival
from cobalamin.models.cox.cox_residuals import cox_residuals, event_rows
from cobalamin.models.cox.frailty import cox_frailty
from cobalamin.models.cox.penalty import Ridge
from cobalamin.models.cox.ph_test import ph_test
from cobalamin.models.cox.profile_interval import profile_interval
from cobalamin.models.cox.time_varying import split_at_events
from cobalamin.models.matrix.terms import term_columns

EXACT = 1e-10


def people(n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    x, z = rng.normal(size=n), rng.normal(size=n)
    return pd.DataFrame(
        {
            "t": np.ceil(rng.exponential(20 * np.exp(-0.5 * x))),
            "d": (rng.random(n) < 0.8).astype(int),
            "x": x,
            "z": z,
            "g": rng.choice(["a", "b", "c"], n),
            "site": rng.choice(["north", "south"], n),
            "id": np.arange(n) // 3,
        }
    )


def fitted(formula: str = "x + g", **given):
    return cox(formula, people(), exit="t", event="d", **given)


def test_a_spline_and_a_factor_are_one_term_each():
    fit = fitted("rcs(x, 4) + C(g) + z:x")
    sizes = {term: len(where) for term, where in term_columns(fit).items()}
    assert sorted(sizes.values()) == [1, 2, 3]
    assert sizes["rcs(x, 4)"] == 3
    table = ph_test(fit)
    assert table["df"].tolist() == [*sizes.values(), 6]


def test_ph_test_refuses_and_leaves_out_what_has_no_test():
    with pytest.raises(DataError, match="expected one of km"):
        ph_test(fitted(), "sqrt")  # type: ignore[arg-type]
    once = people().assign(t=lambda d: np.where(d["d"] == 1, 5.0, 9.0))
    with pytest.raises(DataError, match="one time"):
        ph_test(cox("x", once, exit="t", event="d"))
    rare = people().assign(rare=lambda d: ((d.index % 7 == 0) & (d["d"] == 0)) * 1)
    with pytest.warns(FitWarning, match="infinity"):
        fit = cox("x + rare", rare, exit="t", event="d")
    table = ph_test(fit).set_index("term")
    assert np.isnan(table.loc["rare", "chi2"])
    assert table.loc["GLOBAL", "df"] == 1
    assert_allclose(table.loc["GLOBAL", "chi2"], table.loc["x", "chi2"])


def test_schoenfeld_residuals_by_hand():
    data = pd.DataFrame({"t": [1, 2, 3], "d": [1, 1, 0], "x": [1.0, 0.0, 1.0]})
    fit = cox("x", data, exit="t", event="d")
    r = np.exp(fit.coefficients[0])
    assert_allclose(cox_residuals(fit, "schoenfeld")[:, 0], [1 - 2 * r / (2 * r + 1), -r / (r + 1)], atol=EXACT)
    assert event_rows(fit)["row"].tolist() == [0, 1]


def test_predictions_follow_strata_and_say_what_is_wrong():
    fit = fitted("x + z", strata="site")
    both = predict_survival(fit, pd.DataFrame({"x": [0.0], "z": [0.0]})).at([5])
    assert both["stratum"].tolist() == ["site=north", "site=south"]
    south = predict_survival(fit, pd.DataFrame({"x": [0.0], "z": [0.0], "site": ["south"]})).at([5])
    assert_allclose(south["estimate"], both["estimate"].iloc[1])
    with pytest.raises(DataError, match="not seen"):
        predict_survival(fit, pd.DataFrame({"x": [0.0], "z": [0.0], "site": ["east"]}))
    with pytest.raises(ColumnNotFoundError, match="'z'"):
        predict_survival(fit, pd.DataFrame({"x": [0.0]}))
    with pytest.raises(MissingValuesError, match="missing"):
        predict_survival(fit, pd.DataFrame({"x": [np.nan], "z": [1.0]}))
    with pytest.raises(DataError, match="no rows"):
        predict_survival(fit, people().head(0))
    with pytest.raises(DataError, match="log-log"):
        predict_survival(fit, confidence="logit")
    with pytest.raises(MissingValuesError, match="times"):
        predict_survival(fit).at([np.nan])


def test_nothing_is_known_after_the_last_follow_up():
    table = predict_survival(fitted()).at([0, people()["t"].max(), people()["t"].max() + 1])
    assert table["estimate"].iloc[0] == 1
    assert table["conf_low"].iloc[0] == 1
    assert table["estimate"].notna().tolist() == [True, True, False]


def test_concordance_counts_every_pair_once():
    data = pd.DataFrame({"t": np.arange(1.0, 41), "d": 1, "x": np.tile([0.0, 1.0], 20), "y": np.arange(40.0) % 7})
    fit = cox("y", data, exit="t", event="d")
    table = concordance(fit).iloc[0]
    assert table["concordant"] + table["discordant"] + table["tied"] == 40 * 39 / 2
    assert 0 < table["std_error"] < 0.2


def test_penalties_are_checked():
    with pytest.raises(DataError, match="theta"):
        Ridge(-1.0)
    with pytest.raises(DataError, match="'nobody' is not"):
        fitted(penalty=Ridge(1.0, terms=("nobody",)))
    with pytest.raises(DataError, match="expected 'firth'"):
        fitted(penalty="lasso")


def test_firth_makes_an_infinite_coefficient_finite():
    rare = people().assign(rare=lambda d: ((d.index % 7 == 0) & (d["d"] == 0)) * 1)
    fit = cox("x + rare", rare, exit="t", event="d", penalty="firth")
    assert np.isfinite(fit.coefficients).all()
    limits = profile_interval(fit, "rare").iloc[0]
    assert -np.inf <= limits["conf_low"] < limits["conf_high"] < 0.5


def test_an_offset_must_be_finite_numbers():
    for bad, message in ((people()["g"], "number"), (people()["x"] / 0, "not finite")):
        with pytest.raises(DataError, match=message):
            cox("x", people().assign(o=bad), exit="t", event="d", offset="o")


def test_profile_limits_need_a_likelihood():
    with pytest.raises(DataError, match="independent"):
        profile_interval(fitted(cluster="id"))
    with pytest.raises(DataError, match="not a coefficient"):
        profile_interval(fitted(), "y")
    with pytest.raises(DataError, match="level"):
        profile_interval(fitted(), level=95)


def test_frailty_is_checked_and_says_what_it_is():
    with pytest.raises(DataError, match="two rows or more"):
        cox_frailty("x", people().assign(own=lambda d: d.index), exit="t", event="d", cluster="own")
    with pytest.raises(DataError, match="0 or more"):
        cox_frailty("x", people(), exit="t", event="d", cluster="id", theta=-1.0)
    fit = cox_frailty("x", people(), exit="t", event="d", cluster="id", theta=0.3)
    assert fit.call == "cox_frailty('x', data, exit='t', event='d', cluster='id', theta=0.3)"
    assert "gamma frailty" in repr(fit)
    assert len(fit.parts["frailty"]) == 40
    none = cox_frailty("x", people(), exit="t", event="d", cluster="id", theta=0)
    assert_allclose(none.coefficients, fitted("x").coefficients, rtol=EXACT)
    assert_allclose(none.covariance, fitted("x").covariance, rtol=EXACT)


def test_a_large_frailty_is_found():
    rng = np.random.default_rng(3)
    frailty = np.repeat(rng.gamma(1.0, 1.0, 150), 4)
    x = rng.normal(size=600)
    data = pd.DataFrame({"x": x, "t": rng.exponential(1 / (frailty * np.exp(x))), "d": 1, "c": np.repeat(np.arange(150), 4)})
    fit = cox_frailty("x", data, exit="t", event="d", cluster="c")
    assert abs(fit.coefficients[0] - 1) < 0.2
    assert abs(fit.glance()["frailty_variance"].iloc[0] - 1) < 0.35
    assert fit.glance()["frailty_p"].iloc[0] < 1e-6
    # ignoring it shrinks the effect
    assert cox("x", data, exit="t", event="d").coefficients[0] < fit.coefficients[0] - 0.1


def test_splitting_says_what_it_would_overwrite():
    with pytest.raises(DataError, match="'entry' would be overwritten"):
        split_at_events(people().assign(entry=0), exit="t", event="d")
    with pytest.raises(DataError, match="rise"):
        split_at_events(people(), exit="t", event="d", breaks=[3, 2])
    split = split_at_events(people(), exit="t", event="d", breaks=[5, 10])
    assert split["interval"].max() == 2
    assert split["d"].sum() == people()["d"].sum()
