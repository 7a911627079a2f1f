"""Standardised survival: worked by hand, what is set to what, and bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import ColumnNotFoundError, DataError, FitWarning, MissingRowsWarning, MissingValuesError
from cobalamin.models.cox.cox import cox
from cobalamin.models.curves.adjusted_curves import adjusted_curve
from cobalamin.models.curves.adjusted_set import AdjustedCurves
from cobalamin.models.regression.regression import logistic

EXACT = 1e-9  # a closed form and an iterative solution


def people(n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    x, dose = rng.normal(size=n), rng.choice(["high", "low", "none"], n)
    death = rng.exponential(5 * np.exp(-0.4 * x - 0.5 * (dose == "high")))
    return pd.DataFrame(
        {
            "t": np.minimum(death, 8),
            "d": (death < 8).astype(int),
            "x": x,
            "dose": dose,
            "sick": rng.random(n) < 0.3,
            "site": rng.integers(1, 3, n),
        }
    )


PEOPLE = people()
FIT = cox("x + dose", PEOPLE, exit="t", event="d")


def curves(**options: Any) -> AdjustedCurves:
    given = {"fit": FIT, "data": PEOPLE, "by": "dose", "times": [1.0, 3.0], **options}
    return adjusted_curve(given.pop("fit"), given.pop("data"), **given)


class TestByHand:
    def test_two_kinds_of_people(self) -> None:
        """b = 0 by symmetry: at each time one of x = 0 and one of x = 1 die, so S is the same for all."""
        data = pd.DataFrame({"t": [1, 1, 2, 2, 3, 3], "d": 1, "x": [0, 1] * 3})
        found = adjusted_curve(cox("x", data, exit="t", event="d", ties="breslow"), data, by="x", times=[1, 2]).frame
        assert_allclose(found["estimate"], [np.exp(-2 / 6), np.exp(-2 / 6 - 2 / 4)] * 2, rtol=EXACT)

    def test_contrasts(self) -> None:
        made = curves()
        s = made.frame["estimate"].to_numpy().reshape(3, 2)
        for measure, wanted in {
            "difference": s[1:] - s[0],
            "survival ratio": s[1:] / s[0],
            "risk ratio": (1 - s[1:]) / (1 - s[0]),
        }.items():
            found = made.contrast(measure=measure)  # type: ignore[arg-type]
            assert_allclose(found["estimate"], wanted.ravel(), rtol=EXACT)
            assert found["group"].tolist() == ["low", "low", "none", "none"] and set(found["reference"]) == {"high"}
            turned = made.contrast("low", measure)  # type: ignore[arg-type]
            assert_allclose(turned["p_value"][:2], found["p_value"][:2], rtol=EXACT)
            assert (found["conf_low"] < found["estimate"]).all() and (found["estimate"] < found["conf_high"]).all()

    def test_limits_on_their_scales(self) -> None:
        plain, log = curves(confidence="plain").frame.iloc[0], curves(confidence="log", level=0.9).frame.iloc[0]
        assert_allclose(plain["conf_high"] - plain["estimate"], 1.959963984540054 * plain["std_error"], rtol=EXACT)
        assert_allclose(np.log(log["conf_high"] / log["estimate"]), 1.6448536269514722 * log["std_error"] / log["estimate"], rtol=EXACT)


class TestWhatIsSet:
    def test_booleans_numbers_and_chosen_levels(self) -> None:
        sick = adjusted_curve(cox("x + sick", PEOPLE, exit="t", event="d"), PEOPLE, by="sick", times=[1])
        assert sick.groups == ("no", "yes")
        with pytest.raises(DataError, match="120 different values"):
            curves(by="x")
        assert curves(by="x", levels=[-1, 0.5]).groups == ("-1", "0.5")
        with pytest.raises(DataError, match="has not seen"):
            curves(levels=["huge"])

    def test_a_stratum_may_be_the_exposure(self) -> None:
        fit = cox("x", PEOPLE, exit="t", event="d", strata="site")
        found = adjusted_curve(fit, PEOPLE, by="site", times=[1, 3])
        assert found.groups == ("1", "2")
        alone = adjusted_curve(fit, PEOPLE.assign(site=2), times=[1, 3])
        assert_allclose(found.frame["estimate"][2:], alone.frame["estimate"], rtol=EXACT)

    def test_people_of_another_table(self) -> None:
        other = people(30).assign(x=2.0)
        assert curves(data=other).n == 30
        assert (curves(data=other).frame["estimate"] < curves().frame["estimate"]).all()
        # the people of another table bring a variance of their own, also beside the influence of the fit's rows
        robust, model = curves(data=PEOPLE.iloc[:30], robust=True), curves(data=PEOPLE.iloc[:30])
        assert_allclose(robust.frame["std_error"], model.frame["std_error"], rtol=0.3)

    def test_times_by_default_are_event_times(self) -> None:
        made = curves(times=None)
        events = np.unique(PEOPLE.loc[PEOPLE["d"] == 1, "t"])
        assert_allclose(np.unique(made.frame["time"]), events)
        assert len(curves(fit=cox("x + dose", people(600), exit="t", event="d"), times=None).frame) == 3 * 200

    def test_nothing_is_known_after_the_follow_up(self) -> None:
        found = curves(times=[7.9, 8.1]).frame["estimate"]
        assert found.notna().tolist() == [True, False] * 3

    def test_numbers_at_risk_and_result_rows(self) -> None:
        made = curves()
        assert made.frame["n_at_risk"][0] == (PEOPLE["t"] >= 1).sum()
        rows = made.estimates(outcome="death").frame
        assert set(rows["measure"]) == {"adjusted survival"} and set(rows["subgroup"]) == {"high", "low", "none"}
        assert rows["events"].iloc[1] == ((PEOPLE["t"] <= 3) & (PEOPLE["d"] == 1)).sum()
        assert "3 curve(s)" in repr(made)

    def test_missing_rows_are_counted(self) -> None:
        with pytest.warns(MissingRowsWarning, match=r"x \(2\)"):
            made = curves(data=PEOPLE.assign(x=PEOPLE["x"].mask(PEOPLE.index < 2)))
        assert (made.n, made.n_missing) == (118, 2)


class TestRefusals:
    def test_fits(self) -> None:
        with pytest.raises(DataError, match="Cox"):
            curves(fit=logistic("d ~ x", PEOPLE))
        separated = PEOPLE.assign(never=(PEOPLE["d"] == 0) & (PEOPLE.index % 2 == 0))
        with pytest.warns(FitWarning):
            infinite = cox("never", separated, exit="t", event="d")
        with pytest.raises(DataError, match="infinite"):
            curves(fit=infinite, by="never")

    def test_arguments(self) -> None:
        with pytest.raises(ColumnNotFoundError, match="'doze' is not in the model"):
            curves(by="doze")
        with pytest.raises(ColumnNotFoundError, match="'x'"):
            curves(data=PEOPLE.drop(columns="x"))
        with pytest.raises(MissingValuesError, match="times"):
            curves(times=[1, np.nan])
        for options in ({"covariates": "drawn"}, {"confidence": "arcsine"}, {"level": 2}):
            with pytest.raises(DataError, match=next(iter(options))):
                curves(**options)
        with pytest.raises(DataError, match="levels"):
            curves(levels=[])
        with pytest.raises(DataError, match="all weights are zero"):
            curves(data=PEOPLE.assign(w=0), weights="w")
        with pytest.raises(DataError, match="reference"):
            curves().contrast("huge")
        with pytest.raises(DataError, match="measure"):
            curves().contrast(measure="odds")  # type: ignore[arg-type]
        with pytest.raises(DataError, match="reference"):
            curves(by=None).contrast()
