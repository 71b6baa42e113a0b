"""Gaps in the numbers of a subscription's messages (OPC UA Part 4 §5.14.1.2). Pure."""

from __future__ import annotations

_NUMBERS = 2**32 - 1
"""1 … 2³²-1, then 1 again; 0 is never used."""
MOST = 100
"""More missing messages than this are not asked for again."""


class MessageNumbers:
    """The number that comes next, and which did not come."""

    def __init__(self) -> None:
        self._next = 0
        """0 until the first message."""

    def missing(self, number: int, *, holds_data: bool) -> list[int]:
        """Numbers between the last message and this. A keep-alive has the number of the message to come.

        A number that goes back, as faulty servers have, is taken as it is: better doubled than lost.
        """
        if not 0 < number <= _NUMBERS:
            return []
        expected, self._next = self._next, number % _NUMBERS + 1 if holds_data else number
        if not expected:
            return []
        skipped = (number - expected) % _NUMBERS
        if skipped > _NUMBERS // 2:
            return []
        return [(expected - 1 + step) % _NUMBERS + 1 for step in range(min(skipped, MOST))]
