"""The page of functions by question names public functions only, and every model of the contract."""

from __future__ import annotations

import re
from pathlib import Path

import cobalamin as cb

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")


def test_every_function_named_there_is_public() -> None:
    cells = [line.split("|")[2] for line in PAGE.splitlines() if line.startswith("|") and line.count("|") == 4]
    named = {name for cell in cells for name in re.findall(r"`([a-z_0-9]+)(?:\(|`)", cell)} - {"function", "rcs", "fp"}
    assert len(named) > 50
    assert sorted(named - set(cb.__all__)) == []
