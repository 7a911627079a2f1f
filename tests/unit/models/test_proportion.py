"""Shares and tests of counts: edges, laws and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import DataError
from cobalamin.models.tables.count_tests import chi_squared, mcnemar
from cobalamin.models.tables.proportion import proportion, proportion_difference

SAME = 1e-12  # the same arithmetic in another order


def test_limits_at_none_and_all_are_the_share_itself_and_mirror_each_other() -> None:
    for method in ("wilson", "exact"):
        none, every = proportion([0, 9], [9, 9], method=method).to_numpy()
        assert none[3] == 0.0 and every[4] == 1.0
        assert_allclose(none[4], 1 - every[3], rtol=SAME)


def test_exact_limits_cover_at_least_as_often_as_they_say_and_wald_does_not() -> None:
    from scipy.stats import binom

    n, truth = 20, 0.08
    x = np.arange(n + 1)
    for method, low, high in (("exact", 0.95, 1.0), ("wald", 0.0, 0.85)):
        limits = proportion(x, np.full(n + 1, n), method=method)
        covered = binom.pmf(x, n, truth)[(limits["conf_low"] <= truth) & (truth <= limits["conf_high"])].sum()
        assert low <= covered <= high


def test_difference_turns_its_sign_with_the_groups() -> None:
    one, other = (proportion_difference(*g).to_numpy()[0] for g in ((3, 20, 9, 25), (9, 25, 3, 20)))
    assert_allclose(one, [-other[0], -other[2], -other[1]], rtol=SAME)


def test_mcnemar_turns_its_odds_ratio_with_the_answers_and_keeps_p() -> None:
    one, other = mcnemar(9, 4).loc[0], mcnemar(4, 9).loc[0]
    assert_allclose([one["estimate"], one["conf_low"]], [1 / other["estimate"], 1 / other["conf_high"]], rtol=SAME)
    assert one["p_value"] == other["p_value"]
    assert np.isinf(mcnemar(6, 0).loc[0, "estimate"])


def test_chi_squared_does_not_mind_turning_the_table() -> None:
    table = np.array([[3, 9, 4], [8, 1, 7]])
    assert_allclose(chi_squared(table).to_numpy(), chi_squared(table.T[::-1]).to_numpy(), rtol=SAME)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: proportion(3, 0), "a share of nobody"),
        (lambda: proportion(5, 3), "more events than people in 1 of 1"),
        (lambda: proportion([1, 2], [3]), "2 values of events and 1 of n"),
        (lambda: proportion(0.2, 10), "not whole numbers"),
        (lambda: proportion(1, 10, method="wilsn"), "Did you mean 'wilson'"),
        (lambda: proportion(1, 10, level=95), "between 0 and 1"),
        (lambda: proportion_difference(1, 2, 1, 2, method="score"), "expected one of newcombe, wald"),
        (lambda: chi_squared([1, 2]), "at least 2 x 2"),
        (lambda: chi_squared([[1, 0], [2, 0]]), "1 rows or columns of the table hold nobody"),
        (lambda: chi_squared([[1, 2, 3], [2, 3, 4]], correction=True), "this one is 2 x 3"),
        (lambda: mcnemar(0, 0), "no pair disagrees"),
        (lambda: mcnemar(-1, 2), "negative"),
        (lambda: mcnemar([1, 2], 3), "one count"),
        (lambda: mcnemar(1, 2, method="yates"), "expected one of exact"),
    ],
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        call()
