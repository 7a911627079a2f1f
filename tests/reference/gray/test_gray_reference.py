"""Gray's test against R's cmprsk::cuminc."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.competing.gray import gray_test

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
PEOPLE = pd.DataFrame(EXPECTED["people"])
SAME_SUMS = 1e-8  # the same sums in another order, solved with another factorisation
P_VALUE = 1e-7  # R's is 1 - P, which loses digits


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("pair", {"by": "pair"}),
        ("group", {"by": "group"}),
        ("pair_rho_1", {"by": "pair", "rho": 1}),
        ("group_rho_half", {"by": "group", "rho": 0.5}),
        ("pair_strata", {"by": "pair", "strata": "stratum"}),
        ("group_strata_rho_2", {"by": "group", "strata": "stratum", "rho": 2}),
    ],
)
def test_is_cmprsk(name: str, options: dict[str, Any]) -> None:
    for cause, (chi2, p_value, df) in enumerate(EXPECTED[name], start=1):
        ours = gray_test(PEOPLE, exit="exit", event="event", cause=cause, **options).iloc[0]
        assert_allclose(ours["chi2"], chi2, rtol=SAME_SUMS)
        assert_allclose(ours["p_value"], p_value, rtol=P_VALUE)
        assert ours["df"] == df


def test_melanoma(shared_data: Path) -> None:
    data = pd.read_csv(shared_data / "reference" / "mass_melanoma.csv")
    data = data.assign(cause=data["status"].map({1: 1, 2: 0, 3: 2}))
    for cause, (chi2, p_value, _) in enumerate(EXPECTED["melanoma"], start=1):
        ours = gray_test(data, exit="time", event="cause", by="ulcer", cause=cause).iloc[0]
        assert_allclose([ours["chi2"], ours["p_value"]], [chi2, p_value], rtol=P_VALUE)
    assert round(EXPECTED["melanoma"][0][0], 6) == 26.120719
