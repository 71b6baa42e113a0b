"""GS1 Digital Link URIs: ``https://example.com/some/stem/01/09506000134352/10/ABC?17=261231&linkType=all``. Pure.

Source: GS1 Digital Link: URI Syntax 1.4 §4 (structure), §4.8 (order of qualifiers), §4.9 (attributes in the query),
§5 (canonical form); short names such as ``gtin`` were taken out with 1.2 and are still understood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, unquote, urlsplit

from gongfu.identity.schemes.errors import BadCode, BadLink
from gongfu.identity.schemes.gs1 import ai, compression, keys
from gongfu.identity.schemes.gs1.keys import KEYS, Element, gtin14
from gongfu.identity.schemes.types import Identifier, Notation
from gongfu.kernel.i18n import mark

CANONICAL = "https://id.gs1.org"
"""Stem of the canonical form (§5)."""
LONGEST = 2048
_MOST_PARAMETERS = 100
_NAMES: Mapping[str, str] = {
    "gtin": "01",
    "itip": "8006",
    "cpid": "8010",
    "gln": "414",
    "party": "417",
    "payTo": "415",
    "gsrnp": "8017",
    "gsrn": "8018",
    "gcn": "255",
    "sscc": "00",
    "gdti": "253",
    "ginc": "401",
    "gsin": "402",
    "grai": "8003",
    "giai": "8004",
    "gmn": "8013",
    "cpv": "22",
    "lot": "10",
    "ser": "21",
    "tpx": "235",
    "glnx": "254",
    "refNo": "8020",
    "srin": "8019",
    "cpsn": "8011",
}


def parse(text: str) -> Identifier:
    """What a Digital Link URI or its path names; raises :class:`BadLink` saying what is wrong with it.

    Any stem may stand before the key. Parameters whose name is no application identifier come back in ``query``.
    """
    if len(text) > LONGEST:
        raise BadLink(mark("The address is longer than {limit} characters."), limit=LONGEST)
    try:
        split = urlsplit(text)
        path, query = split.path, split.query
        pairs = parse_qsl(query.replace(";", "&"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError as error:
        raise _no_link(text) from error
    try:
        return _read([part for part in path.split("/") if part], pairs, text)
    except BadLink:
        raise
    except BadCode as error:
        raise BadLink(error.message, remedy=error.remedy, **error.values) from error


def looks_like(path: str) -> bool:
    """Whether a primary key stands in ``path`` where a Digital Link URI would have it."""
    segments = [part for part in path.split("/") if part]
    return _start(segments) is not None


def _read(segments: Sequence[str], pairs: Sequence[tuple[str, str]], text: str) -> Identifier:
    start, squeezed = _start(segments), False
    if start is None:
        elements, foreign = _compressed(segments, text)
        squeezed = True
    else:
        key, elements = _number(segments[start]), [Element(_number(segments[start]), _value(segments, start))]
        rest = segments[start + 2 :]
        if len(rest) == 1:
            found, foreign = compression.decompress(rest[0])
            elements, squeezed = [*elements, *found], True
        else:
            foreign = ()
            elements += _qualifiers(key, rest)
    attributes = [Element(name, value) for name, value in pairs if name.isascii() and name.isdigit()]
    for element in attributes:
        if not ai.meaning(element.number).attribute:
            raise BadLink(
                mark("({number}) may not stand in the query of a GS1 Digital Link."),
                remedy=mark("Put it into the path after its key."),
                number=element.number,
            )
    query = tuple((name, value) for name, value in (*foreign, *pairs) if not (name.isascii() and name.isdigit()))
    notation = Notation.COMPRESSED if squeezed else Notation.LINK
    return keys.identifier([*elements, *attributes], notation, query)


def _start(segments: Sequence[str]) -> int | None:
    """Where the primary key stands: looked for from the end, in steps of key and value (or one compressed rest)."""
    for last in (len(segments) - 2, len(segments) - 3):
        for place in range(last, -1, -2):
            if _number(segments[place]) in KEYS:
                return place
    return None


def _number(segment: str) -> str:
    return _NAMES.get(segment, segment)


def _value(segments: Sequence[str], place: int) -> str:
    value = unquote(segments[place + 1], errors="replace")
    return gtin14(value) if _number(segments[place]) == "01" and value.isascii() and value.isdigit() else value


def _qualifiers(key: str, rest: Sequence[str]) -> list[Element]:
    numbers = [_number(name) for name in rest[::2]]
    ordered = keys.sequence(KEYS[key], numbers)
    if ordered is None:
        wrong = next((number for number in numbers if keys.sequence(KEYS[key], [number]) is None), None)
        raise BadLink(
            mark("({number}) does not qualify a {key}.")
            if wrong
            else mark("({number}) cannot stand together in the path of a {key}."),
            remedy=mark("Put it into the query, or leave it out."),
            number=wrong or ") (".join(numbers),
            key=KEYS[key].name,
        )
    if list(ordered) != numbers:
        raise BadLink(
            mark("The qualifiers stand in the wrong order."),
            remedy=mark("After {key} their order is {order}."),
            key=f"({key})",
            order=" ".join(f"({number})" for number in ordered),
        )
    return [Element(_number(rest[place]), _value(rest, place)) for place in range(0, len(rest), 2)]


def _compressed(segments: Sequence[str], text: str) -> tuple[list[Element], tuple[tuple[str, str], ...]]:
    if not segments:
        raise _no_link(text)
    try:
        return compression.decompress(segments[-1])
    except BadCode as error:
        raise _no_link(text) from error


def _no_link(text: str) -> BadLink:
    return BadLink(
        mark("{text} is no GS1 Digital Link: no primary key stands in its path."),
        remedy=mark("Write it as https://…/01/<GTIN of 14 digits>/10/<batch>/21/<serial number>."),
        text=text[:200],
    )


def path(identifier: Identifier) -> str:
    """The uncompressed path of a GS1 key, beginning with a slash."""
    return "/" + identifier.code


def canonical(identifier: Identifier) -> str:
    """The canonical URI (§5): the official stem, key and qualifiers, attributes in the order of their numbers."""
    inside = set(identifier.code.split("/")[::2])
    query = "&".join(
        f"{part.number}={keys.quoted(part.value)}"
        for part in sorted(identifier.parts, key=lambda part: part.number)
        if part.number and part.number not in inside
    )
    return CANONICAL + path(identifier) + (f"?{query}" if query else "")
