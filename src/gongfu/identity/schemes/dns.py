"""Domain names, in ASCII or in Chinese. Pure.

Sources: RFC 1035 §2.3.1 and RFC 1123 §2.1 (labels of letters, digits and hyphens, 63 octets, 253 in all), RFC 3696
§2 (a top level is not all digits), RFC 3490/3492 (internationalised names as ``xn--…``; Python's codec follows the
2003 edition, so of the characters that IDNA 2008 added or maps otherwise, such as ß, some become other names).
"""

from __future__ import annotations

import re
from functools import partial

from gongfu.identity.schemes.errors import BadCode
from gongfu.identity.schemes.types import Identifier, Notation, Part, Reading, Scheme
from gongfu.kernel.i18n import mark

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?")
_DOTS = str.maketrans("。．｡", "...")
LONGEST = 253
LONGEST_LABEL = 63


def readings(text: str) -> list[Reading]:
    """The likeliest first."""
    if text[:4].lower() == "dns:":
        return [Reading(Scheme.DNS, "DNS", 99, mark("It begins with dns:."), partial(parse, text))]
    name = text.translate(_DOTS).removesuffix(".")
    top = name.rpartition(".")[2]
    if "." not in name or any(letter in name for letter in "/:@ ()?#%") or top.isdigit() or not top:
        return []
    return [Reading(Scheme.DNS, "DNS", 60, mark("It is made of labels divided by dots."), partial(parse, text))]


def parse(text: str) -> Identifier:
    """Raises :class:`BadCode` naming the label that is wrong. The normal form is ASCII in lower case."""
    name = re.sub(r"^dns:(//)?", "", text, flags=re.IGNORECASE).translate(_DOTS).removesuffix(".")
    labels = name.split(".")
    if len(name) > 4 * LONGEST or len(labels) < 2:
        raise BadCode(
            mark("{text} is no domain name."), remedy=mark("Write it as example.com, without a path."), text=text[:100]
        )
    encoded = [_encoded(label) for label in labels]
    code = ".".join(encoded)
    if len(code) > LONGEST:
        raise BadCode(
            mark("A domain name has at most {limit} characters, this one {length}."), limit=LONGEST, length=len(code)
        )
    if encoded[-1].isdigit():
        raise BadCode(mark("{text} is no domain name."), remedy=mark("A top level is not all digits."), text=text[:100])
    shown = ".".join(_shown(label) for label in encoded)
    parts = [Part(mark("Top level"), _shown(encoded[-1])), Part(mark("Domain"), ".".join(shown.split(".")[-2:]))]
    if shown != code:
        parts.append(Part(mark("As people read it"), shown))
    return Identifier(Scheme.DNS, "DNS", code, tuple(parts), Notation.PLAIN)


def _encoded(label: str) -> str:
    try:
        found = label.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise _bad(label) from error
    if not _LABEL.fullmatch(found):
        raise _bad(label)
    return found


def _bad(label: str) -> BadCode:
    return BadCode(
        mark("{label} cannot be part of a domain name."),
        remedy=mark("A label has 1 to 63 letters, digits or hyphens and does not begin or end with a hyphen."),
        label=repr(label[:80]),
    )


def _shown(label: str) -> str:
    try:
        return label.encode("ascii").decode("idna")
    except UnicodeError:
        return label
