"""Code lists: which codes mean a disease or a drug, where each code comes from, and whether that was checked."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DictionaryError, SourceError, did_you_mean, list_names

COLUMNS = ("system", "code", "label", "status", "source")
STATUSES = ("verified", "unverified", "excluded")


@dataclass(frozen=True)
class Code:
    """One code of a list.

    Attributes
    ----------
    system, code, label : str
        Classification, code (prefix) and meaning.
    status : str
        ``verified`` (read in the classification or a primary source), ``unverified`` (not yet) or ``excluded`` (shown as a
        warning, never used).
    source : str
        Where the code was read.
    """

    system: str
    code: str
    label: str
    status: str
    source: str


@dataclass(frozen=True)
class CodeList:
    """Codes that together mean one thing.

    Attributes
    ----------
    name : str
        Name of the list (its file name).
    codes : tuple of Code
        Every row of the file.
    """

    name: str
    codes: tuple[Code, ...]

    def active(self, status: Iterable[str] = ("verified",)) -> tuple[Code, ...]:
        """Codes in use.

        Parameters
        ----------
        status : iterable of str
            Statuses to use; only verified codes unless the study says otherwise.

        Returns
        -------
        tuple of Code
            In file order.

        Raises
        ------
        DictionaryError
            An unknown status, or no code has one of these statuses: a list that matches nothing would look like a disease that nobody has.
        """
        wanted = tuple(status)
        for word in wanted:
            if word not in STATUSES:
                raise DictionaryError(f"code list '{self.name}': status '{word}' is not known.{did_you_mean(word, STATUSES)}")
        kept = tuple(c for c in self.codes if c.status in wanted)
        if not kept:
            raise DictionaryError(
                f"code list '{self.name}': none of its {len(self.codes)} codes is {' or '.join(wanted)}."
                " Check the codes against your classification and mark them verified, or name the statuses to use."
            )
        return kept

    def matches(
        self,
        codes: pd.Series[Any],
        *,
        systems: pd.Series[Any] | str | None = None,
        status: Iterable[str] = ("verified",),
    ) -> pd.Series[bool]:
        """Tell which recorded codes belong to the list.

        Parameters
        ----------
        codes : Series of str, shape (n,)
            Codes as recorded; dots, blanks and case do not matter.
        systems : Series of str, shape (n,), or str, optional
            Classification of each code, or of all of them. Without it every system of the list is tried.
        status : iterable of str
            Statuses of the codes to use.

        Returns
        -------
        Series of bool, shape (n,)
            True where the recorded code starts with a code of the list. Missing codes are False.

        Raises
        ------
        DictionaryError
            No code of the list is in use (see `active`).

        Notes
        -----
        ``L90.0`` matches ``L900``, ``l90.0`` and ``L90.01``, but not ``L90``: a recorded code that is coarser than the list is not
        evidence of the disease. SNOMED CT codes have no hierarchy in their digits and must match whole.

        Examples
        --------
        >>> ls = CodeList("ls", (Code("icd10", "L90.0", "Lichen sclerosus", "verified", ""),))
        >>> ls.matches(pd.Series(["L900", "L90", "l90.0 "])).tolist()
        [True, False, True]
        """
        active = self.active(status)
        return _matches(codes, systems, active)


def _matches(codes: pd.Series[Any], systems: pd.Series[Any] | str | None, active: tuple[Code, ...]) -> pd.Series[bool]:
    # a register has few distinct codes: decide once for each and map back
    place, distinct = pd.factorize(codes.astype("string"))
    if not isinstance(systems, pd.Series):
        return _spread([_in_list(str(code), systems, active) for code in distinct], place, codes)
    which, names = pd.factorize(systems.astype("string").to_numpy(dtype=object))
    pair = np.where((place < 0) | (which < 0), -1, place * max(len(names), 1) + which)
    number, pairs = pd.factorize(pair)
    decided = [p >= 0 and _in_list(str(distinct[p // len(names)]), str(names[p % len(names)]), active) for p in pairs]
    return _spread(decided, number, codes)


def _spread(decided: list[bool], place: npt.NDArray[np.intp], codes: pd.Series[Any]) -> pd.Series[bool]:
    # the extra last answer is for place -1, a missing code
    return pd.Series(np.array([*decided, False], dtype=bool)[place], index=codes.index, dtype=bool)


def _in_list(recorded: str, system: str | None, active: tuple[Code, ...]) -> bool:
    plain = plain_code(recorded)
    wanted = None if system is None else plain_system(system)
    for code in active:
        if wanted is not None and plain_system(code.system) != wanted:
            continue
        whole = plain_system(code.system) == "snomed"
        if plain == plain_code(code.code) or (not whole and plain.startswith(plain_code(code.code))):
            return True
    return False


def plain_code(code: str) -> str:
    """Bring a code to the form in which codes are compared.

    Parameters
    ----------
    code : str
        A code as recorded.

    Returns
    -------
    str
        Upper case, without dots and blanks, and without the dagger and asterisk of ICD-10.

    Examples
    --------
    >>> plain_code(" l90.0 ")
    'L900'
    """
    return "".join(ch for ch in code.upper() if ch not in ". \t+*†")


def plain_system(system: str) -> str:
    """Bring the name of a classification to the form in which names are compared.

    Parameters
    ----------
    system : str
        For example ``"ICD-10-CM"``.

    Returns
    -------
    str
        Lower case letters and digits only; ``snomedct`` is ``snomed``.

    Examples
    --------
    >>> plain_system("ICD-10-CM")
    'icd10cm'
    """
    plain = "".join(ch for ch in system.lower() if ch.isalnum())
    return "snomed" if plain.startswith("snomed") else plain


def load_codelist(path: str | Path) -> CodeList:
    """Read a code list from its CSV file.

    Parameters
    ----------
    path : str or Path
        File with the columns ``system, code, label, status, source``.

    Returns
    -------
    CodeList
        Named after the file.

    Raises
    ------
    SourceError
        The file is absent or not UTF-8 text.
    DictionaryError
        Missing columns, empty cells, an unknown status or a code given twice.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise SourceError(f"code list file not found: {file}. Write it, or take its name out of the dictionary.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"code list file cannot be read as UTF-8 text: {file}.") from error
    rows = csv.DictReader(io.StringIO(text))
    absent = [c for c in COLUMNS if c not in (rows.fieldnames or ())]
    if absent:
        raise DictionaryError(f"{file}: column {list_names(absent)} is missing; a code list has the columns {', '.join(COLUMNS)}.")
    codes = tuple(_code(row, f"{file}, line {i}") for i, row in enumerate(rows, start=2))
    _refuse_duplicates(codes, file)
    return CodeList(file.stem, codes)


def _code(row: dict[str, Any], where: str) -> Code:
    cells = {c: (row[c] or "").strip() for c in COLUMNS}
    empty = [c for c in ("system", "code", "label", "status") if not cells[c]]
    if empty or None in row:
        what = f"{list_names(empty)} is empty" if empty else "there are more cells than columns (put texts with commas in quotes)"
        raise DictionaryError(f"{where}: {what}.")
    if cells["status"] not in STATUSES:
        raise DictionaryError(
            f"{where}: status '{cells['status']}' is not one of {', '.join(STATUSES)}.{did_you_mean(cells['status'], STATUSES)}"
        )
    return Code(**cells)


def _refuse_duplicates(codes: tuple[Code, ...], file: Path) -> None:
    if not codes:
        raise DictionaryError(f"{file}: the code list has no codes.")
    seen: set[tuple[str, str]] = set()
    for code in codes:
        key = (plain_system(code.system), plain_code(code.code))
        if key in seen:
            raise DictionaryError(f"{file}: {code.system} {code.code} is given twice.")
        seen.add(key)
