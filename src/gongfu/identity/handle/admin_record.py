"""What stands in HS_ADMIN and HS_VLIST values: who administers a handle, and groups of administrators.

HS_ADMIN (RFC 3651 §3.2.1): permissions u16 | handle u32-counted UTF-8 | index u32. HS_VLIST (RFC 3651 §3.2.7):
count u32, then handle u32-counted UTF-8 | index u32 for each member.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag

from gongfu.identity.handle.codes import MAX_HANDLE, MAX_VALUES
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.handle.wire import Reader, Reference, encode_counted
from gongfu.kernel.i18n import mark

ADMIN = "HS_ADMIN"
VLIST = "HS_VLIST"
PUBKEY = "HS_PUBKEY"
SECKEY = "HS_SECKEY"
_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")


class AdminPermission(IntFlag):
    """What an administrator may do (RFC 3651 §3.2.1); names as in Handle.Net, whose tools people know."""

    ADD_HANDLE = 0x0001
    DELETE_HANDLE = 0x0002
    ADD_PREFIX = 0x0004
    DELETE_PREFIX = 0x0008
    MODIFY_VALUE = 0x0010
    REMOVE_VALUE = 0x0020
    ADD_VALUE = 0x0040
    MODIFY_ADMIN = 0x0080
    REMOVE_ADMIN = 0x0100
    ADD_ADMIN = 0x0200
    READ_VALUE = 0x0400
    LIST_HANDLES = 0x0800
    LIST_PREFIXES = 0x1000


NO_PERMISSION = AdminPermission(0)
ALL = AdminPermission(0x1FFF)
"""Every permission."""
USUAL = AdminPermission(0x07F3)
"""What clients give the owner of a handle (``011111110011``): all but prefixes and listing."""


@dataclass(frozen=True, slots=True)
class AdminRecord:
    """Data of one HS_ADMIN value; index 0 of ``reference`` stands for every key of that handle."""

    reference: Reference
    permissions: AdminPermission


def encode_admin(record: AdminRecord) -> bytes:
    """Data of an HS_ADMIN value."""
    return _U16.pack(record.permissions) + _encode_reference(record.reference)


def decode_admin(data: bytes) -> AdminRecord:
    """Raises :class:`Malformed`. The two zero octets that old servers append are let pass."""
    reader = Reader(data)
    (permissions,) = reader.fields(_U16, "HS_ADMIN")
    reference = _reference(reader, "HS_ADMIN")
    rest = reader.octets(reader.left, "HS_ADMIN")
    if rest.strip(b"\0"):
        raise Malformed(mark("{count} octets follow the end of the {what}."), count=len(rest), what="HS_ADMIN")
    return AdminRecord(reference, AdminPermission(permissions & ALL))


def encode_references(references: Sequence[Reference]) -> bytes:
    """Data of an HS_VLIST value."""
    return _U32.pack(len(references)) + b"".join(map(_encode_reference, references))


def decode_references(data: bytes) -> tuple[Reference, ...]:
    """Data of an HS_VLIST value; raises :class:`Malformed`."""
    reader = Reader(data)
    found = tuple(_reference(reader, "HS_VLIST") for _ in range(reader.count(MAX_VALUES, 8, "HS_VLIST")))
    if reader.left:
        raise Malformed(mark("{count} octets follow the end of the {what}."), count=reader.left, what="HS_VLIST")
    return found


def parse_reference(text: str) -> Reference:
    """``300:0.NA/88.118.1``, or a handle alone (index 0: whichever key of it fits); raises :class:`Malformed`."""
    number, colon, handle = text.partition(":")
    if not (colon and number.isascii() and number.isdigit()):
        number, handle = "0", text
    if "/" not in handle or len(handle.encode()) > MAX_HANDLE or len(number) > 10 or int(number) >= 2**32:
        raise Malformed(
            mark("{text} does not name an administrator."),
            remedy=mark("Write it as index:handle, such as 300:0.NA/88.118.1."),
            text=text[:300],
        )
    return Reference(handle, int(number))


def _encode_reference(reference: Reference) -> bytes:
    return encode_counted(reference.handle.encode()) + _U32.pack(reference.index)


def _reference(reader: Reader, what: str) -> Reference:
    return Reference(reader.text(MAX_HANDLE, what), reader.u32(what))
