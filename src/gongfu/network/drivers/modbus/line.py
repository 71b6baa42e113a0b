"""Requests and answers on a serial line, or on a TCP connection that carries the frames of one.

Whatever arrives outside an exchange is thrown away before the next request, and during one everything is skipped
that is not its answer: noise, echo, answers to earlier requests or of other units. A broken answer is asked for again
as long as the time limit allows.
"""

from __future__ import annotations

import asyncio

from gongfu.network.drivers.modbus import wire
from gongfu.network.drivers.modbus.owed import Owed
from gongfu.network.drivers.modbus.place import Place
from gongfu.network.drivers.streams import Stream, open_line, open_socket

_READ_HOLDING = 0x03
_FAST = 19_200
_FAST_SILENCE = 0.00175
"""Above 19,200 baud the silence between frames is 1.75 ms instead of 3.5 characters (Serial Line V1.02 §2.5.1.1)."""
_SLACK = 0.005
"""USB adapters and device servers hand bytes over in parts: no byte for so long, and the other end is done."""
_BROKEN_OFF = 0.3
"""An answer that stopped so long ago will not go on."""


class Silent(Exception):
    """No answer within the time limit; the text, if any, says what came instead."""


class Line:
    """A line that is open. One exchange at a time: the caller sees to that."""

    def __init__(self, place: Place, stream: Stream, owed: Owed) -> None:
        self._clock = asyncio.get_running_loop().time
        self._owed = owed
        self._framing = place.framing
        self._stream = stream
        settings = place.settings
        self._character = settings.character if place.line else 0.0
        pause = 3.5 * self._character if settings.baud <= _FAST else _FAST_SILENCE
        self._pause = pause if place.line else 0.0
        self._quiet_since = 0.0
        self._echoes: bool | None = None
        """Whether the line returns what is sent; None until it has been seen."""

    @property
    def connected(self) -> bool:
        """Whether nobody has closed it, as far as known."""
        return self._stream.open

    def close(self) -> None:
        """Give the port back."""
        self._stream.close()

    async def ask(self, unit: int, pdu: bytes, timeout: float) -> bytes:  # noqa: ASYNC109
        """The data unit that answers ``pdu``. Raises :class:`Silent` after ``timeout`` s, ``OSError`` for a dead line.

        The time that the bytes themselves take comes on top.
        """
        asked = wire.Request(self._framing, unit, pdu)
        first = self._owed.question(unit, self._clock())
        if not first and asked.looks_like_its_answer and self._echoes is None:
            # The echo of such a write would pass for its confirmation: first see whether this line echoes.
            first = wire.read_pdu(_READ_HOLDING, int.from_bytes(pdu[1:3], "big"), 1)
        if first:
            await self._exchange(wire.Request(self._framing, unit, first), timeout)
            self._owed.settled(unit)
        return await self._exchange(asked, timeout)

    async def _exchange(self, request: wire.Request, timeout: float) -> bytes:  # noqa: ASYNC109
        try:
            return await self._ask(request, timeout)
        except (Silent, asyncio.CancelledError):
            self._owed.silent(request.unit, request.pdu, self._clock())
            raise

    async def _ask(self, request: wire.Request, timeout: float) -> bytes:  # noqa: ASYNC109
        clock = self._clock
        deadline = clock() + timeout + (len(request.frame) + wire.LONGEST / 2) * self._character
        while True:
            await self._silence()
            self._stream.discard()
            self._stream.send(request.frame)
            self._quiet_since = clock() + len(request.frame) * self._character
            finding = await self._answer(request, deadline)
            if finding.answer:
                return finding.answer
            await self._drain(deadline)
            if clock() >= deadline:
                raise Silent("a broken answer")

    async def _answer(self, request: wire.Request, deadline: float) -> wire.Finding:
        """The finding with the answer, or with one that is broken; raises :class:`Silent` at ``deadline``."""
        clock = self._clock
        heard = b""
        begun = False
        while True:
            until = min(deadline, clock() + _BROKEN_OFF) if begun else deadline
            try:
                async with asyncio.timeout_at(until):
                    heard += await self._stream.receive()
            except TimeoutError:
                if begun and until < deadline:
                    return wire.Finding(broken=True)
                raise Silent("rubbish" if heard.replace(request.frame, b"") else "") from None
            self._quiet_since = max(self._quiet_since, clock())
            finding = wire.find(request, heard, echoes=bool(self._echoes))
            if finding.echoed:
                self._echoes = True
            if finding.answer:
                self._echoes = finding.echoed
            if finding.answer or finding.broken:
                return finding
            begun = finding.begun
            heard = heard[-2 * wire.LONGEST :]

    async def _silence(self) -> None:
        """Wait until the line has been quiet for as long as separates two frames."""
        wait = self._quiet_since + self._pause - self._clock()
        if wait > 0:
            await asyncio.sleep(wait)

    async def _drain(self, deadline: float) -> None:
        """Throw away what still comes, until the line is quiet."""
        while self._clock() < deadline:
            try:
                async with asyncio.timeout(self._pause + _SLACK):
                    await self._stream.receive()
            except TimeoutError:
                return


async def open_to(place: Place, timeout: float, owed: Owed) -> Line:  # noqa: ASYNC109
    """The line of ``place``; raises ``OSError`` within ``timeout`` seconds."""
    if place.line:
        return Line(place, await open_line(place.line, place.settings, timeout), owed)
    return Line(place, await open_socket(place.host, place.port, timeout), owed)
