"""EPC pure identity URIs, ``urn:epc:id:sgtin:614141.712345.32a/b``. Pure.

Source: GS1 EPC Tag Data Standard 1.13 §6.3 (forms), §7 (how each corresponds to a GS1 element string), §5.4 (escapes).
The dots tell where the company prefix ends, which digits alone do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import unquote

from gongfu.identity.schemes.errors import BadCode
from gongfu.identity.schemes.gs1 import keys
from gongfu.identity.schemes.gs1.checks import check_digit
from gongfu.identity.schemes.gs1.keys import Element
from gongfu.identity.schemes.types import Identifier, Notation, Part
from gongfu.kernel.i18n import mark

_URI = re.compile(r"urn:epc:(id|class|idpat):([a-z0-9]+):(.+)", re.IGNORECASE)
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def _with_digit(digits: str) -> str:
    return digits + check_digit(digits)


def _numbers(fields: Sequence[str], total: int) -> tuple[str, str]:
    """Company prefix (6–12 digits) and reference, together ``total`` digits."""
    prefix, reference = fields[0], fields[1]
    plain = prefix.isascii() and prefix.isdigit() and (not reference or (reference.isascii() and reference.isdigit()))
    if not plain or not 6 <= len(prefix) <= 12 or len(prefix) + len(reference) != total:
        raise BadCode(
            mark("The company prefix {prefix} and the reference {reference} must be {total} digits together."),
            remedy=mark("A company prefix has 6 to 12 digits, without its check digit."),
            prefix=prefix[:60],
            reference=reference[:60],
            total=total,
        )
    return prefix, reference


def _free(fields: Sequence[str]) -> str:
    prefix = fields[0]
    if not (prefix.isascii() and prefix.isdigit() and 6 <= len(prefix) <= 12):
        raise BadCode(
            mark("{prefix} is no company prefix."),
            remedy=mark("A company prefix has 6 to 12 digits, without its check digit."),
            prefix=prefix[:60],
        )
    return prefix + fields[1]


def _gtin(fields: Sequence[str]) -> Element:
    prefix, item = _numbers(fields, 13)
    return Element("01", _with_digit(item[:1] + prefix + item[1:]))


def _sscc(fields: Sequence[str]) -> list[Element]:
    prefix, serial = _numbers(fields, 17)
    return [Element("00", _with_digit(serial[:1] + prefix + serial[1:]))]


def _thirteen(number: str, serial: str = "", before: str = "") -> Callable[[Sequence[str]], list[Element]]:
    """Keys of 12 digits and a check digit; ``serial`` is where the last field goes: beside it, or its own number."""

    def build(fields: Sequence[str]) -> list[Element]:
        prefix, reference = _numbers(fields, 12)
        value = before + _with_digit(prefix + reference)
        if serial == "+":
            return [Element(number, value + fields[2])]
        found = [Element(number, value)]
        # §7.5: an SGLN without extension is written with the extension 0.
        return [*found, Element(serial, fields[2])] if serial and fields[2] != "0" else found

    return build


def _itip(fields: Sequence[str]) -> list[Element]:
    return [Element("8006", _gtin(fields).value + fields[2] + fields[3]), Element("21", fields[4])]


_FORMS: Mapping[str, tuple[int, Callable[[Sequence[str]], list[Element]]]] = {
    "id:sgtin": (3, lambda fields: [_gtin(fields), Element("21", fields[2])]),
    "id:sscc": (2, _sscc),
    "id:sgln": (3, _thirteen("414", "254")),
    "id:pgln": (2, _thirteen("417")),
    "id:grai": (3, _thirteen("8003", "+", "0")),
    "id:giai": (2, lambda fields: [Element("8004", _free(fields))]),
    "id:gsrn": (2, lambda fields: [Element("8018", _with_digit("".join(_numbers(fields, 17))))]),
    "id:gsrnp": (2, lambda fields: [Element("8017", _with_digit("".join(_numbers(fields, 17))))]),
    "id:gdti": (3, _thirteen("253", "+")),
    "id:sgcn": (3, _thirteen("255", "+")),
    "id:cpi": (3, lambda fields: [Element("8010", _free(fields)), Element("8011", fields[2])]),
    "id:ginc": (2, lambda fields: [Element("401", _free(fields))]),
    "id:gsin": (2, lambda fields: [Element("402", _with_digit("".join(_numbers(fields, 16))))]),
    "id:itip": (5, _itip),
    "id:upui": (3, lambda fields: [_gtin(fields), Element("235", fields[2])]),
    "class:lgtin": (3, lambda fields: [_gtin(fields), Element("10", fields[2])]),
    "idpat:sgtin": (3, lambda fields: [_gtin(fields)]),
}
"""Form → number of fields, and what they become."""


def is_epc(text: str) -> bool:
    """Whether ``text`` begins like an EPC URI."""
    return text[:8].lower() == "urn:epc:"


def parse(text: str) -> Identifier:
    """The key that an EPC URI names; raises :class:`BadCode`."""
    found = _URI.fullmatch(text)
    form = f"{found[1]}:{found[2]}".lower() if found else ""
    if found is None or form not in _FORMS:
        raise BadCode(
            mark("{text} is no EPC URI of a GS1 key."),
            remedy=mark("Write it as urn:epc:id:sgtin:<company prefix>.<item>.<serial number>."),
            text=text[:100],
        )
    count, build = _FORMS[form]
    # Only the last field may hold a dot: serial numbers of set 82.
    fields = found[3].split(".", count - 1)
    if len(fields) != count or _ESCAPE.search(found[3]) or (not fields[-1] and form not in _EMPTY_REFERENCE):
        raise BadCode(
            mark("{form} needs {count} fields divided by dots."),
            remedy=mark("Write it as urn:epc:id:sgtin:<company prefix>.<item>.<serial number>."),
            form=form,
            count=count,
        )
    if form == "idpat:sgtin" and fields[2] != "*":
        raise BadCode(mark("{text} is no EPC URI of a GS1 key."), text=text[:100])
    elements = build([unquote(field, errors="replace") for field in fields])
    identifier = keys.identifier(elements, Notation.EPC)
    prefix = Part(mark("Company prefix"), fields[0])
    return Identifier(identifier.scheme, identifier.kind, identifier.code, (prefix, *identifier.parts), Notation.EPC)


_EMPTY_REFERENCE = {"id:pgln"}
"""Forms whose last field is empty when the company prefix has 12 digits (§6.3.3)."""
