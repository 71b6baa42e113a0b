"""One TCP connection for all units behind one Modbus gateway: most of them accept no more than one to four."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import DeviceUnavailable
from gongfu.network.drivers.modbus.address import Table

_PAUSE = 1.0
"""Seconds during which a connection that failed is not tried again."""


class Refused(Exception):
    """The device answered with an exception code (MODBUS Application Protocol V1.1b3 §7)."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code:02X}")
        self.code = code


class Connection:
    """A connection that is opened when needed and serves one request at a time."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.users = 0
        self._lock = asyncio.Lock()
        self._client: AsyncModbusTcpClient | None = None
        self._waiting = False
        self._timeouts = 0
        self._failed = -_PAUSE

    async def open(self, timeout: float) -> None:  # noqa: ASYNC109
        """Connect, if that has not been done; raises :class:`DeviceUnavailable` within ``timeout`` seconds."""
        async with self._lock:
            await self._connected(timeout)

    async def read(self, unit: int, table: Table, offset: int, count: int, timeout: float) -> list[int]:  # noqa: ASYNC109
        """``count`` registers or bits. Raises :class:`Refused`, or :class:`DeviceUnavailable` within ``timeout`` s."""
        async with self._lock:
            client = await self._connected(timeout)
            client.ctx.comm_params.timeout_connect = timeout
            self._waiting = True
            try:
                answer = await _request(client, table)(offset, count=count, device_id=unit)
            except ModbusException as error:
                self._count_timeout(client)
                raise DeviceUnavailable(
                    mark("Unit {unit} at {host}:{port} does not answer."),
                    remedy=mark("Check the unit id and the line behind the gateway."),
                    unit=unit,
                    host=self.host,
                    port=self.port,
                ) from error
            except asyncio.CancelledError:
                self.close()  # its answer may still come, and must not meet another request
                raise
            finally:
                self._waiting = False
            self._timeouts = 0
        if answer.isError():
            raise Refused(answer.exception_code)
        values = answer.bits[:count] if table.is_bits else answer.registers
        if len(values) != count:
            raise DeviceUnavailable(
                mark("Unit {unit} at {host}:{port} answered {got} values instead of {count}."),
                unit=unit,
                host=self.host,
                port=self.port,
                got=len(values),
                count=count,
            )
        return list(values)  # a bit is an int, too

    def close(self) -> None:
        """Close; the next read opens again."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _connected(self, timeout: float) -> AsyncModbusTcpClient:  # noqa: ASYNC109
        if self._client is not None and self._client.connected:
            return self._client
        clock = asyncio.get_running_loop().time
        if clock() - self._failed < _PAUSE:  # all units of a gateway that is off need not wait one after the other
            raise self._nobody()
        client = AsyncModbusTcpClient(
            self.host, port=self.port, timeout=timeout, retries=0, reconnect_delay=0, trace_connect=self._changed
        )
        client.set_max_no_responses(1_000_000)  # one dead unit must not cost the others their connection
        self._client = client
        try:
            connected = await client.connect()
        except OSError:
            connected = False
        if not connected:
            self.close()
            self._failed = clock()
            raise self._nobody()
        return client

    def _nobody(self) -> DeviceUnavailable:
        return DeviceUnavailable(
            mark("Nothing answers at {host}:{port}."),
            remedy=mark("Check address, port, cable and that the device is on."),
            host=self.host,
            port=self.port,
        )

    def _changed(self, connected: bool) -> None:
        # pymodbus would let a request wait for its timeout after the peer has gone.
        if not connected and self._waiting and self._client is not None:
            future = self._client.ctx.response_future
            if not future.done():
                future.set_exception(ModbusException("connection closed"))

    def _count_timeout(self, client: AsyncModbusTcpClient) -> None:
        self._timeouts += 1
        # Twice nothing from anybody: the connection itself may be dead without a word (RFC 1122 §4.2.3.5).
        if not client.connected or self._timeouts >= 2:
            self._timeouts = 0
            self.close()


_connections: dict[tuple[asyncio.AbstractEventLoop, str, int], Connection] = {}


@asynccontextmanager
async def connection(host: str, port: int) -> AsyncIterator[Connection]:
    """The connection to ``host:port``, shared within this process; closed when the last user leaves."""
    key = asyncio.get_running_loop(), host, port
    shared = _connections.setdefault(key, Connection(host, port))
    shared.users += 1
    try:
        yield shared
    finally:
        shared.users -= 1
        if not shared.users:
            shared.close()
            del _connections[key]


def _request(client: AsyncModbusTcpClient, table: Table) -> Callable[..., Awaitable[ModbusPDU]]:
    match table:
        case Table.COIL:
            return client.read_coils
        case Table.DISCRETE:
            return client.read_discrete_inputs
        case Table.HOLDING:
            return client.read_holding_registers
        case Table.INPUT:
            return client.read_input_registers
