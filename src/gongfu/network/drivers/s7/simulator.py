"""A Siemens S7 server for demonstration, replay and tests: one controller with data blocks and flags on one port.

python-snap7 serves from threads: one that accepts, one for each client.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from snap7.datatypes import S7Area, S7WordLen
from snap7.server import Server
from snap7.type import SrvArea

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.s7.address import Address, Area, parse

_AREAS = {Area.BLOCK: SrvArea.DB, Area.FLAGS: SrvArea.MK, Area.INPUTS: SrvArea.PE, Area.OUTPUTS: SrvArea.PA}
_READ_AREAS = {Area.BLOCK: S7Area.DB, Area.FLAGS: S7Area.MK, Area.INPUTS: S7Area.PE, Area.OUTPUTS: S7Area.PA}
_ITEM_HARDWARE_FAULT = 0x01
_ACCESS_DENIED = 0x03
_NO_BLOCKS = 0x8104


@dataclass(frozen=True)
class Point:
    """A value of the controller. ``address`` in the driver's notation; ``name`` is unique in the simulator."""

    name: str
    address: str
    value: float | bool | str = 0.0


class _Controller(Server):
    """snap7's server with the faults a test needs. It overrides some of its private methods; the lock pins them."""

    def __init__(self) -> None:
        super().__init__(log=False)
        self.silent = False
        self.broken: set[tuple[S7Area, int, int]] = set()
        """Area, block, byte: a read that covers one of them fails."""
        self.protected: set[tuple[S7Area, int, int]] = set()
        """Area, block, byte: a write to one of them is denied."""
        self.discreet = False
        """Neither identification nor blocks are told, as by an S7-1500."""
        self.sockets: set[socket.socket] = set()

    def _handle_client(self, client_socket: socket.socket, address: tuple[str, int]) -> None:
        self.sockets.add(client_socket)
        try:
            super()._handle_client(client_socket, address)
        finally:
            self.sockets.discard(client_socket)

    def _process_request(self, request_data: bytes, client_address: tuple[str, int]) -> bytes | None:
        if self.silent:
            return None
        answer: bytes | None = super()._process_request(request_data, client_address)
        return answer

    def _read_from_memory_area(self, area: S7Area, db_number: int, start: int, count: int) -> tuple[int, bytearray]:
        if self.broken and any((area, db_number, byte) in self.broken for byte in range(start, start + count)):
            return _ITEM_HARDWARE_FAULT, bytearray()
        code, data = super()._read_from_memory_area(area, db_number, start, count)
        return code, data

    def _parse_address_specification(self, addr_spec: bytes) -> dict[str, Any]:
        place: dict[str, Any] = super()._parse_address_specification(addr_spec)
        if place.get("word_len") == S7WordLen.BIT:
            place["bit"] = addr_spec[11] & 7
        return place

    def _parse_write_address(self, request: dict[str, Any]) -> tuple[S7Area, int, int, int, bytearray] | None:
        parsed: tuple[S7Area, int, int, int, bytearray] | None = super()._parse_write_address(request)
        place = request["parameters"].get("address_spec", {})
        if parsed is None or "bit" not in place:
            return parsed
        # The library would overwrite the whole byte.
        area, block, start, count, data = parsed
        memory = self.memory_areas.get((area, block), b"")
        before = memory[start] if start < len(memory) else 0
        bit = place["bit"]
        return area, block, start, count, bytearray([before & ~(1 << bit) | (data[0] & 1) << bit])

    def _handle_write_area(self, request: dict[str, Any], client_address: tuple[str, int]) -> bytes:
        place = self._parse_write_address(request)
        if place is not None:
            area, block, start, _, data = place
            if any((area, block, byte) in self.protected for byte in range(start, start + len(data))):
                header = struct.pack(">BBHHHHBB", 0x32, 0x03, 0, request["sequence"], 2, 1, 0, 0)
                return header + bytes([0x05, 0x01, _ACCESS_DENIED])
        answer: bytes = super()._handle_write_area(request, client_address)
        return answer

    def _handle_userdata(self, request: dict[str, Any], client_address: tuple[str, int]) -> bytes:
        if self.discreet:
            refused: bytes = self._build_userdata_error_response(request, _NO_BLOCKS)
            return refused
        answer: bytes = super()._handle_userdata(request, client_address)
        return answer

    def disconnect_clients(self) -> None:
        for client in list(self.sockets):
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)


