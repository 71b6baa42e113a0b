"""Which texts may be GS1 data, in which notation. Pure."""

from __future__ import annotations

from functools import partial

from gongfu.identity.schemes.gs1 import elements, epc, keys, link
from gongfu.identity.schemes.gs1.checks import DIGITS, check_digit
from gongfu.identity.schemes.gs1.keys import KEYS, Key
from gongfu.identity.schemes.types import Identifier, Notation, Reading, Scheme
from gongfu.kernel.i18n import mark

_WEB = ("http://", "https://")


def _reading(kind: str, score: int, reason: str, parse: partial[Identifier]) -> Reading:
    return Reading(Scheme.GS1, kind, score, reason, parse)


def _bracketed(text: str) -> Identifier:
    return keys.identifier(elements.bracketed(text), Notation.ELEMENTS)


def _concatenated(text: str) -> Identifier:
    return keys.identifier(elements.concatenated(text), Notation.ELEMENTS)


def readings(text: str) -> list[Reading]:
    """The likeliest first."""
    if epc.is_epc(text):
        return [_reading("EPC", 99, mark("It begins with urn:epc:."), partial(epc.parse, text))]
    if text.lower().startswith(_WEB) or text.startswith("/"):
        if link.looks_like(text.partition("?")[0]):
            reason = mark("A GS1 key stands in its path.")
            return [_reading("Digital Link", 95, reason, partial(link.parse, text))]
        reason = mark("The last part of its path may be a compressed GS1 Digital Link.")
        return [_reading("Digital Link", 40, reason, partial(link.parse, text))]
    if elements.has_brackets(text):
        reason = mark("It begins with an application identifier in brackets.")
        return [_reading("GS1", 97, reason, partial(_bracketed, text))]
    if elements.has_marks(text):
        reason = mark("It carries FNC1, as only GS1 symbols do.")
        return [_reading("GS1", 97, reason, partial(_concatenated, text))]
    if text.partition("/")[0] in KEYS:
        reason = mark("It begins with the application identifier of a GS1 key, as in the path of a Digital Link.")
        return [_reading("Digital Link", 88, reason, partial(link.parse, f"/{text}"))]
    digits = text.replace(" ", "").replace("-", "")
    if digits and DIGITS.issuperset(digits):
        return _bare(digits)
    reason = mark("It begins with digits that are an application identifier.")
    head = text[:2]
    return (
        [_reading("GS1", 45, reason, partial(_concatenated, text))] if head in ("00", "01") and len(text) > 16 else []
    )


def _bare(digits: str) -> list[Reading]:
    right = check_digit(digits[:-1]) == digits[-1]
    found = []
    for place, key in enumerate(keys.bare_kinds(digits)):
        reason = (
            mark("It has as many digits as such a key, and its check digit is right.")
            if right
            else mark("It has as many digits as such a key, but its check digit is wrong.")
        )
        score = (80 if right else 50) - 20 * place
        found.append(_reading(_name(key, digits), score, reason, partial(keys.bare, digits, key)))
    if len(digits) >= 16 and digits[:2] in ("00", "01"):
        reason = mark("It begins with digits that are an application identifier.")
        found.append(_reading("GS1", 70, reason, partial(_concatenated, digits)))
    return found


def _name(key: Key, digits: str) -> str:
    return f"GTIN-{len(digits)}" if key is KEYS["01"] else key.name
