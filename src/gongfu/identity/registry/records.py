"""A registered identifier as the octets that the store keeps.

Layout, big endian: version 1 octet | registered u32 | modified u32 | public count u16 | other count u16 |
name length u8, name (empty when it is written as its key) | public values | other values.
Values are kept as they go over the wire (RFC 3652 §3.2.2), those that anyone may read first, each kind sorted by index:
the resolver answers the usual question by copying one slice.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from gongfu.identity.handle import names, wire
from gongfu.identity.handle.codes import MAX_MESSAGE, MAX_VALUES
from gongfu.identity.handle.errors import Malformed
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

HEAD = struct.Struct(">BIIHHB")
"""version, registered, modified, public values, other values, length of the name."""
VERSION = 1
_ROOM = MAX_MESSAGE - 4096  # what an answer needs besides the values


@dataclass(frozen=True, slots=True)
class Record:
    """An identifier with its values; times in Unix seconds."""

    handle: names.Handle
    values: tuple[wire.Value, ...]
    registered: int
    modified: int

    @property
    def public(self) -> tuple[wire.Value, ...]:
        """The values anyone may read."""
        return tuple(value for value in self.values if value.public)

    def text(self, kind: str) -> str:
        """The first value of type ``kind`` as text, or an empty string."""
        return next((value.text for value in self.values if value.type == kind), "")


def encode(record: Record) -> bytes:
    """Raises :class:`Invalid` for values that the protocol could not carry or that share an index."""
    check(record.handle, record.values)
    for value in record.values:
        check_numbers(record.handle, value.index, value.timestamp)
    values = sorted(record.values, key=lambda value: value.index)
    public = [value for value in values if value.public]
    other = [value for value in values if not value.public]
    name = str(record.handle).encode()
    if name == record.handle.key:
        name = b""
    check_name(record.handle)
    body = b"".join(wire.encode_value(value) for value in public + other)
    if len(body) > _ROOM:
        raise Invalid(
            mark("The values of {handle} take {size} octets; one answer holds {limit}."),
            remedy=mark("Keep the data elsewhere and register its address."),
            handle=record.handle,
            size=len(body),
            limit=_ROOM,
        )
    head = HEAD.pack(VERSION, record.registered, record.modified, len(public), len(other), len(name))
    return head + name + body


def decode(key: bytes, stored: bytes) -> Record:
    """The record stored under ``key``; raises :class:`Malformed` for octets that :func:`encode` did not write."""
    reader = wire.Reader(stored)
    version, registered, modified, public, other, length = reader.fields(HEAD, "record")
    if version != VERSION:
        raise Malformed(mark("Record version {version} is not known."), version=version)
    name = reader.octets(length, "record") or key
    values = sorted((wire.decode_value(reader) for _ in range(public + other)), key=lambda value: value.index)
    try:
        prefix, _, suffix = name.decode().partition("/")
    except UnicodeDecodeError as error:
        raise Malformed(mark("{what} is not UTF-8."), what="record") from error
    return Record(names.Handle(prefix, suffix), tuple(values), registered, modified)


def public_slice(stored: bytes) -> tuple[int, bytes]:
    """Number of values anyone may read, and the octets that hold them first: the resolver's short way.

    When there are other values too, they follow in the same octets; then the caller must decode.
    Returns -1 as the number in that case.
    """
    version, _, _, public, other, length = HEAD.unpack_from(stored)
    if version != VERSION or other:
        return -1, b""
    return public, stored[HEAD.size + length :]


def check(handle: names.Handle, values: Sequence[wire.Value]) -> None:
    """Raises :class:`Invalid` for values that cannot stand together, apart from their data and time stamps."""
    indexes = [value.index for value in values]
    if not values or len(indexes) > MAX_VALUES:
        raise Invalid(
            mark("{handle} has {count} values; between 1 and {limit} are allowed."),
            handle=handle,
            count=len(indexes),
            limit=MAX_VALUES,
        )
    if len(set(indexes)) != len(indexes) or min(indexes) < 1:
        raise Invalid(
            mark("The values of {handle} need indexes of their own, from 1."),
            remedy=mark("Number the values without repeating a number."),
            handle=handle,
        )
    if any(not value.type for value in values):
        raise Invalid(mark("A value of {handle} has no type."), handle=handle)
    for value in values:
        numbers = (value.index, value.ttl, *(item.index for item in value.references))
        check_numbers(handle, value.index, *numbers)


def check_numbers(handle: names.Handle, index: int, *numbers: int) -> None:
    """Raises :class:`Invalid` unless every number of that value fits its field."""
    if any(not 0 <= number < 2**32 for number in numbers):
        raise Invalid(
            mark("A number of value {index} of {handle} does not fit 32 bits."),
            index=index,
            handle=handle,
        )


def check_name(handle: names.Handle) -> None:
    """Raises :class:`Invalid` for a name that cannot be a key."""
    length = len(str(handle).encode())
    if length > names.MAX_LENGTH or not handle.prefix or not handle.suffix:
        raise Invalid(
            mark("The identifier is {length} octets long; at most {limit} are allowed."),
            remedy=mark("Shorten the suffix. A Chinese character counts as three octets."),
            length=length,
            limit=names.MAX_LENGTH,
        )
