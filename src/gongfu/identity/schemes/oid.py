"""Object identifiers: ``1.2.156.3001`` and ``urn:oid:1.2.156.3001``. Pure.

Sources: ITU-T X.660 | ISO/IEC 9834-1 §7.2 (arcs: the first is 0, 1 or 2; below 0 and 1 the second is at most 39,
§A.1–A.3); RFC 3061 (``urn:oid:``); ITU-T X.672 | ISO/IEC 29168-1 §7.3 (name in the DNS). GB/T 26231 manages the
Chinese arcs 1.2.156 and 2.16.156.
"""

from __future__ import annotations

import re
from functools import partial

from gongfu.identity.schemes.errors import BadCode
from gongfu.identity.schemes.types import Identifier, Notation, Part, Reading, Scheme
from gongfu.kernel.i18n import mark

LONGEST = 1000
_DOTS = re.compile(r"[0-9]+(\.[0-9]+)+")
_ROOTS = ("itu-t", "iso", "joint-iso-itu-t")
_CHINA = ("1.2.156", "2.16.156")
ORS_ROOT = "oid-res.org"
"""Where the OID resolution system hangs in the DNS (X.672 §6.1)."""


def readings(text: str) -> list[Reading]:
    """The likeliest first."""
    if text[:8].lower() == "urn:oid:" or text[:4].lower() == "oid:":
        return [Reading(Scheme.OID, "OID", 99, mark("It begins with urn:oid: or OID:."), partial(parse, text))]
    if not _DOTS.fullmatch(text) or len(text) > LONGEST:
        return []
    arcs = text.split(".")
    four_octets = len(arcs) == 4 and all(int(arc[:4]) < 256 for arc in arcs)
    score = 50 if four_octets else 85 if arcs[0] in "012" and len(arcs) > 2 else 30
    return [Reading(Scheme.OID, "OID", score, mark("It is made of numbers divided by dots."), partial(parse, text))]


def parse(text: str) -> Identifier:
    """Raises :class:`BadCode` naming the arc that is wrong."""
    dots = re.sub(r"^(urn:)?oid:", "", text, flags=re.IGNORECASE)
    if len(dots) > LONGEST or not _DOTS.fullmatch(dots):
        raise BadCode(
            mark("{text} is no object identifier: it needs two numbers or more, divided by dots."),
            remedy=mark("Write it as 1.2.156.3001 or urn:oid:1.2.156.3001."),
            text=text[:100],
        )
    arcs = dots.split(".")
    padded = next((arc for arc in arcs if len(arc) > 1 and arc[0] == "0"), None)
    if padded:
        raise BadCode(mark("The arc {arc} begins with 0."), remedy=mark("Leave out leading zeros."), arc=padded[:40])
    if arcs[0] not in "012":
        raise BadCode(
            mark("An object identifier begins with 0, 1 or 2, not {arc}."), remedy=mark("Check it."), arc=arcs[0][:40]
        )
    if arcs[0] in "01" and (len(arcs[1]) > 2 or int(arcs[1]) > 39):
        raise BadCode(
            mark("Below {root} the second arc is at most 39, not {arc}."),
            remedy=mark("Check it."),
            root=arcs[0],
            arc=arcs[1][:40],
        )
    return Identifier(Scheme.OID, "OID", dots, _parts(dots, arcs), Notation.URN if text != dots else Notation.PLAIN)


def _parts(dots: str, arcs: list[str]) -> tuple[Part, ...]:
    parts = [Part(mark("Root"), f"{arcs[0]} ({_ROOTS[int(arcs[0])]})")]
    china = next((arc for arc in _CHINA if dots == arc or dots.startswith(f"{arc}.")), "")
    if china:
        parts.append(Part(mark("Registration authority"), f"{china} (CN)"))
    return (*parts, Part(mark("Arcs"), " . ".join(arcs)))


def domain(code: str, root: str = ORS_ROOT) -> str:
    """The name under which the OID resolution system keeps ``code``: arcs from the last to the first (X.672 §7.3)."""
    return ".".join([*reversed(code.split(".")), root])
