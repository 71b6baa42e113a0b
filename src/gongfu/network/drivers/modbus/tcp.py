"""Modbus TCP: pymodbus's client, made to notice a peer that goes."""

from __future__ import annotations

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from gongfu.network.drivers.modbus.line import Silent
from gongfu.network.drivers.modbus.place import Place


class TcpLine:
    """An open connection. One exchange at a time: the caller sees to that."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self._client = AsyncModbusTcpClient(
            host, port=port, timeout=timeout, retries=0, reconnect_delay=0, trace_connect=self._changed
        )
        self._client.set_max_no_responses(1_000_000)  # one dead unit must not cost the others their connection
        self._waiting = False

    async def connect(self) -> None:
        """Connect; raises ``OSError``."""
        try:
            if not await self._client.connect():
                raise ConnectionError("no connection")
        except BaseException:
            self.close()
            raise

    @property
    def connected(self) -> bool:
        """Whether nobody has closed it, as far as known."""
        return self._client.connected

    def close(self) -> None:
        """Close; the answer to a request under way does not come any more."""
        self._client.close()

    async def execute(self, request: ModbusPDU, timeout: float) -> ModbusPDU:  # noqa: ASYNC109
        """The answer to ``request``; raises :class:`Silent` after ``timeout`` seconds or when the peer goes."""
        self._client.ctx.comm_params.timeout_connect = timeout
        self._waiting = True
        try:
            answer: ModbusPDU = await self._client.execute(False, request)
            return answer
        except ModbusException as error:
            raise Silent(str(error)) from error
        finally:
            self._waiting = False

    def _changed(self, connected: bool) -> None:
        # pymodbus would let a request wait for its timeout after the peer has gone.
        if not connected and self._waiting:
            future = self._client.ctx.response_future
            if not future.done():
                future.set_exception(ModbusException("connection closed"))


async def open_to(place: Place, timeout: float) -> TcpLine:  # noqa: ASYNC109
    """A connection to ``place``; raises ``OSError`` within ``timeout`` seconds."""
    line = TcpLine(place.host, place.port, timeout)
    await line.connect()
    return line
