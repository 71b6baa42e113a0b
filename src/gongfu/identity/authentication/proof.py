"""What a proof says of an identifier, and what it is worth now. Pure.

A statement names the identifier, a digest of its public values, its holder and whether that was reviewed, and a time.
Whoever has it can check offline, with the node's public keys, that the node said so; online, whether it still holds.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from gongfu.identity.authentication import jws
from gongfu.identity.authentication.errors import NoProof
from gongfu.identity.handle.wire import Value
from gongfu.kernel.i18n import mark

KIND = "gongfu-proof+jws"
DAYS = 30
"""How long a proof is worth something."""


class Holder(msgspec.Struct, frozen=True, omit_defaults=True):
    """The enterprise the identifier belongs to."""

    name: str
    verified: bool = False
    credit_code: str = ""
    """Unified social credit code; only of a verified one."""


class Statement(msgspec.Struct, frozen=True):
    """Names as in RFC 7519 where it has them; times in Unix seconds."""

    iss: str
    """Address of the node."""
    sub: str
    """The identifier."""
    iat: int
    exp: int
    values: str
    """:func:`digest` of its public values."""
    holder: Holder


class Worth(StrEnum):
    """What a correctly signed proof is worth now."""

    HOLDS = "holds"
    EXPIRED = "expired"
    EARLY = "early"
    """Its time lies in the future: a clock is wrong."""
    CHANGED = "changed"
    """The identifier has other values now."""
    GONE = "gone"
    """There is no such identifier any more."""


def digest(values: Iterable[Value]) -> str:
    """SHA-256 over the JSON array of ``[index, type, base64 of the data]``, sorted by index."""
    listed = [[v.index, v.type, base64.b64encode(v.data).decode()] for v in sorted(values, key=lambda v: v.index)]
    return "sha-256:" + jws.encode(hashlib.sha256(msgspec.json.encode(listed)).digest())


def decode(payload: bytes) -> Statement:
    """The statement in ``payload``; raises :class:`NoProof`."""
    try:
        return msgspec.json.decode(payload, type=Statement)
    except msgspec.DecodeError as error:
        raise NoProof(mark("This is signed, but it is no proof of an identifier.")) from error


def worth(statement: Statement, values: Iterable[Value] | None, *, now: int) -> Worth:
    """``values`` are the identifier's public ones now, None when it is gone."""
    if values is None:
        return Worth.GONE
    if digest(values) != statement.values:
        return Worth.CHANGED
    if now >= statement.exp:
        return Worth.EXPIRED
    return Worth.EARLY if statement.iat > now + 300 else Worth.HOLDS
