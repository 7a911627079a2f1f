"""The one results table: its schema, its refusals, and its copies."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from support.studies import PROJECT

from cobalamin.core.errors import ColumnNotFoundError, DataError
from cobalamin.core.estimates import COLUMNS, CONTEXTS, NUMBERS, TEXT, Estimates

ROWS = [{"context": "estimate", "term": "age", "value": 1.5}, {"context": "curve", "term": "sex", "at": 2}]


def test_every_table_has_every_column_in_order_and_type() -> None:
    frame = Estimates.from_rows(ROWS, analysis="primary").frame
    assert tuple(frame.columns) == COLUMNS
    assert set(TEXT) | set(NUMBERS) == set(COLUMNS)
    assert all(frame[c].dtype == np.float64 for c in NUMBERS)
    assert frame["analysis"].tolist() == ["primary", "primary"]
    assert frame.loc[0, "level"] == ""


def test_what_the_schema_does_not_know_is_refused() -> None:
    with pytest.raises(ColumnNotFoundError, match="Did you mean 'term'"):
        Estimates.from_rows([{"trem": "age"}])
    with pytest.raises(DataError, match="unknown context 'guess'"):
        Estimates.from_rows([{"context": "guess"}])
    with pytest.raises(DataError, match="column 'value' holds text"):
        Estimates.from_rows([{"value": "high"}])


def test_selecting_setting_and_joining_leave_the_original_as_it_was() -> None:
    rows = Estimates.from_rows(ROWS)
    assert rows.where(term="age").frame["value"].tolist() == [1.5]
    assert len(rows.where(term=["age", "sex"], context="curve")) == 1
    changed = rows.with_columns(model="m")
    assert rows.frame["model"].tolist() == ["", ""]
    assert len(Estimates.concat([rows, changed])) == 4
    assert len(Estimates.concat([])) == 0


def test_text_from_data_is_escaped_in_a_notebook() -> None:
    assert "<script>" not in Estimates.from_rows([{"term": "<script>"}])._repr_html_()


def test_the_data_dictionary_describes_the_table_column_by_column() -> None:
    described = yaml.safe_load((PROJECT / "data_dictionary" / "estimates.yaml").read_text(encoding="utf-8"))
    assert tuple(field["name"] for field in described["fields"]) == COLUMNS
    context = next(field for field in described["fields"] if field["name"] == "context")
    assert {c["value"] for c in context["categories"]} == set(CONTEXTS)
