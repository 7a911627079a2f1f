"""Cumulative hazards and simultaneous bands: worked by hand, read off, and with bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import DataError, MissingRowsWarning
from cobalamin.models.competing.cumulative_incidence import cumulative_incidence
from cobalamin.models.curves.band_values import equal_precision_value, hall_wellner_value
from cobalamin.models.curves.bands import confidence_band
from cobalamin.models.curves.curves import survival_curve
from cobalamin.models.curves.nelson_aalen import HazardCurves, cumulative_hazard

EXACT = 1e-12  # a closed form in the same few operations
FIVE = pd.DataFrame({"t": [1.0, 2, 2, 4, 6], "e": [1, 1, 1, 0, 0], "g": "a"})


def hazard(data: pd.DataFrame = FIVE, **options: Any) -> HazardCurves:
    return cumulative_hazard(data, **{"exit": "t", "event": "e", **options})


class TestHazard:
    def test_steps_and_limits(self) -> None:
        rows = hazard().at([0, 1, 1.5, 2, 6, 7])
        assert_allclose(rows["estimate"], [0, 1 / 5, 1 / 5, 1 / 5 + 2 / 4, 0.7, np.nan], rtol=EXACT)
        error = np.sqrt([0, 1 / 25, 1 / 25, 1 / 25 + 2 / 16])
        assert_allclose(rows["std_error"][:4], error, rtol=EXACT)
        assert_allclose(rows["conf_high"][3], 0.7 * np.exp(1.959963984540054 * error[3] / 0.7), rtol=EXACT)
        plain = hazard(confidence="plain").at([1])
        assert plain["conf_low"].item() == 0 and plain["conf_high"].item() > 0.2

    def test_ties_one_after_another(self) -> None:
        found = hazard(ties="fleming-harrington").at([2])
        assert_allclose(found["estimate"], 1 / 5 + 1 / 4 + 1 / 3, rtol=EXACT)
        assert_allclose(found["std_error"], np.sqrt(1 / 25 + 1 / 16 + 1 / 9), rtol=EXACT)

    def test_the_hazard_goes_on_after_everybody_had_the_event(self) -> None:
        last = hazard(FIVE.assign(e=1)).frame["estimate"].iloc[-1]
        assert_allclose(last, 1 / 5 + 2 / 4 + 1 / 2 + 1, rtol=EXACT)

    def test_quantiles_are_times_at_which_the_hazard_is_minus_the_log(self) -> None:
        found = hazard().quantile([0, 0.1, 0.5, 0.9])
        assert_allclose(found["estimate"], [0, 1, 2, np.nan])  # -log(0.5) = 0.693 < 0.7

    def test_start_counts_from_there(self) -> None:
        later = hazard(start=1.0)
        assert_allclose(later.frame["estimate"].iloc[0], 2 / 4, rtol=EXACT)
        assert later.n_before_start == 1

    def test_rows_of_the_results_table_and_text(self) -> None:
        with pytest.warns(MissingRowsWarning):
            made = hazard(pd.concat([FIVE, FIVE.assign(g=None)]), by="g", unit="years")
        rows = made.estimates().frame
        assert set(rows["measure"]) == {"cumulative hazard", "at risk"} and set(rows["unit"]) == {"years"}
        assert made.n_missing == 5 and "5 left out" in repr(made)
        assert "cumulative hazard" in made._repr_html_()

    @pytest.mark.parametrize(
        "options", [{"ties": "efron"}, {"confidence": "log-log"}, {"level": 1}, {"ties": "fleming-harrington", "cluster": "g"}]
    )
    def test_refusals(self, options: dict[str, Any]) -> None:
        with pytest.raises(DataError, match=next(iter(options))):
            hazard(**options)
        with pytest.raises(DataError, match="probability"):
            hazard().quantile(1.0)


PEOPLE = pd.DataFrame({"t": np.arange(1.0, 61.0), "e": [1, 0, 1] * 20, "g": ["a", "b"] * 30})
CURVES = survival_curve(PEOPLE, exit="t", event="e")


class TestBands:
    def test_equal_precision_by_hand(self) -> None:
        band = confidence_band(CURVES, low=10, high=40, transform="plain")
        steps = CURVES.steps("Overall").set_index("time")
        variance = (steps["std_error"] / steps["estimate"]) ** 2
        a = [60 * variance[t] / (1 + 60 * variance[t]) for t in (10.0, 40.0)]
        value = equal_precision_value(0.95, *a)
        row, at = band[band["time"] == 25].iloc[0], steps.loc[25.0]
        assert_allclose(row["critical_value"], value, rtol=EXACT)
        assert_allclose(row["conf_high"], at["estimate"] + value * at["std_error"], rtol=EXACT)
        assert band["time"].min() == 10 and band["time"].max() == 40

    def test_hall_wellner_by_hand(self) -> None:
        band = confidence_band(CURVES, method="hall-wellner", low=10, high=40)
        at = CURVES.steps("Overall").set_index("time").loc[25.0]
        variance = (at["std_error"] / at["estimate"]) ** 2
        power = np.exp(band["critical_value"].iloc[0] * (1 + 60 * variance) / np.sqrt(60) / np.log(at["estimate"]))
        row = band[band["time"] == 25].iloc[0]
        assert_allclose([row["conf_low"], row["conf_high"]], [at["estimate"] ** (1 / power), at["estimate"] ** power], rtol=EXACT)

    def test_arcsine_by_hand(self) -> None:
        band = confidence_band(CURVES, low=10, high=40, transform="arcsine", level=0.9)
        at = CURVES.steps("Overall").set_index("time").loc[25.0]
        s, error = at["estimate"], at["std_error"] / at["estimate"]
        row = band[band["time"] == 25].iloc[0]
        half = 0.5 * row["critical_value"] * error * np.sqrt(s / (1 - s))
        angles = np.arcsin(np.sqrt(s)) + np.array([-half, half])
        assert_allclose([row["conf_low"], row["conf_high"]], np.sin(angles) ** 2, rtol=EXACT)

    def test_the_band_begins_on_the_step_before(self) -> None:
        band = confidence_band(CURVES, low=10.5, high=40)
        assert band["time"].iloc[0] == 10.5 and band["estimate"].iloc[0] == CURVES.at(10)["estimate"].item()

    def test_groups_have_their_own(self) -> None:
        both = confidence_band(survival_curve(PEOPLE, exit="t", event="e", by="g"), low=8, high=40)
        assert set(both["group"]) == {"a", "b"}
        alone = confidence_band(survival_curve(PEOPLE[PEOPLE["g"] == "b"], exit="t", event="e"), low=8, high=40)
        assert_allclose(both.loc[both["group"] == "b", "conf_low"], alone["conf_low"])

    @pytest.mark.parametrize(("low", "high"), [(0.5, 40), (10, 61), (40, 10), (10, 10)])
    def test_times_without_a_band(self, low: float, high: float) -> None:
        with pytest.raises(DataError, match="the band must begin"):
            confidence_band(CURVES, low=low, high=high)

    def test_refusals(self) -> None:
        for options in ({"method": "nair"}, {"transform": "log"}, {"level": 2}):
            with pytest.raises(DataError, match=next(iter(options))):
                confidence_band(CURVES, **options)  # type: ignore[arg-type]
        with pytest.raises(DataError, match="Kaplan-Meier"):
            confidence_band(cumulative_incidence(PEOPLE, exit="t", event="e"))
        with pytest.raises(DataError, match="no band"):
            confidence_band(survival_curve(PEOPLE.assign(e=0), exit="t", event="e"))
        with pytest.raises(DataError, match="inside"):
            equal_precision_value(0.95, 0.0, 0.5)
        with pytest.raises(DataError, match="low < high"):
            hall_wellner_value(0.95, 0.5, 0.5)
