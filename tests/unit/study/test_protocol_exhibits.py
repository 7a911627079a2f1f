"""Models by one table of kinds, exhibits by their own tables: what contradicts itself, or names nothing, is refused in words."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.studies import PROJECT, copy_study

from cobalamin.core.errors import DataError, ProtocolError
from cobalamin.core.estimates import Estimates
from cobalamin.study.kinds import COMMON, KINDS, load_function
from cobalamin.study.naming import refuse_unknown_names
from cobalamin.study.protocol import load_protocol, parse_protocol
from cobalamin.study.sections import ModelSection
from cobalamin.study.study import load_study
from cobalamin.study.summaries import attempt

MADE_ELSEWHERE = {"firth", "ridge", "ridge_terms", "frailty"}


def raw() -> dict[str, Any]:
    return tomllib.loads((PROJECT / "analyses/onset/protocol.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", KINDS)
def test_every_key_of_a_kind_is_a_field_and_a_keyword_of_its_function(name: str) -> None:
    kind = KINDS[name]
    assert set(kind.keys) <= set(ModelSection.model_fields)
    keywords = inspect.signature(load_function(kind.function)).parameters
    assert set(kind.options) - MADE_ELSEWHERE <= set(keywords)
    assert ("entry" in keywords) == kind.timed


def test_every_field_of_a_model_belongs_to_a_kind() -> None:
    assert set(ModelSection.model_fields) == {*COMMON, *(key for kind in KINDS.values() for key in kind.keys)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "coxx"}, r"\[model.crude\] kind: 'coxx' is not known.*Did you mean 'cox'"),
        ({"kind": "fine_gray", "strata": ["sex"]}, "kind 'fine_gray' takes no key 'strata'"),
        ({"distribution": "weibull"}, "kind 'cox' takes no key 'distribution'"),
        ({"firth": True, "ridge": 1.0}, "'firth' and 'ridge' cannot stand together"),
        ({"frailty": "sex", "cluster": "sex"}, "'frailty' and 'cluster' cannot stand together"),
        ({"ridge_terms": ["x"]}, "'ridge', the strength, is missing"),
        ({"ridge": 0.0}, "greater than 0"),
        ({"formula": "died ~ b12_log2"}, "leave out 'died ~'"),
        ({"formula": "b12_log2 + log(exit)"}, "uses exit, which only follow-up tells"),
        ({"formula": "event + person_time"}, "uses event and person_time|uses event, person_time"),
        ({"survey": True, "weights": "w"}, "'survey' and 'weights' cannot stand together"),
    ],
)
def test_models_that_contradict_themselves_are_refused(change: dict[str, Any], message: str) -> None:
    protocol = raw()
    protocol["model"][0].update(change)
    with pytest.raises(ProtocolError, match=message):
        parse_protocol(protocol)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"curves": {"by": "sex", "strt": 3}}, "unknown key 'strt'. Did you mean 'start'"),
        ({"incidence": [{"by": "sex"}, {"by": "sex"}]}, r"\[report.incidence\] sex: asked for 2 times"),
        ({"proportional_hazards": {"model": "adjustd"}}, "no model 'adjustd'. Did you mean 'adjusted'"),
        ({"proportional_hazards": {"model": "fine_gray_lag2"}}, "the test is for Cox models"),
        ({"dose_response": {"model": "spline_lag2", "variable": "b13"}}, "'b13' is not in the formula.*Did you mean 'b12'"),
        ({"dose_response": {"variable": "b12"}}, "the key 'model' is missing"),
        ({"curves": {"by": "sex", "band": "wide"}}, "band"),
        ({"curves": {"by": "sex", "rmst": -1.0}}, "greater than 0"),
        ({"dose_respons": {}}, "unknown key 'dose_respons'. Did you mean 'dose_response'"),
    ],
)
def test_exhibits_that_name_nothing_are_refused(change: dict[str, Any], message: str) -> None:
    protocol = raw()
    protocol["report"].update(change)
    with pytest.raises(ProtocolError, match=message):
        parse_protocol(protocol)


def test_a_table_written_once_is_a_list_of_one() -> None:
    once, listed = raw(), raw()
    listed["report"]["curves"] = [listed["report"]["curves"]]
    assert parse_protocol(once).report.curves == parse_protocol(listed).report.curves
    assert parse_protocol(once).fingerprint == parse_protocol(listed).fingerprint


def test_the_documented_examples_are_valid() -> None:
    page = (PROJECT / "docs/protocol-report.md").read_text(encoding="utf-8")
    model, report, exhibits = (part.split("```")[0] for part in page.split("```toml\n")[1:])
    protocol = raw() | {"report": tomllib.loads(report + exhibits)["report"]}
    protocol["model"] = [*[m for m in protocol["model"] if m["name"] != "adjusted_lag2"], *tomllib.loads(model)["model"]]
    assert parse_protocol(protocol).report.curves[0].rmst == 80
    for key in (*ModelSection.model_fields, *type(parse_protocol(raw()).report).model_fields):
        assert key in page, f"docs/protocol-report.md does not describe '{key}'"
    for kind in KINDS:
        assert f"| `{kind}` |" in page


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('b12_assay = "Assay platform"', 'b12_asay = "Assay platform"', "labels: 'b12_asay' .*Did you mean 'b12_assay'"),
        ('">=221" = "≥221"', '">=222" = "≥222"', "levels: '>=222' is no category"),
        ('incidence = { by = "b12_class"', 'incidence = { by = "b12_clas"', "incidence: by: 'b12_clas' .*Did you mean 'b12_class'"),
        ('event = "death"', 'event = "deth"', "the design has no 'deth'.*Did you mean 'death'"),
        ('show = ["rcs(b12, 4)"]', 'show = ["rcs(b12, 5)"]', r"'rcs\(b12, 5\)' is not a term"),
    ],
)
def test_names_that_only_the_cohort_can_judge(tmp_path: Path, old: str, new: str, message: str) -> None:
    folder = copy_study("onset", tmp_path, persons=1500, changes={old: new})
    with pytest.raises(ProtocolError, match=message):
        load_study(folder).run()
    assert not (folder / "results" / "report.html").exists()


def test_labels_of_terms_and_events_are_known(tmp_path: Path) -> None:
    labels = 'b12_assay = "Assay platform"\n"rcs(b12, 4)" = "B12, spline"\n"sex:log(bmi)" = "both"\ndeath = "death"'
    folder = copy_study("onset", tmp_path, persons=1500, changes={'b12_assay = "Assay platform"': labels})
    assert load_protocol(folder / "protocol.toml").report.labels["death"] == "death"
    study = load_study(folder)
    refuse_unknown_names(study.protocol, study.cohort())


def test_what_the_data_do_not_allow_is_said_without_counts() -> None:
    def refuse() -> Estimates:
        raise DataError("only 3 events")

    told: list[str] = []
    rows = attempt(refuse, "survival", "sex", "LS", told.append).frame
    assert rows["warning"].tolist() == ["survival: asked for, but these people and events do not allow it"]
    assert told == ["survival: sex", "left out, survival: only 3 events"], "the reason is for the screen only"


def test_an_empty_path_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ProtocolError, match=r"no such protocol in 'here'"):
        load_study("")


def test_thinned_curves_keep_their_ends_and_common_times() -> None:
    from cobalamin.study.followed import MOST_STEPS, thin

    times = np.arange(1001.0)
    rows = [
        pd.DataFrame({"at": times, "measure": m, "subgroup": g, "context": "curve"})
        for m in ("survival", "simultaneous band")
        for g in "ab"
    ]
    kept = thin(Estimates.from_frame(pd.concat(rows, ignore_index=True))).frame
    parts = [part["at"].tolist() for _, part in kept.groupby(["measure", "subgroup"])]
    assert all(part == parts[0] and part[0] == 0 and part[-1] == 1000 and len(part) <= MOST_STEPS + 2 for part in parts)
