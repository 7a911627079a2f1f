"""Copies of the project's studies in a temporary folder, small enough to run in a test."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


# exhibits that take most of a run's time and that a test of the command line does not look at
_HEAVY = ("incidence", "states", "proportional_hazards", "dose_response", "subgroups")


def lightened(text: str, models: tuple[str, ...]) -> str:
    """Leave out of a protocol all models but the named ones, and the heavy exhibits."""
    kept = []
    for block in re.split(r"^(?=\[)", text, flags=re.M):
        name = re.search(r'^name = "(.*)"', block, flags=re.M)
        if not block.startswith("[[model]]") or (name and name[1] in models):
            kept.append(block)
    return re.sub(rf"^({'|'.join(_HEAVY)}) = .*\n", "", "".join(kept), flags=re.M)


def copy_study(
    name: str, folder: Path, *, persons: int | None = None, changes: dict[str, str] | None = None, models: tuple[str, ...] = ()
) -> Path:
    """Copy a study's protocol so that it reads the project's dictionary from where it is; ``changes`` are text -> text.

    With ``models`` only these are kept, and the heavy exhibits are left out.
    """
    text = (PROJECT / "analyses" / name / "protocol.toml").read_text(encoding="utf-8")
    text = text.replace("../../data_dictionary", (PROJECT / "data_dictionary").as_posix())
    text = text.replace("../../../shared", (PROJECT.parent / "shared").as_posix())
    if persons is not None:
        text = re.sub(r"^persons = \d+", f"persons = {persons}", text, flags=re.M)
    for old, new in (changes or {}).items():
        assert old in text, f"the protocol of {name} has no {old!r}"
        text = text.replace(old, new)
    if models:
        text = lightened(text, models)
    target = folder / name
    target.mkdir(parents=True)
    (target / "protocol.toml").write_text(text, encoding="utf-8")
    return target
