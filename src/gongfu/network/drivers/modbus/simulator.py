"""A Modbus server for demonstration, replay and tests: several units (slaves) behind one TCP port.

With ``framing`` it speaks RTU or ASCII there, as a serial device server does; a :class:`~..cable.Cable` to its port
makes a serial line of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, cast

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.pdu.device import ModbusDeviceIdentification
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator.simcore import SimCore

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.modbus.address import Address, Table, parse
from gongfu.network.drivers.modbus.wire import Framing

_TABLES = {
    1: Table.COIL,
    5: Table.COIL,
    15: Table.COIL,
    2: Table.DISCRETE,
    3: Table.HOLDING,
    6: Table.HOLDING,
    16: Table.HOLDING,
    22: Table.HOLDING,
    4: Table.INPUT,
}


_FRAMERS = {None: FramerType.SOCKET, Framing.RTU: FramerType.RTU, Framing.ASCII: FramerType.ASCII}


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
        self.unknown: set[int] = set()
        self.read_only: set[tuple[int, Table, int]] = set()
        self.written: list[tuple[int, int, list[int]]] = []
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
        if table is None or memory is None or func_code in self.unknown:
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
        wanted = range(address, address + len(values))
        if func_code in self.unknown:
            return ExcCodes.ILLEGAL_FUNCTION
        if table is None or memory is None or not self._defined(memory, wanted):
            return ExcCodes.ILLEGAL_ADDRESS
        if not memory.broken.isdisjoint(wanted):
            return ExcCodes.DEVICE_FAILURE
        if any((device_id, table, offset) in self.read_only for offset in wanted):
            return ExcCodes.ILLEGAL_VALUE
        memory.words.update((address + i, int(value)) for i, value in enumerate(values))
        self.written.append((func_code, address, [int(value) for value in values]))
        return None

    def _defined(self, memory: _Memory, wanted: range) -> bool:
        if self.holes:  # like most devices: a gap inside the map reads as 0
            return min(memory.words) <= wanted.start and wanted.stop - 1 <= max(memory.words)
        return all(offset in memory.words for offset in wanted)


class ModbusSimulator:
    """``async with ModbusSimulator(host, port, points) as plant: await plant.write(...)``. Port 0 takes a free one.

    ``holes=False`` makes it refuse every read that touches an undefined register, as some devices do. ``framing``:
    what it speaks instead of Modbus TCP.
    """

    def __init__(
        self,
        host: str,
        port: int,
        points: Sequence[Point],
        *,
        holes: bool = True,
        framing: Framing | None = None,
        identity: ModbusDeviceIdentification | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._points = {point.name: (point.unit, parse(point.address)) for point in points}
        self._units = _Units(holes=holes)
        self._framing = framing
        self._identity = identity
        self._silent = False
        self._ignored: set[int] = set()
        self._server: ModbusTcpServer | None = None
        for point in points:
            self._put(point.unit, parse(point.address), point.value)

    async def __aenter__(self) -> Self:
        server = ModbusTcpServer(
            [],
            framer=_FRAMERS[self._framing],
            identity=self._identity,
            address=(self.host, self.port),
            trace_packet=self._trace,
        )
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

    def forget_functions(self, *codes: int) -> None:
        """From now on these function codes are refused with exception 01."""
        self._units.unknown.update(codes)

    def protect(self, name: str) -> None:
        """From now on writing this point is refused with exception 03."""
        unit, address = self._points[name]
        self._units.read_only.update((unit, address.table, offset) for offset in _offsets(address))

    def value(self, name: str) -> float | bool | str:
        """What a point holds now."""
        unit, address = self._points[name]
        words = self._units.memory[unit, address.table].words
        return address.decode([words.get(offset, 0) for offset in _offsets(address)])

    @property
    def written(self) -> Sequence[tuple[int, int, list[int]]]:
        """Writes by clients: function code, offset, registers or bits."""
        return self._units.written

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
        if not sending:
            return packet
        if self._silent or self._unit_in(packet) in self._ignored:
            return b""
        return packet

    def _unit_in(self, packet: bytes) -> int:
        match self._framing:
            case Framing.RTU:
                return packet[0]
            case Framing.ASCII:
                return int(packet[1:3], 16)
        return packet[6]  # MODBUS Messaging on TCP/IP V1.0b §3.1.3


def _offsets(address: Address) -> range:
    return range(address.offset, address.offset + address.count)
