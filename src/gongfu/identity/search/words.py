"""The words by which an identifier is found, and those somebody asks for. Pure.

Latin letters and digits stand together until something else comes; Chinese is cut into single characters and pairs of
neighbours, so that 循环 finds 一号循环泵 without a dictionary. A whole value is found as ``TYPE=VALUE``. Letters are
folded to upper case. What is asked may also be the beginning of nothing: a word is found whole.

What is no word of a value starts with ``@`` and a lower-case letter, as no word does: ``@k:`` type of the thing,
``@h:`` has a value of that type, ``@t:`` template (with version and without), ``@d:`` day of the last change, ``@m:``
the 32 days it lies in, ``@n:`` pieces of a number (:mod:`gongfu.identity.search.numbers`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record

MAX_WORDS = 400
"""Words of one identifier."""
MAX_ASKED = 16
"""Words of one question."""
_MAX_TEXT = 1_000  # characters of one value that are looked at
_MAX_WORD = 64
_RUN = re.compile(r"[㐀-䶿一-鿿豈-﫿]+|[^\W_㐀-䶿一-鿿豈-﫿]+")
_FIELD = re.compile(r'([^\s=:："<>＝≤≥]{1,64})\s*(>=|<=|[=＝<>≤≥])\s*(?:"([^"]{1,300})"|([^\s=＝<>≤≥]\S{0,299}))')
_RANGE = re.compile(r"(.*?)\s*(?:\.\.|…)\s*(.*)", re.DOTALL)
DAY = 86_400
MONTH = 32 * DAY
_MOST_DAYS, _MOST_MONTHS = 64, 120
_FIRST_CJK = "㐀"
_SIGNS = {"＝": "=", ">=": "≥", "<=": "≤"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """``rated_power>=18.5kW``: a field, one of = < > ≤ ≥, and what stands behind it."""

    field: str
    sign: str
    text: str

    @property
    def ends(self) -> tuple[str, str] | None:
        """Low and high of ``10..20``, ``10..`` or ``..20``; None when it is no range."""
        found = _RANGE.fullmatch(self.text) if self.sign == "=" else None
        return (found[1], found[2]) if found and (found[1] or found[2]) else None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: ``words`` that must all be there, and what must hold of fields."""

    words: tuple[str, ...]
    fields: tuple[Comparison, ...]


def of(record: Record) -> list[str]:
    """The words of ``record``, each once, at most :data:`MAX_WORDS`."""
    found: dict[str, None] = dict.fromkeys(_words(record.handle.suffix))
    found[_fold(record.handle.suffix)[:_MAX_WORD]] = None
    for value in record.values:
        if (text := _text(value)) and len(found) < MAX_WORDS:
            found[whole(value.type, text)] = None
            found.update(dict.fromkeys(_words(text)))
    return list(found)[:MAX_WORDS]


def ask(text: str) -> Asked:
    """What ``text`` asks for: words, and ``TYPE=value``, ``TYPE="value with spaces"``, ``TYPE>=5``, ``TYPE=5..9``."""
    fields = [
        Comparison(found[1], _SIGNS.get(found[2], found[2]), found[3] or found[4]) for found in _FIELD.finditer(text)
    ]
    rest = _FIELD.sub(" ", text)
    words = [
        word
        for part in rest.split()
        for word in (_asked(part.partition("/")[2]) if "/" in part and part[:3] == "88." else _asked(part))
    ]
    return Asked(tuple(dict.fromkeys(words))[:MAX_ASKED], tuple(fields[:MAX_ASKED]))


def of_kind(kind: str) -> str:
    """The word of things of that type."""
    return f"@k:{kind}"


def with_type(kind: str) -> str:
    """The word of what has a value of that type."""
    return f"@h:{kind}"


def of_template(reference: str) -> str:
    """The word of a template, ``operator/machinery``, or of one version of it, ``operator/machinery@2``."""
    return f"@t:{reference}"


def of_moment(moment: int) -> list[str]:
    """The words of a change at ``moment`` (Unix seconds)."""
    return [f"@d:{moment // DAY}", f"@m:{moment // MONTH}"]


def of_time(start: int, end: int) -> list[str]:
    """Words of which each change from ``start`` to before ``end`` has one; empty when that is too long for words."""
    days, months = (range(start // step, (end - 1) // step + 1) for step in (DAY, MONTH))
    if 0 < len(days) <= _MOST_DAYS:
        return [f"@d:{day}" for day in days]
    return [f"@m:{month}" for month in months] if 0 < len(months) <= _MOST_MONTHS else []


def _asked(part: str) -> Iterable[str]:
    for run in _runs(part):
        if run[0] >= _FIRST_CJK and len(run) > 1:
            yield from (run[place : place + 2] for place in range(len(run) - 1))
        else:
            yield run


def _words(text: str) -> Iterable[str]:
    for run in _runs(text):
        if run[0] >= _FIRST_CJK:
            yield from run
            yield from (run[place : place + 2] for place in range(len(run) - 1))
        else:
            yield run


def _runs(text: str) -> Iterable[str]:
    for run in _RUN.findall(_fold(text)[:_MAX_TEXT]):
        yield run if run[0] >= _FIRST_CJK else run[:_MAX_WORD]


def whole(kind: str, text: str) -> str:
    """The word of a whole value."""
    return f"{kind.upper()}={_fold(text.strip())[:_MAX_WORD]}"


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).upper()


def _text(value: Value) -> str:
    if value.type.startswith("HS_"):
        return ""
    try:
        return value.data.decode()[:_MAX_TEXT]
    except UnicodeDecodeError:
        return ""
