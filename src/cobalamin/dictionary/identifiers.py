"""Direct identifiers stop the load: found by pattern and by column name, reported by count, never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cobalamin.core.errors import IdentifierError
from cobalamin.dictionary.national_numbers import NATIONAL_NUMBERS, NationalNumber

Mask = npt.NDArray[np.bool_]

EMAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
PHONE = "|".join(
    (
        r"\+[1-9]\d{9,14}",  # E.164 without blanks; shorter ones could be numbers with a sign
        r"(?:\+|00)[1-9]\d{0,2}[ -]\(?\d{1,4}\)?(?:[ -]?\d{2,4}){2,4}",
        r"\(\d{2,5}\) ?\d{3,4}[ -]?\d{2,4}(?:[ -]?\d{2})?",
        r"[2-9]\d{2}[-.][2-9]\d{2}[-.]\d{4}",
        r"0\d{1,3}[-/ ]\d{2,3} \d{2,3}(?: \d{2})?",
    )
)
# a cell that could hold a number of a person has this somewhere; one pass keeps the checks off a million short codes
MANY_DIGITS = r"\d[\d ()./+A-Za-z-]{6,}\d|\d{6}[-+A-Fa-f]\d{3}"
FULL_DATE = (
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ].*)?|\d{1,2}[-/. ]\d{1,2}[-/. ]\d{4}|(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
)
BIRTH_WORDS = {
    "birth",
    "dob",
    "born",
    "birthdate",
    "birthday",
    "fodelsedatum",
    "födelsedatum",
    "fodselsdato",
    "fødselsdato",
    "syntymaaika",
    "geburtsdatum",
}
NAME_COLUMNS = {
    "firstname", "lastname", "surname", "forename", "givenname", "familyname", "fullname", "middlename", "maidenname", "patientname",
    "personname", "fornamn", "förnamn", "efternamn", "fornavn", "etternavn", "efternavn", "etunimi", "sukunimi", "vorname", "nachname",
    "streetaddress", "homeaddress", "postaladdress", "gatuadress",
}  # fmt: skip
NUMBER_COLUMNS = {
    "ssn",
    "socialsecuritynumber",
    "nhsnumber",
    "nhsno",
    "cpr",
    "cprnummer",
    "personnummer",
    "personnr",
    "hetu",
    "henkilotunnus",
    "fodselsnummer",
}
SAMPLE = 20_000
LARGE = 10**8  # whole numbers below have fewer digits than any national number


def refuse_identifiers(frame: pd.DataFrame, *, table: str) -> None:
    """Stop if a table holds direct identifiers of persons.

    Parameters
    ----------
    frame : DataFrame
        The table as stored.
    table : str
        Its name, for the message.

    Raises
    ------
    IdentifierError
        Columns that hold e-mail addresses, telephone numbers, national numbers (Swedish, Finnish, Danish, Norwegian, British NHS, US
        social security; check digits are verified), a full date of birth, or names and addresses of persons. The message gives
        column names and counts and never a value.

    Notes
    -----
    Pseudonyms, sample numbers and dates pass: a form without meaning in its check digit is an alarm only when far more values pass
    the check than would by chance. A date of birth cut to the month (day 1 or 15 throughout) passes. This is a net for
    accidents, not a proof of anonymity.

    Examples
    --------
    >>> refuse_identifiers(pd.DataFrame({"contact": ["a.person@example.org", "none"]}), table="persons")
    Traceback (most recent call last):
    ...
    cobalamin.core.errors.IdentifierError: Table 'persons' holds direct identifiers: 'contact' (e-mail address, 1 of 2 rows).
    It was not loaded. Take these columns out, or replace them by pseudonyms, before the data come here.
    """
    found = [f"'{name}' ({kind}, {n} of {len(frame)} rows)" for name, kind, n in find_identifiers(frame)]
    if found:
        raise IdentifierError(
            f"Table '{table}' holds direct identifiers: {'; '.join(found)}.\n"
            "It was not loaded. Take these columns out, or replace them by pseudonyms, before the data come here."
        )


def find_identifiers(frame: pd.DataFrame) -> Iterator[tuple[str, str, int]]:
    """Name the columns that look like direct identifiers.

    Parameters
    ----------
    frame : DataFrame
        The table as stored.

    Returns
    -------
    iterator of (str, str, int)
        Column, what it looks like, and the number of rows; the first kind found per column.
    """
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        if pd.api.types.is_complex_dtype(column.dtype):
            continue
        values, codes = _distinct(column)
        found = _by_name(str(name), column, values) or _by_pattern(values)
        if found:
            kind, hit = found
            yield str(name), kind, hit if isinstance(hit, int) else int(np.bincount(codes, minlength=len(hit))[hit].sum())


def _distinct(column: pd.Series[Any]) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    # texts that could identify, each once, and for every row with such a text its position among them
    empty = pa.array([], type=pa.string()), np.array([], dtype=np.int64)
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy().astype(np.int64)
        return pa.array([str(c) for c in column.cat.categories], type=pa.string()), codes[codes >= 0]
    if pd.api.types.is_bool_dtype(column.dtype):
        return empty
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.dropna().to_numpy(dtype=np.float64)
        # cheap refusal first: measurements are small or have fractions
        if not len(numbers) or np.abs(numbers).max() < LARGE or (numbers != np.floor(numbers)).any():
            return empty
        kept = numbers[(numbers >= LARGE) & (numbers < 10**13)].astype(np.int64)
        unique, inverse = np.unique(kept, return_inverse=True)
        return pa.array([str(v).zfill(10) for v in unique.tolist()], type=pa.string()), inverse.astype(np.int64)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return empty
    encoded = _as_text(column).dictionary_encode()
    codes = np.asarray(encoded.indices.drop_null(), dtype=np.int64)
    return pc.utf8_trim_whitespace(encoded.dictionary), codes


def _as_text(column: pd.Series[Any]) -> pa.Array:
    try:
        text = pa.array(column, type=pa.string(), from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        text = pa.array([v if isinstance(v, str) else None if pd.isna(v) else str(v) for v in column.tolist()], type=pa.string())
    return text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text


def _mask(values: pa.Array, pattern: str, whole: bool = True) -> Mask:
    found = pc.match_substring_regex(values, f"^(?:{pattern})$" if whole else pattern)
    return np.asarray(pc.fill_null(found, False))


def _by_name(name: str, column: pd.Series[Any], values: pa.Array) -> tuple[str, Mask | int] | None:
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    joined = "".join(words)
    if BIRTH_WORDS & {*words, joined} and (found := _birth(column, values)):
        return found
    if joined in NAME_COLUMNS and len(values):
        hit = _mask(values, r"[^\W\d_]{2}|[A-Za-z\x{C0}-\x{24F}]{2}", whole=False)
        return ("name or address of a person", hit) if hit.any() else None
    if joined in NUMBER_COLUMNS and len(values):
        hit = _mask(values, r"(?:\d[ -]?){9,12}[0-9A-Za-z]?")
        return ("national number", hit) if hit.any() else None
    return None


def _birth(column: pd.Series[Any], values: pa.Array) -> tuple[str, Mask | int] | None:
    kind = "full date of birth"
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        days = column.dropna().dt.day
        return (kind, len(days)) if not days.isin([1, 15]).all() else None
    if pd.api.types.is_numeric_dtype(column.dtype):
        # 19650131 is too small for the search for national numbers
        numbers = column.dropna().to_numpy(dtype=np.float64)
        whole = numbers[(numbers >= 18000101) & (numbers <= 21001231)].astype(np.int64)
        month, day = whole // 100 % 100, whole % 100
        full = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
        return (kind, int(full.sum())) if not np.isin(day[full], [1, 15]).all() else None
    hit = _mask(values, FULL_DATE)
    if not hit.any():
        return None
    texts = values.filter(pa.array(hit)).to_pylist()
    rough = all(re.search(r"^\d{4}\D?\d{1,2}\D?(?:0?1|15)(?:[T ].*)?$|^(?:0?1|15)\D\d{1,2}\D\d{4}$", t) for t in texts)
    return None if rough else (kind, hit)


def _by_pattern(values: pa.Array) -> tuple[str, Mask] | None:
    if not len(values):
        return None
    email = np.asarray(pc.fill_null(pc.match_substring(values, "@"), False))
    if email.any() and (hit := email & _mask(values, EMAIL, whole=False)).any():
        return "e-mail address", hit
    long = _mask(values, MANY_DIGITS, whole=False)
    if not long.any():
        return None
    some = values.filter(pa.array(long))
    for number in NATIONAL_NUMBERS:
        inner = _national(some, number)
        if inner is not None:
            return number.name, _spread(inner, long)
    phone = _mask(some, PHONE)
    return ("telephone number", _spread(phone, long)) if phone.any() else None


def _spread(inner: Mask, where: Mask) -> Mask:
    hit = np.zeros(len(where), dtype=bool)
    hit[np.flatnonzero(where)[inner]] = True
    return hit


def _national(values: pa.Array, number: NationalNumber) -> Mask | None:
    pattern = f"(?:^|[^0-9A-Za-z-])(?P<n>{number.pattern})(?:$|[^0-9A-Za-z-])" if number.embedded else f"^(?P<n>{number.pattern})$"
    found = pc.struct_field(pc.extract_regex(values, pattern), "n")
    place = np.flatnonzero(np.asarray(found.is_valid()))
    if not len(place):
        return None
    # a million sample numbers are judged by an even sample of them; the full count is needed for an alarm only
    step = max(1, len(place) // SAMPLE)
    if not _alarming(number, number.holds(found.take(pa.array(place[::step])).to_pylist())):
        return None
    holds = number.holds(found.drop_null().to_pylist())
    hit = np.zeros(len(values), dtype=bool)
    hit[place[holds]] = True
    return hit


def _alarming(number: NationalNumber, holds: Mask) -> bool:
    return bool(holds.sum() >= number.distinct and holds.mean() >= number.share)
