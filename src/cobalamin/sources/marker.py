"""The file that says SIMULATED beside simulated tables, so that no later step can mistake them for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cobalamin.core.errors import SourceError

MARKER = "SIMULATED.json"


def marker_text(facts: Mapping[str, Any]) -> str:
    """Write the content of the marker.

    Parameters
    ----------
    facts : mapping
        Persons, seed, parameters and truth.

    Returns
    -------
    str
        JSON with sorted keys; the same facts give the same bytes.

    Examples
    --------
    >>> print(marker_text({"persons": 10}), end="")
    {
      "persons": 10,
      "simulated": true
    }
    """
    return json.dumps({**facts, "simulated": True}, indent=2, sort_keys=True, allow_nan=False) + "\n"


def find_marker(path: Path) -> Path | None:
    """Return the marker that belongs to a file or folder of tables.

    Parameters
    ----------
    path : Path
        An existing file or folder.

    Returns
    -------
    Path or None
        The marker, if there is one.
    """
    marker = (path if path.is_dir() else path.parent) / MARKER
    return marker if marker.is_file() else None


def read_truth(marker: Path) -> Mapping[str, float]:
    """Read the effects that made the data.

    Parameters
    ----------
    marker : Path
        The marker's file.

    Returns
    -------
    mapping of str to float
        Name of the effect to its value.

    Raises
    ------
    SourceError
        The marker is not the JSON that ``simulate_to_folder`` writes.
    """
    try:
        truth = json.loads(marker.read_text(encoding="utf-8"))["truth"]
        return {str(name): float(value) for name, value in truth.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"'{marker.name}' is damaged: run the simulation again into this folder.") from error
