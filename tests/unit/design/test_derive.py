"""Derived columns: order, three-valued cases, references."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cobalamin.core.errors import DesignError
from cobalamin.design import Case, Derivation
from cobalamin.design.derive import derive

TABLE = pd.DataFrame({"x": [1.0, np.nan, 3.0], "y": [1.0, 1.0, 1.0]})


def labels(column: pd.Series) -> list[str]:
    return column.astype(object).where(column.notna(), "").tolist()


def test_an_undecided_case_leaves_the_value_missing_even_where_a_later_one_holds() -> None:
    rule = Derivation(name="z", cases=(Case("big", "x > 2"), Case("one", "y == 1")), otherwise="other")
    assert labels(derive(TABLE, (rule,))["z"]) == ["one", "", "big"]


def test_a_column_may_use_the_ones_before_it_and_a_condition_becomes_a_number() -> None:
    rules = (Derivation(name="twice", expression="2 * x"), Derivation(name="big", expression="twice > 4"))
    result = derive(TABLE, rules)
    assert result["big"].dtype == np.float64
    assert result["big"].fillna(-1).tolist() == [0.0, -1.0, 1.0]
    assert list(TABLE.columns) == ["x", "y"]


def test_the_reference_comes_first() -> None:
    rule = Derivation(name="z", expression="where(x > 2, 'high', 'low')", reference="low")
    assert derive(TABLE, (rule,))["z"].cat.categories.tolist() == ["low", "high"]
    with pytest.raises(DesignError, match=r"the reference 'lo' is not one of its labels \(high, low\)"):
        derive(TABLE, (Derivation(name="z", expression="where(x > 2, 'high', 'low')", reference="lo"),))
    with pytest.raises(DesignError, match="the reference 'b' is not one of its labels"):
        Derivation(name="z", cases=(Case("a", "x > 1"),), reference="b")


def test_an_expression_or_cases_but_not_both() -> None:
    with pytest.raises(DesignError, match="either an expression or cases"):
        Derivation(name="z", expression="x", cases=(Case("a", "x > 1"),))
