"""Check digits, check characters and the other content rules of GS1 data. Pure.

Sources: GS1 General Specifications §7.9 (check digit, check character pair), §7.11 (character sets 82 and 39), §3.4
(dates). Each function of :data:`CHECKS` returns a marked template (``title``, ``value``) with what is wrong, or an
empty one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from gongfu.identity.schemes.errors import BadCode
from gongfu.kernel.i18n import mark

SET_39 = frozenset("#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
SET_82 = frozenset("!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
SET_64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=")
DIGITS = frozenset("0123456789")
SETS: Mapping[str, frozenset[str]] = {"N": DIGITS, "X": SET_82, "Y": SET_39, "Z": SET_64}

WRONG_CHECK = mark("{title} {value} ends with the wrong check characters: {expected} is expected.")
_ORDER_82 = {letter: place for place, letter in enumerate(sorted(SET_82))}
_SET_32 = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83)


def check_digit(digits: str) -> str:
    """The digit that follows ``digits``: weights 3, 1, 3, … from the right, modulo 10 (General Specifications §7.9.1).

    >>> check_digit("629104150021")
    '3'
    """
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def check_pair(text: str) -> str:
    """The two characters that follow ``text``: prime weights from the right, modulo 1021, in a set of 32 (§7.9.5).

    ``text`` has at most 23 characters of set 82.
    """
    total = sum(_ORDER_82[letter] * prime for letter, prime in zip(reversed(text), _PRIMES[: len(text)], strict=True))
    high, low = divmod(total % 1021, 32)
    return _SET_32[high] + _SET_32[low]


def _digit(value: str) -> str:
    return "" if check_digit(value[:-1]) == value[-1] else WRONG_CHECK


def _pair(value: str) -> str:
    if len(value) < 3:
        return mark("{title}: {value} is too short for a check character pair.")
    return "" if check_pair(value[:-2]) == value[-2:] else WRONG_CHECK


def _is_date(value: str) -> bool:
    # §7.12: years of two digits lie within 51 years behind and 50 ahead; validity needs only the leap years.
    try:
        dt.date(2000 + int(value[:2]), int(value[2:4]), int(value[4:6]))
    except ValueError:
        return False
    return True


def _date(value: str) -> str:
    return "" if _is_date(value) else mark("{title}: {value} is not a date of the form YYMMDD.")


def _date_or_month(value: str) -> str:
    whole = value[:4] + "01" if value[4:] == "00" else value
    return "" if _is_date(whole) else mark("{title}: {value} is not a date of the form YYMMDD.")


def _long_date(value: str) -> str:
    try:
        dt.date(int(value[:4]), int(value[4:6]), int(value[6:8]))
    except ValueError:
        return mark("{title}: {value} is not a date of the form YYYYMMDD.")
    return ""


def _hours_minutes(value: str) -> str:
    good = int(value[:2]) < 24 and int(value[2:]) < 60
    return "" if good else mark("{title}: {value} is not a time.")


def _hours(value: str) -> str:
    return "" if int(value) < 24 else mark("{title}: {value} is not a time.")


def _sixty(value: str) -> str:
    return "" if int(value) < 60 else mark("{title}: {value} is not a time.")


def _piece(value: str) -> str:
    piece, total = int(value[:2]), int(value[2:])
    return "" if 0 < piece <= total else mark("{title}: {value} does not say which piece of how many.")


def _zero(value: str) -> str:
    return "" if value == "0" else mark("{title}: {value} should be 0.")


def _not_zero(value: str) -> str:
    return "" if value.strip("0") else mark("{title}: {value} should not be 0.")


def _yes_or_no(value: str) -> str:
    return "" if value in "01" else mark("{title}: {value} should be 0 or 1.")


def _no_leading_zero(value: str) -> str:
    return mark("{title}: {value} should not begin with 0.") if value.startswith("0") and len(value) > 1 else ""


def _winding(value: str) -> str:
    return "" if value in "019" else mark("{title}: {value} should be 0, 1 or 9.")


def _sex(value: str) -> str:
    return "" if value in "0129" else mark("{title}: {value} should be 0, 1, 2 or 9.")


def _letters_too(value: str) -> str:
    return mark("{title}: {value} needs a character that is no digit.") if value.isdigit() else ""


CHECKS: Mapping[str, Callable[[str], str]] = {
    "csum": _digit,
    "csumalpha": _pair,
    "yymmdd": _date,
    "yymmd0": _date_or_month,
    "yyyymmdd": _long_date,
    "hhmi": _hours_minutes,
    "hh": _hours,
    "mi": _sixty,
    "ss": _sixty,
    "pieceoftotal": _piece,
    "zero": _zero,
    "nonzero": _not_zero,
    "yesno": _yes_or_no,
    "nozeroprefix": _no_leading_zero,
    "winding": _winding,
    "iso5218": _sex,
    "hasnondigit": _letters_too,
}


def expected(check: str, value: str) -> str:
    """What the check digit or pair of ``value`` should be; empty for other checks."""
    if check == "csum":
        return check_digit(value[:-1])
    return check_pair(value[:-2]) if check == "csumalpha" and len(value) > 2 else ""


def require(check: str, value: str, title: str) -> None:
    """Raise :class:`BadCode` naming ``title`` when ``value`` does not pass ``check``."""
    wrong = CHECKS[check](value)
    if wrong == WRONG_CHECK:
        remedy = mark("Read the code again; one character is wrong or two are swapped.")
        raise BadCode(wrong, remedy=remedy, title=title, value=value, expected=expected(check, value))
    if wrong:
        raise BadCode(wrong, remedy=mark("Correct this part of the code."), title=title, value=value)
