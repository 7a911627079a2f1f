"""Studies with a script: what is run, what is refused, and that everything after it is as for other studies."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from cobalamin.core.errors import CobalaminError, DataError, ProtocolError
from cobalamin.study.checking import check_path
from cobalamin.study.results import rebuild_report
from cobalamin.study.script_protocol import ScriptProtocol, parse_script_protocol
from cobalamin.study.script_run import ScriptError
from cobalamin.study.study import Study, load_study
from cobalamin.study.verify import verify_study

PROTOCOL = """
[study]
title = "A study with a script"
question = "Does the script run?"
[script]
file = "analysis.py"
inputs = ["counts.csv"]
[disclosure]
preset = "none"
"""
HEAD = "import cobalamin as cb\nimport pandas as pd\n"
ROW = (
    "{'context': 'estimate', 'analysis': 'primary', 'model': 'm', 'term': 'x', 'measure': 'odds ratio', 'value': 2.0, 'n': 20, 'events': 3}"
)
SCRIPT = f"""{HEAD}
def analyse(folder):
    n = int(pd.read_csv(folder / 'counts.csv')['n'].sum())
    return cb.Estimates.from_rows([{ROW}], at=n)
"""


def study_in(folder: Path, script: str = SCRIPT, protocol: str = PROTOCOL) -> Study:
    home = folder / "study"
    home.mkdir()
    (home / "protocol.toml").write_text(protocol)
    (home / "analysis.py").write_text(script)
    (home / "counts.csv").write_text("n\n3\n4\n")
    return load_study(home)


def test_a_script_gives_results_manifest_report_and_verifies(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    results = study.run()
    assert results.estimates.frame["at"].tolist() == [7.0]
    assert {p.name for p in results.folder.iterdir()} == {"estimates.csv", "disclosure.csv", "facts.json", "manifest.json", "report.html"}
    assert '"analysis.py"' in (results.folder / "manifest.json").read_text()
    page = (results.folder / "report.html").read_bytes()
    assert b"A study with a script" in page and b"analysis.py" in page
    assert verify_study(study.folder).ok
    assert rebuild_report(study.folder).read_bytes() == page
    assert not list(study.folder.rglob("__pycache__")) and not [m for m in sys.modules if "study_script" in m]


@pytest.mark.parametrize("name", ["analysis.py", "counts.csv"])
def test_verify_names_the_file_that_changed(tmp_path: Path, name: str) -> None:
    study = study_in(tmp_path)
    study.run()
    with (study.folder / name).open("a") as handle:
        handle.write("# 1\n" if name.endswith("py") else "5\n")
    verdict = verify_study(study.folder)
    assert not verdict.ok and f"input {name}: changed" in verdict.to_text()


def test_disclosure_control_is_the_same_as_for_other_studies(tmp_path: Path) -> None:
    study = study_in(tmp_path, protocol=PROTOCOL.replace('"none"', '"opensafely"'))
    frame = study.run().estimates.frame
    assert frame["events"].isna().all(), "3 events are few"


def test_simulated_people_are_said_to_be_simulated(tmp_path: Path) -> None:
    study = study_in(tmp_path, protocol=PROTOCOL.replace("[disclosure]", "simulated = true\n[disclosure]"))
    assert "<title>SIMULATED" in study.run().report()


def test_check_reads_the_script_and_does_not_run_it(tmp_path: Path) -> None:
    study = study_in(tmp_path, f"from pathlib import Path\nPath(__file__).with_name('ran').touch()\n{SCRIPT}")
    assert check_path(study.folder, None).ok
    assert not (study.folder / "ran").exists()
    study.run()
    assert (study.folder / "ran").exists()


def test_inputs_are_checked_against_the_dictionary(tmp_path: Path) -> None:
    study = study_in(tmp_path, protocol=PROTOCOL.replace("[disclosure]", '[dictionary]\npath = "dictionary"\n[disclosure]'))
    (study.folder / "dictionary").mkdir()
    descriptor = "name: counts\ntitle: C\nfields:\n  - {name: 'n', title: N, type: integer, constraints: {maximum: 3}}\n"
    (study.folder / "dictionary" / "counts.yaml").write_text(descriptor)
    assert not check_path(study.folder, None).ok
    with pytest.raises(DataError, match="1 rule"):
        study.run()
    (study.folder / "counts.csv").write_text("n\n3\n")
    assert study.run().estimates.frame["at"].tolist() == [3.0]


def test_a_study_with_a_script_has_no_cohort(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=r"has a script \(analysis\.py\)"):
        study_in(tmp_path).cohort()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("def analyse(folder:\n", "line 1: not readable as Python"),
        ("def analyze(folder):\n    pass\n", "Did you mean 'analyze'"),
        ("def analyse():\n    pass\n", "takes 0 arguments"),
        ("def analyse(a, b):\n    pass\n", "takes 2 arguments"),
        ("def analyse(folder):\n    return {}\n", "returned dict; expected cb.Estimates"),
        (f"{HEAD}def analyse(folder):\n    return cb.Estimates.from_rows([])\n", "returned no row"),
        ("def analyse(folder):\n    raise ValueError('Ada, born 1815')\n", "line 2: failed with ValueError"),
        ("def analyse(folder):\n    raise SystemExit(0)\n", "failed with SystemExit"),
        ("1 / 0\ndef analyse(folder):\n    pass\n", "line 1: failed with ZeroDivisionError"),
        (
            SCRIPT.replace("    return", "    (folder / 'counts.csv').write_text('n\\n9\\n')\n    return"),
            "changed 'counts.csv' while it ran",
        ),
    ],
)
def test_scripts_that_fail_say_where_and_echo_nothing(tmp_path: Path, script: str, message: str) -> None:
    study = study_in(tmp_path, script)
    with pytest.raises(ScriptError, match=message) as caught:
        study.run()
    assert "Ada" not in str(caught.value)
    assert not (study.folder / "results" / "estimates.csv").exists()
    assert not [m for m in sys.modules if "study_script" in m]


def test_refusals_of_the_library_pass_through(tmp_path: Path) -> None:
    study = study_in(tmp_path, f"{HEAD}def analyse(folder):\n    return cb.smr(-1, 2.0)\n")
    with pytest.raises(DataError, match="negative"):
        study.run()


def test_a_failed_run_leaves_earlier_results(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    study.run()
    before = (study.folder / "results" / "estimates.csv").read_bytes()
    (study.folder / "analysis.py").write_text("def analyse(folder):\n    raise OSError\n")
    with pytest.raises(CobalaminError):
        study.run()
    assert (study.folder / "results" / "estimates.csv").read_bytes() == before


def raw(**script: Any) -> dict[str, Any]:
    return {"study": {"title": "t", "question": "q"}, "script": {"file": "analysis.py", **script}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"file": "../analysis.py"}, "not a plain path inside"),
        ({"file": "a/../../analysis.py"}, "not a plain path inside"),
        ({"file": "./analysis.py"}, "not a plain path inside"),
        ({"file": "/tmp/analysis.py"}, "file: string should match"),
        ({"file": "C:/analysis.py"}, "file: string should match"),
        ({"file": "a\\analysis.py"}, "file: string should match"),
        ({"file": "analysis.sh"}, "is not a Python file"),
        ({"inputs": ["results/estimates.csv"]}, "lies among the results"),
        ({"inputs": ["a.csv", "a.csv"]}, "names 'a.csv' 2 times"),
        ({"input": ["a.csv"]}, "unknown key 'input'. Did you mean 'inputs'"),
        ({"inputs": "a.csv"}, "inputs"),
    ],
)
def test_paths_that_leave_the_folder_and_unknown_keys_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        parse_script_protocol(raw(**change))


@pytest.mark.parametrize("key", ["source", "design", "model"])
def test_sections_of_the_standard_steps_cannot_stand_beside_a_script(key: str) -> None:
    with pytest.raises(ProtocolError, match=rf"\[{key}\] cannot stand beside \[script\]"):
        parse_script_protocol({**raw(), key: {}})


def test_rows_cannot_be_left_out_for_a_script() -> None:
    with pytest.raises(ProtocolError, match="only 'stop' is possible"):
        parse_script_protocol({**raw(), "dictionary": {"path": "d", "invalid_rows": "exclude"}})


def test_links_out_of_the_folder_and_absent_files_are_refused(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    (tmp_path / "elsewhere.py").write_text(SCRIPT)
    (study.folder / "analysis.py").unlink()
    with pytest.raises(ScriptError, match=r"there is no file 'analysis\.py'"):
        study.run()
    (study.folder / "analysis.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(ScriptError, match="leads out of the study folder"):
        study.run()


def test_fingerprint_follows_content(tmp_path: Path) -> None:
    one, other = parse_script_protocol(raw()), parse_script_protocol(raw(inputs=["a.csv"]))
    assert isinstance(one, ScriptProtocol) and one.fingerprint != other.fingerprint
    assert one.fingerprint == parse_script_protocol(dict(reversed(list(raw().items())))).fingerprint
