"""ClickHouse's compressed frames (``compress=1``), which the JDBC driver of DBeaver asks for, and HTTP encodings.

A frame: CityHash128 (version 1.0.2) of what follows, one octet of method, length of the frame without the hash and of
its content (32 bits, little endian), the content. Source: https://clickhouse.com/docs/en/native-protocol/compression
The hash is written here because no wheel has this old version; it is checked against files that the engine wrote.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import pyarrow as pa

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

LZ4: Final = 0x82
ZSTD: Final = 0x90
NONE: Final = 0x02
_CONTENT: Final = 1 << 16
_HEAD: Final = struct.Struct("<BII")
_MASK: Final = (1 << 64) - 1
_K0: Final = 0xC3A5C85C97CB3127
_K1: Final = 0xB492B66FBE98F273
_K2: Final = 0x9AE16A3B2F90404F
_K3: Final = 0xC949D7C7509E6557
_MUL: Final = 0x9DDFEA08EB382D69


class Plain:
    """Sends what it gets. Every packer here has ``feed`` and, at the end, ``end``."""

    def feed(self, chunk: bytes) -> bytes:
        """What can be sent after ``chunk``."""
        return chunk

    def end(self) -> bytes:
        """What is left."""
        return b""


class Frames:
    """ClickHouse's frames, LZ4 inside."""

    def __init__(self) -> None:
        self._codec = pa.Codec("lz4_raw")

    def feed(self, chunk: bytes) -> bytes:
        """``chunk`` in frames."""
        parts = []
        for start in range(0, len(chunk), _CONTENT):
            content = chunk[start : start + _CONTENT]
            packed = bytes(self._codec.compress(content))
            body = _HEAD.pack(LZ4, len(packed) + _HEAD.size, len(content)) + packed
            parts += [cityhash128(body), body]
        return b"".join(parts)

    def end(self) -> bytes:
        """Nothing: every frame stands alone."""
        return b""


class Gzip:
    """HTTP's gzip."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(3, zlib.DEFLATED, 31)

    def feed(self, chunk: bytes) -> bytes:
        """What the packer gives out so far."""
        return self._packer.compress(chunk)

    def end(self) -> bytes:
        """The rest."""
        return self._packer.flush()


class Encoded:
    """HTTP's zstd, or lz4."""

    def __init__(self, name: str) -> None:
        self._sink = _Sink()
        self._stream = pa.CompressedOutputStream(pa.PythonFile(self._sink, "w"), name)

    def feed(self, chunk: bytes) -> bytes:
        """What the packer gives out so far."""
        self._stream.write(chunk)
        return self._sink.take()

    def end(self) -> bytes:
        """The rest."""
        self._stream.close()
        return self._sink.take()


def unframed(data: bytes, limit: int) -> bytes:
    """The content of frames, at most ``limit`` octets; raises :class:`Invalid`."""
    parts: list[bytes] = []
    size = at = 0
    while at < len(data):
        if len(data) - at < 16 + _HEAD.size:
            raise _broken("it ends early")
        method, packed, content = _HEAD.unpack_from(data, at + 16)
        end = at + 16 + packed
        size += content
        if packed < _HEAD.size or end > len(data) or size > limit:
            raise _broken("a length is wrong")
        if cityhash128(data[at + 16 : end]) != data[at : at + 16]:
            raise _broken("a checksum is wrong")
        inner = data[at + 16 + _HEAD.size : end]
        if method == NONE:
            parts.append(inner)
        elif method in (LZ4, ZSTD):
            try:
                parts.append(bytes(pa.Codec("lz4_raw" if method == LZ4 else "zstd").decompress(inner, content)))
            except (OSError, ValueError) as error:
                raise _broken(str(error)) from error
        else:
            raise _broken(f"method {method:#x}")
        at = end
    return b"".join(parts)


