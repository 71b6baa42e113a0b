"""What a value must be like to be stored. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from gongfu.identity.handle import admin_record
from gongfu.identity.handle.admin_record import ADMIN, PUBKEY, SECKEY, VLIST
from gongfu.identity.handle.codes import MAX_VALUES
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.handle.wire import Value
from gongfu.identity.resolver.errors import BadValue
from gongfu.kernel.i18n import mark

MAX_INDEX = 2**31 - 1
"""Clients in Java and the HTTP API know signed 32-bit numbers only."""
MAX_TYPE = 255
"""Octets of a value's type."""
RESERVED = (
    ADMIN,
    VLIST,
    PUBKEY,
    SECKEY,
    "HS_SITE",
    "HS_SITE.PREFIX",
    "HS_SERV",
    "HS_SERV.PREFIX",
    "HS_NA_DELEGATE",
    "HS_ALIAS",
    "HS_PRIMARY",
    "HS_NAMESPACE",
    "HS_CERT",
    "HS_SIGNATURE",
)
"""The protocol's own types (RFC 3651 §3.2 and Handle.Net); other types may not begin with HS_."""
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def checked(values: Iterable[Value], *, now: int) -> tuple[Value, ...]:
    """``values`` with the server's time, in normal form C; raises :class:`BadValue` for the first that cannot stand."""
    found = tuple(
        [
            Value(
                value.index,
                _normal(value.type),
                value.data,
                value.ttl,
                value.ttl_type,
                now,
                value.permissions,
                value.references,
            )
            for value in values
        ]
    )
    if not found or len(found) > MAX_VALUES:
        raise BadValue(
            mark("{count} values were sent; between 1 and {limit} are possible."), count=len(found), limit=MAX_VALUES
        )
    if len({value.index for value in found}) != len(found):
        raise BadValue(mark("An index is given twice."), remedy=mark("Number the values without repeating a number."))
    for value in found:
        _check(value)
    return found


def _check(value: Value) -> None:
    if not 1 <= value.index <= MAX_INDEX:
        raise BadValue(mark("There is no index {index}."), remedy=mark("Use 1 to 2147483647."), index=value.index)
    if not 0 <= value.ttl < 2**32:
        raise BadValue(mark("{ttl} seconds are no time to live."), ttl=value.ttl)
    if not _visible(value.type):
        raise BadValue(
            mark("Value {index} needs a type of visible characters, at most {limit} octets."),
            index=value.index,
            limit=MAX_TYPE,
        )
    if value.type not in RESERVED and value.type.upper().startswith("HS_"):
        raise BadValue(
            mark("{type} is not a type of the protocol."),
            remedy=mark(
                "Types that begin with HS_ are reserved; write one of the known ones in capitals, or another name."
            ),
            type=value.type,
        )
    if value.type == SECKEY and value.public:
        raise BadValue(
            mark("Value {index} is a secret key, and anyone could read it."),
            remedy=mark("Set its permissions to 1100."),
            index=value.index,
        )
    try:
        if value.type == ADMIN:
            admin_record.decode_admin(value.data)
        elif value.type == VLIST:
            admin_record.decode_references(value.data)
    except Malformed as error:
        raise BadValue(
            mark("Value {index} is no {type}: {reason}"), index=value.index, type=value.type, reason=error
        ) from error


@lru_cache(1_024)
def _normal(kind: str) -> str:
    return unicodedata.normalize("NFC", kind)


@lru_cache(1_024)
def _visible(kind: str) -> bool:
    unseen = any(unicodedata.category(letter) in _UNSEEN for letter in kind)
    return bool(kind.strip()) and not unseen and len(kind.encode(errors="replace")) <= MAX_TYPE
