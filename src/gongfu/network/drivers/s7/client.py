"""python-snap7's asyncio client with the project's time limits and errors."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from snap7 import AsyncClient
from snap7.error import S7Error, S7ProtocolError
from snap7.type import Area as SnapArea

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import DeviceUnavailable
from gongfu.network.drivers.s7.address import Area

_AREAS = {Area.BLOCK: SnapArea.DB, Area.FLAGS: SnapArea.MK, Area.INPUTS: SnapArea.PE, Area.OUTPUTS: SnapArea.PA}
_ITEM_CODE = re.compile(r"Read operation failed: (?P<text>.*) \(0x(?P<code>[0-9a-f]{2})\)")
_REMEDY = mark("Check address, rack and slot; a controller accepts only a few connections.")
_PROTECTED = 0x8104
"""Header error of an S7-1200 or S7-1500 that does not allow PUT/GET."""


class Refused(Exception):
    """The controller has no such data, or does not give it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} (0x{code:02X})")
        self.code = code


class Controller:
    """An open connection. ``pdu``: bytes of the longest answer, as negotiated."""

    def __init__(self, client: AsyncClient, name: str, timeout: float) -> None:
        self._client = client
        self._name = name
        self._timeout = timeout
        self.pdu: int = client.pdu_length

    async def read(self, area: Area, block: int, start: int, size: int) -> bytes:
        """``size`` bytes. Raises :class:`Refused`, or :class:`DeviceUnavailable` when the connection is of no use."""
        try:
            async with asyncio.timeout(self._timeout):
                return bytes(await self._client.read_area(_AREAS[area], block, start, size))
        except S7ProtocolError as error:
            match = _ITEM_CODE.fullmatch(str(error))
            if match is not None:
                raise Refused(int(match["code"], 16), match["text"]) from error
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
        if isinstance(error, S7Error) and error.error_code == _PROTECTED:
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
        with suppress(Exception):
            async with asyncio.timeout(1):
                await client.disconnect()
