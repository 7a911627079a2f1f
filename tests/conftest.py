"""Shared by every test: where the outside data are, and the skip that says so when they are not here."""

from __future__ import annotations

from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SHARED = PROJECT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of outside data, present in CI and on the developers' machines only."""
    if not SHARED.is_dir():
        pytest.skip("../shared/data is not on this machine (it holds data that are not part of the project)")
    return SHARED
