"""Tables already in memory, for notebooks and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from cobalamin.core.errors import SourceError
from cobalamin.core.fingerprint import frame_hash
from cobalamin.sources.source import choose_columns, choose_table, guard, refuse_repeated_columns


class MemorySource:
    """A source over data frames.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Table name to rows. The index is ignored: keys of persons belong in a column.

    Raises
    ------
    SourceError
        No tables, something that is not a data frame, or two columns of one name.

    Examples
    --------
    >>> import pandas as pd
    >>> source = MemorySource({"persons": pd.DataFrame({"person_id": ["a"], "sex": ["female"]})})
    >>> source.read("persons", ["sex"]).shape
    (1, 1)
    """

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        if not tables:
            raise SourceError("no tables were given; expected a mapping of table names to data frames.")
        for name, frame in tables.items():
            if not isinstance(frame, pd.DataFrame):
                raise SourceError(f"table '{name}': expected a pandas DataFrame, got {type(frame).__name__}.")
            refuse_repeated_columns(name, frame.columns)
        # a copy, so that a later change of the caller's frame does not change what the manifest vouches for
        self._tables = {name: frame.rename(columns=str).reset_index(drop=True) for name, frame in tables.items()}

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables, in the order given."""
        return tuple(self._tables)

    @property
    def simulated(self) -> bool:
        """Always False: the package did not make these rows."""
        return False

    def columns(self, table: str) -> tuple[str, ...]:
        """Names of the columns of one table."""
        return tuple(self._tables[choose_table(table, self._tables)].columns)

    def read(self, table: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """One table, or some of its columns, as a copy."""
        chosen = choose_columns(table, self.columns(table), columns)
        return guard(self._tables[table].loc[:, list(chosen)].copy(), table)

    def hashes(self) -> Mapping[str, str]:
        """Table name to SHA-256 of names, types and values."""
        return {name: frame_hash(frame) for name, frame in self._tables.items()}

    def truth(self) -> Mapping[str, float]:
        """Empty: nobody knows the truth of real data."""
        return {}

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {len(frame)} rows" for name, frame in self._tables.items())
        return f"MemorySource({sizes})"
