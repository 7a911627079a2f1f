"""Rerun every R script of tests/reference and compare what it gives with the stored numbers.

    python tests/reference/rerun.py [METHOD ...]

Needs Rscript with the packages that each ``session.txt`` names. Nothing is overwritten: the scripts write to a copy of their
folder, beside which the project's layout is kept by links. Exit code 1 when a number moved by more than TOLERANCE.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
TOLERANCE = 1e-9  # relative; R's own last digits differ between builds of its linear algebra


def differences(stored: Any, again: Any, where: str = "") -> Iterator[str]:
    """Yield the places at which two JSON values differ."""
    if isinstance(stored, dict) and isinstance(again, dict):
        for key in sorted(stored.keys() | again.keys()):
            yield from differences(stored.get(key), again.get(key), f"{where}/{key}")
    elif isinstance(stored, list) and isinstance(again, list):
        if len(stored) != len(again):
            yield f"{where}: {len(stored)} values stored, {len(again)} now"
        for i, (a, b) in enumerate(zip(stored, again, strict=False)):
            yield from differences(a, b, f"{where}[{i}]")
    elif isinstance(stored, int | float) and isinstance(again, int | float):
        if not math.isclose(stored, again, rel_tol=TOLERANCE, abs_tol=1e-12):
            yield f"{where}: {stored!r} stored, {again!r} now"
    elif stored != again:
        yield f"{where}: {stored!r} stored, {again!r} now"


def rerun(method: Path, scratch: Path) -> list[str]:
    """Run one script in a copy of the project's layout and compare."""
    copy = scratch / "project" / "tests" / "reference" / method.name
    shutil.copytree(method, copy)
    done = subprocess.run(["Rscript", str(copy / "make.R")], cwd=scratch / "project", capture_output=True, text=True, check=False)
    if done.returncode:
        return [f"make.R failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}"]
    return list(differences(json.loads((method / "expected.json").read_text()), json.loads((copy / "expected.json").read_text())))


def main(names: list[str]) -> int:
    """Rerun the named methods, or all."""
    if shutil.which("Rscript") is None:
        sys.stderr.write(
            "Rscript is not on this machine; on Debian: apt-get install r-base-core and the r-cran-* packages named in session.txt\n"
        )
        return 2
    moved = 0
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        (scratch / "project").mkdir()
        for name in (".venv", "src", "data_dictionary", "analyses"):
            (scratch / "project" / name).symlink_to(PROJECT / name)
        if (PROJECT.parent / "shared").exists():
            (scratch / "shared").symlink_to(PROJECT.parent / "shared")
        for script in sorted(HERE.glob("*/make.R")):
            if names and script.parent.name not in names:
                continue
            found = rerun(script.parent, scratch)
            moved += len(found)
            sys.stdout.write(f"{script.parent.name}: {'same numbers' if not found else f'{len(found)} differ'}\n")
            sys.stdout.writelines(f"    {text}\n" for text in found[:5])
    return 1 if moved else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
