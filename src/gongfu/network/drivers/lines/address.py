"""Addresses of tags: which group of a line, read as what, in which unit; or the command that a write sends. Pure.

``<group>[:<type>][@<unit>]``: ``weight``, ``weight:comma``, ``weight@kg``, ``status:is=S``, ``line:text``.
``><text>[ => <pattern>]``: ``>T\\r\\n``, ``>D "{}"\\r\\n => ^D A``.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.lines.units import factor
from gongfu.network.gateway.config import TagConfig

LINE = "line"
"""The group that is always there: the whole line."""
UNIT = "unit"
"""The group that tells the unit, where there is one."""
_PATTERN = re.compile(
    r"(?P<group>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<type>number|comma|hex|text|bool|present|is=(?P<word>.{1,100})))?"
    r"(?:@(?P<unit>[^@]{1,20}))?"
)
_NUMBER = re.compile(r"(?P<sign>[+-]?)\s*(?P<digits>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?P<power>[eE][+-]?[0-9]{1,3})?")
_DOTTED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")
_YES = {"1", "true", "on", "yes", "ok", "y"}
_NO = {"0", "false", "off", "no", "ng", "n"}
_REMEDY = mark("Write for example weight, weight:comma@kg, status:is=S, line:text, or >T\\r\\n for a command.")


class Type(StrEnum):
    """How a group's text is read."""

    NUMBER = "number"
    COMMA = "comma"
    HEX = "hex"
    TEXT = "text"
    BOOL = "bool"
    IS = "is"
    PRESENT = "present"


_OF_KIND = {"number": Type.NUMBER, "boolean": Type.BOOL, "text": Type.TEXT}
_FITS = {
    "number": set(Type) - {Type.TEXT},
    "boolean": {Type.BOOL, Type.IS, Type.PRESENT},
    "text": {Type.TEXT},
}


class Reading(msgspec.Struct, frozen=True):
    """A value in a line. ``word``: what :attr:`Type.IS` compares with; ``unit``: what a number is turned into."""

    group: str
    type: Type
    word: str = ""
    unit: str = ""

    def value(self, groups: dict[str, str | None]) -> float | bool | str | None:
        """The value, None when the group is empty or not what it should be."""
        text = groups.get(self.group)
        if self.type is Type.PRESENT:
            return bool(text and text.strip())
        if text is None:
            return None
        text = text.strip()
        match self.type:
            case Type.TEXT:
                return text
            case Type.IS:
                return text == self.word
            case Type.BOOL:
                word = text.lower()
                return True if word in _YES else False if word in _NO else None
        number = _number(self.type, text)
        if number is None or not self.unit:
            return number
        multiplier = factor(groups.get(UNIT) or "", self.unit)
        return None if multiplier is None else number * multiplier


class Command(msgspec.Struct, frozen=True):
    """What a write sends: ``text`` with escapes, ``{}`` for the value. ``answer``: pattern that confirms it, if any."""

    text: str
    answer: str = ""


def parse(tag: TagConfig) -> Reading | Command:
    """The address of ``tag``; raises :class:`BadConfiguration`."""
    if tag.address.startswith(">"):
        text, _, answer = tag.address[1:].partition(" => ")
        unescape(text, "utf-8")
        return Command(text, answer)
    match = _PATTERN.fullmatch(tag.address.strip())
    if match is None:
        raise BadConfiguration(mark("{address} is not an address in a line."), remedy=_REMEDY, address=tag.address)
    word = match["word"] or ""
    kind = Type.IS if word else Type(match["type"]) if match["type"] else _OF_KIND[tag.kind]
    if kind not in _FITS[tag.kind] or (match["unit"] and kind not in (Type.NUMBER, Type.COMMA)):
        raise BadConfiguration(
            mark("Tag {tag} is a {kind}, but {address} is not."), tag=tag.name, kind=tag.kind, address=tag.address
        )
    return Reading(match["group"], kind, word, match["unit"] or "")


def unescape(text: str, encoding: str) -> bytes:
    """``text`` with ``\\r \\n \\t \\0 \\\\ \\xHH`` as bytes; raises :class:`BadConfiguration`."""
    made = bytearray()
    for literal, escape in re.findall(r"([^\\]+)|(\\x[0-9A-Fa-f]{2}|\\.|\\$)", text, re.DOTALL):
        if literal:
            try:
                made += literal.encode(encoding)
            except UnicodeEncodeError as error:
                raise BadConfiguration(
                    mark("{text} cannot be sent in the character set {encoding}."), text=text[:100], encoding=encoding
                ) from error
        elif escape.startswith("\\x") and len(escape) == 4:
            made.append(int(escape[2:], 16))
        elif escape[1:] in _ESCAPES:
            made += _ESCAPES[escape[1:]]
        else:
            raise BadConfiguration(
                mark("{text} contains an unknown escape: {escape}."),
                remedy=mark("Escapes are \\r, \\n, \\t, \\0, \\xHH and \\\\."),
                text=text[:100],
                escape=escape,
            )
    return bytes(made)


_ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}


def _number(kind: Type, text: str) -> float | None:
    if kind is Type.HEX:
        digits = text.removeprefix("0x").removeprefix("0X")
        return float(int(digits, 16)) if re.fullmatch(r"[0-9A-Fa-f]{1,16}", digits) else None
    if kind is Type.COMMA:  # 1.234,5 or 1 234,5
        text = re.sub(r"[.\u00a0\u202f' ](?=[0-9]{3}(?:[^0-9]|$))", "", text).replace(",", ".")
    else:
        bare = text.lstrip("+- ")
        text = text.replace(",", "") if _DOTTED.fullmatch(bare) else text
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    number = float(f"{match['digits']}{match['power'] or ''}")
    return -number if match["sign"] == "-" else number
