"""Copies of the project's studies in a temporary folder, small enough to run in a test."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def copy_study(name: str, folder: Path, *, persons: int | None = None, changes: dict[str, str] | None = None) -> Path:
    """Copy a study's protocol so that it reads the project's dictionary from where it is; ``changes`` are text -> text."""
    text = (PROJECT / "analyses" / name / "protocol.toml").read_text(encoding="utf-8")
    text = text.replace("../../data_dictionary", (PROJECT / "data_dictionary").as_posix())
    text = text.replace("../../../shared", (PROJECT.parent / "shared").as_posix())
    if persons is not None:
        text = re.sub(r"^persons = \d+", f"persons = {persons}", text, flags=re.M)
    for old, new in (changes or {}).items():
        assert old in text, f"the protocol of {name} has no {old!r}"
        text = text.replace(old, new)
    target = folder / name
    target.mkdir(parents=True)
    (target / "protocol.toml").write_text(text, encoding="utf-8")
    return target
