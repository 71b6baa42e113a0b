"""The usual question (all public values of one identifier) answered from the cache by copying octets."""

from __future__ import annotations

import struct

from gongfu.identity.handle.codes import VERSION, OpCode, OpFlag, ResponseCode
from gongfu.identity.handle.fragments import PIECE
from gongfu.identity.recursion.cache import Cache

_QUESTION = struct.Struct(">BBBBIIII III2xBx4xII")
"""Envelope, header (without site serial and expiry) and the handle's length: how every resolve request starts."""
_ANSWER = struct.Struct(">BBBBIIII III2xBx4xI")
_TAILS = (bytes(12), bytes(8))  # no indexes, no types, and no credential, of which the length may be left out
_LONG_WAY = OpFlag.REQUEST_DIGEST | OpFlag.ENCRYPT
_ECHOED = OpFlag.KEEP_CONNECTION | OpFlag.PUBLIC_ONLY | OpFlag.RECURSIVE
_RESOLVE, _SUCCESS = int(OpCode.RESOLVE), int(ResponseCode.SUCCESS)
_LONG, _SAME = int(_LONG_WAY), int(_ECHOED)


def quick(packet: bytes, cache: Cache) -> bytes | None:
    """The answer to ``packet``, None when it is not the usual question or the cache does not have it."""
    if len(packet) < 60:
        return None
    (major, minor, flags, suggested, session, number, sequence, length,
     opcode, response, asked, recursion, body_length, size) = _QUESTION.unpack_from(packet)  # fmt: skip
    end = 48 + size
    if (
        major != 2
        or flags & 0xE0
        or sequence
        or opcode != _RESOLVE
        or response
        or asked & _LONG
        or length != len(packet) - 20
        or body_length != size + 12
        or packet[end:] not in _TAILS
    ):
        return None
    key = packet[48:end].upper()
    if not key.isascii():
        return None
    body = cache.lookup(key)
    if body is None or len(body) + size + 32 > PIECE:
        return None
    suggested_major = flags & 0x03
    version = min((suggested_major, suggested) if suggested_major else (major, minor), VERSION)
    length = size + 4 + len(body)
    head = _ANSWER.pack(
        *version, *VERSION, session, number, 0, length + 28, _RESOLVE, _SUCCESS, asked & _SAME, recursion, length
    )
    return b"".join((head, packet[44:end], body, b"\0\0\0\0"))
