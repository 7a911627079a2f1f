"""The command line: ``cobalamin run | check | report | verify | dictionary | simulate``.

Exit codes: 0 well; 1 the answer is no (failed checks, results that do not verify); 2 the command could not be carried out.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cobalamin.core.errors import CobalaminError
from cobalamin.study.console import say, steps

INTERRUPTED = 130

app = typer.Typer(
    help="Cohort analysis of serum vitamin B12 and lichen sclerosus: from checked tables to a reproducible report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich would triple the time to the first line
)
dictionary_app = typer.Typer(help="Render a data dictionary, or exchange it with REDCap.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(dictionary_app, name="dictionary")

StudyFolder = Annotated[Path, typer.Argument(help="Study folder, the one that holds protocol.toml.", show_default=False)]
DictionaryPath = Annotated[Path, typer.Argument(help="Folder of descriptors, or one YAML file.", show_default=False)]


@app.command()
def run(
    folder: StudyFolder,
    if_data_present: Annotated[bool, typer.Option("--if-data-present", help="Do nothing, and say so, where the data are absent.")] = False,
) -> None:
    """Run a study: check, build the cohort, fit, protect, write results and the report."""
    from cobalamin.study.script import inputs_present
    from cobalamin.study.study import load_study

    study = load_study(folder)
    if if_data_present and not inputs_present(study.protocol, study.folder):
        say(f"{folder}: left out, its data are not on this machine (see {folder / 'README.md'}).")
        return
    with steps() as progress:
        results = study.run(progress=progress)
    say(results.summary())
    say(f"report: {folder / 'results' / 'report.html'}")


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="Study folder, data file or folder of data files.", show_default=False)],
    dictionary: Annotated[Path | None, typer.Option("--dictionary", "-d", help="Dictionary to check a data path against.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Also write every failure to this CSV file.")] = None,
) -> None:
    """Check tables against their data dictionary and list every failure."""
    from cobalamin.study.checking import check_path, failures_csv

    with steps() as progress:
        progress("check tables against the dictionary")
        report = check_path(path, dictionary)
    say(report.to_text())
    if output is not None:
        output.write_bytes(failures_csv(report))
        say(f"failures: {output}")
    if not report.ok:
        raise typer.Exit(1)


@app.command()
def report(folder: StudyFolder) -> None:
    """Write the report again from the stored results; the data are not needed."""
    from cobalamin.study.results import rebuild_report

    say(f"report: {rebuild_report(folder)}")


@app.command()
def verify(folder: StudyFolder) -> None:
    """Recompute a study and say whether every byte, input and number is the same."""
    from cobalamin.study.verify import verify_study

    with steps() as progress:
        verdict = verify_study(folder, progress=progress)
    say(verdict.to_text())
    if not verdict.ok:
        raise typer.Exit(1)


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="Where to write the tables (a new or empty folder).", show_default=False)],
    persons: Annotated[int, typer.Option(min=100, help="How many people.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers.")] = 1,
    file_format: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",
) -> None:
    """Write a SIMULATED lichen sclerosus cohort: no real person stands behind any row."""
    from cobalamin.sources.simulated import simulate_to_folder

    with steps() as progress:
        progress(f"simulate {persons:,} people")
        simulate_to_folder(folder, persons=persons, seed=seed, format=file_format)
    say(f"SIMULATED tables: {folder}")


@dictionary_app.command("render")
def dictionary_render(
    path: DictionaryPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")] = Path("codebook.html"),
) -> None:
    """Write the codebook as one HTML page."""
    from cobalamin.dictionary.codebook import render
    from cobalamin.dictionary.dictionary import load_dictionary

    _write(output, render(load_dictionary(path)))


@dictionary_app.command("to-redcap")
def dictionary_to_redcap(
    path: DictionaryPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="REDCap data dictionary (CSV) to write.")] = Path("redcap.csv"),
) -> None:
    """Export to a REDCap data dictionary."""
    from cobalamin.dictionary.dictionary import load_dictionary
    from cobalamin.dictionary.redcap import to_redcap

    _write(output, to_redcap(load_dictionary(path)))


@dictionary_app.command("from-redcap")
def dictionary_from_redcap(
    csv_file: Annotated[Path, typer.Argument(help="REDCap data dictionary (CSV).", show_default=False)],
    folder: Annotated[Path, typer.Option("--output", "-o", help="Folder for the descriptors.")] = Path("data_dictionary"),
) -> None:
    """Import a REDCap data dictionary as descriptors."""
    from cobalamin.study.checking import import_redcap

    for written in import_redcap(csv_file, folder):
        say(f"written: {written}")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    say(f"written: {path}")


def _stopped() -> None:
    say("stopped; earlier results are as they were", error=True)
    sys.exit(INTERRUPTED)


def _usage(error: Exception) -> None:
    """End on a word of the command line that is not known, with the usage; let anything else through."""
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if show is None or code is None:
        raise error
    show()
    sys.exit(code)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        say(f"cobalamin {version('cobalamin')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    """Cohort analysis of serum vitamin B12 and lichen sclerosus: from checked tables to a reproducible report."""
    del version


def main() -> None:
    """Entry point of the ``cobalamin`` command: errors become one message, not a traceback."""
    try:
        # typer's own handling would end an interrupted run without a word
        code = app(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except (KeyboardInterrupt, typer.Abort):
        _stopped()
    except SystemExit as ended:  # typer turns an interrupt into this
        if ended.code == INTERRUPTED:
            _stopped()
        raise
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except CobalaminError as error:
        say(f"error: {error}", error=True)
        sys.exit(2)
    except OSError as error:
        say(f"error: {error.strerror or type(error).__name__}: {Path(str(error.filename or '')).name}", error=True)
        sys.exit(2)
    except Exception as error:
        _usage(error)
