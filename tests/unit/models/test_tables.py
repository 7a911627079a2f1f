"""Tables of counts and person-time: what is refused, and the corners that have an answer by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.core.errors import ColumnNotFoundError, DataError, EventCodeError, FitWarning, FollowUpError, MissingRowsWarning
from cobalamin.models.tables.mantel_haenszel import mantel_haenszel
from cobalamin.models.tables.person_time import split_person_time
from cobalamin.models.tables.rates import rate_ratio, rates
from cobalamin.models.tables.smr import poisson_limits, smr
from cobalamin.models.tables.standardization import standardized_rates, standardized_ratio
from cobalamin.models.tables.two_by_two import two_by_two

SPLIT = {"entry": "in", "exit": "out", "event": "d"}


def test_the_contract_of_one_table() -> None:
    found = two_by_two(13, 2163, 5, 3349)
    assert found.columns.tolist() == ["measure", "estimate", "conf_low", "conf_high", "p_value"]
    assert found["measure"].tolist() == ["odds ratio", "risk ratio", "risk difference"]


def test_exact_limits_by_hand() -> None:
    # support 0..4 with weights 1 16 36 16 1: the upper limit solves t^4 = 0.975 (1 + 16 t + 36 t^2 + 16 t^3 + t^4)
    high = float(two_by_two(3, 1, 1, 3, method="exact").loc[0, "conf_high"])
    polynomial = 1 + 16 * high + 36 * high**2 + 16 * high**3 + high**4
    assert_allclose(high**4 / polynomial, 0.975, rtol=1e-10)
    assert_allclose(two_by_two(3, 1, 1, 3, method="exact").loc[0, "p_value"], 34 / 70, rtol=1e-12)


def test_exact_limits_of_a_huge_table_are_refused_before_memory_ends() -> None:
    with pytest.raises(DataError, match="method='woolf'"):
        two_by_two(10**9, 10**9, 10**9, 10**9, method="exact")


def test_swapping_rows_or_columns_inverts_the_odds_ratio() -> None:
    for method in ("woolf", "exact", "mid-p"):
        one = two_by_two(7, 20, 4, 33, method=method).loc[0]
        other = two_by_two(4, 33, 7, 20, method=method).loc[0]
        assert_allclose(
            one[["estimate", "conf_low", "conf_high"]].astype(float), 1 / other[["estimate", "conf_high", "conf_low"]].astype(float)
        )


def test_an_empty_cell_has_exact_limits_and_no_half_person_is_added() -> None:
    with pytest.warns(FitWarning, match="a cell of the table is 0"):
        found = two_by_two(0, 20, 7, 15)
    assert found.loc[0, "estimate"] == 0.0
    assert found.loc[0, ["conf_low", "conf_high", "p_value"]].isna().all()
    with pytest.warns(FitWarning):
        exact = two_by_two(0, 20, 7, 15, method="exact")
    assert exact.loc[0, "conf_low"] == 0.0
    assert 0 < exact.loc[0, "conf_high"] < 1


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ((1, -1, 2, 3), "b: 1 of 1 counts are negative"),
        ((1.5, 1, 2, 3), "not whole numbers"),
        ((np.nan, 1, 2, 3), "missing or infinite"),
        (("x", 1, 2, 3), "a: expected numbers"),
        ((0, 0, 2, 3), "nobody is exposed"),
        (([1, 2], 1, 2, 3), "mantel_haenszel"),
    ],
)
def test_cells_that_are_no_counts(cells: tuple[object, ...], words: str) -> None:
    with pytest.raises(DataError, match=words):
        two_by_two(*cells)  # type: ignore[arg-type]


def test_methods_and_levels_are_checked() -> None:
    with pytest.raises(DataError, match="Did you mean 'mid-p'"):
        two_by_two(1, 2, 3, 4, method="midp")
    with pytest.raises(DataError, match=r"level=95"):
        two_by_two(1, 2, 3, 4, level=95)
    with pytest.raises(DataError, match="expected one of"):
        mantel_haenszel([1], [2], [3], [4], measure="odds")
    with pytest.raises(DataError, match="all four"):
        mantel_haenszel([1], [2], [3])
    with pytest.raises(DataError, match="2, 1, 1, 1 strata"):
        mantel_haenszel([1, 2], [2], [3], [4])
    with pytest.raises(DataError, match="none of 1 strata"):
        mantel_haenszel([0], [2], [0], [4])


def test_rows_of_people_give_the_cells_of_their_strata() -> None:
    cells = {"old": (3, 5, 2, 9), "young": (1, 8, 2, 12)}
    people = pd.DataFrame(
        [
            {"age": age, "x": x, "y": y}
            for age, (a, b, c, d) in cells.items()
            for x, y, n in ((1, 1, a), (1, 0, b), (0, 1, c), (0, 0, d))
            for _ in range(n)
        ]
    )
    ours = mantel_haenszel(people, exposure="x", outcome="y", strata="age")
    direct = mantel_haenszel(*(np.array([cells[k][i] for k in ("old", "young")]) for i in range(4)))
    pd.testing.assert_frame_equal(ours, direct)
    with pytest.warns(MissingRowsWarning, match="1 of 42 rows"):
        mantel_haenszel(people.assign(x=people["x"].where(people.index != 0)), exposure="x", outcome="y", strata="age")
    with pytest.raises(DataError, match="coded 1/2"):
        mantel_haenszel(people.assign(y=people["y"] + 1), exposure="x", outcome="y", strata="age")
    with pytest.raises(DataError, match="missing: strata"):
        mantel_haenszel(people, exposure="x", outcome="y")
    with pytest.raises(ColumnNotFoundError):
        mantel_haenszel(people, exposure="x", outcome="z", strata="age")


def test_one_stratum_is_the_crude_table_and_uninformative_strata_are_counted() -> None:
    pooled = mantel_haenszel([7], [20], [4], [33], correction=False).iloc[0]
    assert_allclose(pooled["estimate"], two_by_two(7, 20, 4, 33).loc[0, "estimate"], rtol=1e-12)
    assert_allclose(pooled["std_error"], np.sqrt(1 / 7 + 1 / 20 + 1 / 4 + 1 / 33), rtol=1e-12)
    more = mantel_haenszel([7, 0], [20, 5], [4, 0], [33, 9]).iloc[0]
    assert (more["n_strata"], more["n_uninformative"]) == (2, 1)
    assert_allclose(more["estimate"], pooled["estimate"], rtol=1e-12)


def test_limits_of_a_count_by_hand() -> None:
    low, high = poisson_limits(np.array([0.0, 10.0]), "exact")
    assert_allclose([high[0], low[1], high[1]], [-np.log(0.025), 4.795389, 18.390356], rtol=1e-6)
    assert_allclose(poisson_limits(np.array([100.0]), "square-root"), [[(10 - 0.979982) ** 2], [(10 + 0.979982) ** 2]], rtol=1e-6)
    byar = poisson_limits(np.array([10.0]), "byar")
    assert_allclose(byar, [[4.79], [18.39]], atol=0.01)
    midp = poisson_limits(np.array([0.0, 5.0]), "mid-p")
    assert_allclose(midp[1][0], -np.log(0.05), rtol=1e-6)  # exp(-m) / 2 = 0.025
    assert midp[0][0] == 0.0 and poisson_limits(np.array([5.0]))[0][0] < midp[0][1]
    assert poisson_limits(np.array([0.0]), "byar")[0][0] == 0.0


def test_observed_without_expected() -> None:
    with pytest.raises(DataError, match="expected: 1 of 1 values are 0"):
        smr(3, 0)
    with pytest.raises(DataError, match="2 observed and 1 expected"):
        smr([3, 4], 2.0)
    with pytest.raises(DataError, match="Did you mean 'exact'"):
        smr(3, 2.0, "exakt")
    assert_allclose(smr(0, 2.0).loc[0, ["estimate", "conf_low", "p_value"]].astype(float), [0, 0, 2 * np.exp(-2)])


def test_rates_list_declared_groups_without_people() -> None:
    data = pd.DataFrame({"g": pd.Categorical(["a", "a"], categories=["a", "b"]), "d": [1, 0], "t": [2.0, 3.0]})
    found = rates(data, event="d", person_time="t", by="g", per=1)
    assert found["events"].tolist() == [1.0, 0.0]
    assert_allclose(found["rate"], [0.2, np.nan])
    with pytest.raises(DataError, match="rows with events have no person-time"):
        rates(data.assign(t=[0.0, 1.0]), event="d", person_time="t")
    with pytest.raises(DataError, match="negative"):
        rates(data.assign(t=[-1.0, 1.0]), event="d", person_time="t")
    with pytest.warns(MissingRowsWarning, match="1 of 2 rows"):
        rates(data.assign(t=[np.nan, 1.0]), event="d", person_time="t")


def test_ratio_of_rates_at_its_corners() -> None:
    none = rate_ratio(0, 100.0, 5, 100.0).loc[0]
    assert none["estimate"] == 0.0 and none["conf_low"] == 0.0 and np.isfinite(none["conf_high"])
    assert rate_ratio(5, 100.0, 0, 100.0).loc[0, "conf_high"] == np.inf
    with pytest.raises(DataError, match="no events"):
        rate_ratio(0, 100.0, 0, 100.0)
    assert_allclose(rate_ratio(5, 100.0, 5, 100.0).loc[0, ["estimate", "p_value"]].astype(float), [1, 1])


def test_standard_populations_must_fit() -> None:
    table = pd.DataFrame({"age": ["y", "o"], "d": [1, 5], "t": [100.0, 50.0]})
    with pytest.raises(DataError, match="1 of 2 strata of 'age' have no size"):
        standardized_rates(table, event="d", person_time="t", strata="age", standard={"y": 1})
    with pytest.raises(DataError, match="no person-time in a group"):
        standardized_rates(table, event="d", person_time="t", strata="age", standard={"y": 1, "o": 1, "older": 1})
    own = standardized_rates(table, event="d", person_time="t", strata="age", standard={"y": 100, "o": 50}).iloc[0]
    assert_allclose(own["rate"], own["crude_rate"], rtol=1e-12)  # a population standardised to itself
    reference = pd.DataFrame({"age": ["y", "y"], "rate": [0.1, 0.2]})
    with pytest.raises(DataError, match="more than once"):
        standardized_ratio(table, event="d", person_time="t", strata="age", reference=reference)
    with pytest.raises(DataError, match="no rate in the reference"):
        standardized_ratio(table, event="d", person_time="t", strata="age", reference=reference.iloc[:1])


def test_a_split_keeps_columns_index_and_the_events_kind() -> None:
    data = pd.DataFrame({"in": [0.0, 3.0], "out": [10.0, 4.0], "d": [2, 1], "sex": ["f", "m"]}, index=[7, 9])
    found = split_person_time(data, **SPLIT, breaks=[4, 8], band="b")
    assert found.index.tolist() == [7, 7, 7, 9]
    assert found["d"].tolist() == [0, 0, 2, 1]
    assert found["interval_start"].tolist() == [0.0, 4.0, 8.0, 3.0]
    assert found["interval_end"].tolist() == [4.0, 8.0, 10.0, 4.0]
    assert found["person_time"].tolist() == [4.0, 4.0, 2.0, 1.0]
    assert found["b"].tolist() == ["< 4", "[4, 8)", ">= 8", "< 4"]
    assert found["sex"].tolist() == ["f", "f", "f", "m"]


def test_what_no_split_can_take() -> None:
    data = pd.DataFrame({"in": [0.0], "out": [10.0], "d": [1], "zero": [np.nan]})
    for breaks in ([], [3, 3], [5, 4], [np.nan], [np.inf]):
        with pytest.raises(DataError, match="breaks"):
            split_person_time(data, **SPLIT, breaks=breaks)
    with pytest.raises(DataError, match="zero: 1 of 1 values"):
        split_person_time(data, **SPLIT, breaks=[5], origin="zero")
    with pytest.raises(DataError, match="has a column of that name"):
        split_person_time(data, **SPLIT, breaks=[5], band="d")
    with pytest.raises(FollowUpError):
        split_person_time(data.assign(out=0.0), **SPLIT, breaks=[5])
    with pytest.raises(EventCodeError):
        split_person_time(data.assign(d=0.5), **SPLIT, breaks=[5])


@given(
    st.lists(st.tuples(st.integers(0, 80), st.integers(1, 60), st.integers(0, 2)), min_size=1, max_size=20),
    st.lists(st.integers(1, 100), min_size=1, max_size=8, unique=True),
)
@settings(max_examples=60, deadline=None)
def test_splitting_loses_no_time_and_no_event(rows: list[tuple[int, int, int]], breaks: list[int]) -> None:
    data = pd.DataFrame([{"in": float(a), "out": float(a + b), "d": d} for a, b, d in rows])
    cuts = sorted(breaks)
    found = split_person_time(data, **SPLIT, breaks=cuts)
    assert_allclose(found["person_time"].groupby(level=0).sum(), data["out"] - data["in"])
    assert found["d"].groupby(level=0).sum().tolist() == data["d"].tolist()
    assert (found["person_time"] > 0).all()
    again = split_person_time(found, entry="interval_start", exit="interval_end", event="d", breaks=cuts)
    pd.testing.assert_frame_equal(again[["interval_start", "interval_end", "d"]], found[["interval_start", "interval_end", "d"]])
    inside = ~found.apply(lambda r: any(r["in"] < c < r["out"] for c in cuts), axis=1)
    assert inside.all()


def test_events_coded_1_and_2_are_no_counts() -> None:
    data = pd.DataFrame({"d": [1, 2] * 10, "t": 1.0})
    with pytest.raises(DataError, match="recode the event to 0/1"):
        rates(data, event="d", person_time="t")
    assert rates(data.iloc[:4], event="d", person_time="t")["events"].tolist() == [6.0]
