"""UUIDs: ``f81d4fae-7dec-11d0-a765-00a0c91e6bf6`` and ``urn:uuid:…``. Pure.

Source: RFC 9562 §4 (form; upper and lower case are the same), §4.1 (variant), §4.2 (version).
"""

from __future__ import annotations

import re
import uuid
from functools import partial

from gongfu.identity.schemes.errors import BadCode
from gongfu.identity.schemes.types import Identifier, Notation, Part, Reading, Scheme
from gongfu.kernel.i18n import mark

_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def readings(text: str) -> list[Reading]:
    """The likeliest first."""
    if text[:9].lower() == "urn:uuid:":
        return [Reading(Scheme.UUID, "UUID", 99, mark("It begins with urn:uuid:."), partial(parse, text))]
    if _FORM.fullmatch(text):
        reason = mark("It has the groups 8-4-4-4-12 of a UUID.")
        return [Reading(Scheme.UUID, "UUID", 96, reason, partial(parse, text))]
    return []


def parse(text: str) -> Identifier:
    """Raises :class:`BadCode`."""
    plain = re.sub(r"^urn:uuid:", "", text, flags=re.IGNORECASE)
    if not _FORM.fullmatch(plain):
        raise BadCode(
            mark("{text} is no UUID."),
            remedy=mark("Write it as f81d4fae-7dec-11d0-a765-00a0c91e6bf6."),
            text=text[:100],
        )
    found = uuid.UUID(plain)
    parts = (Part(mark("Version"), str(found.version or "—")), Part(mark("Variant"), str(found.variant)))
    return Identifier(Scheme.UUID, "UUID", str(found), parts, Notation.URN if plain != text else Notation.PLAIN)
