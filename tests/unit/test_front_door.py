"""The public door: every name loads, is documented, and keeps the contract's arguments and result columns."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import cobalamin as cb

CONTRACT = {
    "cox": "formula data exit event entry strata cluster weights survey ties",
    "fine_gray": "formula data exit event cause entry cluster",
    "aft": "formula data exit event lower upper entry distribution",
    "survival_curve": "data exit event entry by weights confidence",
    "cumulative_incidence": "data exit event entry by",
    "interval_survival": "data lower upper by",
    "logrank": "data exit event by entry strata",
    "gray_test": "data exit event by cause",
    "rmst": "data exit event tau by",
    "ph_test": "fit transform",
    **dict.fromkeys(
        ["linear", "logistic", "poisson", "negative_binomial", "risk_ratio", "risk_difference"],
        "formula data weights cluster survey exposure",
    ),
    "ordinal": "formula data",
    "mixed": "formula data group random",
    "gee": "formula data group family correlation",
    "split_person_time": "data entry exit event breaks",
    "conditional_logistic": "formula data matched_set",
    "case_cohort": "formula data exit event subcohort method",
}


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 400
    x, group = rng.normal(size=n), rng.choice(["a", "b"], n)
    one, two, end = rng.exponential(6 * np.exp(-0.4 * x)), rng.exponential(9, n), rng.uniform(1, 8, n)
    years = np.minimum(np.minimum(one, two), end)
    kind = np.where(years == one, 1, np.where(years == two, 2, 0))
    return pd.DataFrame({"x": x, "group": group, "years": years, "kind": kind, "died": (kind == 1).astype(int)})


@pytest.mark.parametrize("name", cb.__all__)
def test_every_public_name_loads_and_is_documented(name: str) -> None:
    thing = getattr(cb, name)
    assert inspect.getdoc(thing)
    assert name in dir(cb)


@pytest.mark.parametrize("name", CONTRACT)
def test_the_arguments_of_the_contract_are_there(name: str) -> None:
    parameters = inspect.signature(getattr(cb, name)).parameters
    assert set(CONTRACT[name].split()) <= set(parameters)
    positional = [p.name for p in parameters.values() if p.kind is not p.KEYWORD_ONLY]
    assert len(positional) <= 2, "keyword-only after the first two"


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(AttributeError, match="Did you mean 'cox'"):
        cb.coxx  # noqa: B018


def test_refusals_have_their_public_home() -> None:
    assert issubclass(cb.errors.DataError, cb.errors.CobalaminError)
    assert issubclass(cb.errors.CobalaminError, Exception)
    import cobalamin.core.errors as inner

    public = {
        n
        for n, c in vars(inner).items()
        if isinstance(c, type) and issubclass(c, (inner.CobalaminError, Warning)) and not n.startswith("_")
    }
    assert {n for n in public if vars(inner)[n].__module__ == inner.__name__} == set(cb.errors.__all__)


def test_the_import_is_light() -> None:
    code = "import sys, cobalamin; print(sorted(m for m in ('pandas', 'numpy', 'scipy', 'matplotlib') if m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_results_have_the_columns_of_the_contract(people: pd.DataFrame) -> None:
    tidy = ["term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
    times = {"exit": "years", "event": "died"}
    fit = cb.cox("x + group", people, **times)
    assert list(fit.tidy().columns) == tidy
    assert list(cb.fine_gray("x", people, exit="years", event="kind").tidy().columns) == tidy
    assert list(cb.aft("x", people, **times).tidy().columns) == tidy
    assert {"n", "n_missing", "events", "loglik", "loglik_null", "aic"} <= set(fit.glance().columns)
    curve = ["group", "state", "time", "estimate", "std_error", "conf_low", "conf_high", "n_at_risk"]
    assert list(cb.survival_curve(people, **times, by="group").at([1, 2]).columns) == curve
    incidence = cb.cumulative_incidence(people, exit="years", event="kind", by="group").at([1, 2])
    assert list(incidence.columns) == curve
    assert list(cb.logrank(people, **times, by="group").columns) == ["chi2", "df", "p_value"]
    assert list(cb.gray_test(people, exit="years", event="kind", by="group").columns) == ["chi2", "df", "p_value"]
    assert list(cb.rmst(people, **times, tau=3, by="group").columns) == ["group", "estimate", "std_error", "conf_low", "conf_high"]
    test = cb.ph_test(fit)
    assert list(test.columns) == ["term", "chi2", "df", "p_value"]
    assert test["term"].iloc[-1] == "GLOBAL"


def test_results_show_themselves(people: pd.DataFrame) -> None:
    fit = cb.cox("x", people, exit="years", event="died")
    curves = cb.survival_curve(people, exit="years", event="died")
    for thing in (fit, curves):
        assert "<" in thing._repr_html_()
        assert len(repr(thing)) < 300


def test_the_stub_for_editors_has_the_same_names() -> None:
    from pathlib import Path

    stub = (Path(cb.__file__).parent / "__init__.pyi").read_text(encoding="utf-8")
    names = {line.split(" as ")[1] for line in stub.splitlines() if line.startswith("from cobalamin.")}
    homes = {line.split(" as ")[1]: line.split()[1] for line in stub.splitlines() if line.startswith("from cobalamin.")}
    assert names == set(cb.__all__)
    assert all(homes[name] == f"cobalamin.{cb._HOME[name]}" for name in names)
