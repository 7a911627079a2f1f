"""Laws that hold for any table: nothing is lost, order does not matter, storage does not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from cobalamin.dictionary.assemble import make_table
from cobalamin.dictionary.check import check
from cobalamin.dictionary.descriptor import parse_descriptor
from cobalamin.dictionary.dictionary import Dictionary
from cobalamin.dictionary.mixture import shifted_groups, two_heaps
from cobalamin.dictionary.suspects import lone_numbers

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
DESCRIPTOR = {
    "name": "t",
    "primaryKey": ["id"],
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "n", "type": "number", "constraints": {"minimum": 0, "maximum": 100}, "detectionLimits": {"lower": 5}},
        {"name": "k", "type": "integer", "categories": [{"value": 1, "label": "a"}, {"value": 2, "label": "b"}], "missingValues": [9, ""]},
        {"name": "d", "type": "date"},
        {"name": "b", "type": "boolean"},
    ],
}
DICTIONARY = Dictionary({"t": make_table(parse_descriptor(DESCRIPTOR, where="test"), name="t", where="test")})
CELLS: dict[str, Any] = {
    "id": st.one_of(st.none(), st.sampled_from(["p1", "p2", "p3", "p4", "p5"]), st.text("ab'\"; -", max_size=4)),
    "n": st.sampled_from(["", "5", "4.9", "101", "-1", "<5", ">90", "x", "12,5", None, "99999", "'; DROP TABLE t; --"]),
    "k": st.sampled_from(["1", "2", "3", "9", "", None, "a", "1.0"]),
    "d": st.sampled_from(["2001-02-28", "2001-02-29", "", None, "x", "1600-01-01"]),
    "b": st.sampled_from(["true", "no", "0", "maybe", None]),
}
TABLES = st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=8).map(
    lambda rows: pd.DataFrame(rows, columns=list(CELLS), dtype=object)
)


@FEW
@given(TABLES)
def test_every_row_is_valid_or_broken_and_never_lost(frame: pd.DataFrame) -> None:
    report = check({"t": frame}, DICTIONARY)
    assert report.n_rows["t"] == len(frame)
    assert report.n_valid["t"] == len(report.valid["t"]) <= len(frame)
    assert report.ok == (report.n_valid["t"] == len(frame))
    # no failure counts more rows than there are, and the broken ones cannot be fewer than the largest failure
    assert all(0 < n <= len(frame) - report.n_valid["t"] for n in report.failures["n_rows"])


@FEW
@given(TABLES)
def test_what_is_valid_is_valid_again(frame: pd.DataFrame) -> None:
    first = check({"t": frame}, DICTIONARY)
    valid = first.valid["t"]
    if valid.empty:
        return
    codes = valid["k"].map({"a": "1", "b": "2"}).astype(object)
    limits = np.where(valid["n_censored"] == "left", "<", np.where(valid["n_censored"] == "right", ">", ""))
    texts = [
        f"{sign}{value!r}" if not np.isnan(value) and (sign == ">" or value >= 5) else value
        for sign, value in zip(limits, valid["n"], strict=True)
    ]
    again = check({"t": valid.drop(columns="n_censored").assign(k=codes, n=pd.Series(texts, dtype=object))}, DICTIONARY)
    assert again.ok
    assert_frame_equal(again.valid["t"], valid, check_dtype=False)


@FEW
@given(TABLES, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(frame: pd.DataFrame, random: Any) -> None:
    order = list(range(len(frame)))
    random.shuffle(order)
    first, second = check({"t": frame}, DICTIONARY), check({"t": frame.iloc[order]}, DICTIONARY)
    counts = [r.failures[["rule", "column", "n_rows", "got"]].values.tolist() for r in (first, second)]
    assert counts[0] == counts[1]
    key = ["id"]
    assert_frame_equal(first.valid["t"].sort_values(key, ignore_index=True), second.valid["t"].sort_values(key, ignore_index=True))


NUMBERS = [1.0, 2.0, np.nan, 9.0]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(NUMBERS),
        pd.Series(NUMBERS, dtype="float32"),
        pd.Series(NUMBERS, dtype="Int64"),
        pd.Series(["1", "2", None, "9"]),
        pd.Series(["1", " 2 ", "", "9.0"], dtype="string"),
        pd.Series([1, "2", None, 9.0], dtype=object),
        pd.Series(["1", "2", None, "9"], dtype="category"),
        pd.Series(NUMBERS, dtype=pd.ArrowDtype(pa.int64())),
        pd.Series(pd.Categorical([1, 2, None, 9])),
    ],
    ids=lambda c: str(c.dtype),
)
def test_however_a_code_is_stored_it_is_the_same_code(column: pd.Series) -> None:
    frame = pd.DataFrame({"id": ["p1", "p2", "p3", "p4"], "n": 7.0, "k": column, "d": None, "b": True})
    report = check({"t": frame}, DICTIONARY)
    assert report.ok
    assert report.valid["t"]["k"].astype(object).where(report.valid["t"]["k"].notna(), None).tolist() == ["a", "b", None, None]
    assert report.missing.loc[report.missing["column"] == "k", "n_rows"].tolist() == [1, 1]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["2001-02-28"]),
        pd.to_datetime(pd.Series(["2001-02-28"])),
        pd.to_datetime(pd.Series(["2001-02-28"])).astype("datetime64[s]"),
        pd.to_datetime(pd.Series(["2001-02-28 23:30"])).dt.tz_localize("Europe/Stockholm"),
        pd.Series([pd.Timestamp("2001-02-28").date()]),
    ],
    ids=["text", "ns", "s", "zone", "date"],
)
def test_however_a_day_is_stored_it_is_the_same_day(column: pd.Series) -> None:
    frame = pd.DataFrame({"id": ["p1"], "n": 7.0, "k": 1, "d": column, "b": True})
    assert check({"t": frame}, DICTIONARY).valid["t"]["d"].tolist() == [pd.Timestamp("2001-02-28")]


def test_hostile_names_are_names(tmp_path: Any) -> None:
    names = ['"; DROP TABLE cells_0; --', "select", "v0", "row", "a b", "'x'"]
    fields = [{"name": n, "type": "number", "categories": []} for n in names]
    dictionary = Dictionary({"t": make_table(parse_descriptor({"name": "t", "fields": fields}, where="test"), name="t", where="test")})
    report = check({"t": pd.DataFrame({n: [1.0] for n in names})}, dictionary)
    assert report.ok and list(report.valid["t"]) == names


@pytest.mark.parametrize("values", [[b"1", b"2"], [[1], [2]], [pd.Timedelta(days=1), pd.Timedelta(days=2)], [1 + 2j, 3j], [10**30, 1]])
def test_odd_objects_are_counted_not_crashed_on(values: list[Any]) -> None:
    frame = pd.DataFrame({"id": ["p1", "p2"], "n": pd.Series(values), "k": 1, "d": pd.Series(values), "b": True})
    report = check({"t": frame}, DICTIONARY)
    assert report.failures["rule"].tolist() != [] and report.n_valid["t"] == 0


def test_names_of_columns_need_not_be_texts() -> None:
    dictionary = Dictionary(
        {"t": make_table(parse_descriptor({"fields": [{"name": "0", "type": "number"}]}, where="t"), name="t", where="t")}
    )
    assert check({"t": pd.DataFrame([[1.0], [2.0]])}, dictionary, tables="t").n_valid["t"] == 2


def test_the_index_of_a_frame_is_not_read() -> None:
    frame = pd.DataFrame({"id": ["p1", "p2"], "n": [7.0, -1.0], "k": 1, "d": None, "b": True}, index=[10, 10])
    report = check({"t": frame}, DICTIONARY)
    assert report.failures["rows"].tolist() == [("p2",)] and report.valid["t"].index.tolist() == [0]


class TestSuspicionsByNumbers:
    @pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
    @pytest.mark.parametrize("spread", [0.3, 0.8])
    def test_two_heaps_a_thousand_apart_are_counted_exactly(self, share: float, spread: float) -> None:
        random = np.random.default_rng(7)
        values = np.exp(random.normal(5, spread, 2000))
        moved = int(share * 2000)
        values[:moved] /= 1000
        heaps = two_heaps(values, 1000.0)
        assert heaps is not None and (heaps.n_low, heaps.n_high) == (moved, 2000 - moved)

    @pytest.mark.parametrize("seed", range(20))
    def test_one_heap_with_a_long_tail_is_one_heap(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        tail = np.exp(random.normal(5, 0.4, 2000) + random.exponential(1.0, 2000) * (random.random(2000) < 0.3))
        assert two_heaps(tail, 1000.0) is None and two_heaps(tail, 1.3554) is None and two_heaps(tail, 88.4) is None

    def test_groups_of_one_unit_raise_no_alarm_in_hundred_samples(self) -> None:
        random = np.random.default_rng(11)
        groups = np.repeat(np.array(["a", "b", "c"], dtype=object), 200)
        alarms = sum(bool(shifted_groups(np.exp(random.normal(5.7, 0.45, 600)), groups, 1.3554)) for _ in range(100))
        assert alarms == 0

    def test_small_groups_and_constants_are_left_alone(self) -> None:
        values = np.array([100.0] * 60 + [136.0] * 10)
        assert shifted_groups(values, np.array(["a"] * 60 + ["b"] * 10, dtype=object), 1.36) == []
        assert two_heaps(np.full(100, 5.0), 1000.0) is None and two_heaps(np.array([]), 1000.0) is None

    def test_lone_numbers(self) -> None:
        ordinary = np.arange(100.0, 160.0)
        assert lone_numbers(np.append(ordinary, [-9.0])) == [(-9.0, 1, True)]
        assert lone_numbers(np.append(ordinary, [999.0, 999.0])) == [(999.0, 2, True)]
        assert lone_numbers(np.arange(-50.0, 50.0)) == []  # negative numbers are at home here
        assert lone_numbers(np.arange(0.0, 1000.0)) == []  # and so are 99 and 999
        assert lone_numbers(np.append(np.arange(0.0, 1000.0, 7), [999.0] * 30)) == [(999.0, 30, False)]
