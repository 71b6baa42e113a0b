"""Answers that units of a serial line still owe. Pure.

An answer does not say which registers it is about. One that comes after its time limit would pass for the answer to the
next request of the same length, and from then on every answer would be taken for the one to the next question. So a
unit that has kept silent is first asked something whose answer has another length than all it owes: units answer in
order, and with that one in hand nothing older can follow.
"""

from __future__ import annotations

from itertools import count

import msgspec

FORGOTTEN = 60.0
"""Seconds after which an answer does not come any more."""
_BITS = (0x01, 0x02)
_READS = (0x01, 0x02, 0x03, 0x04)


class _Debt(msgspec.Struct):
    place: bytes
    """Function and offset of the last question, which the unit has or had."""
    sizes: set[int]
    since: float


class Owed:
    """The units of one line. Times in seconds of any one clock."""

    def __init__(self) -> None:
        self._debts: dict[int, _Debt] = {}

    def silent(self, unit: int, pdu: bytes, now: float) -> None:
        """``unit`` has not answered the request ``pdu``."""
        if pdu[0] not in _READS:
            return  # the answer to a write tells what was written
        sizes = self._debts[unit].sizes if unit in self._debts else set()
        self._debts[unit] = _Debt(pdu[:3], sizes | {_size(pdu[0], int.from_bytes(pdu[3:5], "big"))}, now)

    def question(self, unit: int, now: float) -> bytes:
        """A request whose answer is none of those that ``unit`` owes; empty when it owes none."""
        debt = self._debts.get(unit)
        if debt is None or now - debt.since > FORGOTTEN:
            return b""
        function = debt.place[0]
        wanted = next(number for number in count(1) if _size(function, number) not in debt.sizes)
        return debt.place + wanted.to_bytes(2, "big")

    def settled(self, unit: int) -> None:
        """``unit`` has answered the question."""
        self._debts.pop(unit, None)

    def any(self, now: float) -> bool:
        """Whether some answer may still come."""
        return any(now - debt.since <= FORGOTTEN for debt in self._debts.values())


def _size(function: int, number: int) -> int:
    """Bytes of data in the answer."""
    return (number + 7) // 8 if function in _BITS else 2 * number
