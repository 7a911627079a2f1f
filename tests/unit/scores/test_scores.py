"""Hand-worked patients for every instrument: its corners, each missing item, the policies, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import ColumnNotFoundError, DataError
from cobalamin.scores.registry import SCORES, get_score, scores
from cobalamin.scores.score import DERIVED, UNVERIFIED, Fact, Item, Score
from cobalamin.scores.scoring import score, score_bands

RANGES = {"clissco": (12, 48), "gunthert": (6, 12), "vass": (6, 18), "vqli": (15, 45), "dlqi": (10, 30), "itch_nrs": (1, 10)}


def patient(name: str, *grades: float) -> pd.DataFrame:
    items = get_score(name).items
    values = [*grades, *[0.0] * (len(items) - len(grades))]
    return pd.DataFrame({item.name: [value] for item, value in zip(items, values, strict=True)})


@pytest.mark.parametrize(("name", "items", "high"), [(n, *r) for n, r in RANGES.items()])
def test_ranges_are_those_of_the_domain_page(name: str, items: int, high: int) -> None:
    made = get_score(name)
    assert (len(made.items), made.high) == (items, high)
    assert score(name, patient(name))[name].tolist() == [0.0]
    assert score(name, patient(name, *[i.high for i in made.items]))[name].tolist() == [float(high)]


def test_a_clissco_patient_by_hand() -> None:
    # symptoms 4 3 0, signs 2 2 1, architecture 1 0 4 0 0 2
    one = patient("clissco", 4, 3, 0, 2, 2, 1, 1, 0, 4, 0, 0, 2)
    found = score("clissco", one)
    assert found.columns.tolist() == ["clissco_symptoms", "clissco_signs", "clissco_architecture", "clissco", "clissco_missing"]
    assert found.iloc[0].tolist() == [7.0, 5.0, 7.0, 19.0, 0.0]


def test_a_gunthert_patient_above_and_at_the_cut_of_its_source() -> None:
    five = patient("gunthert", 1, 2, 0, 1, 0, 1)
    four = patient("gunthert", 1, 2, 0, 1, 0, 0)
    assert score("gunthert", pd.concat([five, four]))["gunthert"].tolist() == [5.0, 4.0]


@pytest.mark.parametrize("name", list(RANGES))
def test_each_missing_item_makes_the_total_missing(name: str) -> None:
    made = get_score(name)
    for item in made.items:
        one = patient(name, *[1.0] * len(made.items))
        one[item.name] = np.nan
        found = score(name, one)
        assert np.isnan(found[name].iloc[0])
        assert found[f"{name}_missing"].tolist() == [1]


def test_a_part_without_missing_items_is_missing_with_the_total_until_a_rule_is_named() -> None:
    one = patient("clissco", 4, 3, np.nan, 2, 2, 1)
    found = score("clissco", one).iloc[0]
    assert found[["clissco_symptoms", "clissco_signs", "clissco"]].isna().tolist() == [True, True, True]
    some = score("clissco", one, missing="prorate", most_missing=1).iloc[0]
    # symptoms: mean 3.5 of the two answered, three items; total: 12 over 11 answered, twelve items
    assert_allclose(some[["clissco_symptoms", "clissco_signs", "clissco"]].astype(float), [10.5, 5.0, 12 / 11 * 12])
    zero = score("clissco", one, missing="zero", most_missing=1).iloc[0]
    assert_allclose(zero[["clissco_symptoms", "clissco_signs", "clissco"]].astype(float), [7.0, 5.0, 12.0])


def test_more_missing_items_than_allowed_leave_it_missing() -> None:
    one = patient("dlqi", np.nan, np.nan, 3)
    assert score("dlqi", one, missing="zero", most_missing=1)["dlqi"].isna().all()
    assert score("dlqi", one, missing="zero", most_missing=2)["dlqi"].tolist() == [3.0]


def test_a_part_with_nothing_answered_stays_missing_whatever_the_rule() -> None:
    one = patient("clissco", np.nan, np.nan, np.nan, 1, 1, 1)
    found = score("clissco", one, missing="zero", most_missing=3).iloc[0]
    assert np.isnan(found["clissco_symptoms"])
    assert found["clissco"] == 3.0


def test_columns_may_have_other_names_and_the_index_is_kept() -> None:
    one = patient("itch_nrs", 7.5).rename(columns={"itch_nrs": "worst itch"})
    one.index = ["a"]
    found = score("itch_nrs", one, columns={"itch_nrs": "worst itch"})
    assert found.loc["a", "itch_nrs"] == 7.5


def test_an_instrument_of_your_own() -> None:
    own = Score("pain", "Pain", (Item("rest", "At rest", 3), Item("touch", "On touch", 3)), "local form", Fact("0 to 6", UNVERIFIED))
    assert score(own, pd.DataFrame({"rest": [1], "touch": [3]}))["pain"].tolist() == [4.0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gunthert_atrophy": [3.0]}, "1 of 1 values are outside 0 to 2"),
        ({"gunthert_atrophy": [-1.0]}, "outside 0 to 2"),
        ({"gunthert_atrophy": [99.0]}, "missing codes in the data dictionary"),
        ({"gunthert_atrophy": [0.5]}, "not whole grades"),
        ({"gunthert_atrophy": ["severe"]}, "not numbers"),
    ],
)
def test_bad_grades_are_refused_without_showing_them(change: dict[str, list[object]], words: str) -> None:
    with pytest.raises(DataError, match=words) as refused:
        score("gunthert", patient("gunthert").assign(**change))
    assert "severe" not in str(refused.value) and "99" not in str(refused.value)


def test_wrong_calls_say_what_to_do() -> None:
    one = patient("gunthert")
    with pytest.raises(DataError, match="Did you mean 'clissco'"):
        score("clisco", one)
    with pytest.raises(ColumnNotFoundError, match="1 of 6 item columns"):
        score("gunthert", one.drop(columns="gunthert_atrophy"))
    with pytest.raises(DataError, match="no item 'gunthert_atrofy'"):
        score("gunthert", one, columns={"gunthert_atrofy": "x"})
    with pytest.raises(DataError, match="more than one item"):
        score("gunthert", one, columns={"gunthert_atrophy": "gunthert_fissures"})
    with pytest.raises(DataError, match="name both the rule"):
        score("gunthert", one, missing="prorate")
    with pytest.raises(DataError, match="name both the rule"):
        score("gunthert", one, most_missing=1)
    with pytest.raises(DataError, match="Did you mean 'prorate'"):
        score("gunthert", one, missing="pro-rate", most_missing=1)
    with pytest.raises(DataError, match="expected 0 to 5"):
        score("gunthert", one, missing="zero", most_missing=6)


@pytest.mark.parametrize(
    ("total", "band"),
    [(0, 0), (1, 0), (2, 1), (5, 1), (6, 2), (10, 2), (11, 3), (20, 3), (21, 4), (30, 4)],
)
def test_dlqi_bands_at_every_limit(total: int, band: int) -> None:
    assert score_bands("dlqi", pd.Series([float(total)])).cat.codes.tolist() == [band]


@pytest.mark.parametrize(("total", "band"), [(5, 0), (6, 1), (13, 1), (14, 2), (23, 2), (24, 3), (37, 3), (38, 4), (45, 4)])
def test_vqli_bands_at_every_limit(total: int, band: int) -> None:
    assert score_bands("vqli", pd.Series([float(total)]), accept_unverified=True).cat.codes.tolist() == [band]


def test_unverified_bands_are_no_facts() -> None:
    with pytest.raises(DataError, match="not verified in a source"):
        score_bands("vqli", pd.Series([10.0]))
    with pytest.raises(DataError, match="no bands"):
        score_bands("clissco", pd.Series([10.0]))
    with pytest.raises(DataError, match="1 of 2 totals are outside 0 to 30"):
        score_bands("dlqi", pd.Series([10.0, 31.0]))
    assert score_bands("dlqi", pd.Series([np.nan])).isna().all()


def test_every_fact_says_how_far_it_was_checked() -> None:
    listed = scores()
    assert set(listed["score"]) == set(SCORES)
    assert listed["status"].ne("").all()
    assert listed.loc[listed["score"] == "gunthert", "status"].iloc[0] == DERIVED
    important = listed[listed["fact"].str.contains("mallest important") & (listed["score"] != "itch_nrs")]
    assert set(important["status"]) == {UNVERIFIED}
    with pytest.raises(ValueError, match="names its source"):
        Fact("x", DERIVED)
    with pytest.raises(ValueError, match="status must be"):
        Fact("x", "true")


def test_titles_are_escaped_in_a_notebook() -> None:
    own = Score("p", "<b>", (Item("a", "<script>", 1),), "c", Fact("f", UNVERIFIED))
    assert "<script>" not in own._repr_html_() and "&lt;script&gt;" in own._repr_html_()
