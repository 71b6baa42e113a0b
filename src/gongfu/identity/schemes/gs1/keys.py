"""GS1 keys: which application identifiers name a thing, what may qualify them, and bare digits. Pure.

Sources: GS1 General Specifications §1.3 and §3; GS1 Digital Link: URI Syntax 1.4 §4.4–4.8 (primary keys and the order
of their qualifiers); digits without an application identifier: General Specifications §2.1, §2.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gongfu.identity.schemes.errors import BadCode
from gongfu.identity.schemes.gs1 import ai, checks
from gongfu.identity.schemes.gs1.names import NAMES
from gongfu.identity.schemes.types import Identifier, Notation, Part, Scheme
from gongfu.kernel.i18n import mark


@dataclass(frozen=True, slots=True)
class Element:
    """An application identifier with its value."""

    number: str
    value: str


@dataclass(frozen=True, slots=True)
class Key:
    """A primary key: its name, its application identifier, and the sequences of qualifiers it may have."""

    name: str
    number: str
    qualifiers: tuple[tuple[str, ...], ...] = ((),)


_KEYS = (
    Key("SSCC", "00"),
    Key("GTIN", "01", (("22", "10", "21"), ("235",))),
    Key("GDTI", "253"),
    Key("GCN", "255"),
    Key("GINC", "401"),
    Key("GSIN", "402"),
    Key("GLN", "414", (("254",), ("7040",))),
    Key("GLN", "415", (("8020",),)),
    Key("GLN", "417", (("7040",),)),
    Key("GRAI", "8003"),
    Key("GIAI", "8004", (("7040",),)),
    Key("ITIP", "8006", (("22", "10", "21"),)),
    Key("CPID", "8010", (("8011",),)),
    Key("GMN", "8013"),
    Key("GSRN", "8017", (("8019",),)),
    Key("GSRN", "8018", (("8019",),)),
)
KEYS: Mapping[str, Key] = {key.number: key for key in _KEYS}
"""Application identifier → primary key."""

_BARE = (
    (8, "GTIN", "01"),
    (12, "GTIN", "01"),
    (13, "GTIN", "01"),
    (14, "GTIN", "01"),
    (13, "GLN", "414"),
    (18, "SSCC", "00"),
    (17, "GSIN", "402"),
    (18, "GSRN", "8018"),
)
"""Which keys people write as bare digits: number of digits, key, application identifier; the likeliest first."""


def sequence(key: Key, numbers: Iterable[str]) -> tuple[str, ...] | None:
    """The order in which qualifiers ``numbers`` of ``key`` stand; None when they do not go together."""
    wanted = set(numbers)
    for allowed in key.qualifiers:
        if wanted <= set(allowed):
            return tuple(number for number in allowed if number in wanted)
    return None


def identifier(elements: Sequence[Element], notation: Notation, query: tuple[tuple[str, str], ...] = ()) -> Identifier:
    """What ``elements`` name: the first primary key with its qualifiers; the rest are attributes.

    The normal form is the path of the uncompressed Digital Link URI, ``01/09506000134352/10/ABC``. Raises
    :class:`BadCode` for a value that does not fit, one given twice, or when nothing is named.
    """
    seen: dict[str, str] = {}
    for element in elements:
        ai.meaning(element.number).check(element.value)
        if seen.setdefault(element.number, element.value) != element.value:
            raise BadCode(
                mark("({number}) is given twice, with different values."),
                remedy=mark("Keep the one that is true."),
                number=element.number,
            )
    key = next((KEYS[number] for number in seen if number in KEYS), None)
    if key is None:
        raise BadCode(
            mark("This GS1 data names nothing: it holds no GTIN, SSCC, GLN or other key."),
            remedy=mark("Scan the symbol that holds the key as well."),
        )
    qualifiers = _qualifiers(key, seen)
    path = [key.number, seen[key.number], *(part for number in qualifiers for part in (number, seen[number]))]
    return Identifier(Scheme.GS1, key.name, "/".join(quoted(part) for part in path), parts(seen), notation, query)


def _qualifiers(key: Key, seen: Mapping[str, str]) -> tuple[str, ...]:
    allowed = {number for one in key.qualifiers for number in one}
    given = [number for number in seen if number in allowed]
    found = sequence(key, given)
    if found is None:
        raise BadCode(
            mark("({numbers}) cannot stand together beside {key}."),
            remedy=mark("Leave one of them out."),
            numbers=") (".join(given),
            key=key.name,
        )
    return found


def quoted(text: str) -> str:
    """``text`` as a segment of a path or a value of a query."""
    # Unreserved characters of RFC 3986 §2.3 stay; the rest of set 82 is escaped, so that a slash never divides a value.
    return "".join(letter if letter.isalnum() or letter in "-._~" else f"%{ord(letter):02X}" for letter in text)


def parts(values: Mapping[str, str]) -> tuple[Part, ...]:
    """Every element by name, the check digit of a key by itself."""
    found: list[Part] = []
    for number, value in values.items():
        found.append(Part(NAMES.get(number) or ai.meaning(number).title, value, number))
        digit = _check_digit(number, value)
        if digit:
            found.append(Part(mark("Check digit"), digit))
    return tuple(found)


def _check_digit(number: str, value: str) -> str:
    place = 0
    for component in ai.meaning(number).components:
        place += component.most
        if "csum" in component.checks:
            return value[place - 1]
    return ""


def gtin14(digits: str) -> str:
    """A GTIN-8, -12, -13 or -14 as 14 digits (General Specifications §3.3.2); other lengths as they are."""
    return digits.zfill(14) if len(digits) in (8, 12, 13) else digits


def bare_kinds(digits: str) -> list[Key]:
    """The keys that ``digits`` may be, the likeliest first; empty for lengths that no key has."""
    return [KEYS[number] for length, _, number in _BARE if length == len(digits)]


def bare(digits: str, key: Key) -> Identifier:
    """``digits`` as ``key``; raises :class:`BadCode` for other characters or a wrong check digit."""
    if not digits or not checks.DIGITS.issuperset(digits):
        raise BadCode(mark("{text} holds more than digits."), remedy=mark("Enter the digits alone."), text=digits)
    if key.number == "01":
        checks.require("csum", digits, f"GTIN-{len(digits)}")
        digits = gtin14(digits)
    return identifier([Element(key.number, digits)], Notation.PLAIN)
