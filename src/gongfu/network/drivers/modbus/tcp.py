"""Modbus TCP: data units in frames with a transaction number (MODBUS Messaging on TCP/IP V1.0b §3.1.3)."""

from __future__ import annotations

import asyncio
import struct
from typing import cast

from gongfu.network.drivers.modbus.line import Silent
from gongfu.network.drivers.modbus.place import Place

_HEAD = struct.Struct(">HHHB")
"""Transaction, protocol (0 for Modbus), how many bytes follow, unit."""
_LONGEST = 254
"""Bytes behind the length: a unit and a data unit of at most 253."""


class TcpLine(asyncio.Protocol):
    """An open connection. One exchange at a time: the caller sees to that."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._number = 0
        self._unit = 0
        self._answer: asyncio.Future[bytes] | None = None

    @property
    def connected(self) -> bool:
        """Whether nobody has closed it, as far as known."""
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """Close; the answer to a request under way does not come any more."""
        if self._transport is not None:
            self._transport.close()

    async def ask(self, unit: int, pdu: bytes, timeout: float) -> bytes:  # noqa: ASYNC109
        """The data unit that answers ``pdu``; raises :class:`Silent` after ``timeout`` s or when the peer goes."""
        transport = self._transport
        if transport is None or transport.is_closing():
            raise Silent("connection closed")
        loop = asyncio.get_running_loop()
        self._number = number = self._number % 0xFFFF + 1
        self._unit = unit
        answer: asyncio.Future[bytes] = loop.create_future()
        self._answer = answer
        # Cheaper than asyncio.timeout, which costs more than the rest of an exchange.
        alarm = loop.call_later(timeout, _give_up, answer)
        try:
            transport.write(_HEAD.pack(number, 0, len(pdu) + 1, unit) + pdu)
            return await answer
        finally:
            alarm.cancel()
            self._answer = None

    # asyncio.Protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not subclasses

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("connection closed")

    def eof_received(self) -> None:
        self._fail("connection closed")

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        while len(data) > _HEAD.size:
            number, protocol, length, unit = _HEAD.unpack_from(data)
            if protocol or not 2 <= length <= _LONGEST:  # no Modbus, and nothing says where the next frame begins
                self._fail("an answer that makes no sense")
                self.close()
                return
            end = 6 + length
            if len(data) < end:
                break
            waiting = self._answer
            # Any other is the late answer to an earlier request.
            if waiting is not None and number == self._number and unit == self._unit and not waiting.done():
                waiting.set_result(data[_HEAD.size : end])
            data = data[end:]
        self._rest = data

    def _fail(self, reason: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Silent(reason))


def _give_up(answer: asyncio.Future[bytes]) -> None:
    if not answer.done():
        answer.set_exception(Silent)


async def open_to(place: Place, timeout: float) -> TcpLine:  # noqa: ASYNC109
    """A connection to ``place``; raises ``OSError`` within ``timeout`` seconds."""
    async with asyncio.timeout(timeout):
        _, line = await asyncio.get_running_loop().create_connection(TcpLine, place.host, place.port)
    return line
