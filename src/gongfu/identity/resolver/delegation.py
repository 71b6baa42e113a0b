"""What a node says of identifiers under prefixes it does not answer for: who does, if it has delegated them. Pure.

A delegated prefix has a prefix handle (``0.NA/88.118.1``) in its parent's store, with HS_SITE values that say where it
is served. The parent answers for the prefix handle itself, and refers every question below the prefix to those sites:
302 for an identifier, 303 for a prefix handle (RFC 3652 §3.4; Handle.Net's client follows both).
"""

from __future__ import annotations

from collections.abc import Callable

from gongfu.identity.handle import site, wire
from gongfu.identity.handle.codes import ResponseCode
from gongfu.identity.registry import records
from gongfu.identity.resolver.selection import select

Lookup = Callable[[bytes], tuple[bool, bytes | None]]
"""``IdentifierStore.lookup``."""


def consult(lookup: Lookup, key: bytes, question: wire.ResolveRequest) -> tuple[ResponseCode, bytes] | None:
    """Code and body for ``key``, whose own prefix this node does not answer for; None when it knows nothing of it."""
    prefix, _, suffix = key.partition(b"/")
    if not site.is_prefix_handle(key):
        return _refer(lookup, prefix, ResponseCode.SERVICE_REFERRAL)
    _, stored = lookup(key)
    if stored is not None:
        return _answer(key, stored, question)
    above = suffix.rpartition(b".")[0]
    if above and lookup(above + b"/")[0]:
        return ResponseCode.HANDLE_NOT_FOUND, _said("That prefix is not allotted.")
    return _refer(lookup, above, ResponseCode.PREFIX_REFERRAL) if above else None


def _answer(key: bytes, stored: bytes, question: wire.ResolveRequest) -> tuple[ResponseCode, bytes]:
    values = select(records.decode(key, stored).public, question)
    if not values:
        return ResponseCode.VALUES_NOT_FOUND, _said("That identifier has no such value.")
    return ResponseCode.SUCCESS, wire.encode_resolve_response(wire.ResolveResponse(question.handle, values))


def _refer(lookup: Lookup, prefix: bytes, code: ResponseCode) -> tuple[ResponseCode, bytes] | None:
    """To the sites of ``prefix`` or of the nearest prefix above it."""
    while prefix:
        key = site.prefix_handle("").encode() + prefix
        _, stored = lookup(key)
        if stored is not None:
            record = records.decode(key, stored)
            kinds = (site.HS_SITE, site.HS_SERV)
            sites = tuple(value for value in record.public if value.type.upper() in kinds)
            if sites:
                return code, site.encode_referral(str(record.handle), sites)
        prefix = prefix.rpartition(b".")[0]
    return None


def _said(message: str) -> bytes:
    return wire.encode_error(wire.ErrorResponse(message))
