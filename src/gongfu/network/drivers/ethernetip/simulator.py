"""A Logix-like controller for demonstration, replay and tests, on TCP: tags, structures, programs, identity."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.ethernetip import cip, kinds, logix, wire
from gongfu.network.drivers.ethernetip.cip import Opened, Reply, Request, Segment, Service
from gongfu.network.drivers.ethernetip.plant import Declined, Memory, Structure, Tag, tag_service
from gongfu.network.drivers.ethernetip.wire import Command, Device, ItemType, Malformed, Packet

__all__ = ["LogixSimulator", "Structure", "Tag"]

CONTROLLER = Device(1, 14, 0x00A6, 33, 11, 0x00C0FFEE, "1756-L83E/B", 0x3060)
_IDENTITY, _ROUTER, _MANAGER, _PROGRAM_NAME = 0x01, 0x02, 0x06, 0x64
_NOT_SUPPORTED, _NO_SUCH_OBJECT, _CONNECTION, _EMBEDDED, _TOO_LARGE = 0x08, 0x05, 0x01, 0x1E, 0x11
_UNCONNECTED = 504


class _Client:
    """One TCP connection: its session and its CIP connections, by the identifier they are addressed with."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.session = 0
        self.connections: dict[int, tuple[Opened, int]] = {}


