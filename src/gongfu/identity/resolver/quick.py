"""The short way for the usual question: all values of an identifier that is there. Pure; everything else is None.

Of a million requests all but a few differ only in request id, identifier and time. What the first one of its kind
leads to (version spoken, flags echoed, lengths) is remembered as a plan that a further one only has to fit.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TypeAlias

from gongfu.identity.handle.codes import MAX_PACKET, VERSION, OpCode, OpFlag, ResponseCode
from gongfu.identity.resolver.administration import uncounted
from gongfu.identity.resolver.desk import ANSWER_SECONDS

PublicValues: TypeAlias = Callable[[bytes], tuple[int, bytes] | None]
""":meth:`View.public`: number and octets of all values of a key, None when the short way does not apply."""
Plan: TypeAlias = tuple[int, int, bytes, bytes, bytes]
"""Octets of the packet, where its identifier ends and what follows that; of the answer the envelope up to the request
id and the header up to the expiry."""

_ENVELOPE = struct.Struct(">BBBBIIII")
_HEADER = struct.Struct(">IIIHBBIII")
"""And the length of the identifier."""
_HEAD = struct.Struct(">BBBBI")
_ANSWER = struct.Struct(">III2xBx")
_NAME = 48  # where the identifier begins
_ZERO = bytes(4)
_LONGEST = 4_096
_U32 = [number.to_bytes(4) for number in range(_LONGEST)]
_LONG_WAY = OpFlag.REQUEST_DIGEST | OpFlag.ENCRYPT | OpFlag.CERTIFIED
_ECHOED = OpFlag.KEEP_CONNECTION | OpFlag.PUBLIC_ONLY | OpFlag.RECURSIVE
_MOST_PLANS = 2_048
_NONE: Plan = (-1, 0, b"", b"", b"")
_join = b"".join


class Quick:
    """Answers in one way of transport; not for several threads at once."""

    def __init__(
        self, most: int, count: Callable[[bytes], int] = uncounted, *, flags: OpFlag = OpFlag.AUTHORITATIVE
    ) -> None:
        """``most`` octets of payload at most; up to 4,000. ``count`` is told the prefix, and says 1 to refuse.

        ``flags`` stand on every answer.
        """
        self._count = count
        self._flags = flags
        self._most = min(most, _LONGEST - 1)
        self._plans: dict[bytes, Plan] = {}
        self._expires = bytes(4)

    def at(self, now: float) -> None:
        """Answers from now on expire after this time, in Unix seconds."""
        self._expires = (int(now) + ANSWER_SECONDS & 0xFFFF_FFFF).to_bytes(4)

    def answer(self, packet: bytes, public: PublicValues) -> bytes | None:
        """The whole answer to a whole message, envelopes included; None if it is not the usual question."""
        plan = self._plans.get(packet[:8] + packet[12:36] + packet[40:48])  # without request id and expiry
        if plan is None:
            plan = self._plan(packet)
        size, end, rest, envelope, header = plan
        if len(packet) != size or packet[end:] != rest:
            return None
        key = packet[_NAME:end].upper()
        if not key.isascii():
            return None
        found = public(key)
        if found is None:
            return None
        count, values = found
        body = end - 40 + len(values)
        if body + 28 > self._most or self._count(key.partition(b"/")[0]):
            return None
        return _join(
            (
                envelope,
                packet[8:12],
                _ZERO,
                _U32[body + 28],
                header,
                self._expires,
                _U32[body],
                packet[44:end],
                _U32[count],
                values,
                _ZERO,
            )
        )

    def _plan(self, packet: bytes) -> Plan:
        """What is to be done with all packets that have these octets; remembered, unless it is not even a header."""
        if len(packet) < _NAME:
            return _NONE
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        plan = self._plans[packet[:8] + packet[12:36] + packet[40:48]] = self._found_out(packet)
        return plan

    def _found_out(self, packet: bytes) -> Plan:
        major, minor, flags, suggested, session, _, sequence, length = _ENVELOPE.unpack_from(packet)
        opcode, response, asked, _, recursion, _, _, body, name = _HEADER.unpack_from(packet, _ENVELOPE.size)
        size = _ENVELOPE.size + length
        end = _NAME + name
        rest = size - end  # two empty lists, and of the credential its length or nothing
        if (
            major != 2
            or flags & 0xE0
            or session
            or sequence
            or opcode != OpCode.RESOLVE
            or response != ResponseCode.NONE
            or asked & _LONG_WAY
            or not 56 < size <= MAX_PACKET
            or not name
            or body != name + 12
            or rest not in (8, 12)
        ):
            return _NONE
        suggested_major = flags & 0x03
        version = min((suggested_major, suggested) if suggested_major else (major, minor), VERSION)
        echoed = (asked & _ECHOED) | self._flags
        return (
            size,
            end,
            bytes(rest),
            _HEAD.pack(*version, *VERSION, 0),
            _ANSWER.pack(OpCode.RESOLVE, ResponseCode.SUCCESS, echoed, recursion),
        )
