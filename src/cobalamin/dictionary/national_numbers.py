"""National numbers of persons: what they look like, and the check digits that tell them from laboratory and sample numbers.

Each function takes the digits of many candidates at once and says which of them hold. Check digits matter: without them every
column of ten-digit sample numbers would be an alarm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Digits = npt.NDArray[np.int64]  # shape (n, number of digits)
Mask = npt.NDArray[np.bool_]

DAYS_IN_MONTH = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
FINNISH_CHECK = "0123456789ABCDEFHJKLMNPRSTUVWXY"


@dataclass(frozen=True)
class NationalNumber:
    """One written form of a national number.

    Attributes
    ----------
    name : str
        What it is called in messages.
    pattern : str
        Regular expression (RE2) of one candidate.
    holds : callable
        Candidate texts of one column -> which pass date and check digit.
    share : float
        Smallest share of the candidates of this form that must hold. Sample numbers of the same form hold by chance only.
    distinct : int
        Smallest number of different candidates that must hold.
    embedded : bool
        Whether it is also looked for inside longer texts.
    """

    name: str
    pattern: str
    holds: Callable[[list[str]], Mask]
    share: float
    distinct: int = 1
    embedded: bool = False


def digits_of(texts: list[str], width: int) -> Digits:
    """Split texts into their last digits.

    Parameters
    ----------
    texts : list of str, length n
        Candidates, each with at least ``width`` digits.
    width : int
        Number of digits to take from the end.

    Returns
    -------
    ndarray of int, shape (n, width)
        One digit per cell.

    Examples
    --------
    >>> digits_of(["12-34"], 3).tolist()
    [[2, 3, 4]]
    """
    plain = ["".join(ch for ch in t if ch in "0123456789")[-width:] for t in texts]
    return np.array(plain, dtype=f"S{width}").view(np.uint8).reshape(len(plain), width).astype(np.int64) - ord("0")


def _pair(d: Digits, at: int) -> npt.NDArray[np.int64]:
    return d[:, at] * 10 + d[:, at + 1]


def _is_date(month: npt.NDArray[np.int64], day: npt.NDArray[np.int64]) -> Mask:
    inside = (month >= 1) & (month <= 12)
    return inside & (day >= 1) & (day <= DAYS_IN_MONTH[np.where(inside, month, 0)])


def luhn(d: Digits) -> Mask:
    """Luhn check (modulus 10, doubled from the left for an even number of digits).

    Parameters
    ----------
    d : ndarray of int, shape (n, even)
        Digits, the check digit last.

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether the sum is a multiple of ten.

    Examples
    --------
    >>> luhn(digits_of(["811218-9876", "811218-9875"], 10)).tolist()
    [True, False]
    """
    doubled = d * np.where(np.arange(d.shape[1]) % 2 == 0, 2, 1)
    return np.asarray((doubled // 10 + doubled % 10).sum(axis=1) % 10 == 0)


def swedish(texts: list[str]) -> Mask:
    """Swedish personal identity and co-ordination numbers (YYMMDD-NNNC, day + 60 for the latter).

    Parameters
    ----------
    texts : list of str, length n
        Candidates with at least 10 digits.

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether date and check digit hold.
    """
    d = digits_of(texts, 10)
    day = _pair(d, 4)
    return _is_date(_pair(d, 2), np.where(day > 60, day - 60, day)) & luhn(d)


def danish(texts: list[str]) -> Mask:
    """Danish CPR numbers (DDMMYY-NNNC) with the modulus 11 check that nearly all adults' numbers pass.

    Parameters
    ----------
    texts : list of str, length n
        Candidates with 10 digits.

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether date and check digit hold.
    """
    d = digits_of(texts, 10)
    total = d @ np.array([4, 3, 2, 7, 6, 5, 4, 3, 2, 1])
    return np.asarray(_is_date(_pair(d, 2), _pair(d, 0)) & (total % 11 == 0))


def norwegian(texts: list[str]) -> Mask:
    """Norwegian birth numbers (DDMMYYNNNCC), D-numbers (day + 40) and H-numbers (month + 40).

    Parameters
    ----------
    texts : list of str, length n
        Candidates with 11 digits.

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether date and both check digits hold.
    """
    d = digits_of(texts, 11)
    day, month = _pair(d, 0), _pair(d, 2)
    first = d[:, :10] @ np.array([3, 7, 6, 1, 8, 9, 4, 5, 2, 1])
    second = d @ np.array([5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1])
    date = _is_date(np.where(month > 40, month - 40, month), np.where(day > 40, day - 40, day))
    return np.asarray(date & (first % 11 == 0) & (second % 11 == 0))


def british(texts: list[str]) -> Mask:
    """NHS numbers (ten digits, modulus 11).

    Parameters
    ----------
    texts : list of str, length n
        Candidates with 10 digits.

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether the check digit holds.
    """
    d = digits_of(texts, 10)
    return np.asarray((d @ np.arange(10, 0, -1)) % 11 == 0) & d[:, :9].any(axis=1)


def american(texts: list[str]) -> Mask:
    """US social security numbers (no check digit; areas 000, 666 and 900 up, group 00 and serial 0000 are never given out).

    Parameters
    ----------
    texts : list of str, length n
        Candidates with 9 digits.

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether the number could have been given out.
    """
    d = digits_of(texts, 9)
    area, group, serial = d[:, 0] * 100 + _pair(d, 1), _pair(d, 3), _pair(d, 5) * 100 + _pair(d, 7)
    return np.asarray((area > 0) & (area != 666) & (area < 900) & (group > 0) & (serial > 0))


def finnish(texts: list[str]) -> Mask:
    """Finnish personal identity codes (DDMMYY, century sign, NNN, check character from the remainder by 31).

    Parameters
    ----------
    texts : list of str, length n
        Candidates of 11 characters.

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether date and check character hold.
    """
    d = digits_of([t[:6] + t[7:10] for t in texts], 9)
    rest = (d @ (10 ** np.arange(8, -1, -1))) % 31
    expected = np.array(list(FINNISH_CHECK))[rest]
    return np.asarray(_is_date(_pair(d, 2), _pair(d, 0)) & (expected == np.array([t[10].upper() for t in texts])))


# Random sample numbers of the same form hold by chance in: Swedish 0.4 %, Danish 0.3 %, Norwegian 0.03 %, NHS 9 %, Finnish 0.1 %.
# The shares below lie far above that and far below a column of real numbers.
NATIONAL_NUMBERS = (
    NationalNumber("Finnish personal identity code", r"\d{6}[-+A-Fa-fU-Yu-y]\d{3}[0-9A-Ya-y]", finnish, 0.2, embedded=True),
    NationalNumber("Swedish personal identity number", r"(?:18|19|20)?\d{6}[-+]\d{4}", swedish, 0.3, embedded=True),
    NationalNumber("Swedish personal identity number", r"(?:18|19|20)\d{10}", swedish, 0.3, embedded=True),
    NationalNumber("Swedish personal identity number", r"\d{10}", swedish, 0.3),
    NationalNumber("Danish CPR number", r"\d{6}-\d{4}", danish, 0.4, embedded=True),
    NationalNumber("Danish CPR number", r"\d{10}", danish, 0.4, distinct=3),
    NationalNumber("Norwegian birth number", r"\d{6}[ -]?\d{5}", norwegian, 0.2, embedded=True),
    NationalNumber("US social security number", r"\d{3}-\d{2}-\d{4}", american, 0.5, embedded=True),
    NationalNumber("NHS number", r"\d{3}[ -]\d{3}[ -]\d{4}", british, 0.5, embedded=True),
    NationalNumber("NHS number", r"\d{10}", british, 0.5, distinct=3),
)