class LogixSimulator:
    """``async with LogixSimulator(host, port, tags) as plant: plant.put("Speed", 3)``. Port 0 takes a free one.

    ``packs=False`` refuses several services in one packet, as Micro800 does; ``grants`` are the sizes of connections
    it opens; ``slot`` is where it stands in the backplane.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tags: Sequence[Tag],
        structures: Sequence[Structure] = (),
        *,
        slot: int = 0,
        packs: bool = True,
        grants: Sequence[str] = ("large", "small"),
        name: str = "Plant",
    ) -> None:
        self.host = host
        self.port = port
        self.delay = 0.0
        """Seconds before each answer."""
        self.memory = Memory(tags, structures)
        self.requests: list[Request] = []
        """Every service asked for since it was last cleared."""
        self._slot = slot
        self._packs = packs
        self._grants = grants
        self._name = name
        self._silent = False
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.Task[None], _Client] = {}

    async def __aenter__(self) -> Self:
        try:
            self._server = await asyncio.start_server(self._serve, self.host, self.port)
        except OSError as error:
            raise Unavailable(
                mark("The simulator cannot listen on {host}:{port}: {reason}."),
                host=self.host,
                port=self.port,
                reason=error,
            ) from error
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        clients = list(self._clients)
        for task in clients:
            task.cancel()
        if clients:
            await asyncio.wait(clients)

    async def write(
        self,
        name: str,
        value: float | bool | str | None,
        time: int | None = None,
        quality: Quality = Quality.GOOD,
    ) -> None:
        """Set a tag. The protocol carries no time, so ``time`` is not sent; *bad* answers status 10 for the tag."""
        if value is not None:
            self.put(name, value)
        base = name.split(".")[1 if name.startswith("Program:") else 0].split("[", maxsplit=1)[0].lower()
        if quality is Quality.BAD:
            self.memory.broken.add(base)
        else:
            self.memory.broken.discard(base)

    def put(self, name: str, value: float | bool | str) -> None:
        """Set a tag or member at once."""
        broken, self.memory.broken = self.memory.broken, set()
        self.memory.put(name, value)
        self.memory.broken = broken

    def value(self, name: str) -> float | bool | str:
        """What a tag or member holds."""
        return self.memory.value(name)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._clients)

    def close_connections(self) -> None:
        """Drop every client; they may come back at once."""
        for client in self._clients.values():
            client.writer.close()

    async def stop_answering(self) -> None:
        """Keep connections and accept new ones, but answer nothing."""
        self._silent = True

    async def answer_again(self) -> None:
        """End of :meth:`stop_answering`."""
        self._silent = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        client = self._clients[task] = _Client(writer)
        try:
            with suppress(asyncio.IncompleteReadError, OSError, Malformed, asyncio.CancelledError):
                while True:
                    head, length = wire.decode_head(await reader.readexactly(wire.HEAD))
                    data = await reader.readexactly(length)
                    if head.command == Command.UNREGISTER_SESSION:
                        return
                    await asyncio.sleep(self.delay)
                    status, session, answer = self._command(client, head, data)
                    if not self._silent:
                        writer.write(wire.encode_packet(Packet(head.command, session, status, head.context, answer)))
        finally:
            del self._clients[task]
            writer.close()

    def _command(self, client: _Client, head: Packet, data: bytes) -> tuple[int, int, bytes]:
        """Encapsulation status, session and data of the answer."""
        match head.command:
            case Command.LIST_IDENTITY:
                return 0, 0, wire.encode_identity(CONTROLLER)
            case Command.REGISTER_SESSION:
                client.session = random.randrange(1, 1 << 32)  # noqa: S311 a simulator's
                return 0, client.session, data
            case Command.SEND_RR_DATA | Command.SEND_UNIT_DATA if head.session != client.session or not client.session:
                return 0x64, head.session, b""
            case Command.SEND_RR_DATA:
                message = dict(wire.decode_items(data)).get(ItemType.UNCONNECTED_DATA, b"")
                reply = self._route(client, message, _UNCONNECTED)
                return 0, head.session, wire.encode_items([(ItemType.NULL, b""), (ItemType.UNCONNECTED_DATA, reply)])
            case Command.SEND_UNIT_DATA:
                items = dict(wire.decode_items(data))
                number = int.from_bytes(items.get(ItemType.CONNECTED_ADDRESS, b""), "little")
                message = items.get(ItemType.CONNECTED_DATA, b"")
                if number not in client.connections:
                    raise Malformed("no such connection")  # a controller would not answer
                opened, room = client.connections[number]
                reply = message[:2] + self._route(client, message[2:], room - 2)
                address = opened.receive.to_bytes(4, "little")
                found = [(int(ItemType.CONNECTED_ADDRESS), address), (int(ItemType.CONNECTED_DATA), reply)]
                return 0, head.session, wire.encode_items(found)
            case _:
                return 1, head.session, b""

    def _route(self, client: _Client, message: bytes, room: int) -> bytes:
        request = cip.decode_request(message)
        if request.path == cip.path_of(_MANAGER, 1):
            if request.service == cip.UNCONNECTED_SEND:
                inner, way = cip.decode_unconnected(request.data)
                if way != bytes([1, self._slot]):
                    return cip.encode_reply(Reply(request.service, _CONNECTION, extended=(0x0312,)))
                return cip.encode_reply(self._service(cip.decode_request(inner), room))
            return cip.encode_reply(self._connect(client, request))
        return cip.encode_reply(self._service(request, room))

    def _connect(self, client: _Client, request: Request) -> Reply:
        match request.service:
            case Service.FORWARD_OPEN | Service.LARGE_FORWARD_OPEN:
                asked, room, way, echo = cip.decode_forward_open(request)
                if ("large" if request.service == Service.LARGE_FORWARD_OPEN else "small") not in self._grants:
                    return Reply(request.service, _NOT_SUPPORTED)
                if way not in (bytes([1, self._slot]) + cip.path_of(_ROUTER, 1), cip.path_of(_ROUTER, 1)):
                    return Reply(request.service, _CONNECTION, extended=(0x0312,))
                opened = Opened(random.randrange(1, 1 << 32), asked.receive, asked.serial)  # noqa: S311
                client.connections[opened.send] = opened, room
                return Reply(request.service, 0, cip.encode_opened(opened, echo))
            case cip.FORWARD_CLOSE:
                client.connections.clear()
                return Reply(request.service, 0, request.data[2:10] + bytes(2))
            case _:
                return Reply(request.service, _NOT_SUPPORTED)

    def _service(self, request: Request, room: int) -> Reply:
        self.requests.append(request)
        try:
            return self._answer(request, room)
        except Declined as declined:
            return Reply(request.service, declined.status, extended=declined.extended)
        except (Malformed, struct.error):
            return Reply(request.service, 0x26)

    def _answer(self, request: Request, room: int) -> Reply:
        segments = cip.decode_path(request.path)
        if not segments or segments[0][0] is not Segment.CLASS:
            if segments and (Segment.CLASS, logix.SYMBOL_CLASS) in segments:
                return self._symbols(request, str(segments[0][1]), room)
            return tag_service(self.memory, request, room - 20)
        numbers = [value for _, value in segments if isinstance(value, int)]
        match segments[0][1], request.service:
            case 0x02, Service.MULTIPLE_SERVICE_PACKET if self._packs:
                return self._several(request, room)
            case 0x01, Service.GET_ATTRIBUTES_ALL:
                return Reply(request.service, 0, wire.encode_device(CONTROLLER))
            case 0x01, Service.GET_ATTRIBUTE_SINGLE:
                return Reply(request.service, 0, self._identity(numbers[-1]))
            case 0x64, Service.GET_ATTRIBUTES_ALL:
                return Reply(request.service, 0, kinds.encode_text("STRING", self._name, "utf-8"))
            case logix.SYMBOL_CLASS, Service.GET_INSTANCE_ATTRIBUTE_LIST:
                return self._symbols(request, "", room)
            case logix.SYMBOL_CLASS, _:
                return tag_service(self.memory, request, room - 20)
            case logix.TEMPLATE_CLASS, _ if numbers[-1] in self.memory.templates:
                return self._template(request, numbers[-1], room)
            case ((0x01 | 0x02 | 0x64), _):
                raise Declined(_NOT_SUPPORTED)
            case _:
                raise Declined(_NO_SUCH_OBJECT)

    def _several(self, request: Request, room: int) -> Reply:
        replies: list[bytes] = []
        left = room - 8
        for part in cip.decode_several(request.data):
            inner = cip.decode_request(part)
            reply = self._service(inner, left)
            encoded = cip.encode_reply(reply)
            if len(encoded) + 2 > left:
                encoded = cip.encode_reply(Reply(inner.service, _TOO_LARGE))
            left -= len(encoded) + 2
            replies.append(encoded)
        failed = any(reply[2] for reply in replies)
        return Reply(request.service, _EMBEDDED if failed else 0, cip.encode_several(replies))

    def _identity(self, attribute: int) -> bytes:
        device = CONTROLLER
        values = {
            1: struct.pack("<H", device.vendor),
            2: struct.pack("<H", device.type),
            3: struct.pack("<H", device.code),
            4: bytes([device.major, device.minor]),
            5: struct.pack("<H", device.status),
            6: struct.pack("<I", device.serial),
            7: kinds.encode_text("SHORT_STRING", device.name, "utf-8"),
        }
        if attribute not in values:
            raise Declined(0x14)
        return values[attribute]

    def _symbols(self, request: Request, scope: str, room: int) -> Reply:
        segment, start = cip.decode_path(request.path)[-1]
        if segment is not Segment.INSTANCE:
            raise Declined(_NO_SUCH_OBJECT)
        (count,) = struct.unpack_from("<H", request.data)
        attributes = struct.unpack_from(f"<{count}H", request.data, 2)
        data = b""
        for symbol in sorted(self.memory.symbols(scope), key=lambda symbol: symbol.instance):
            if symbol.instance < int(start):
                continue
            entry = struct.pack("<I", symbol.instance) + b"".join(_attribute(symbol, number) for number in attributes)
            if len(data) + len(entry) > room - 10:
                return Reply(request.service, 6, data)
            data += entry
        return Reply(request.service, 0, data)

    def _template(self, request: Request, instance: int, room: int) -> Reply:
        template = self.memory.templates[instance]
        if request.service == Service.GET_ATTRIBUTE_LIST:
            return Reply(request.service, 0, logix.encode_description(template))
        if request.service != Service.READ_TAG:
            raise Declined(_NOT_SUPPORTED)
        offset, length = struct.unpack_from("<IH", request.data)
        whole = logix.encode_template(template)[offset : offset + length]
        part = whole[: room - 10]
        return Reply(request.service, 6 if len(part) < len(whole) else 0, part)


def _attribute(symbol: logix.Symbol, number: int) -> bytes:
    match number:
        case 1:
            name = symbol.name.encode("latin-1")
            return struct.pack("<H", len(name)) + name
        case 2:
            return struct.pack("<H", symbol.type.number)
        case 3 | 5:
            return struct.pack("<I", 0x1000 + symbol.instance)
        case 6:
            return struct.pack("<I", 1 << 26)  # a base tag, not an alias
        case 8:
            return struct.pack("<3I", *(*symbol.type.dimensions, 0, 0, 0)[:3])
        case 10:
            return bytes([symbol.access])
        case _:
            raise Declined(0x0A)
