"""CSV bytes: the same everywhere, read back unchanged, and no spreadsheet runs them."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobalamin.core.errors import StoreError
from cobalamin.core.estimates import COLUMNS, Estimates
from cobalamin.release.disclosure import disclose
from cobalamin.release.store import decisions_from_csv, decisions_to_csv, estimates_from_csv, estimates_to_csv

HOSTILE = [
    *[
        "=cmd|' /C calc'!A0",
        "+1",
        "-1",
        "@SUM(A1)",
        "\tx",
        "\r=1",
        "\n=1",
        "'",
        "''",
        "'=1",
        "=",
        'a"b',
        "a,b",
        "a\nb",
        "a\r\nb",
        "a\rb",
        " =1",
    ],
    *["<script>", "\u202ertl", "\U0001f600", "x" * 300, "NA", "nan", "NULL", "\uff1d1", "\x00", "-5.2 (ref)"],
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back_and_cannot_run(text: str) -> None:
    rows = Estimates.from_rows([{"term": text, "level": "x", "warning": text}])
    data = estimates_to_csv(rows)
    pd.testing.assert_frame_equal(estimates_from_csv(data).frame, rows.frame)
    cells = list(csv.reader(io.StringIO(data.decode(), newline="")))[1]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d")) for cell in cells)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_any_text_comes_back(texts: list[str]) -> None:
    rows = Estimates.from_rows([{"term": text, "unit": text} for text in texts])
    pd.testing.assert_frame_equal(estimates_from_csv(estimates_to_csv(rows)).frame, rows.frame)


def test_numbers_keep_ten_digits_and_lose_the_noise() -> None:
    noisy = Estimates.from_rows([{"value": 0.1 + 0.2, "n": 1234567890, "p": 3.2e-200, "low": -1e-17, "high": math.inf, "std_error": -0.0}])
    clean = Estimates.from_rows([{"value": 0.3, "n": 1234567890, "p": 3.2e-200, "low": 0, "high": math.inf, "std_error": 0.0}])
    assert estimates_to_csv(noisy) == estimates_to_csv(clean)
    back = estimates_from_csv(estimates_to_csv(noisy)).frame.iloc[0]
    assert back["p"] == 3.2e-200 and back["high"] == math.inf and back["n"] == 1234567890


def test_negative_numbers_are_numbers_not_text() -> None:
    data = estimates_to_csv(Estimates.from_rows([{"value": -0.25}]))
    assert b",-0.25," in data and estimates_from_csv(data).frame["value"].iloc[0] == -0.25


def test_bytes_are_plain() -> None:
    data = estimates_to_csv(Estimates.from_rows([{"term": "a"}, {"term": "b", "n": 2}]))
    assert data.startswith(",".join(COLUMNS).encode() + b"\n") and b"\r" not in data and data.endswith(b"\n")
    assert data == estimates_to_csv(estimates_from_csv(data))


def test_an_empty_table_comes_back() -> None:
    assert len(estimates_from_csv(estimates_to_csv(Estimates.from_rows([])))) == 0


def test_decisions_come_back() -> None:
    rows = [
        {"context": "summary", "subgroup": "Overall", "measure": "total", "n": 5, "events": 1},
        {"context": "curve", "measure": "at risk", "at": 2.5, "n": 3},
    ]
    decisions = disclose(Estimates.from_rows(rows), "cms").decisions
    assert len(decisions) == 3
    pd.testing.assert_frame_equal(decisions_from_csv(decisions_to_csv(decisions)), decisions)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\xfe", "UnicodeDecodeError"),
        (b"", "expected the columns"),
        (b"a,b\n1,2\n", "expected the columns"),
        (estimates_to_csv(Estimates.from_rows([])) + b"a,b\n", "unequal length"),
        (estimates_to_csv(Estimates.from_rows([{"value": 7.5}])).replace(b"7.5", b"many"), "'value' holds text"),
        (estimates_to_csv(Estimates.from_rows([{"term": "x"}])) + b'"', "not a CSV file"),
    ],
)
def test_a_damaged_file_is_named(data: bytes, words: str) -> None:
    with pytest.raises(StoreError, match=words):
        estimates_from_csv(data)


def test_lone_surrogates_are_refused() -> None:
    with pytest.raises(StoreError, match="Unicode"):
        estimates_to_csv(Estimates.from_rows([{"term": "\ud800"}]))


def test_every_double_is_read_as_it_was_printed() -> None:
    values = np.random.default_rng(1).normal(size=200) * 10.0 ** np.random.default_rng(2).integers(-8, 9, 200)
    once = estimates_from_csv(estimates_to_csv(Estimates.from_rows([{"value": v} for v in values])))
    twice = estimates_from_csv(estimates_to_csv(once))
    pd.testing.assert_frame_equal(once.frame, twice.frame, check_exact=True)
