"""Handles: the national format ``88.118.1/EXAMPLE-001``, and those of the rest of the Handle system. Pure.

Sources: RFC 3651 §2 (prefix, slash, suffix; prefix labels divided by dots), the national format as
:mod:`gongfu.identity.handle.names` has it, RFC 4452 (``info:hdl/``), the customary ``hdl:`` and ``doi:``.
"""

from __future__ import annotations

import re
import unicodedata
from functools import partial

from gongfu.identity.handle import names
from gongfu.identity.handle.codes import MAX_HANDLE
from gongfu.identity.schemes.errors import BadCode
from gongfu.identity.schemes.types import Identifier, Notation, Part, Reading, Scheme
from gongfu.kernel.i18n import mark

_SPOKEN = re.compile(r"^(hdl:|doi:|info:hdl/|info:doi/|https?://(hdl\.handle\.net|(dx\.)?doi\.org)/)", re.IGNORECASE)
_PREFIX = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]*(\.[0-9A-Za-z_-]+)*")


def readings(text: str) -> list[Reading]:
    """The likeliest first."""
    spoken = _SPOKEN.match(text)
    if spoken:
        return [Reading(Scheme.HANDLE, "Handle", 98, mark("It begins as a handle is written."), partial(parse, text))]
    prefix, slash, suffix = text.partition("/")
    if not slash or not suffix or not _PREFIX.fullmatch(prefix):
        return []
    if prefix.startswith("88."):
        reason = mark("88 is the prefix of the national system.")
        return [Reading(Scheme.HANDLE, "Handle", 98, reason, partial(parse, text))]
    dotted = all(label.isdigit() for label in prefix.split(".")) and "." in prefix
    score = 85 if dotted or prefix.upper() == "0.NA" else 25
    return [Reading(Scheme.HANDLE, "Handle", score, mark("A prefix, a slash and a suffix."), partial(parse, text))]


def parse(text: str) -> Identifier:
    """Raises :class:`gongfu.identity.handle.errors.BadHandle` below 88, :class:`BadCode` elsewhere."""
    spoken = _SPOKEN.match(text)
    handle = unicodedata.normalize("NFC", text[spoken.end() :] if spoken else text)
    prefix, slash, suffix = handle.partition("/")
    notation = Notation.URN if spoken else Notation.PLAIN
    if prefix.startswith("88."):
        national = names.parse(handle)
        secondary = ".".join(prefix.split(".")[:2])
        levels = [Part(mark("Secondary node"), secondary)]
        levels += [Part(mark("Enterprise"), prefix)] if names.is_enterprise(prefix) else []
        levels.append(Part(mark("Suffix"), national.suffix))
        return Identifier(Scheme.HANDLE, "Handle", national.key.decode(), tuple(levels), notation)
    if not slash or not suffix or not _PREFIX.fullmatch(prefix):
        raise BadCode(
            mark("{text} is no handle: it needs a prefix, a slash and a suffix."),
            remedy=mark("Write it as 88.118.1/EXAMPLE-001."),
            text=text[:100],
        )
    if not suffix.isprintable() or len(handle.encode(errors="replace")) > MAX_HANDLE:
        raise BadCode(
            mark("The suffix of {prefix} holds characters that cannot be seen, or is too long."),
            remedy=mark("Copy it again."),
            prefix=prefix[:60],
        )
    parts = (Part(mark("Prefix"), prefix), Part(mark("Suffix"), suffix))
    return Identifier(Scheme.HANDLE, "Handle", names.key(handle.encode()).decode(), parts, notation)
