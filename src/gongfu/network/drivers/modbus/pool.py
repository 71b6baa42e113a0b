"""One connection for all units of a line: a serial port has one master, a gateway accepts one to four connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pymodbus.pdu import DecodePDU, ModbusPDU

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import DeviceUnavailable
from gongfu.network.drivers.modbus import line, tcp, wire
from gongfu.network.drivers.modbus.address import Table
from gongfu.network.drivers.modbus.line import Line, Silent
from gongfu.network.drivers.modbus.owed import Owed
from gongfu.network.drivers.modbus.patience import Patience
from gongfu.network.drivers.modbus.place import Place, Transport
from gongfu.network.drivers.modbus.tcp import TcpLine

_PAUSE = 1.0
"""Seconds during which a connection that failed is not tried again."""
NO_UNIT = (0x0A, 0x0B)
"""Gateway path unavailable; gateway target device failed to respond (V1.1b3 §7)."""
_FUNCTIONS = {Table.COIL: 0x01, Table.DISCRETE: 0x02, Table.HOLDING: 0x03, Table.INPUT: 0x04}
_EXCEPTION = 0x80
"""Added to the function code of an answer that is an exception."""
_DECODER = DecodePDU(False)


class Refused(Exception):
    """The device answered with an exception code (MODBUS Application Protocol V1.1b3 §7)."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code:02X}")
        self.code = code


