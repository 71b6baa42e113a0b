"""One entry for every scheme: :func:`recognise` and :func:`parse`. Pure.

The list of schemes is :data:`SCHEMES`; nothing registers itself.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gongfu.identity.schemes import did, dns, ecode, handles, oid, uuids, vaa
from gongfu.identity.schemes.errors import BadCode
from gongfu.identity.schemes.gs1 import reading as gs1
from gongfu.identity.schemes.types import Candidate, Identifier, Reading, Scheme
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

LONGEST = 4000
"""Characters that are looked at; more is no code."""
CERTAIN = 90
"""From this score on a text says itself what it is, so a mistake in it does not make it something else."""


@dataclass(frozen=True, slots=True)
class Description:
    """A scheme as people know it: marked name, the standard it follows, an example that is valid, its readings."""

    scheme: Scheme
    name: str
    standard: str
    example: str
    readings: Callable[[str], list[Reading]]


SCHEMES: Sequence[Description] = (
    Description(Scheme.HANDLE, mark("Handle"), "RFC 3651", "88.118.1/EXAMPLE-001", handles.readings),
    Description(Scheme.VAA, mark("VAA"), "ISO/IEC 15459", "VAA088100000001/A-1", vaa.readings),
    Description(Scheme.GS1, mark("GS1"), "GS1 General Specifications", "(01)09506000134352(21)A1", gs1.readings),
    Description(Scheme.OID, mark("OID"), "ITU-T X.660, RFC 3061", "1.2.156.3001.1", oid.readings),
    Description(Scheme.ECODE, mark("Ecode"), "GB/T 31866", "Ecode:1000120131234567890", ecode.readings),
    Description(
        Scheme.BID,
        mark("BID"),
        "BID 2.0",
        "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2",
        lambda text: [found for found in did.readings(text) if found.scheme is Scheme.BID],
    ),
    Description(
        Scheme.DID,
        mark("DID"),
        "W3C DID Core",
        "did:example:123456789abcdefghi",
        lambda text: [found for found in did.readings(text) if found.scheme is Scheme.DID],
    ),
    Description(Scheme.DNS, mark("Domain name"), "RFC 1035, RFC 3490", "example.com", dns.readings),
    Description(Scheme.UUID, mark("UUID"), "RFC 9562", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", uuids.readings),
)
"""Every scheme, in the order in which they are shown; of two readings that are equally likely the first wins."""


def recognise(text: str) -> list[Candidate]:
    """What ``text`` may be, the likeliest first; empty when it looks like nothing known.

    A valid reading comes before an invalid one, unless the text itself says what it should be.
    """
    text = tidy(text)
    if not text or len(text) > LONGEST:
        return []
    found = [_tried(reading) for description in SCHEMES for reading in description.readings(text)]
    return sorted(found, key=lambda candidate: -candidate.score)


def parse(text: str, scheme: Scheme | None = None, kind: str = "") -> Identifier:
    """The identifier that ``text`` is, of ``scheme`` and ``kind`` when they are given.

    Raises :class:`BadCode`, or the finer :class:`Invalid` of its likeliest reading.
    """
    candidates = [
        candidate
        for candidate in recognise(text)
        if scheme in (None, candidate.scheme) and kind in ("", candidate.kind, _kind(candidate))
    ]
    for candidate in candidates:
        if candidate.identifier is not None:
            return candidate.identifier
        if candidate.error is not None and candidate.score >= CERTAIN:
            raise candidate.error
    if candidates and candidates[0].error is not None:
        raise candidates[0].error
    raise BadCode(
        mark("{text} looks like no code that this node knows."),
        remedy=mark("Check the characters, or scan the code again."),
        text=tidy(text)[:100] or "—",
    )


def description(scheme: Scheme) -> Description:
    """The description of ``scheme``."""
    return next(found for found in SCHEMES if found.scheme is scheme)


def tidy(text: str) -> str:
    """Without spaces at the ends and without what scanners and copying add: a byte order mark, zero-width marks."""
    return unicodedata.normalize("NFC", text).strip().strip("\ufeff\u200b\u200e\u200f").strip()


def _kind(candidate: Candidate) -> str:
    return candidate.identifier.kind if candidate.identifier else ""


def _tried(reading: Reading) -> Candidate:
    try:
        identifier = reading.parse()
    except Invalid as error:
        score = reading.score if reading.score >= CERTAIN else reading.score // 2
        return Candidate(reading.scheme, reading.kind, score, reading.reason, error=error)
    kind = reading.kind if reading.kind.startswith(identifier.kind) else identifier.kind
    return Candidate(reading.scheme, kind, reading.score, reading.reason, identifier)
