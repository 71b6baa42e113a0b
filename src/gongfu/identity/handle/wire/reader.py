"""Fields of messages and records, one after another: integers big endian, octets and texts behind their length."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from gongfu.identity.handle.codes import MAX_HANDLE, MAX_VALUES
from gongfu.identity.handle.errors import BadHandle, Malformed
from gongfu.kernel.i18n import mark

U16 = struct.Struct(">H")
U32 = struct.Struct(">I")


class Reader:
    """Reads fields in order from ``data``; raises :class:`Malformed` instead of running past its end."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Octets not read yet."""
        return len(self._data) - self._at

    def fields(self, layout: struct.Struct, what: str) -> tuple[int, ...]:
        """The integers of ``layout``."""
        try:
            values: tuple[int, ...] = layout.unpack_from(self._data, self._at)
        except struct.error:
            raise short(what) from None
        self._at += layout.size
        return values

    def u8(self, what: str) -> int:
        """One octet."""
        return self.octets(1, what)[0]

    def u16(self, what: str) -> int:
        """One unsigned integer of 2 octets."""
        return self.fields(U16, what)[0]

    def u32(self, what: str) -> int:
        """One unsigned integer of 4 octets."""
        return self.fields(U32, what)[0]

    def rest(self) -> bytes:
        """All octets not read yet."""
        return self.octets(self.left, "rest")

    def end(self) -> None:
        """Raises :class:`Malformed` if octets are left."""
        if self.left:
            raise Malformed(mark("{count} octets follow the end of the message."), count=self.left)

    def octets(self, length: int, what: str) -> bytes:
        """``length`` octets."""
        start = self._at
        end = start + length
        if end > len(self._data):
            raise short(what)
        self._at = end
        return self._data[start:end]

    def counted(self, limit: int, what: str) -> bytes:
        """Octets behind their length; at most ``limit``."""
        length = self.u32(what)
        if length > limit:
            raise Malformed(
                mark("{what}: {length} is over the limit of {limit}."), what=what, length=length, limit=limit
            )
        return self.octets(length, what)

    def text(self, limit: int, what: str) -> str:
        """UTF-8 text behind its length."""
        raw = self.counted(limit, what)
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise Malformed(mark("{what} is not UTF-8."), what=what) from error

    def count(self, limit: int, size: int, what: str) -> int:
        """Number of entries that follow; each takes at least ``size`` octets, so that a lie costs no memory."""
        number = self.u32(what)
        if number > limit:
            raise Malformed(
                mark("{what}: {length} is over the limit of {limit}."), what=what, length=number, limit=limit
            )
        if number * size > self.left:
            raise short(what)
        return number

    def handle(self) -> str:
        """A handle; raises :class:`BadHandle` when it is empty or not UTF-8."""
        raw = self.counted(MAX_HANDLE, "handle")
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise BadHandle(mark("The identifier is not UTF-8.")) from error
        if not text:
            raise BadHandle(mark("The identifier is empty."))
        return text

    def indexes(self) -> tuple[int, ...]:
        """A list of value indexes."""
        return tuple(self.u32("index") for _ in range(self.count(MAX_VALUES, 4, "index list")))


def short(what: str) -> Malformed:
    """The error of octets that end inside ``what``."""
    return Malformed(mark("The message ends inside its {what}."), what=what)


def encode_counted(raw: bytes) -> bytes:
    """Length and octets."""
    return U32.pack(len(raw)) + raw


def encode_text(text: str) -> bytes:
    """Length and UTF-8."""
    return encode_counted(text.encode())


def encode_texts(texts: Iterable[str]) -> bytes:
    """Count, then each text behind its length."""
    parts = [encode_text(text) for text in texts]
    return U32.pack(len(parts)) + b"".join(parts)


def encode_indexes(indexes: tuple[int, ...]) -> bytes:
    """Count and value indexes."""
    return struct.pack(f">I{len(indexes)}I", len(indexes), *indexes)
