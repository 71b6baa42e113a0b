"""The words by which an identifier is found, and those somebody asks for. Pure.

Latin letters and digits stand together until something else comes; Chinese is cut into single characters and pairs of
neighbours, so that 循环 finds 一号循环泵 without a dictionary. A whole value is found as ``TYPE=VALUE``. Letters are
folded to upper case. What is asked may also be the beginning of nothing: a word is found whole.
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
_FIELD = re.compile(r'([^\s=:："]{1,64})\s*[=＝]\s*(?:"([^"]{1,300})"|(\S{1,300}))')
_FIRST_CJK = "㐀"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: ``words`` that must all be there, and ``fields`` (type, value) that must be so."""

    words: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]

    @property
    def tokens(self) -> list[str]:
        """As the index has them."""
        return [*self.words, *(_whole(kind, text) for kind, text in self.fields)]


def of(record: Record) -> list[str]:
    """The words of ``record``, each once, at most :data:`MAX_WORDS`."""
    found: dict[str, None] = dict.fromkeys(_words(record.handle.suffix))
    found[_fold(record.handle.suffix)[:_MAX_WORD]] = None
    for value in record.values:
        if (text := _text(value)) and len(found) < MAX_WORDS:
            found[_whole(value.type, text)] = None
            found.update(dict.fromkeys(_words(text)))
    return list(found)[:MAX_WORDS]


def ask(text: str) -> Asked:
    """What ``text`` asks for: words, and ``TYPE=value`` or ``TYPE="value with spaces"``."""
    fields = [(found[1], found[2] or found[3]) for found in _FIELD.finditer(text)]
    rest = _FIELD.sub(" ", text)
    words = [
        word
        for part in rest.split()
        for word in (_asked(part.partition("/")[2]) if "/" in part and part[:3] == "88." else _asked(part))
    ]
    return Asked(tuple(dict.fromkeys(words))[:MAX_ASKED], tuple(fields[:MAX_ASKED]))


def fits(record: Record, asked: Asked) -> bool:
    """Whether ``record``, as it is now, is what was asked for."""
    if not asked.words and not asked.fields:
        return True
    there = set(of(record))
    return all(token in there for token in asked.tokens)


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


def _whole(kind: str, text: str) -> str:
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
