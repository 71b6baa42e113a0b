"""One TCP connection of IEC 60870-5-104: start, sequence numbers, windows and time-outs (§5). For either end."""

from __future__ import annotations

import asyncio
import math
from typing import assert_never

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import DeviceUnavailable
from gongfu.network.drivers.iec104 import wire
from gongfu.network.drivers.iec104.codes import Function
from gongfu.network.drivers.iec104.flow import Flow, OutOfSequence
from gongfu.network.drivers.iec104.wire import Frame, Information, Malformed, Supervisory, Unnumbered

_CHUNK = 65536
_LAST_CHANCE = 0.1
"""Seconds to look once more before a station counts as silent."""


class Timing(msgspec.Struct, frozen=True):
    """Time-outs in seconds and windows in frames (§9.6)."""

    t1: float = 15.0
    """For the confirmation of a frame that was sent."""
    t2: float = 10.0
    """After which a frame that arrived is confirmed; less than t1."""
    t3: float = 20.0
    """Of silence, after which a test frame is sent."""
    k: int = 12
    """Frames on their way without a confirmation, at most."""
    w: int = 8
    """Frames that arrive before one confirmation."""


class Link:
    """Frames in and out. :meth:`receive` must be called again and again: it also minds the time-outs."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, timing: Timing, name: str) -> None:
        self._reader = reader
        self._writer = writer
        self._timing = timing
        self._name = name
        self._flow = Flow(timing.k, timing.w)
        self._buffer = bytearray()
        self._now = asyncio.get_running_loop().time
        self._heard = self._now()
        self._test_sent: float | None = None
        self._waiting: asyncio.Timeout | None = None
        self._room = asyncio.Event()
        self.started = False
        """Whether data may flow: STARTDT was confirmed."""

    async def start(self) -> None:
        """Ask the peer to let data flow (§5.3); raises :class:`DeviceUnavailable` within t1."""
        self._write(Unnumbered(Function.STARTDT_ACT))
        try:
            async with asyncio.timeout(self._timing.t1):
                while not self.started:
                    frame = await self._frame()
                    if not isinstance(frame, Unnumbered):
                        raise self._alien("data before they were asked for")
                    self._unnumbered(frame.function)
        except TimeoutError as error:
            raise self._silent() from error

    async def receive(self) -> bytes:
        """The next ASDU. Raises :class:`DeviceUnavailable` when the connection is of no use any more."""
        while True:
            frame = await self._frame()
            match frame:
                case Unnumbered(function):
                    self._unnumbered(function)
                case Supervisory():
                    self._take(frame)
                case Information():
                    self._take(frame)
                    if self._flow.must_confirm:
                        self._write(self._flow.confirm())
                    return frame.asdu
                case _:
                    assert_never(frame)

    async def send(self, asdu: bytes) -> None:
        """Send when the window allows it; raises :class:`DeviceUnavailable` when the connection is gone."""
        while not self._flow.may_send and not self._writer.is_closing():
            self._room.clear()
            await self._room.wait()
        if self._writer.is_closing():
            raise self._broken("closed")
        self._write(self._flow.send(asdu, self._now()))
        try:
            await self._writer.drain()
        except OSError as error:
            raise self._broken(error) from error

    def close(self) -> None:
        """Close; senders that wait end with an error."""
        self._writer.close()
        self._room.set()

    async def _frame(self) -> Frame:
        try:
            while True:
                if len(self._buffer) >= 2:
                    size = 2 + wire.frame_length(self._buffer)
                    if len(self._buffer) >= size:
                        data = bytes(self._buffer[:size])
                        del self._buffer[:size]
                        return wire.decode_frame(data)
                await self._read()
        except Malformed as error:
            raise self._alien(error) from error

    async def _read(self) -> None:
        """More octets into the buffer, or one look at the time-outs."""
        try:
            async with asyncio.timeout_at(self._deadline()) as self._waiting:
                chunk = await self._reader.read(_CHUNK)
        except TimeoutError:
            self._waiting = None
            if not self._is_late():
                self._look_at_the_clock()
                return
            chunk = await self._last_chance()
        except OSError as error:
            raise self._broken(error) from error
        finally:
            self._waiting = None
        if not chunk:
            raise self._broken("the station closed it")
        self._heard = self._now()
        self._buffer += chunk

    async def _last_chance(self) -> bytes:
        """What has arrived meanwhile: a busy gateway that reads late is no silent station."""
        try:
            async with asyncio.timeout(_LAST_CHANCE):
                return await self._reader.read(_CHUNK)
        except TimeoutError as error:
            raise self._silent() from error
        except OSError as error:
            raise self._broken(error) from error

    def _deadline(self) -> float:
        timing, flow = self._timing, self._flow
        test = self._heard + timing.t3 if self._test_sent is None else self._test_sent + timing.t1
        sent = math.inf if flow.oldest_sent is None else flow.oldest_sent + timing.t1
        received = math.inf if flow.oldest_received is None else flow.oldest_received + timing.t2
        return min(test, sent, received)

    def _is_late(self) -> bool:
        now, t1 = self._now(), self._timing.t1
        return any(since is not None and now >= since + t1 for since in (self._test_sent, self._flow.oldest_sent))

    def _look_at_the_clock(self) -> None:
        now, timing, flow = self._now(), self._timing, self._flow
        if flow.oldest_received is not None and now >= flow.oldest_received + timing.t2:
            self._write(flow.confirm())
        if self._test_sent is None and now >= self._heard + timing.t3:
            self._test_sent = now
            self._write(Unnumbered(Function.TESTFR_ACT))

    def _unnumbered(self, function: Function) -> None:
        match function:
            case Function.TESTFR_ACT:
                self._write(Unnumbered(Function.TESTFR_CON))
            case Function.TESTFR_CON:
                self._test_sent = None
            case Function.STARTDT_ACT:
                self.started = True
                self._write(Unnumbered(Function.STARTDT_CON))
            case Function.STARTDT_CON:
                self.started = True
            case Function.STOPDT_ACT:
                self.started = False
                self._write(Unnumbered(Function.STOPDT_CON))
            case Function.STOPDT_CON:
                self.started = False

    def _take(self, frame: Information | Supervisory) -> None:
        try:
            self._flow.take(frame, self._now())
        except OutOfSequence as error:
            raise DeviceUnavailable(
                mark("The station at {name} counts its frames otherwise: {reason}."), name=self._name, reason=error
            ) from error
        if self._flow.may_send:
            self._room.set()

    def _write(self, frame: Frame) -> None:
        self._writer.write(wire.encode_frame(frame))
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(self._deadline())

    def _silent(self) -> DeviceUnavailable:
        return DeviceUnavailable(
            mark("The station at {name} did not answer within {seconds} s."),
            remedy=mark("Check that the device is on; many stations accept one connection only."),
            name=self._name,
            seconds=self._timing.t1,
        )

    def _broken(self, reason: object) -> DeviceUnavailable:
        return DeviceUnavailable(
            mark("The connection to the station at {name} broke: {reason}."), name=self._name, reason=reason
        )

    def _alien(self, reason: object) -> DeviceUnavailable:
        return DeviceUnavailable(
            mark("What answers at {name} does not speak IEC 60870-5-104: {reason}."), name=self._name, reason=reason
        )
