"""The short way for the usual question: all values of an identifier that is there. Pure; everything else is None.

Of a million requests all but a few differ only in request id, identifier and time. What the first one of its kind
leads to (version spoken, flags echoed) is remembered as a plan; a further one is compared with it by a few slices.
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
Plan: TypeAlias = tuple[bytes, bytes]
"""Of an answer: envelope up to the request id, header up to the expiry."""

_KIND = struct.Struct(">BBBBI IIIHBB")
"""Envelope up to the request id, and header up to the expiry: what makes a plan."""
_HEAD = struct.Struct(">BBBBI")
_HEADER = struct.Struct(">III2xBx")
_NAME = 48  # where the identifier begins
_ZEROS = bytes(12)
_LONGEST = 4_096
_U32 = [number.to_bytes(4) for number in range(_LONGEST)]
_SEQUENCE_AND_LENGTH = [bytes(4) + max(0, size - 20).to_bytes(4) for size in range(MAX_PACKET + 5)]
_BODY_AND_NAME = [max(0, size - 48).to_bytes(4) + max(0, size - 60).to_bytes(4) for size in range(MAX_PACKET + 5)]
_LONG_WAY = OpFlag.REQUEST_DIGEST | OpFlag.ENCRYPT | OpFlag.CERTIFIED
_ECHOED = OpFlag.KEEP_CONNECTION | OpFlag.PUBLIC_ONLY | OpFlag.RECURSIVE
_MOST_PLANS = 256
_NONE: Plan = (b"", b"")


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
        size = len(packet)
        if not 56 < size <= MAX_PACKET:
            return None
        plan = self._plans.get(packet[:8] + packet[20:36])
        if plan is None:
            plan = self._plan(packet)
        if plan is _NONE or packet[12:20] != _SEQUENCE_AND_LENGTH[size]:
            return None
        if packet[40:48] == _BODY_AND_NAME[size]:
            end = size - 12  # two empty lists and no credential
        elif packet[40:48] == _BODY_AND_NAME[size + 4]:
            end = size - 8  # the same without the credential's length
        else:
            return None
        if packet[end:] != _ZEROS[: size - end]:
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
        return b"".join(
            (
                plan[0],
                packet[8:12],
                _ZEROS[:4],
                _U32[body + 28],
                plan[1],
                self._expires,
                _U32[body],
                packet[44:end],
                _U32[count],
                values,
                _ZEROS[:4],
            )
        )

    def _plan(self, packet: bytes) -> Plan:
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        kind = packet[:8] + packet[20:36]
        major, minor, flags, suggested, session, opcode, response, asked, _, recursion, _ = _KIND.unpack(kind)
        plan = _NONE
        if (
            major == 2
            and not flags & 0xE0
            and not session
            and opcode == OpCode.RESOLVE
            and response == ResponseCode.NONE
            and not asked & _LONG_WAY
        ):
            suggested_major = flags & 0x03
            version = min((suggested_major, suggested) if suggested_major else (major, minor), VERSION)
            echoed = (asked & _ECHOED) | self._flags
            plan = (
                _HEAD.pack(*version, *VERSION, 0),
                _HEADER.pack(OpCode.RESOLVE, ResponseCode.SUCCESS, echoed, recursion),
            )
        self._plans[kind] = plan
        return plan
