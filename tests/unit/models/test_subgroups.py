"""Effects within subgroups: hand-worked ratios, infinite effects, separate fits, surveys, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import ColumnNotFoundError, DataError, DesignError, FitWarning, MissingRowsWarning
from cobalamin.models.after.interaction import interaction
from cobalamin.models.after.subgroups import subgroup_effects
from cobalamin.models.cox.cox import cox
from cobalamin.models.fit import Fit
from cobalamin.models.regression.regression import linear, logistic
from cobalamin.models.survey import Survey

EXACT = 1e-6  # a saturated logistic model gives the ratios of the counts


def make_table(counts: dict[tuple[str, int], tuple[int, int]]) -> pd.DataFrame:
    rows = [(sex, low, y) for (sex, low), (ill, well) in counts.items() for y, k in ((1, ill), (0, well)) for _ in range(k)]
    return pd.DataFrame(rows, columns=["sex", "low", "y"])


TABLE = make_table({("f", 0): (10, 40), ("f", 1): (20, 30), ("m", 0): (15, 45), ("m", 1): (40, 20)})


def make_people(n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    columns = {"low": rng.integers(0, 2, n), "sex": rng.choice(["f", "m"], n), "site": rng.integers(1, 4, n), "age": rng.normal(size=n)}
    frame = pd.DataFrame(columns).assign(t=rng.exponential(size=n).round(3) + 0.001, d=rng.integers(0, 2, n), w=rng.uniform(1, 3, n))
    return frame.assign(psu=rng.integers(0, 25, n), s=frame["low"] + rng.normal(size=n))


PEOPLE = make_people()


def survival(formula: str, data: pd.DataFrame) -> Fit:
    return cox(formula, data, exit="t", event="d")


def test_odds_ratios_and_interaction_by_hand() -> None:
    found = subgroup_effects(logistic, TABLE, exposure="low", outcome="y", subgroups=["sex"])
    women, men = (20 * 40) / (10 * 30), (40 * 45) / (15 * 20)
    assert_allclose(found.table["estimate"][1:], [women, men], rtol=EXACT)
    assert_allclose(
        found.table["std_error"][1:], np.sqrt([1 / 20 + 1 / 40 + 1 / 10 + 1 / 30, 1 / 40 + 1 / 45 + 1 / 15 + 1 / 20]), rtol=EXACT
    )
    assert found.table[["n", "events"]][1:].to_numpy().tolist() == [[100, 30], [120, 55]]
    variance = (found.table["std_error"][1:] ** 2).sum()
    assert_allclose(found.tests["chi2"], np.log(men / women) ** 2 / variance, rtol=EXACT)
    reri = found.interaction.set_index("measure").loc["RERI", "estimate"]
    rr11, rr01 = (40 * 40) / (20 * 10), (15 * 40) / (45 * 10)
    assert_allclose(reri, rr11 - women - rr01 + 1, rtol=EXACT)


def test_the_same_as_the_model_with_the_product() -> None:
    found = subgroup_effects(survival, PEOPLE, exposure="low", subgroups=["sex"], adjust="age", recode=True)
    theirs = interaction(survival("low * sex + age", PEOPLE), "low", "sex", recode=True)
    assert_allclose(found.interaction["estimate"], theirs["estimate"], rtol=EXACT)
    assert_allclose(found.interaction["conf_low"], theirs["conf_low"], rtol=EXACT)


def test_an_infinite_effect_spoils_no_other() -> None:
    none = make_table({("f", 0): (10, 40), ("f", 1): (20, 30), ("m", 0): (15, 45), ("m", 1): (0, 60)})
    with pytest.warns(FitWarning):
        found = subgroup_effects(logistic, none, exposure="low", outcome="y", subgroups=["sex"])
    women, men = found.table.iloc[1], found.table.iloc[2]
    assert_allclose(women["estimate"], 800 / 300, rtol=EXACT)
    assert men["estimate"] == 0
    assert men["warning"]
    assert np.isnan(found.tests["p_value"]).all()
    assert found.interaction.empty


def test_separate_fits_are_fits_of_the_subgroup() -> None:
    found = subgroup_effects(survival, PEOPLE, exposure="low", subgroups=["site"], adjust="age + site", separate=True)
    alone = [survival("low + age", PEOPLE[PEOPLE["site"] == k]).tidy(exponentiate=True).iloc[0] for k in (1, 2, 3)]
    assert_allclose(found.table["estimate"][1:], [line["estimate"] for line in alone], rtol=EXACT)
    assert found.table["level"].tolist() == ["", "1", "2", "3"]
    assert list(found.fits)[1:] == ["site: 1", "site: 2", "site: 3"]


def test_a_survey_keeps_its_design() -> None:
    survey = Survey(weights="w", psu="psu")
    found = subgroup_effects(
        lambda f, d: linear(f, d, survey=survey), PEOPLE, exposure="low", outcome="s", subgroups=["sex"], adjust="age", separate=True
    )
    inside = Survey(weights="w", psu="psu", domain="women")
    theirs = linear("s ~ low + age", PEOPLE.assign(women=PEOPLE["sex"] == "f"), survey=inside).tidy().iloc[1]
    assert_allclose(
        found.table.loc[1, ["estimate", "std_error"]].astype(float), theirs[["estimate", "std_error"]].astype(float), rtol=EXACT
    )
    assert found.measure == "mean difference"


def test_rows_for_the_forest() -> None:
    found = subgroup_effects(survival, PEOPLE, exposure="low", subgroups=["sex", "site"], adjust="age", recode=True)
    rows = found.estimates("secondary", "LS", model="by group")
    own = rows.where(measure="hazard ratio").frame
    assert own["subgroup"].tolist() == ["", "sex: f", "sex: m", "site: 1", "site: 2", "site: 3"]
    assert own["n"].iloc[1:3].sum() == own["n"].iloc[0] == 300
    assert rows.where(measure="interaction test df").frame["value"].tolist() == [1, 2]
    assert len(rows.where(measure="RERI")) == 3
    assert "Subgroups(low" in repr(found)
    assert "<table" in found._repr_html_()


def test_order_of_rows_and_names_that_are_no_identifiers() -> None:
    first = subgroup_effects(survival, PEOPLE, exposure="low", subgroups=["sex"], adjust="age", recode=True)
    other = PEOPLE.sample(frac=1, random_state=1).rename(columns={"sex": "the sex"})
    second = subgroup_effects(survival, other, exposure="low", subgroups=["the sex"], adjust="age", recode=True)
    assert_allclose(second.table["estimate"], first.table["estimate"], rtol=EXACT)
    assert_allclose(second.tests["chi2"], first.tests["chi2"], rtol=EXACT)


def test_people_without_a_subgroup_are_left_out_of_its_lines_with_a_warning() -> None:
    holes = PEOPLE.assign(sex=PEOPLE["sex"].where(PEOPLE.index >= 20))
    with pytest.warns(MissingRowsWarning, match="20 of 300"):
        found = subgroup_effects(survival, holes, exposure="low", subgroups=["sex"], adjust="age", recode=True)
    assert (found.table["n"][0], found.table["n"][1:].sum()) == (300, 280)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"subgroups": "sex"}, DesignError, "list"),
        ({"subgroups": ["low"]}, DesignError, "part of the exposure"),
        ({"adjust": "low"}, DesignError, "part of the exposure"),
        ({"subgroups": ["sexx"]}, ColumnNotFoundError, "sex"),
        ({"subgroups": ["age"]}, DataError, "cut a number into classes"),
        ({"exposure": "rcs(w, 4)"}, DataError, "no single number"),
    ],
)
def test_refusals(change: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        subgroup_effects(survival, PEOPLE, **({"exposure": "low", "subgroups": ["sex"], "adjust": "age"} | change))
