"""What a hostile statistician found wrong in association and severity models, one test per finding."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import cobalamin as cb

SAME = 1e-10  # the same matrix by two spellings


def people(n: int = 120) -> pd.DataFrame:
    """Rows by formula: a number, a 0/1, a count, a class and two covariates."""
    i = np.arange(n)
    x = 1 + (i * 7 % 40) / 10
    return pd.DataFrame(
        {
            "x": x,
            "z": np.cos(i),
            "g": np.array(["a", "b", "c"])[i % 3],
            "number": x**2 + np.sin(3 * i),
            "ill": (np.sin(5 * i) + x / 5 > 0.5).astype(int),
            "count": (i * 13 % 5) + (x > 3),
            "person": i // 4,
        }
    )


@pytest.mark.parametrize(
    ("written", "column"),
    [
        ("{x**2}", lambda d: d["x"] ** 2),
        ("I(x**2)", lambda d: d["x"] ** 2),
        ("{log(x) + 1}", lambda d: np.log(d["x"]) + 1),
        ("I(x / 10)", lambda d: d["x"] / 10),
        ("{z > 0}", lambda d: (d["z"] > 0).astype(float)),
    ],
)
def test_arithmetic_in_braces_or_I_is_one_term(written: str, column: object) -> None:
    data = people()
    made = data.assign(made=column(data))  # type: ignore[operator]
    one, two = cb.linear(f"number ~ {written} + count", data), cb.linear("number ~ made + count", made)
    assert_allclose(one.coefficients, two.coefficients, rtol=SAME)
    new = cb.standardize(one, data, by="count", levels=[0.0, 1.0]).frame
    assert_allclose(new["estimate"], cb.standardize(two, made, by="count", levels=[0.0, 1.0]).frame["estimate"], rtol=SAME)


def test_a_person_column_of_categories_leaves_the_baseline_score_a_number() -> None:
    i = np.arange(160)
    visits = pd.DataFrame(
        {"who": i // 4, "visit": i % 4, "b12": i // 4 % 2, "score": 10 + np.sin(3 * i) + i % 4 - (i // 4 % 2) + 2 * np.cos(i // 4)}
    )
    one = cb.change_from_baseline("score ~ b12", visits, person="who", visit="visit", baseline=0)
    for kind in ("category", "string", "Int64"):
        two = cb.change_from_baseline("score ~ b12", visits.astype({"who": kind}), person="who", visit="visit", baseline=0)
        assert list(two.names) == list(one.names)
        assert_allclose(two.tidy()[["estimate", "std_error"]], one.tidy()[["estimate", "std_error"]], rtol=SAME)
