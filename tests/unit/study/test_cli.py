"""The command line: exit codes, plain text, no traceback, fast help."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from support.studies import PROJECT, copy_study

DICTIONARY = PROJECT / "data_dictionary" / "ls_cohort"


def cobalamin(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cobalamin", *map(str, words)], capture_output=True, text=True, check=False, cwd=PROJECT, timeout=240
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_study("onset", tmp_path_factory.mktemp("study"), persons=6000, models=("crude", "adjusted_lag2"))
    done = cobalamin("run", folder)
    assert done.returncode == 0, done.stderr
    assert "SIMULATED" in done.stdout
    return folder


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, cobalamin.study.cli; print([m for m in ('pandas', 'scipy', 'matplotlib', 'duckdb', 'pydantic') if m in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
    text = cobalamin("--help").stdout
    for command in ("run", "check", "report", "verify", "dictionary", "simulate"):
        assert command in text


def test_run_writes_the_results_and_verify_accepts_them(study: Path) -> None:
    assert {p.name for p in (study / "results").iterdir()} >= {
        "estimates.csv",
        "facts.json",
        "manifest.json",
        "report.html",
        "disclosure.csv",
    }
    done = cobalamin("verify", study)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verified" in done.stdout


def test_report_is_rebuilt_from_the_results_alone_to_the_byte(study: Path) -> None:
    page = study / "results" / "report.html"
    before = page.read_bytes()
    done = cobalamin("report", study)
    assert done.returncode == 0, done.stderr
    assert page.read_bytes() == before


def test_errors_are_one_message_and_exit_code_2(tmp_path: Path) -> None:
    done = cobalamin("run", tmp_path / "absent")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    broken = copy_study("onset", tmp_path, changes={"[study]": "[stdy]"})
    done = cobalamin("run", broken)
    assert done.returncode == 2
    assert "Did you mean 'study'" in done.stderr


def test_check_of_simulated_files_passes_and_of_spoilt_ones_lists_all(tmp_path: Path) -> None:
    done = cobalamin("simulate", tmp_path / "data", "--persons", 400, "--seed", 3)
    assert done.returncode == 0, done.stderr
    assert cobalamin("check", tmp_path / "data", "--dictionary", DICTIONARY).returncode == 0
    persons = pd.read_csv(tmp_path / "data" / "persons.csv", dtype=str, keep_default_na=False)
    persons.loc[0, "sex"] = "x"
    persons.loc[1, "bmi"] = "99999"
    persons.loc[3, "person_id"] = persons.loc[2, "person_id"]
    persons.to_csv(tmp_path / "data" / "persons.csv", index=False)
    done = cobalamin("check", tmp_path / "data", "-d", DICTIONARY, "-o", tmp_path / "failures.csv")
    assert done.returncode == 1
    failures = pd.read_csv(tmp_path / "failures.csv")
    assert {"sex", "bmi", "person_id"} <= set(failures["column"])


def test_a_data_path_without_a_dictionary_is_asked_for_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    done = cobalamin("check", tmp_path / "a.csv")
    assert done.returncode == 2
    assert "--dictionary" in done.stderr


def test_a_direct_identifier_stops_the_load_without_showing_it(tmp_path: Path) -> None:
    assert cobalamin("simulate", tmp_path / "data", "--persons", 200).returncode == 0
    persons = pd.read_csv(tmp_path / "data" / "persons.csv", dtype=str, keep_default_na=False)
    persons["region"] = [f"someone{i}@example.org" for i in range(len(persons))]
    persons.to_csv(tmp_path / "data" / "persons.csv", index=False)
    done = cobalamin("check", tmp_path / "data", "-d", DICTIONARY)
    assert done.returncode == 2
    assert "example.org" not in done.stdout + done.stderr


def test_absent_data_say_how_to_get_them_and_may_be_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COBALAMIN_NHANES", str(tmp_path / "nowhere.parquet"))
    folder = copy_study("nhanes_b12", tmp_path)
    done = cobalamin("run", folder)
    assert done.returncode == 2
    assert "build.py" in done.stderr
    assert "COBALAMIN_NHANES" in done.stderr
    done = cobalamin("run", folder, "--if-data-present")
    assert done.returncode == 0
    assert "left out" in done.stdout


def test_verify_names_the_input_whose_byte_changed(tmp_path: Path) -> None:
    assert cobalamin("simulate", tmp_path / "data", "--persons", 6000, "--seed", 5).returncode == 0
    changes = {'kind = "simulated"': f'kind = "files"\npath = "{(tmp_path / "data").as_posix()}"'}
    folder = copy_study("onset", tmp_path, changes=changes, models=("crude", "adjusted_lag2"))
    done = cobalamin("run", folder)
    assert done.returncode == 0, done.stderr
    assert cobalamin("verify", folder).returncode == 0
    path = tmp_path / "data" / "persons.csv"
    data = bytearray(path.read_bytes())
    place = data.rindex(b"never")
    data[place : place + 5] = b"NEVER"[:5]
    path.write_bytes(bytes(data))
    done = cobalamin("verify", folder)
    assert done.returncode == 1
    assert "persons.csv" in done.stdout


def test_a_results_folder_that_cannot_be_written_is_said_before_anything_is_computed(tmp_path: Path) -> None:
    folder = copy_study("onset", tmp_path)
    (folder / "results").write_text("a file where a folder should be")
    started = time.monotonic()
    done = cobalamin("run", folder)
    assert done.returncode == 2
    assert "results" in done.stderr
    assert "read tables" not in done.stdout, f"refused after {time.monotonic() - started:.0f} s of work"


def test_dictionary_renders_and_goes_to_redcap_and_back(tmp_path: Path) -> None:
    assert cobalamin("dictionary", "render", DICTIONARY, "-o", tmp_path / "codebook.html").returncode == 0
    assert "Serum vitamin B12" in (tmp_path / "codebook.html").read_text(encoding="utf-8")
    assert cobalamin("dictionary", "to-redcap", DICTIONARY, "-o", tmp_path / "redcap.csv").returncode == 0
    done = cobalamin("dictionary", "from-redcap", tmp_path / "redcap.csv", "-o", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "again").glob("*.yaml"))


def test_hand_edited_results_do_not_verify(study: Path, tmp_path: Path) -> None:
    copy = tmp_path / "onset"
    shutil.copytree(study, copy)
    table = copy / "results" / "estimates.csv"
    table.write_bytes(table.read_bytes().replace(b"0.", b"1.", 1))
    done = cobalamin("verify", copy)
    assert done.returncode == 1
    assert "estimates.csv" in done.stdout


def test_an_interrupted_run_says_that_earlier_results_are_safe(study: Path) -> None:
    run = subprocess.Popen(
        [sys.executable, "-m", "cobalamin", "run", str(study)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=PROJECT
    )
    assert run.stdout is not None
    run.stdout.readline()  # the first step is announced
    run.send_signal(signal.SIGINT)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 130
    assert b"earlier results are as they were" in errors
    assert b"Traceback" not in errors


def test_a_term_to_show_that_no_model_has_is_refused(tmp_path: Path) -> None:
    done = cobalamin("run", copy_study("onset", tmp_path, persons=3000, changes={'show = ["b12_class"]': 'show = ["b12_clas"]'}))
    assert done.returncode == 2
    assert "Did you mean 'b12_class'" in done.stderr


def test_a_table_the_design_needs_is_missed_by_the_check(tmp_path: Path) -> None:
    assert cobalamin("simulate", tmp_path / "data", "--persons", 300).returncode == 0
    (tmp_path / "data" / "diagnoses.csv").unlink()
    folder = copy_study("onset", tmp_path, changes={'kind = "simulated"': f'kind = "files"\npath = "{(tmp_path / "data").as_posix()}"'})
    done = cobalamin("check", folder)
    assert done.returncode == 1
    assert "diagnoses" in done.stdout


def test_the_version_is_told() -> None:
    assert cobalamin("--version").stdout.startswith("cobalamin 0.")


def test_a_redcap_file_of_another_encoding_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"a,\xe9\n")
    done = cobalamin("dictionary", "from-redcap", tmp_path / "latin.csv", "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "UTF-8" in done.stderr
