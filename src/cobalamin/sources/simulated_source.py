"""The simulated cohort as a source: drawn once, read as often as wanted. What it contains: ``simulated``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import pandas as pd

from cobalamin.core.errors import SourceError
from cobalamin.core.fingerprint import frame_hash
from cobalamin.sources.simulated_parameters import SimulationParameters, make_parameters
from cobalamin.sources.simulated_tables import draw_tables
from cobalamin.sources.source import choose_columns, choose_table, guard

DEFAULT_PERSONS = 100_000
DEFAULT_SEED = 12  # of seeds 11 to 22 the one whose estimates lie closest to their averages; see docs/simulated-cohort.md
MOST_PERSONS = 5_000_000


class SimulatedSource:
    """A source whose rows stand for no real person.

    Parameters
    ----------
    persons : int
        Number of people.
    seed : int
        Seed of every random stream; the same seed gives the same tables.
    **parameters : float
        Fields of ``SimulationParameters`` that differ from their default, for example ``b12_effect``.

    Raises
    ------
    SourceError
        A number of persons or a seed that is not a whole number in range, an unknown parameter.

    Examples
    --------
    >>> source = SimulatedSource(persons=200, seed=1)
    >>> source.tables
    ('persons', 'lab_results', 'diagnoses', 'prescriptions', 'severity_visits')
    >>> source.truth()["b12_log_hazard_ratio_per_doubling"]
    0.0
    """

    def __init__(self, persons: int = DEFAULT_PERSONS, seed: int = DEFAULT_SEED, **parameters: float) -> None:
        self.persons = _whole(persons, "persons", 1, MOST_PERSONS)
        self.seed = _whole(seed, "seed", 0, 2**63 - 1)
        self.parameters = make_parameters(parameters)

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the five tables."""
        return tuple(self._all())

    @property
    def simulated(self) -> bool:
        """Always True."""
        return True

    def columns(self, table: str) -> tuple[str, ...]:
        """Names of the columns of one table."""
        return tuple(self._all()[choose_table(table, self._all())].columns)

    def read(self, table: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """One table, or some of its columns, as a copy."""
        chosen = choose_columns(table, self.columns(table), columns)
        return guard(self._all()[table].loc[:, list(chosen)].copy(), table)

    def hashes(self) -> Mapping[str, str]:
        """Table name to SHA-256 of its content."""
        return {name: frame_hash(frame) for name, frame in self._all().items()}

    def truth(self) -> Mapping[str, float]:
        """The effects that made the data."""
        return self.parameters.truth()

    def __repr__(self) -> str:
        return f"SimulatedSource(persons={self.persons}, seed={self.seed})"

    def _all(self) -> Mapping[str, pd.DataFrame]:
        return _tables(self.persons, self.seed, self.parameters)


@lru_cache(maxsize=1)
def _tables(persons: int, seed: int, parameters: SimulationParameters) -> Mapping[str, pd.DataFrame]:
    # one cohort is kept: a study asks for its tables one after the other
    return draw_tables(persons, seed, parameters)


def _whole(value: int, name: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise SourceError(f"simulation: {name} must be a whole number from {least:,} to {most:,}, got {value!r}.")
    return value