class Connection:
    """A connection that is opened when needed and serves one request at a time."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.users = 0
        self.changing = asyncio.Lock()
        """Held by who reads a register to write it back changed."""
        self._lock = asyncio.Lock()
        self._line: Line | TcpLine | None = None
        self._patience = Patience()
        self._owed = Owed()
        self._timeouts = 0
        self._failed = -_PAUSE
        self._reason: object = ""

    async def open(self, timeout: float) -> None:  # noqa: ASYNC109
        """Connect, if that has not been done; raises :class:`DeviceUnavailable` within ``timeout`` seconds."""
        async with self._lock:
            await self._connected(timeout)

    async def read(
        self,
        unit: int,
        table: Table,
        offset: int,
        count: int,
        timeout: float,  # noqa: ASYNC109
        *,
        urgent: bool = False,
    ) -> bytes:
        """``count`` registers, most significant byte first, or as many bits packed in bytes. Raises as :meth:`ask`."""
        pdu = wire.read_pdu(_FUNCTIONS[table], offset, count)
        answer = await self.ask(unit, pdu, timeout, urgent=urgent)
        data = wire.read_data(pdu, answer)
        if data is None:
            raise DeviceUnavailable(
                mark("Unit {unit} at {place} answered {got} values instead of {count}."),
                unit=unit,
                place=self.place.name,
                got=max(0, len(answer) - 2) * 8 if table.is_bits else (len(answer) - 2) // 2,
                count=count,
            )
        return data

    async def execute(self, request: ModbusPDU, timeout: float, *, urgent: bool = False) -> ModbusPDU:  # noqa: ASYNC109
        """The answer to ``request``. Raises as :meth:`ask`."""
        pdu = bytes([request.function_code]) + request.encode()
        answer = _DECODER.decode(await self.ask(request.dev_id, pdu, timeout, urgent=urgent))
        if answer is None:
            raise self._silent(request.dev_id, garbled=True)
        answer.dev_id = request.dev_id
        return answer

    async def ask(self, unit: int, pdu: bytes, timeout: float, *, urgent: bool = False) -> bytes:  # noqa: ASYNC109
        """The data unit that answers ``pdu``. Raises :class:`Refused`, or :class:`DeviceUnavailable` in ``timeout`` s.

        A unit that has been silent may have to rest for the sake of the others, unless it is ``urgent``.
        """
        clock = asyncio.get_running_loop().time
        async with self._lock:
            rest = 0.0 if urgent else self._patience.rest(unit, clock())
            if rest:
                raise DeviceUnavailable(
                    mark("Unit {unit} at {place} has not answered and rests, so that the other units are not held up."),
                    remedy=mark("It is asked again in {seconds} s."),
                    unit=unit,
                    place=self.place.name,
                    seconds=f"{rest:.0f}",
                )
            opened = await self._connected(timeout)
            started = clock()
            try:
                answer = await opened.ask(unit, pdu, timeout)
            except (Silent, OSError) as error:
                if opened.connected:
                    self._patience.silent(unit, clock() - started, clock())
                self._count_timeout(opened)
                raise self._silent(unit, garbled=bool(str(error))) from error
            except asyncio.CancelledError:
                if self.place.transport is Transport.TCP:
                    self.close()  # its answer may still come, and must not meet another request
                raise
            self._timeouts = 0
            if not answer[0] & _EXCEPTION:
                self._patience.answered(unit)
                return answer
            code = answer[1] if len(answer) > 1 else 0
            if code in NO_UNIT:
                self._patience.silent(unit, clock() - started, clock())
            else:
                self._patience.answered(unit)
            raise Refused(code)

    @property
    def remembers(self) -> bool:
        """Whether units of it still owe answers, which must not be forgotten."""
        return self._owed.any(asyncio.get_running_loop().time())

    def close(self) -> None:
        """Close; the next read opens again."""
        if self._line is not None:
            self._line.close()
            self._line = None

    async def _connected(self, timeout: float) -> Line | TcpLine:  # noqa: ASYNC109
        if self._line is not None and self._line.connected:
            return self._line
        self.close()
        clock = asyncio.get_running_loop().time
        if clock() - self._failed < _PAUSE:  # all units of a gateway that is off need not wait one after the other
            raise self._nobody()
        try:
            if self.place.transport is Transport.TCP:
                self._line = await tcp.open_to(self.place, timeout)
            else:
                self._line = await line.open_to(self.place, timeout, self._owed)
        except OSError as error:  # TimeoutError is one
            self._failed = clock()
            self._reason = error or "no answer"
            raise self._nobody() from error
        return self._line

    def _nobody(self) -> DeviceUnavailable:
        if self.place.line:
            return DeviceUnavailable(
                mark("The serial line {place} cannot be opened: {reason}."),
                remedy=mark("Check its name, that this user may use it, and that no other program has it open."),
                place=self.place.name,
                reason=self._reason,
            )
        return DeviceUnavailable(
            mark("Nothing answers at {place}."),
            remedy=mark("Check address, port, cable and that the device is on."),
            place=self.place.name,
        )

    def _silent(self, unit: int, *, garbled: bool) -> DeviceUnavailable:
        if self.place.transport is Transport.TCP:
            return DeviceUnavailable(
                mark("Unit {unit} at {place} does not answer."),
                remedy=mark("Check the unit id and the line behind the gateway."),
                unit=unit,
                place=self.place.name,
            )
        if garbled:
            return DeviceUnavailable(
                mark("The answer of unit {unit} at {place} is garbled."),
                remedy=mark("Check baud rate, parity, shield and terminators, and that no two units have one number."),
                unit=unit,
                place=self.place.name,
            )
        return DeviceUnavailable(
            mark("Unit {unit} at {place} does not answer."),
            remedy=mark("Check the unit id, baud rate, parity, and that A and B are not swapped."),
            unit=unit,
            place=self.place.name,
        )

    def _count_timeout(self, opened: Line | TcpLine) -> None:
        self._timeouts += 1
        # Twice nothing from anybody: the connection itself may be dead without a word (RFC 1122 §4.2.3.5).
        if not opened.connected or (self._timeouts >= 2 and not self.place.line):
            self._timeouts = 0
            self.close()


_connections: dict[tuple[asyncio.AbstractEventLoop, str], Connection] = {}


def _forget() -> None:
    """Drop connections that nobody uses; of loops that have ended, all."""
    here = asyncio.get_running_loop()
    for key, shared in list(_connections.items()):
        if key[0].is_closed() or (key[0] is here and not shared.users and not shared.remembers):
            del _connections[key]


@asynccontextmanager
async def connection(place: Place) -> AsyncIterator[Connection]:
    """The connection to ``place``, shared within this process; closed when the last user leaves.

    Raises :class:`DeviceUnavailable` while others use the same line with other settings.
    """
    key = asyncio.get_running_loop(), place.name
    shared = _connections.get(key)
    if shared is None or (not shared.users and shared.place != place):
        shared = _connections[key] = Connection(place)
    elif shared.place != place:
        raise DeviceUnavailable(
            mark("{place} is in use with another transport or other serial settings."),
            remedy=mark("Give all devices on one line the same transport, baud rate, parity, stop and data bits."),
            place=place.name,
        )
    shared.users += 1
    try:
        yield shared
    finally:
        shared.users -= 1
        if not shared.users:
            shared.close()
            _forget()
