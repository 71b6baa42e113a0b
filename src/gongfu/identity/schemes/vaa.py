"""VAA codes: unique identifiers of ISO/IEC 15459 issued under the agency code VAA. Pure.

Sources: ISO/IEC 15459-2 (an issuing agency's code of one to three characters comes first; VAA was assigned to the
China Academy of Information and Communications Technology on 23 June 2020), ISO/IEC 15459-1/-4 (then capital
letters and digits, at most 50 in all). The academy's guide (《工业互联网标识解析 VAA 编码导则》, October 2021)
divides what follows into the enterprise's code and the object's. Its full text could not be consulted: how long
each is, is not checked; where a slash stands between them it divides them, and after it any visible ASCII may
stand.
"""

from __future__ import annotations

import re
from functools import partial

from gongfu.identity.schemes.errors import BadCode
from gongfu.identity.schemes.types import Identifier, Part, Reading, Scheme
from gongfu.kernel.i18n import mark

AGENCY = "VAA"
MOST = 50
"""Characters of a code without a slash (ISO/IEC 15459-4)."""
MOST_TEXT = 255
"""Octets of a code with a slash: what the national system carries."""
_CODE = re.compile(r"VAA[0-9A-Z]+")
_SUFFIX = re.compile(r"[!-~]+")


def readings(text: str) -> list[Reading]:
    """The likeliest first."""
    if text[:3].upper() != AGENCY or not text[3:4].isalnum():
        return []
    score = 95 if text[3:4].isdigit() else 40
    reason = mark("It begins with the issuing agency code VAA.")
    return [Reading(Scheme.VAA, "VAA", score, reason, partial(parse, text))]


def parse(text: str) -> Identifier:
    """Raises :class:`BadCode`."""
    head, slash, suffix = text.partition("/")
    head = head.upper()
    if not _CODE.fullmatch(head) or (slash and not _SUFFIX.fullmatch(suffix)):
        raise BadCode(
            mark("{text} is no VAA code: after VAA stand capital letters and digits."),
            remedy=mark("Write it as VAA<enterprise><object>, or with a slash between the two."),
            text=text[:100],
        )
    most = MOST_TEXT if slash else MOST
    if len(text) > most:
        raise BadCode(
            mark("A VAA code has at most {limit} characters, this one {length}."), limit=most, length=len(text)
        )
    agency = Part(mark("Issuing agency"), AGENCY)
    if not slash:
        return Identifier(Scheme.VAA, "VAA", head, (agency, Part(mark("Enterprise and object"), head[3:])))
    parts = (agency, Part(mark("Enterprise"), head[3:]), Part(mark("Object"), suffix))
    return Identifier(Scheme.VAA, "VAA", f"{head}/{suffix.upper()}", parts)
