"""A Modbus TCP server for demonstration, replay and tests: several units (slaves) behind one port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, cast

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator.simcore import SimCore

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.modbus.address import Address, Table, parse

_TABLES = {
    1: Table.COIL,
    5: Table.COIL,
    15: Table.COIL,
    2: Table.DISCRETE,
    3: Table.HOLDING,
    6: Table.HOLDING,
    16: Table.HOLDING,
    4: Table.INPUT,
}


@dataclass(frozen=True)
class Point:
    """A value in a unit. ``address`` in the driver's notation; ``name`` is unique in the simulator."""

    name: str
    address: str
    value: float | bool | str = 0.0
    unit: int = 1


@dataclass
class _Memory:
    """One table of one unit. ``broken`` offsets answer exception 04."""

    words: dict[int, int] = field(default_factory=dict)
    broken: set[int] = field(default_factory=set)


class _Units(SimCore):
    """What pymodbus asks for values."""

    def __init__(self, *, holes: bool) -> None:
        super().__init__([])
        self.memory: dict[tuple[int, Table], _Memory] = {}
        self.units: set[int] = set()
        self.holes = holes
        self.delay = 0.0
        self.on_read: Callable[[int, Table, range], None] | None = None

    async def async_getValues(  # noqa: N802 pymodbus's name
        self, device_id: int, func_code: int, address: int, count: int = 1
    ) -> list[int] | list[bool] | ExcCodes:
        if self.delay:
            await asyncio.sleep(self.delay)
        if device_id not in self.units:
            return ExcCodes.GATEWAY_NO_RESPONSE
        table = _TABLES.get(func_code)
        memory = self.memory.get((device_id, table)) if table is not None else None
        if table is None or memory is None:
            return ExcCodes.ILLEGAL_FUNCTION
        wanted = range(address, address + count)
        if self.on_read is not None:
            self.on_read(device_id, table, wanted)
        if not self._defined(memory, wanted):
            return ExcCodes.ILLEGAL_ADDRESS
        if not memory.broken.isdisjoint(wanted):
            return ExcCodes.DEVICE_FAILURE
        words = [memory.words.get(offset, 0) for offset in wanted]
        return [bool(word) for word in words] if table.is_bits else words

    async def async_setValues(  # noqa: N802 pymodbus's name
        self, device_id: int, func_code: int, address: int, values: list[int] | list[bool]
    ) -> ExcCodes | None:
        if device_id not in self.units:
            return ExcCodes.GATEWAY_NO_RESPONSE
        table = _TABLES.get(func_code)
        memory = self.memory.get((device_id, table)) if table is not None else None
        if memory is None or not self._defined(memory, range(address, address + len(values))):
            return ExcCodes.ILLEGAL_ADDRESS
        memory.words.update((address + i, int(value)) for i, value in enumerate(values))
        return None

    def _defined(self, memory: _Memory, wanted: range) -> bool:
        if self.holes:  # like most devices: a gap inside the map reads as 0
            return min(memory.words) <= wanted.start and wanted.stop - 1 <= max(memory.words)
        return all(offset in memory.words for offset in wanted)


class ModbusSimulator:
    """``async with ModbusSimulator(host, port, points) as plant: await plant.write(...)``. Port 0 takes a free one.

    ``holes=False`` makes it refuse every read that touches an undefined register, as some devices do.
    """

    def __init__(self, host: str, port: int, points: Sequence[Point], *, holes: bool = True) -> None:
        self.host = host
        self.port = port
        self._points = {point.name: (point.unit, parse(point.address)) for point in points}
        self._units = _Units(holes=holes)
        self._silent = False
        self._ignored: set[int] = set()
        self._server: ModbusTcpServer | None = None
        for point in points:
            self._put(point.unit, parse(point.address), point.value)

    async def __aenter__(self) -> Self:
        server = ModbusTcpServer([], address=(self.host, self.port), trace_packet=self._trace)
        server.context = self._units
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            raise Unavailable(
                mark("The simulator cannot listen on {host}:{port}: {reason}."),
                host=self.host,
                port=self.port,
                reason=error,
            ) from error
        # What pymodbus calls a transport is the listening server, asyncio's or uvloop's.
        self.port = cast("asyncio.Server", server.transport).sockets[0].getsockname()[1]
        self._server = server
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]
            self._server = None

    async def write(
        self,
        name: str,
        value: float | bool | str | None,
        time: int | None = None,
        quality: Quality = Quality.GOOD,
    ) -> None:
        """Set a point. Modbus carries no time, so ``time`` is not sent; *bad* answers exception 04."""
        unit, address = self._points[name]
        if value is not None:
            self._put(unit, address, value)
        broken = self._units.memory[unit, address.table].broken
        if quality is Quality.BAD:
            broken.update(_offsets(address))
        else:
            broken.difference_update(_offsets(address))

    def write_registers(self, unit: int, table: Table, offset: int, words: Sequence[int]) -> None:
        """Set raw registers or bits; for faults that ``write`` cannot express."""
        memory = self._units.memory.setdefault((unit, table), _Memory())
        memory.words.update((offset + i, word) for i, word in enumerate(words))
        self._units.units.add(unit)

    def hear_reads(self, on_read: Callable[[int, Table, range], None]) -> None:
        """Call ``on_read(unit, table, offsets)`` before each read is answered: it may still change the values."""
        self._units.on_read = on_read

    def readers(self) -> frozenset[str]:
        """Names of the open connections; one that comes back has a new name."""
        return frozenset() if self._server is None else frozenset(self._server.active_connections)

    def put(self, name: str, value: float | bool | str) -> None:
        """Set a point at once."""
        self._put(*self._points[name], value)

    def set_delay(self, seconds: float) -> None:
        """Answer every request this much later."""
        self._units.delay = seconds

    def remove_unit(self, unit: int) -> None:
        """From now on the gateway answers exception 0B for this unit."""
        self._units.units.discard(unit)

    def add_unit(self, unit: int) -> None:
        """End of :meth:`remove_unit`."""
        self._units.units.add(unit)

    def ignore_unit(self, unit: int) -> None:
        """From now on nobody answers for this unit, as when a gateway has a long time limit of its own."""
        self._ignored.add(unit)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return 0 if self._server is None else len(self._server.active_connections)

    def close_connections(self) -> None:
        """Drop every client; they may come back at once."""
        if self._server is not None:
            for connection in list(self._server.active_connections.values()):
                connection.close()

    async def stop_answering(self) -> None:
        """Keep connections and accept new ones, but answer nothing."""
        self._silent = True

    async def answer_again(self) -> None:
        """End of :meth:`stop_answering`."""
        self._silent = False

    def _put(self, unit: int, address: Address, value: float | bool | str) -> None:
        memory = self._units.memory.setdefault((unit, address.table), _Memory())
        words = address.encode(value, before=memory.words.get(address.offset, 0))
        memory.words.update(zip(_offsets(address), words, strict=True))
        self._units.units.add(unit)

    def _trace(self, sending: bool, packet: bytes) -> bytes:
        # Byte 6 of a frame is the unit id (MODBUS Messaging on TCP/IP V1.0b §3.1.3).
        return b"" if sending and (self._silent or packet[6] in self._ignored) else packet


def _offsets(address: Address) -> range:
    return range(address.offset, address.offset + address.count)
