"""A connection to one EtherNet/IP device: a session, and over it messages one at a time, connected or not."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import DeviceUnavailable
from gongfu.network.drivers.ethernetip import cip, wire
from gongfu.network.drivers.ethernetip.cip import Opened, Reply, Request, Service
from gongfu.network.drivers.ethernetip.status import EMBEDDED, PARTIAL, Refused
from gongfu.network.drivers.ethernetip.wire import Command, Device, ItemType, Malformed, Packet

T = TypeVar("T")

UNCONNECTED = 480
"""Bytes of a message that fits an Unconnected Send of 504 with room for its own head and a route."""
_REMEDY = mark("Check address, port and network, and that the device is on; EtherNet/IP listens on TCP port 44818.")
_CONNECTION_FAILURE, _MISLED = 0x01, (0x0204, 0x0311, 0x0312, 0x0315)
"""No answer at the end of the route; no such port, address or segment (Volume 1, §3-5.6)."""


class Controller:
    """An open session. Every method raises :class:`DeviceUnavailable` when the connection is of no use."""

    def __init__(
        self,
        name: str,
        way: bytes,
        timeout: float,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._name = name
        self._way = way
        self._timeout = timeout
        self._reader = reader
        self._writer = writer
        self._session = 0
        self._count = random.randrange(1 << 32)  # noqa: S311 told apart, not secret
        self._connection: Opened | None = None
        self._broken = False
        self.limit = UNCONNECTED
        """Bytes of the longest request and of the longest reply."""
        self.packs = True
        """Whether it takes several requests in one message; Micro800 does not."""

    async def register(self) -> None:
        """Begin the session."""
        answer = await self._command(Command.REGISTER_SESSION, wire.register())
        self._session = answer.session

    async def connect(self) -> None:
        """Open a connection for long messages; stay without one when the device grants none."""
        for large in (True, False):
            number = random.randrange(1, 1 << 16)  # noqa: S311
            request = cip.forward_open(number, random.randrange(1 << 32), self._way, large=large)  # noqa: S311
            reply = await self._unconnected(cip.encode_request(request))
            if reply.status == 0:
                try:
                    self._connection = cip.decode_opened(reply.data)
                except Malformed as error:
                    raise self.failure(error) from error
                # Two bytes count the messages.
                self.limit = (cip.LARGE_CONNECTION if large else cip.SMALL_CONNECTION) - 2
                return
            if _misled(reply):
                raise self._nobody_there(reply)

    async def ask(self, request: Request) -> Reply:
        """The reply; raises :class:`Refused` unless its status is success, partial or, for several, embedded."""
        message = cip.encode_request(request)
        if self._connection is not None:
            reply = await self._connected(message, self._connection)
        elif self._way:
            sent = cip.send_unconnected(message, self._way, self._timeout)
            reply = await self._unconnected(cip.encode_request(sent))
            if _misled(reply):
                raise self._nobody_there(reply)
        else:
            reply = await self._unconnected(message)
        allowed = {0, PARTIAL}
        if request.service == Service.MULTIPLE_SERVICE_PACKET:
            allowed.add(EMBEDDED)
        if reply.status not in allowed:
            raise Refused(reply)
        if reply.service != request.service:
            raise self.failure(f"an answer to service {reply.service:02X} instead of {request.service:02X}")
        return reply

    async def identity(self) -> Device:
        """Who the device at this address is, without a route."""
        answer = await self._command(Command.LIST_IDENTITY, b"")
        try:
            return wire.decode_identity(answer.data)
        except Malformed as error:
            raise self.failure(error) from error

    async def close(self) -> None:
        """End connection and session politely, within a second, and close."""
        try:
            with suppress(DeviceUnavailable, TimeoutError):
                async with asyncio.timeout(1):
                    if self._connection is not None and not self._broken:
                        await self._unconnected(
                            cip.encode_request(cip.forward_close(self._connection.serial, self._way))
                        )
                    if self._session and not self._broken:
                        self._writer.write(wire.encode_packet(Packet(Command.UNREGISTER_SESSION, self._session)))
        finally:
            self._writer.close()

    async def _unconnected(self, message: bytes) -> Reply:
        data = wire.encode_items([(ItemType.NULL, b""), (ItemType.UNCONNECTED_DATA, message)])
        answer = await self._command(Command.SEND_RR_DATA, data)
        try:
            for kind, item in wire.decode_items(answer.data):
                if kind == ItemType.UNCONNECTED_DATA:
                    return cip.decode_reply(item)
            raise Malformed("an answer without a message")
        except Malformed as error:
            raise self.failure(error) from error

    async def _connected(self, message: bytes, connection: Opened) -> Reply:
        count = self._count = (self._count + 1) % (1 << 32)
        sequence = (count & 0xFFFF).to_bytes(2, "little")
        address = connection.send.to_bytes(4, "little")
        items = [(int(ItemType.CONNECTED_ADDRESS), address), (int(ItemType.CONNECTED_DATA), sequence + message)]
        packet = Packet(Command.SEND_UNIT_DATA, self._session, data=wire.encode_items(items))

        async def exchange() -> Reply:
            self._writer.write(wire.encode_packet(packet))
            while True:
                answer = await self._receive()
                if answer.command != Command.SEND_UNIT_DATA:
                    continue
                self._check(answer)
                for kind, item in wire.decode_items(answer.data):
                    if kind == ItemType.CONNECTED_DATA and item[:2] == sequence:
                        return cip.decode_reply(item[2:])
                # any other is the late answer to an earlier message

        return await self._within_time(exchange())

    async def _command(self, command: Command, data: bytes) -> Packet:
        self._count = (self._count + 1) % (1 << 32)
        packet = Packet(command, self._session, context=self._count.to_bytes(8, "little"), data=data)

        async def exchange() -> Packet:
            self._writer.write(wire.encode_packet(packet))
            while True:
                answer = await self._receive()
                if answer.command == command and answer.context == packet.context:
                    self._check(answer)
                    return answer
                # any other is the late answer to an earlier command

        return await self._within_time(exchange())

    def _check(self, answer: Packet) -> None:
        if answer.status:
            raise Malformed(f"encapsulation status {answer.status:04X}")
        if answer.command != Command.LIST_IDENTITY and self._session and answer.session != self._session:
            raise Malformed(f"an answer for session {answer.session:08X}, not {self._session:08X}")

    async def _receive(self) -> Packet:
        head = await self._reader.readexactly(wire.HEAD)
        packet, length = wire.decode_head(head)
        return Packet(
            packet.command, packet.session, packet.status, packet.context, await self._reader.readexactly(length)
        )

    async def _within_time(self, exchange: Coroutine[object, object, T]) -> T:
        try:
            async with asyncio.timeout(self._timeout):
                return await exchange
        except TimeoutError as error:
            self._broken = True
            raise DeviceUnavailable(
                mark("The device at {name} did not answer within {seconds} s."), name=self._name, seconds=self._timeout
            ) from error
        except (OSError, EOFError, Malformed) as error:
            raise self.failure(str(error) or type(error).__name__) from error
        except asyncio.CancelledError:
            self._broken = True  # the answer is still to come
            raise

    def failure(self, reason: object) -> DeviceUnavailable:
        """The error to raise when an answer makes no sense; nothing more will be asked."""
        self._broken = True
        return DeviceUnavailable(
            mark("The connection to the device at {name} broke: {reason}."), name=self._name, reason=reason
        )

    def _nobody_there(self, reply: Reply) -> DeviceUnavailable:
        return DeviceUnavailable(
            mark("The device at {name} has no way to the controller ({reason})."),
            remedy=mark("Check the option route: port and slot, such as 1,0, or direct when there is no backplane."),
            name=self._name,
            reason=Refused(reply),
        )


def _misled(reply: Reply) -> bool:
    return reply.status == _CONNECTION_FAILURE and any(code in _MISLED for code in reply.extended)


@asynccontextmanager
async def controller(
    host: str,
    port: int,
    way: bytes,
    timeout: float,  # noqa: ASYNC109
    *,
    connected: bool,
) -> AsyncIterator[Controller]:
    """A session with a device, closed at the end; raises :class:`DeviceUnavailable`.

    ``connected``: ask for a connection, with which messages may be long.
    """
    name = f"{host}:{port}"
    try:
        async with asyncio.timeout(timeout):
            streams = await asyncio.open_connection(host, port)
    except (OSError, UnicodeError) as error:  # TimeoutError is an OSError; a name that is none, a UnicodeError
        raise DeviceUnavailable(
            mark("No EtherNet/IP device answers at {name}: {reason}."),
            remedy=_REMEDY,
            name=name,
            reason=str(error) or "no answer in time",
        ) from error
    device = Controller(name, way, timeout, *streams)
    try:
        await device.register()
        if connected:
            await device.connect()
        yield device
    finally:
        await device.close()
