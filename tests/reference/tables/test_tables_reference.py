"""Tables of counts and person-time beside R's stats, epitools, epiR, metafor, survival and popEpi."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import FitWarning
from cobalamin.models.tables.mantel_haenszel import mantel_haenszel
from cobalamin.models.tables.person_time import split_person_time
from cobalamin.models.tables.rates import rate_ratio, rates
from cobalamin.models.tables.smr import poisson_limits, smr
from cobalamin.models.tables.standardization import standardized_rates, standardized_ratio
from cobalamin.models.tables.two_by_two import two_by_two

EXPECTED = json.loads((Path(__file__).parent / "expected.json").read_text())
CLOSED = 1e-9  # closed formulas on both sides
TIGHT = 1e-8  # roots to 1e-13 on the log scale on both sides
LOOSE = 1e-3  # fisher.test and rateratio.midp stop their root finding early


@pytest.mark.parametrize("number", range(len(EXPECTED["one"])))
def test_one_table(number: int) -> None:
    case = EXPECTED["one"][number]
    cells = case["cells"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # a risk ratio without limits; the odds ratio has them
        exact, midp = (two_by_two(*cells, method=method).loc[0] for method in ("exact", "mid-p"))
    limits = ["conf_low", "conf_high"]
    assert_allclose(exact[limits].astype(float), _infinite(case["exact"]), rtol=TIGHT)
    assert_allclose(midp[limits].astype(float), _infinite(case["midp"]), rtol=TIGHT)
    assert_allclose(exact["estimate"], _infinite(case["fisher"])[0], rtol=LOOSE)
    assert_allclose(exact["p_value"], case["fisher"][1], rtol=1e-6)
    if "woolf" in case:
        found = two_by_two(*cells)[["estimate", "conf_low", "conf_high"]].to_numpy()
        assert_allclose(found, [case["woolf"], case["katz"], case["difference"]], rtol=CLOSED)


def _infinite(values: list[float | None]) -> list[float]:
    return [np.inf if x is None else x for x in values]


@pytest.mark.parametrize("name", ["ucb", "sparse"])
def test_pooled_over_strata(name: str) -> None:
    cells = [EXPECTED["strata"][name][k] for k in "abcd"]
    for measure, key in (("odds ratio", "OR"), ("risk ratio", "RR"), ("risk difference", "RD")):
        theirs = EXPECTED["pooled"][name][key]
        ours = mantel_haenszel(*cells, measure=measure, correction=False).iloc[0]
        value = ours["estimate"] if key == "RD" else np.log(ours["estimate"])
        assert_allclose([value, ours["std_error"]], [theirs["estimate"], theirs["se"]], rtol=CLOSED)
    odds = mantel_haenszel(*cells, correction=False).iloc[0]
    assert_allclose(
        [odds["homogeneity"], odds["homogeneity_p"]], [EXPECTED["pooled"][name]["OR"][k] for k in ("tarone", "tarone_p")], rtol=1e-7
    )
    for correction, key in ((True, "corrected"), (False, "plain")):
        ours = mantel_haenszel(*cells, correction=correction).iloc[0]
        assert_allclose(
            ours[["estimate", "conf_low", "conf_high", "chi2", "chi2_p"]].astype(float), EXPECTED["pooled"][name][key], rtol=1e-8
        )


def test_admissions_as_printed() -> None:
    cells = [EXPECTED["strata"]["ucb"][k] for k in "abcd"]
    found = mantel_haenszel(*cells).iloc[0]
    assert_allclose(
        found[["estimate", "conf_low", "conf_high", "chi2"]].astype(float), [0.9046968, 0.7719074, 1.0603298, 1.4269], rtol=1e-4
    )


def test_pooled_rate_ratio() -> None:
    t = EXPECTED["times"]
    found = mantel_haenszel(t["x1"], t["t1"], t["x2"], t["t2"], measure="rate ratio").iloc[0]
    theirs = EXPECTED["irr"]
    assert_allclose(
        [np.log(found["estimate"]), found["std_error"], found["chi2"]], [theirs[k] for k in ("estimate", "se", "chi2")], rtol=CLOSED
    )


def test_observed_over_expected() -> None:
    case = EXPECTED["poisson"]
    observed = np.array(case["observed"], dtype=float)
    assert_allclose(np.column_stack(poisson_limits(observed, "exact")), case["exact"], rtol=1e-8, atol=1e-12)
    found = smr(observed, case["expected"])
    assert_allclose(found["p_value"], case["p"], rtol=1e-7)


def test_finnish_and_cancer_register_ratios_as_printed() -> None:
    assert smr(4559, 1482.13).round(2).loc[0, ["estimate", "conf_low", "conf_high"]].tolist() == [3.08, 2.99, 3.17]


@pytest.mark.parametrize("number", range(len(EXPECTED["ratios"])))
def test_rate_ratio(number: int) -> None:
    case = EXPECTED["ratios"][number]
    a, s, b, t = case["given"]
    limits = ["conf_low", "conf_high"]
    assert_allclose(rate_ratio(a, s, b, t).loc[0, limits].astype(float), case["exact"], rtol=1e-6)
    assert_allclose(rate_ratio(a, s, b, t, method="mid-p").loc[0, limits].astype(float), case["midp"], rtol=LOOSE)
    assert_allclose(rate_ratio(a, s, b, t, method="wald").loc[0, ["estimate", *limits]].astype(float), case["wald"], rtol=CLOSED)


def test_direct_standardisation() -> None:
    bands = pd.DataFrame(EXPECTED["bands"])
    standard = dict(zip(bands["age"], bands["w"], strict=True))
    found = standardized_rates(bands, event="d", person_time="t", strata="age", standard=standard, per=1).iloc[0]
    assert_allclose(found[["crude_rate", "rate", "conf_low", "conf_high"]].astype(float), EXPECTED["direct"], rtol=1e-7)


def test_indirect_standardisation_is_the_sum_of_expected_events() -> None:
    bands = pd.DataFrame(EXPECTED["bands"])
    reference = pd.DataFrame({"age": bands["age"], "rate": [0.2, 0.9, 4.0, 30.0]})
    found = standardized_ratio(bands, event="d", person_time="t", strata="age", reference=reference, per=1000).iloc[0]
    awaited = 12.0005 * 0.2 + 9.00025 * 0.9 + 7.0 * 4.0 + 2.50075 * 30.0
    assert_allclose(found[["observed", "expected", "estimate"]].astype(float), [129, awaited, 129 / awaited], rtol=CLOSED)


def test_person_time_on_two_scales() -> None:
    people = pd.DataFrame(EXPECTED["people"])
    ages, years = [20, 30, 40, 50, 60, 70], [1995, 2000, 2005]
    by_age = split_person_time(people, entry="entry", exit="exit", event="event", breaks=ages, origin="birth", band="age")
    assert len(by_age) == EXPECTED["n_age"]
    assert_allclose(by_age["person_time"].sum(), EXPECTED["age_time"], rtol=1e-10)
    both = split_person_time(by_age, entry="entry", exit="exit", event="event", breaks=years, band="period")
    assert len(both) == EXPECTED["n_split"]
    found = rates(both, event="event", person_time="person_time", by=["age", "period"])
    found = found[found["person_time"] > 0]
    ours = {
        (a, p): (t, e)
        for a, p, t, e in zip(found["age"].cat.codes, found["period"].cat.codes, found["person_time"], found["events"], strict=True)
    }
    cells: dict[str, list[Any]] = EXPECTED["split"]
    theirs = {(a, p): (t, e) for a, p, t, e in zip(cells["ageband"], cells["perband"], cells["time"], cells["events"], strict=True)}
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        assert_allclose(ours[key], value, rtol=1e-9)
