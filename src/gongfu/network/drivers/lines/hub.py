"""One connection to a piece of equipment, heard by its driver and by whoever asks beside it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import DeviceUnavailable
from gongfu.network.drivers.lines.options import Place
from gongfu.network.drivers.streams import SocketProtocol, Stream, open_line, open_socket

MOST_CALLERS = 32
"""Connections that a listening device holds; whoever comes then is turned away."""
_MOST_WAITING = 256
"""Pieces that an ear may leave unheard before the equipment has to wait."""


class Piece(msgspec.Struct, frozen=True):
    """Bytes from one ``caller``; none when it has gone."""

    caller: int
    data: bytes


class Ear:
    """What one listener has not heard yet. ``patient``: nothing may be lost for it, the equipment waits instead."""

    def __init__(self, *, patient: bool) -> None:
        self.patient = patient
        self._pieces: deque[Piece] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._lost: OSError | None = None

    async def hear(self) -> Piece:
        """The next piece; raises ``OSError`` when the connection has broken and everything has been heard."""
        while not self._pieces:
            if self._lost is not None:
                raise ConnectionError(str(self._lost)) from self._lost
            self._news.clear()
            await self._news.wait()
        self._room.set()
        return self._pieces.popleft()

    async def tell(self, piece: Piece) -> None:
        """Add a piece; waits for room when the ear is patient."""
        while self.patient and len(self._pieces) >= _MOST_WAITING:
            self._room.clear()
            await self._room.wait()
        if len(self._pieces) >= _MOST_WAITING:
            self._pieces.popleft()
        self._pieces.append(piece)
        self._news.set()

    def lose(self, error: OSError) -> None:
        """Nothing will come any more."""
        self._lost = error
        self._news.set()

    def leave(self) -> None:
        """Nobody listens any more: whoever waits for room goes on."""
        self.patient = False
        self._room.set()


class Hub:
    """The connection to one place."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.users = 0
        self.callers = 0
        """Open connections: of equipment that dials in, or 1."""
        self._opening = asyncio.Lock()
        self._ears: list[Ear] = []
        self._streams: dict[int, Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._next = 0

    async def open(self, timeout: float) -> None:  # noqa: ASYNC109
        """Connect, or listen, if that has not been done.

        Raises :class:`DeviceUnavailable` within ``timeout`` seconds.
        """
        async with self._opening:
            if self._server is not None or self._streams:
                return
            place = self.place
            try:
                if place.transport == "serial":
                    self._join(await open_line(place.line, place.settings, timeout))
                elif place.transport == "tcp":
                    self._join(await open_socket(place.host, place.port, timeout))
                else:
                    loop = asyncio.get_running_loop()
                    self._server = await loop.create_server(self._called, place.host, place.port)
            except OSError as error:
                raise self._failed(error) from error

    def send(self, data: bytes) -> None:
        """Send to the equipment, or to all of it that has dialled in; raises :class:`DeviceUnavailable`."""
        if not self._streams:
            raise DeviceUnavailable(mark("No equipment has called at {place} yet."), place=self.place.name)
        for stream in list(self._streams.values()):
            try:
                stream.send(data)
            except OSError as error:
                raise self._failed(error) from error

    @contextmanager
    def ear(self, *, patient: bool) -> Iterator[Ear]:
        """An ear that hears everything from now on."""
        ear = Ear(patient=patient)
        self._ears.append(ear)
        try:
            yield ear
        finally:
            ear.leave()
            self._ears.remove(ear)

    def close(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        for stream in self._streams.values():
            stream.close()
        self._streams.clear()

    def _called(self) -> SocketProtocol:
        stream = Stream("")
        protocol = SocketProtocol(stream)
        if len(self._streams) < MOST_CALLERS:
            self._join(stream)
        else:
            asyncio.get_running_loop().call_soon(stream.close)
        return protocol

    def _join(self, stream: Stream) -> None:
        self._next += 1
        self._streams[self._next] = stream
        self.callers = len(self._streams)
        task = asyncio.create_task(self._carry(self._next, stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, caller: int, stream: Stream) -> None:
        error: OSError = ConnectionError("closed")
        try:
            while True:
                await self._tell(Piece(caller, await stream.receive()))
        except OSError as lost:
            error = lost
        finally:
            stream.close()
            self._streams.pop(caller, None)
            self.callers = len(self._streams)
        await self._tell(Piece(caller, b""))
        if self._server is None:
            for ear in self._ears:
                ear.lose(error)

    async def _tell(self, piece: Piece) -> None:
        for ear in list(self._ears):
            await ear.tell(piece)

    def _failed(self, error: OSError) -> DeviceUnavailable:
        reason: object = error if str(error) else "no answer"
        if self.place.line:
            return DeviceUnavailable(
                mark("The serial line {place} cannot be opened: {reason}."),
                remedy=mark("Check its name, that this user may use it, and that no other program has it open."),
                place=self.place.name,
                reason=reason,
            )
        if self.place.transport == "listen":
            return DeviceUnavailable(
                mark("Nobody can call at {place}: {reason}."),
                remedy=mark("Check that the address is this machine's and that no other program uses the port."),
                place=self.place.name,
                reason=reason,
            )
        return DeviceUnavailable(
            mark("Nothing answers at {place}."),
            remedy=mark("Check address, port, cable and that the device is on."),
            place=self.place.name,
        )


_hubs: dict[tuple[asyncio.AbstractEventLoop, str], Hub] = {}


@asynccontextmanager
async def hub(place: Place, timeout: float) -> AsyncIterator[Hub]:  # noqa: ASYNC109
    """The open connection to ``place``, shared within this process; closed when the last user leaves.

    Raises :class:`DeviceUnavailable`, also while others use the same place with other settings.
    """
    key = asyncio.get_running_loop(), place.name
    shared = _hubs.get(key)
    if shared is None:
        shared = _hubs[key] = Hub(place)
    elif shared.place != place:
        raise DeviceUnavailable(
            mark("{place} is in use with another transport or other serial settings."),
            remedy=mark("Give all devices on one line the same transport, baud rate, parity, stop and data bits."),
            place=place.name,
        )
    shared.users += 1
    try:
        await shared.open(timeout)
        yield shared
    finally:
        shared.users -= 1
        if not shared.users:
            shared.close()
            with contextlib.suppress(KeyError):
                del _hubs[key]
