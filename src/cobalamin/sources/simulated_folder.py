"""Write a simulated cohort as files, marked so that nobody takes them for people."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import pandas as pd

from cobalamin.core.errors import SourceError
from cobalamin.sources.marker import MARKER, marker_text
from cobalamin.sources.simulated_source import DEFAULT_PERSONS, DEFAULT_SEED, SimulatedSource

FORMATS = ("csv", "parquet")
README = """# SIMULATED data

No real person stands behind these tables. They were made by the `cobalamin` simulation with {persons} persons and seed {seed};
`{marker}` holds every parameter and the true effects. Keep that file beside the tables: analyses read it and say SIMULATED.
"""


def simulate_to_folder(
    folder: str | Path, *, persons: int = DEFAULT_PERSONS, seed: int = DEFAULT_SEED, format: str = "csv", **parameters: float
) -> tuple[Path, ...]:
    """Simulate a cohort and write its tables, a README and the marker ``SIMULATED.json``.

    Parameters
    ----------
    folder : str or Path
        Made if absent. An existing folder must be empty or hold an earlier simulation, which is replaced.
    persons : int
        Number of people.
    seed : int
        Seed; the same numbers give the same bytes.
    format : {"csv", "parquet"}
        Kind of file.
    **parameters : float
        Fields of ``SimulationParameters`` that differ from their default.

    Returns
    -------
    tuple of Path
        The files of the tables.

    Raises
    ------
    SourceError
        An unknown format or parameter, a folder with other files, or one that cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     files = simulate_to_folder(place, persons=50, seed=1)
    ...     sorted(file.name for file in files)
    ['diagnoses.csv', 'lab_results.csv', 'persons.csv', 'prescriptions.csv', 'severity_visits.csv']
    """
    if format not in FORMATS:
        raise SourceError(f"format '{format}' is not known; expected 'csv' or 'parquet'.")
    source = SimulatedSource(persons=persons, seed=seed, **parameters)
    target = Path(folder)
    try:
        _prepare(target, source.tables)
        # the marker comes first: a run that is killed half-way leaves no unmarked table
        _replace(target / MARKER, marker_text(_facts(source)).encode())
        _replace(target / "README.md", README.format(persons=f"{persons:,}", seed=seed, marker=MARKER).encode())
        return tuple(_write(target / f"{name}.{format}", source.read(name)) for name in source.tables)
    except OSError as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"folder '{folder}' cannot be written ({error.strerror}): choose another one, or make room.") from error


def _facts(source: SimulatedSource) -> dict[str, object]:
    return {
        "persons": source.persons,
        "seed": source.seed,
        "parameters": dataclasses.asdict(source.parameters),
        "truth": dict(source.truth()),
    }


def _prepare(target: Path, tables: tuple[str, ...]) -> None:
    if target.exists() and not target.is_dir():
        raise SourceError(f"'{target}' is a file; expected a folder.")
    target.mkdir(parents=True, exist_ok=True)
    others = [p.name for p in target.iterdir() if not p.name.endswith(".partial")]
    if others and MARKER not in others:
        raise SourceError(f"folder '{target}' holds {len(others)} other files; choose an empty folder, nothing was written.")
    for name in tables:
        for kind in FORMATS:
            (target / f"{name}.{kind}").unlink(missing_ok=True)


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)


def _write(path: Path, frame: pd.DataFrame) -> Path:
    partial = path.with_name(path.name + ".partial")
    try:
        if path.suffix == ".csv":
            _as_text(frame).to_csv(partial, index=False, lineterminator="\n", date_format="%Y-%m-%d", encoding="utf-8")
        else:
            frame.to_parquet(partial, engine="pyarrow", index=False, compression="zstd")
        partial.replace(path)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return path


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    # whole numbers without a decimal point: the dictionary calls scores integers
    whole = [name for name in frame.select_dtypes(include="float").columns if bool((frame[name].dropna() % 1 == 0).all())]
    return frame.astype(dict.fromkeys(whole, pd.Int64Dtype())) if len(frame) else frame