class S7Simulator:
    """``async with S7Simulator(host, port, points) as plant: await plant.write(...)``. Port 0 takes a free one."""

    def __init__(self, host: str, port: int, points: Sequence[Point]) -> None:
        self.host = host
        self.port = port
        self._points = {point.name: parse(point.address) for point in points}
        self._server = _Controller()
        for (area, block), size in _sizes(self._points.values()).items():
            self._server.register_area(_AREAS[area], block, bytearray(size))
        for point in points:
            self._put(self._points[point.name], point.value)

    async def __aenter__(self) -> Self:
        try:
            self.port = _free_port(self.host, self.port)
            self._server.start_to(self.host, self.port)
        except (OSError, ValueError) as error:
            raise Unavailable(
                mark("The simulator cannot listen on {host}:{port}: {reason}."),
                host=self.host,
                port=self.port,
                reason=error,
            ) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_connections()
        await asyncio.to_thread(self._server.stop)

    async def write(
        self,
        name: str,
        value: float | bool | str | None,
        time: int | None = None,
        quality: Quality = Quality.GOOD,
    ) -> None:
        """Set a point. S7 carries no time, so ``time`` is not sent; *bad* answers a hardware fault."""
        address = self._points[name]
        if value is not None:
            self._put(address, value)
        place = _READ_AREAS[address.area], address.block
        concerned = {(*place, byte) for byte in range(address.start, address.start + address.size)}
        if quality is Quality.BAD:
            self._server.broken |= concerned
        else:
            self._server.broken -= concerned

    def value(self, name: str) -> float | bool | str:
        """What a point holds now."""
        address = self._points[name]
        memory = self._server.memory_areas[_READ_AREAS[address.area], address.block]
        return address.decode(bytes(memory[address.start : address.start + address.size]))

    def protect(self, name: str) -> None:
        """From now on writing this point is denied."""
        address = self._points[name]
        place = _READ_AREAS[address.area], address.block
        self._server.protected |= {(*place, byte) for byte in range(address.start, address.start + address.size)}

    def tell_nothing(self) -> None:
        """From now on neither the controller's identity nor its blocks are told, as by an S7-1500."""
        self._server.discreet = True

    def write_bytes(self, name: str, data: bytes) -> None:
        """Set the raw bytes of a point; for faults that ``write`` cannot express."""
        self._store(self._points[name], data)

    def close_connections(self) -> None:
        """Drop every client; they may come back at once."""
        self._server.disconnect_clients()

    async def stop_answering(self) -> None:
        """Keep connections and accept new ones, but answer no request."""
        self._server.silent = True

    async def answer_again(self) -> None:
        """End of :meth:`stop_answering`."""
        self._server.silent = False

    def _put(self, address: Address, value: float | bool | str) -> None:
        memory = self._server.memory_areas[_READ_AREAS[address.area], address.block]
        self._store(address, address.encode(value, before=memory[address.start]))

    def _store(self, address: Address, data: bytes) -> None:
        place = _READ_AREAS[address.area], address.block
        with self._server.area_locks[place]:
            self._server.memory_areas[place][address.start : address.start + len(data)] = data


def _sizes(addresses: Iterable[Address]) -> dict[tuple[Area, int], int]:
    sizes: dict[tuple[Area, int], int] = {}
    for address in addresses:
        place = address.area, address.block
        sizes[place] = max(sizes.get(place, 0), address.start + address.size)
    return sizes


def _free_port(host: str, port: int) -> int:
    # snap7 binds with SO_REUSEPORT, so it would share a taken port in silence: ask without it first.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        number: int = probe.getsockname()[1]
        return number
