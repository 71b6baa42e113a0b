"""Values of an identifier (RFC 3651 §3.1) and the records that some of their types hold."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from gongfu.identity.handle.codes import (
    MAX_HANDLE,
    MAX_MESSAGE,
    MAX_VALUES,
    AdminPermission,
    Permission,
    TtlType,
)
from gongfu.identity.handle.errors import BadReference, Malformed
from gongfu.identity.handle.wire.reader import U16, U32, Reader, encode_counted, encode_text
from gongfu.kernel.i18n import mark

_VALUE = struct.Struct(">IIBIB")  # index, timestamp, ttl type, ttl, permissions


@dataclass(frozen=True, slots=True)
class Reference:
    """Points at a value of another handle."""

    handle: str
    index: int

    def __str__(self) -> str:
        return f"{self.index}:{self.handle}"


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a handle (RFC 3651 §3.1); ``timestamp`` in Unix seconds, as is an absolute ``ttl``."""

    index: int
    type: str
    data: bytes
    ttl: int = 86_400
    ttl_type: TtlType = TtlType.RELATIVE
    timestamp: int = 0
    permissions: Permission = Permission.ADMIN_READ | Permission.ADMIN_WRITE | Permission.PUBLIC_READ
    references: tuple[Reference, ...] = ()

    @property
    def public(self) -> bool:
        """Whether anyone may read it."""
        return bool(self.permissions & Permission.PUBLIC_READ)

    @property
    def text(self) -> str:
        """Its data as people read it: UTF-8, or hexadecimal where it is not text."""
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            return self.data.hex(" ")


@dataclass(frozen=True, slots=True)
class AdminRecord:
    """Data of an HS_ADMIN value: who may do what (RFC 3651 §3.2.1)."""

    administrator: Reference
    permissions: AdminPermission


def parse_reference(text: str) -> Reference:
    """``300:0.NA/88.118.1`` as a reference; without ``index:`` the index is 0, any. Raises :class:`BadReference`."""
    index, colon, handle = text.partition(":")
    if not (colon and index.isascii() and index.isdigit()):
        index, handle = "0", text
    if not handle or not handle.isprintable() or int(index) >= 2**32 or len(handle.encode()) > MAX_HANDLE:
        raise BadReference(
            mark("{text} does not name an administrator."),
            remedy=mark("Write it as 300:0.NA/88.118.1: an index, a colon and an identifier."),
            text=ascii(text[:80]),
        )
    return Reference(handle, int(index))


def encode_reference(reference: Reference) -> bytes:
    """Handle, then index."""
    return encode_text(reference.handle) + U32.pack(reference.index)


def decode_reference(reader: Reader) -> Reference:
    """Handle, then index; raises :class:`Malformed`."""
    return Reference(reader.text(MAX_HANDLE, "reference"), reader.u32("reference"))


def encode_references(references: Sequence[Reference]) -> bytes:
    """Count and references: the data of an HS_VLIST value (RFC 3651 §3.2.6), too."""
    return U32.pack(len(references)) + b"".join(encode_reference(item) for item in references)


def decode_references(reader: Reader) -> tuple[Reference, ...]:
    """Count and references; raises :class:`Malformed`."""
    return tuple(decode_reference(reader) for _ in range(reader.count(MAX_VALUES, 8, "references")))


def encode_value(value: Value) -> bytes:
    """One handle value."""
    return b"".join(
        (
            _VALUE.pack(value.index, value.timestamp, value.ttl_type, value.ttl, value.permissions),
            encode_text(value.type),
            encode_counted(value.data),
            encode_references(value.references),
        )
    )


def decode_value(reader: Reader) -> Value:
    """One handle value; raises :class:`Malformed`."""
    index, timestamp, ttl_type, ttl, permissions = reader.fields(_VALUE, "value")
    if ttl_type not in (TtlType.RELATIVE, TtlType.ABSOLUTE):
        raise Malformed(mark("There is no time-to-live type {type}."), type=ttl_type)
    kind = reader.text(MAX_HANDLE, "value type")
    data = reader.counted(MAX_MESSAGE, "value data")
    references = decode_references(reader)
    return Value(index, kind, data, ttl, TtlType(ttl_type), timestamp, Permission(permissions & 0x0F), references)


def encode_values(values: Sequence[Value]) -> bytes:
    """Count and values."""
    return U32.pack(len(values)) + b"".join(encode_value(value) for value in values)


def decode_values(reader: Reader) -> tuple[Value, ...]:
    """Count and values; raises :class:`Malformed`. The shortest value takes 26 octets."""
    return tuple(decode_value(reader) for _ in range(reader.count(MAX_VALUES, 26, "values")))


def encode_admin(record: AdminRecord) -> bytes:
    """Data of an HS_ADMIN value: u16 permissions, then the reference (RFC 3651 §3.2.1)."""
    return U16.pack(record.permissions) + encode_reference(record.administrator)


def decode_admin(data: bytes) -> AdminRecord:
    """Data of an HS_ADMIN value; raises :class:`Malformed`. Handle.Net once wrote two octets too many: accepted."""
    reader = Reader(data)
    permissions = reader.u16("HS_ADMIN")
    record = AdminRecord(decode_reference(reader), AdminPermission(permissions & 0x0FFF))
    if reader.left not in (0, 2):
        reader.end()
    return record
