"""Element strings: application identifiers with their values, as read from a symbol or written under one. Pure.

Sources: GS1 General Specifications §7.8 (FNC1, concatenation) and §4.14 (brackets in the text below a symbol);
symbology identifiers §5 (``]C1``, ``]d2``, ``]Q3``, ``]e0``, ``]J1``). Where FNC1 cannot be typed people write
``^``, as the GS1 Barcode Syntax Engine does; it is no character of set 82.
"""

from __future__ import annotations

import re

from gongfu.identity.schemes.errors import BadCode
from gongfu.identity.schemes.gs1 import ai
from gongfu.identity.schemes.gs1.keys import Element, gtin14
from gongfu.kernel.i18n import mark

FNC1 = "\x1d"
"""How FNC1 as a separator is transmitted: the control character GS."""
SYMBOLOGIES = ("]C1", "]d2", "]Q3", "]e0", "]J1")
_BRACKET = re.compile(r"\(([0-9]{2,4})\)")
LONGEST = 2000
"""Characters of an element string; a GS1 DataMatrix holds 2,335 at most."""


def has_brackets(text: str) -> bool:
    """Whether ``text`` begins like an element string for people, ``(01)…``."""
    return _BRACKET.match(text) is not None


def has_marks(text: str) -> bool:
    """Whether ``text`` carries a symbology identifier or FNC1, so that it can be nothing else."""
    return text.startswith(SYMBOLOGIES) or FNC1 in text or text.startswith("^")


def bracketed(text: str) -> list[Element]:
    """The elements of ``(01)09506000134352(10)ABC``; raises :class:`BadCode`.

    A bracket of a value is one that holds no assigned application identifier.
    """
    _short_enough(text)
    starts = [found for found in _BRACKET.finditer(text) if found.group(1) in ai.MEANINGS]
    if not starts or starts[0].start() != 0:
        number = _BRACKET.match(text)
        ai.meaning(number.group(1) if number else text[:4])  # raises: it is not assigned
        raise BadCode(mark("{text} is no element string."), remedy=mark("Write it as (01)…(10)…."), text=text[:100])
    ends = [found.start() for found in starts[1:]] + [len(text)]
    return [_element(found.group(1), text[found.end() : end].strip()) for found, end in zip(starts, ends, strict=True)]


def concatenated(text: str) -> list[Element]:
    """The elements of a scanned string with FNC1 where a length is not predefined; raises :class:`BadCode`."""
    _short_enough(text)
    for symbology in SYMBOLOGIES:
        text = text.removeprefix(symbology)
    rest = text.replace("^", FNC1).removeprefix(FNC1)
    found: list[Element] = []
    while rest:
        length = ai.LENGTH.get(rest[:2])
        number = rest[: length or 4]
        meaning = ai.meaning(number)
        rest = rest[len(number) :]
        if number[:2] in ai.PREDEFINED:
            value, rest = rest[: meaning.most], rest[meaning.most :]
            if FNC1 in value:
                value, _, tail = value.partition(FNC1)
                rest = tail + rest
            rest = rest.removeprefix(FNC1)
        else:
            value, _, rest = rest.partition(FNC1)
        found.append(_element(number, value))
    if not found:
        raise BadCode(mark("{text} is no element string."), remedy=mark("Write it as (01)…(10)…."), text=repr(text))
    return found


def _element(number: str, value: str) -> Element:
    if number in ("01", "02", "03") and value.isascii() and value.isdigit():
        value = gtin14(value)
    return Element(number, value)


def _short_enough(text: str) -> None:
    if len(text) > LONGEST:
        raise BadCode(
            mark("{length} characters are more than any code holds."),
            remedy=mark("Enter one code at a time."),
            length=len(text),
        )


def written(elements: list[Element]) -> str:
    """As people read it below a symbol: ``(01)09506000134352(10)ABC``."""
    return "".join(f"({element.number}){element.value}" for element in elements)


def transmitted(elements: list[Element]) -> str:
    """As it goes into a symbol after its leading FNC1: those of predefined length first, a separator after others."""
    ordered = sorted(elements, key=lambda element: element.number[:2] not in ai.PREDEFINED)
    text = "".join(
        element.number + element.value + ("" if element.number[:2] in ai.PREDEFINED else FNC1) for element in ordered
    )
    return text.removesuffix(FNC1)