class _Sink:
    """A file that keeps what is written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def _broken(reason: str) -> Invalid:
    return Invalid(mark("The body cannot be decompressed: {reason}."), reason=reason)


def cityhash128(data: bytes) -> bytes:
    """CityHash128 1.0.2, low half first, each half little endian: as a frame begins."""
    size = len(data)
    if size >= 16:
        first, second = struct.unpack_from("<QQ", data)
        low, high = _with_seed(data[16:], first ^ _K3, second)
    elif size >= 8:
        low, high = _with_seed(b"", _word(data, 0) ^ (size * _K0 & _MASK), _word(data, size - 8) ^ _K1)
    else:
        low, high = _with_seed(data, _K0, _K1)
    return struct.pack("<QQ", low, high)


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _turn(value: int, by: int) -> int:
    return (value >> by | value << (64 - by)) & _MASK


def _mix(value: int) -> int:
    return value ^ (value >> 47)


def _pair(u: int, v: int) -> int:
    a = (u ^ v) * _MUL & _MASK
    b = (v ^ a ^ (a >> 47)) * _MUL & _MASK
    return (b ^ (b >> 47)) * _MUL & _MASK


def _short(data: bytes) -> int:
    size = len(data)
    if size > 8:
        a, b = _word(data, 0), _word(data, size - 8)
        return _pair(a, _turn((b + size) & _MASK, size)) ^ b
    if size >= 4:
        a, b = struct.unpack_from("<I", data)[0], struct.unpack_from("<I", data, size - 4)[0]
        return _pair(size + (a << 3), b)
    if size:
        y, z = data[0] + (data[size >> 1] << 8), size + (data[-1] << 2)
        return _mix(y * _K2 & _MASK ^ z * _K3 & _MASK) * _K2 & _MASK
    return _K2


def _murmur(data: bytes, a: int, b: int) -> tuple[int, int]:
    size = len(data)
    if size <= 16:
        a = _mix(a * _K1 & _MASK) * _K1 & _MASK
        c = (b * _K1 + _short(data)) & _MASK
        d = _mix((a + (_word(data, 0) if size >= 8 else c)) & _MASK)
    else:
        c = _pair((_word(data, size - 8) + _K1) & _MASK, a)
        d = _pair((b + size) & _MASK, (c + _word(data, size - 16)) & _MASK)
        a = (a + d) & _MASK
        for at in range(0, size - 16, 16):
            a = (a ^ _mix(_word(data, at) * _K1 & _MASK) * _K1 & _MASK) * _K1 & _MASK
            b ^= a
            c = (c ^ _mix(_word(data, at + 8) * _K1 & _MASK) * _K1 & _MASK) * _K1 & _MASK
            d ^= c
    a, b = _pair(a, c), _pair(d, b)
    return a ^ b, _pair(b, a)


def _weak(words: tuple[int, ...], a: int, b: int) -> tuple[int, int]:
    w, x, y, z = words
    a = (a + w) & _MASK
    b = _turn((b + a + z) & _MASK, 21)
    c = a
    a = (a + x + y) & _MASK
    b = (b + _turn(a, 44)) & _MASK
    return (a + z) & _MASK, (b + c) & _MASK


def _with_seed(data: bytes, x: int, y: int) -> tuple[int, int]:
    size = len(data)
    if size < 128:
        return _murmur(data, x, y)
    z = size * _K1 & _MASK
    v1 = (_turn(y ^ _K1, 49) * _K1 + _word(data, 0)) & _MASK
    v2 = (_turn(v1, 42) * _K1 + _word(data, 8)) & _MASK
    w1 = (_turn((y + z) & _MASK, 35) * _K1 + x) & _MASK
    w2 = _turn((x + _word(data, 88)) & _MASK, 53) * _K1 & _MASK
    whole = size // 128 * 128
    for at in range(0, whole, 64):
        q = struct.unpack_from("<8Q", data, at)
        x = _turn((x + y + v1 + q[2]) & _MASK, 37) * _K1 & _MASK
        y = _turn((y + v2 + q[6]) & _MASK, 42) * _K1 & _MASK
        x ^= w2
        y ^= v1
        z = _turn(z ^ w1, 33)
        v1, v2 = _weak(q[:4], v2 * _K1 & _MASK, (x + w1) & _MASK)
        w1, w2 = _weak(q[4:], (z + w2) & _MASK, y)
        z, x = x, z
    y = (y + _turn(w1, 37) * _K0 + z) & _MASK
    x = (x + _turn((v1 + z) & _MASK, 49) * _K0) & _MASK
    for done in range(32, size - whole + 32, 32):
        q = struct.unpack_from("<4Q", data, size - done)
        y = (_turn((y - x) & _MASK, 42) * _K0 + v2) & _MASK
        w1 = (w1 + q[2]) & _MASK
        x = (_turn(x, 49) * _K0 + w1) & _MASK
        w1 = (w1 + v1) & _MASK
        v1, v2 = _weak(q, v1, v2)
    x, y = _pair(x, v1), _pair(y, w1)
    return (_pair((x + v2) & _MASK, w2) + y) & _MASK, _pair((x + w2) & _MASK, (y + v2) & _MASK)
