"""Protocols: every key known, every fault listed at once, contradictions refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from support.studies import PROJECT, copy_study

from cobalamin.core.errors import DesignError, ProtocolError
from cobalamin.study.protocol import load_protocol, parse_protocol
from cobalamin.study.study import load_study


def raw() -> dict[str, Any]:
    return tomllib.loads((PROJECT / "analyses/onset/protocol.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["onset", "nhanes_b12"])
def test_the_projects_own_protocols_are_valid(name: str) -> None:
    assert load_study(PROJECT / "analyses" / name).protocol.study.title


def test_misspelt_key_is_refused_with_the_right_one() -> None:
    protocol = raw()
    protocol["study"]["titel"] = protocol["study"].pop("title")
    with pytest.raises(ProtocolError, match=r"unknown key 'titel'\. Did you mean 'title'") as caught:
        parse_protocol(protocol)
    assert "the key 'title' is missing" in str(caught.value), "all faults are listed, not the first"


def test_misspelt_key_of_a_model_is_refused() -> None:
    protocol = raw()
    protocol["model"][0]["formul"] = "x"
    with pytest.raises(ProtocolError, match=r"unknown key 'formul'. Did you mean 'formula'"):
        parse_protocol(protocol)


def test_misspelt_key_of_the_design_is_refused_when_the_cohort_is_built(tmp_path: Path) -> None:
    folder = copy_study("onset", tmp_path, persons=500, changes={"time_scale =": "time_scal ="})
    with pytest.raises(ProtocolError, match="Did you mean 'time_scale'"):
        load_study(folder).cohort()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p["model"].append(dict(p["model"][0])), "two models are called 'crude'"),
        (lambda p: [m.update(role="secondary") for m in p["model"]], "no model has role"),
        (lambda p: p["model"][0].update(survey=True), "no \\[design.survey\\]"),
        (lambda p: p["model"][0].update(kind="logistic"), "outcome ~ terms"),
        (lambda p: p["model"][0].update(kind="probit"), "kind"),
        (lambda p: p["source"].update(persons="many"), "persons"),
        (lambda p: p["source"].update(kind="files"), "needs a path"),
    ],
)
def test_contradictions_are_refused(change: Any, message: str) -> None:
    protocol = raw()
    change(protocol)
    with pytest.raises(ProtocolError, match=message):
        parse_protocol(protocol)


def test_fingerprint_ignores_spacing_and_key_order_but_not_content() -> None:
    one, two, other = raw(), dict(reversed(list(raw().items()))), raw()
    other["study"]["seed"] = 5
    assert parse_protocol(one).fingerprint == parse_protocol(two).fingerprint
    assert parse_protocol(one).fingerprint != parse_protocol(other).fingerprint


def test_broken_toml_and_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "protocol.toml").write_text("[study\n")
    with pytest.raises(ProtocolError, match="not readable as TOML"):
        load_protocol(tmp_path / "protocol.toml")
    with pytest.raises(ProtocolError, match="is not a folder"):
        load_study(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProtocolError, match=r"holds a protocol\.toml"):
        load_study(tmp_path / "empty")


def test_an_exposure_window_that_reaches_past_time_zero_is_refused(tmp_path: Path) -> None:
    folder = copy_study(
        "onset",
        tmp_path,
        persons=500,
        changes={
            'choose = "last"': 'choose = "last"\nties = "mean"',
            "window_days = [-365, 0]\nchoose": "window_days = [-365, 30]\nchoose",
        },
    )
    with pytest.raises(DesignError, match="immortal"):
        load_study(folder).cohort()


def test_eligibility_by_the_future_is_refused(tmp_path: Path) -> None:
    folder = copy_study("onset", tmp_path, persons=500, changes={'keep = "age >= 18"': 'keep = "is_missing(death_date)"'})
    with pytest.raises(DesignError, match="death_date"):
        load_study(folder).cohort()


def test_a_formula_cannot_run_code(tmp_path: Path) -> None:
    folder = copy_study(
        "onset", tmp_path, persons=2000, changes={'formula = "b12_log2"\nshow': "formula = \"{__import__('os').system('true')}\"\nshow"}
    )
    with pytest.raises(ValueError, match="formula"):
        load_study(folder).run()
    assert not (folder / "results" / "report.html").exists()
