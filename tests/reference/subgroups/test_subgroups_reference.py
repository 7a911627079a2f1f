"""Effects within subgroups beside coxph and glm with nested exposures, car's Wald tests and epiR's additive interaction."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import cobalamin as cb
from cobalamin.models.after.subgroups import Subgroups, subgroup_effects
from cobalamin.models.fit import Fit

EXPECTED = json.loads((Path(__file__).parent / "expected.json").read_text())
SAME = 1e-7  # both maximise to their last digits
REPORTED = 1e-6  # epiR takes variances from the coefficients' printed covariance


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return pd.DataFrame(EXPECTED["data"])


def cox(formula: str, data: pd.DataFrame) -> Fit:
    return cb.cox(formula, data, exit="t", event="d")


@pytest.fixture(scope="module")
def found(people: pd.DataFrame) -> Subgroups:
    return subgroup_effects(cox, people, exposure="low", subgroups=["g", "sex"], adjust="age + sex")


def test_overall_and_within(found: Subgroups) -> None:
    table = found.table
    b = [EXPECTED["overall"]["b"], *EXPECTED["nested"]["b"]]
    assert_allclose(np.log(table["estimate"][:4]), b, rtol=SAME)
    assert_allclose(table["std_error"][:4], [EXPECTED["overall"]["se"], *EXPECTED["nested"]["se"]], rtol=SAME)
    assert table["n"][1:4].tolist() == EXPECTED["n"]
    assert table["events"][1:4].tolist() == EXPECTED["events"]


def test_interaction_is_the_wald_test_of_the_product(found: Subgroups) -> None:
    tests = found.tests.set_index("subgroup")
    for name, theirs in (("g", EXPECTED["test"]), ("sex", EXPECTED["sex_test"])):
        assert_allclose(tests.loc[name].astype(float), [theirs["chi2"], theirs["df"], theirs["p"]], rtol=SAME)


def test_additive_interaction_beside_epir(found: Subgroups) -> None:
    ours = found.interaction.query("subgroup == 'sex'").set_index("measure")[["estimate", "conf_low", "conf_high"]]
    for measure, name in (("RERI", "reri"), ("AP", "apab"), ("S", "s"), ("multiplicative", "multiplicative")):
        assert_allclose(ours.loc[measure].astype(float), EXPECTED["reri"][name], rtol=REPORTED)


def test_separate_fits_and_their_heterogeneity(people: pd.DataFrame) -> None:
    alone = subgroup_effects(cox, people, exposure="low", subgroups=["g"], adjust="age + sex", separate=True)
    assert_allclose(np.log(alone.table["estimate"][1:]), EXPECTED["separate"]["b"], rtol=SAME)
    assert_allclose(alone.table["std_error"][1:], EXPECTED["separate"]["se"], rtol=SAME)
    assert_allclose(
        alone.tests[["chi2", "df", "p_value"]].to_numpy()[0], [EXPECTED["separate"]["q"], 2, EXPECTED["separate"]["p"]], rtol=SAME
    )


def test_an_exposure_of_three_groups(people: pd.DataFrame) -> None:
    factor = subgroup_effects(cb.logistic, people, exposure="arm", outcome="y", subgroups=["sex"], adjust="age", recode=True)
    own = factor.table.iloc[2:].assign(name=lambda t: "sex" + t["level"] + ":arm" + t["contrast"]).set_index("name")
    theirs = EXPECTED["arm_names"]
    assert_allclose(np.log(own.loc[theirs, "estimate"]), EXPECTED["arm"]["b"], rtol=SAME)
    assert_allclose(own.loc[theirs, "std_error"], EXPECTED["arm"]["se"], rtol=SAME)
    assert_allclose(
        factor.tests[["chi2", "df", "p_value"]].to_numpy()[0], [EXPECTED["arm_test"][k] for k in ("chi2", "df", "p")], rtol=SAME
    )
