"""Values of an identifier (RFC 3651 §3.1) and the records that some of their types hold."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from gongfu.identity.handle.codes import (
    MAX_HANDLE,
    MAX_MESSAGE,
    MAX_VALUES,
    Permission,
    TtlType,
)
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.handle.wire.reader import U32, Reader, encode_counted, encode_text
from gongfu.kernel.i18n import mark

_VALUE = struct.Struct(">IIBIB")  # index, timestamp, ttl type, ttl, permissions
_PUBLIC = int(Permission.PUBLIC_READ)
_PERMISSIONS = tuple(map(Permission, range(16)))
_TTL_TYPES = {int(kind): kind for kind in TtlType}


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
        return int.__and__(self.permissions, _PUBLIC) != 0  # the flag's own operator takes ten times as long

    @property
    def text(self) -> str:
        """Its data as people read it: UTF-8, or hexadecimal where it is not text."""
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            return self.data.hex(" ")


def encode_reference(reference: Reference) -> bytes:
    """Handle, then index."""
    return encode_text(reference.handle) + U32.pack(reference.index)


def decode_reference(reader: Reader) -> Reference:
    """Handle, then index; raises :class:`Malformed`."""
    return Reference(reader.text(MAX_HANDLE, "reference"), reader.u32("reference"))


def encode_value(value: Value) -> bytes:
    """One handle value."""
    return b"".join(
        (
            _VALUE.pack(value.index, value.timestamp, value.ttl_type, value.ttl, value.permissions),
            encode_text(value.type),
            encode_counted(value.data),
            U32.pack(len(value.references)),
            *map(encode_reference, value.references),
        )
    )


def decode_value(reader: Reader) -> Value:
    """One handle value; raises :class:`Malformed`."""
    index, timestamp, ttl_type, ttl, permissions = reader.fields(_VALUE, "value")
    if ttl_type not in _TTL_TYPES:
        raise Malformed(mark("There is no time-to-live type {type}."), type=ttl_type)
    kind = reader.text(MAX_HANDLE, "value type")
    data = reader.counted(MAX_MESSAGE, "value data")
    number = reader.count(MAX_VALUES, 8, "references")
    references = tuple([decode_reference(reader) for _ in range(number)]) if number else ()
    return Value(index, kind, data, ttl, _TTL_TYPES[ttl_type], timestamp, _PERMISSIONS[permissions & 0x0F], references)


def encode_values(values: Sequence[Value]) -> bytes:
    """Count and values."""
    return U32.pack(len(values)) + b"".join(encode_value(value) for value in values)


def decode_values(reader: Reader) -> tuple[Value, ...]:
    """Count and values; raises :class:`Malformed`. The shortest value takes 26 octets."""
    return tuple([decode_value(reader) for _ in range(reader.count(MAX_VALUES, 26, "values"))])
