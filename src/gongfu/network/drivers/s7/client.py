"""python-snap7's asyncio client with the project's time limits and errors."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import msgspec
from snap7 import AsyncClient
from snap7.datatypes import S7WordLen
from snap7.error import S7Error, S7ProtocolError
from snap7.type import Area as SnapArea
from snap7.type import Block as SnapBlock

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import DeviceUnavailable, Identity
from gongfu.network.drivers.s7 import frames
from gongfu.network.drivers.s7.address import Area

_AREAS = {Area.BLOCK: SnapArea.DB, Area.FLAGS: SnapArea.MK, Area.INPUTS: SnapArea.PE, Area.OUTPUTS: SnapArea.PA}
_DECLINED = re.compile(
    r"(?:Read operation|Write operation|USERDATA request|Read SZL|List blocks(?: of type)?|Get block info)"
    r" failed: (?P<text>.*) \(0x(?P<code>[0-9a-f]{2,4})\)"
)
"""How the library says that the controller has understood, and said no."""
_REMEDY = mark("Check address, rack and slot; a controller accepts only a few connections.")
PROTECTED = 0x8104
"""Header error of an S7-1200 or S7-1500 that does not allow PUT/GET."""
_MOST_BLOCKS = 1000
_STALE = 4
"""Answers to earlier requests that are passed over."""
T = TypeVar("T")


class Refused(Exception):
    """The controller has no such data, or does not give it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} (0x{code:02X})")
        self.code = code


class Block(msgspec.Struct, frozen=True):
    """A data block. ``size``: its bytes, None when the controller does not say."""

    number: int
    size: int | None


