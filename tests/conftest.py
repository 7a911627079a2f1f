"""Shared by every test: where the outside data are, and the skip that says so when they are not here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Continuous integration tries the same examples each time, so that a change is judged by what it changed; everywhere else the search
# for new counter-examples goes on, and what it finds becomes a test of its own.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

PROJECT = Path(__file__).resolve().parents[1]
SHARED = PROJECT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of outside data, present in CI and on the developers' machines only."""
    if not SHARED.is_dir():
        pytest.skip("../shared/data is not on this machine (it holds data that are not part of the project)")
    return SHARED