class Controller:
    """An open connection. ``pdu``: bytes of the longest answer, as negotiated."""

    def __init__(self, client: AsyncClient, name: str, timeout: float) -> None:
        self._client = client
        self._name = name
        self._timeout = timeout
        self.pdu: int = client.pdu_length
        self._requests: dict[tuple[Area, int, int, int], bytes] = {}
        """Read requests that were built before; only their number changes."""

    async def read(self, area: Area, block: int, start: int, size: int) -> bytes:
        """``size`` bytes. Raises :class:`Refused`, or :class:`DeviceUnavailable` when the connection is of no use."""
        place = area, block, start, size
        request = self._requests.get(place)
        if request is None:
            mapped = self._client._map_area(_AREAS[area])
            request = self._client.protocol.build_read_request(mapped, block, start, S7WordLen.BYTE, size)
            self._requests[place] = request
        else:
            number = self._client.protocol._next_sequence()
            request = request[:4] + number.to_bytes(2, "big") + request[6:]
        return await self._asked(self._read(request, size), limited=True)

    async def write(self, area: Area, block: int, start: int, data: bytes) -> None:
        """Write ``data`` from byte ``start``. Raises as :meth:`read`."""
        await self._asked(self._client.write_area(_AREAS[area], block, start, bytearray(data)), writes=True)

    async def write_bit(self, area: Area, block: int, byte: int, bit: int, value: bool) -> None:
        """Write one bit; the controller leaves the others of its byte alone. Raises as :meth:`read`."""
        await self._asked(self._write_bit(area, block, 8 * byte + bit, value), writes=True)

    async def identify(self) -> Identity:
        """What the system status lists say; empty where the controller does not let them be read."""
        vendor = product = serial = version = ""
        with suppress(Refused):
            info = await self._asked(self._client.get_cpu_info())
            product, serial = _text(info.ModuleTypeName), _text(info.SerialNumber)
            vendor = "Siemens" if "Siemens" in _text(info.Copyright) else ""
        with suppress(Refused):
            order = await self._asked(self._client.get_order_code())
            code = _text(order.OrderCode)
            if code:
                product = f"{product} {code}".strip()
                version = f"V{order.V1}.{order.V2}.{order.V3}"
                vendor = "Siemens" if code.startswith("6ES7") else vendor
        return Identity(vendor=vendor, product=product, version=version, serial_number=serial)

    async def blocks(self) -> list[Block]:
        """Every data block, with its length. Raises :class:`Refused` when the controller does not tell."""
        numbers = await self._asked(self._client.list_blocks_of_type(SnapBlock.DB, _MOST_BLOCKS))
        return [await self.block(number) for number in sorted(numbers)]

    async def block(self, number: int) -> Block:
        """One data block; its size is unknown when the controller does not tell, or has no such block."""
        try:
            info = await self._asked(self._client.get_block_info(SnapBlock.DB, number))
        except Refused:
            return Block(number, None)
        return Block(number, int(info.MC7Size))

    async def _read(self, request: bytes, size: int) -> bytes:
        # The library's way for a good answer without its tasks and dictionaries, which cost more than the exchange.
        client, protocol = self._client, self._client.protocol
        number = request[4:6]
        async with client._lock:
            connection = client.connection
            stream, writer = (connection._reader, connection._writer) if connection is not None else (None, None)
            if stream is None or writer is None:
                raise ConnectionError("not connected")
            alarm = asyncio.get_running_loop().call_later(self._timeout, stream.set_exception, TimeoutError())
            try:
                writer.write(frames.wrap(request))
                for _ in range(_STALE):
                    head = await stream.readexactly(frames.HEAD)
                    answer = frames.unwrap(await stream.readexactly(frames.rest(head)))
                    if answer[4:6] == number:
                        break
                else:
                    raise S7ProtocolError("only answers to earlier requests")
            finally:
                alarm.cancel()
        data = frames.data_of_read(answer, size)
        if data is None:  # the library knows what is wrong with it
            data = bytes(protocol.extract_read_data(protocol.parse_response(answer), S7WordLen.BYTE, size))
        return data

    async def _write_bit(self, area: Area, block: int, start: int, value: bool) -> None:
        # write_area writes bytes only, and its neighbours must not be written: the lock pins what this uses.
        protocol = self._client.protocol
        place = self._client._map_area(_AREAS[area])
        request = protocol.build_write_request(place, block, start, S7WordLen.BIT, bytes([value]))
        protocol.check_write_response(await self._client._send_receive(request))

    async def _asked(self, question: Awaitable[T], *, writes: bool = False, limited: bool = False) -> T:
        """``limited``: the question limits its time itself."""
        try:
            if limited:
                return await question
            async with asyncio.timeout(self._timeout):
                return await question
        except (S7ProtocolError, RuntimeError) as error:
            match = _DECLINED.fullmatch(str(error))
            if match is not None:
                raise Refused(int(match["code"], 16), match["text"]) from error
            if writes and isinstance(error, S7Error) and error.error_code is not None:
                raise Refused(error.error_code, str(error)) from error
            raise self._broken(error) from error
        except TimeoutError as error:
            raise DeviceUnavailable(
                mark("The controller at {name} did not answer within {seconds} s."),
                name=self._name,
                seconds=self._timeout,
            ) from error
        except Exception as error:  # a malformed answer makes the library raise anything
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> DeviceUnavailable:
        if isinstance(error, S7Error) and error.error_code == PROTECTED:
            return DeviceUnavailable(
                mark("The controller at {name} does not allow access from outside."),
                remedy=mark("Allow PUT/GET communication in the CPU's protection settings."),
                name=self._name,
            )
        return DeviceUnavailable(
            mark("The connection to the controller at {name} broke: {reason}."), name=self._name, reason=error
        )


@asynccontextmanager
async def controller(host: str, port: int, rack: int, slot: int, timeout: float) -> AsyncIterator[Controller]:  # noqa: ASYNC109
    """A connection to a CPU, closed at the end; raises :class:`DeviceUnavailable` within ``timeout`` seconds."""
    client = AsyncClient()
    name = f"{host}:{port}"
    try:
        try:
            async with asyncio.timeout(timeout):
                await client.connect(host, rack, slot, port)
        except TimeoutError as error:
            raise DeviceUnavailable(
                mark("The controller at {name} did not answer within {seconds} s."),
                remedy=_REMEDY,
                name=name,
                seconds=timeout,
            ) from error
        except Exception as error:  # a malformed answer makes the library raise anything
            raise DeviceUnavailable(
                mark("No controller answers at {name} (rack {rack}, slot {slot}): {reason}."),
                remedy=_REMEDY,
                name=name,
                rack=rack,
                slot=slot,
                reason=error,
            ) from error
        if client.connection is not None:
            client.connection.timeout = timeout
        yield Controller(client, name, timeout)
    finally:
        # The library says good-bye first, and forgets to close when that fails, as after a silence it does.
        writer = client.connection._writer if client.connection is not None else None
        with suppress(Exception):
            async with asyncio.timeout(1):
                await client.disconnect()
        if writer is not None:
            writer.close()


def _text(data: bytes) -> str:
    return data.decode("latin-1").strip("\0 ")
