"""Devices as a Modbus TCP server: one unit each, laid out by :mod:`registers`. The protocol is pymodbus's."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator.simcore import SimCore

from gongfu.kernel.errors import GongfuError, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings
from gongfu.network.serving.offers import NotWritten, Offer, Wish
from gongfu.network.serving.plane import Estate, Plane
from gongfu.network.serving.registers import Unit

_COILS, _DISCRETE, _HOLDING, _INPUT = {1, 5, 15}, {2}, {3, 6, 16, 22, 23}, {4}
_REFUSED = {"invalid": ExcCodes.ILLEGAL_VALUE, "forbidden": ExcCodes.ILLEGAL_FUNCTION}

log = structlog.get_logger("northbound")


class _Registers(SimCore):
    """What pymodbus asks for values, and tells what clients write."""

    def __init__(self, offer: Offer, plane: Plane) -> None:
        super().__init__([])
        self.units: dict[int, Unit] = {}
        self._offer = offer
        self._plane = plane

    async def async_getValues(  # noqa: N802 pymodbus's name
        self, device_id: int, func_code: int, address: int, count: int = 1
    ) -> list[int] | list[bool] | ExcCodes:
        unit = self.units.get(device_id)
        if unit is None:
            return ExcCodes.GATEWAY_NO_RESPONSE
        found: Sequence[int] | Sequence[bool] | None
        if func_code in _HOLDING or func_code in _INPUT:
            found = unit.registers(address, count)
        else:
            found = unit.states(address, count)
        return ExcCodes.ILLEGAL_ADDRESS if found is None else list(found)

    async def async_setValues(  # noqa: N802 pymodbus's name
        self, device_id: int, func_code: int, address: int, values: list[int] | list[bool]
    ) -> ExcCodes | None:
        unit = self.units.get(device_id)
        if unit is None:
            return ExcCodes.GATEWAY_NO_RESPONSE
        if not self._offer.writes:
            return ExcCodes.ILLEGAL_FUNCTION
        wishes: Sequence[tuple[int, float | bool]] | None
        if func_code in _COILS:
            wishes = unit.wish_bits(address, [bool(value) for value in values])
        else:
            wishes = unit.wish(address, [int(value) for value in values])
        if wishes is None:
            return ExcCodes.ILLEGAL_ADDRESS
        try:
            await self._plane.write(self._offer.org, [Wish(*wish) for wish in wishes], "Modbus TCP")
        except NotWritten as error:
            log.info("a write was refused", reason=error.problem[:200], written=error.written, wishes=len(wishes))
            if error.written:  # the one exception that says that it had begun (V1.1b3 §7)
                return ExcCodes.DEVICE_FAILURE
            return _REFUSED.get(error.problem.partition(":")[0], ExcCodes.DEVICE_FAILURE)
        except GongfuError:
            return ExcCodes.DEVICE_BUSY
        return None


class ModbusOutlet:
    """The server of one organisation."""

    def __init__(self, settings: Settings, offer: Offer, plane: Plane) -> None:
        self._settings = settings
        self._offer = offer
        self._registers = _Registers(offer, plane)
        self._server: ModbusTcpServer | None = None
        self._units: dict[int, Unit] = {}

    async def start(self) -> None:
        """Listen; raises :class:`Unavailable` when the port is taken."""
        server = ModbusTcpServer([], address=(self._settings.host, self._offer.modbus_port))
        server.context = self._registers
        try:
            await server.serve_forever(background=True)
        except (RuntimeError, OSError) as error:
            raise Unavailable(
                mark("The Modbus port {port} of {organisation} cannot be used: {reason}."),
                remedy=mark("Choose another port in the offer."),
                port=self._offer.modbus_port,
                organisation=self._offer.org_code,
                reason=error,
            ) from error
        self._server = server

    async def stop(self) -> None:
        """Hang up."""
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]
            self._server = None

    async def update(self, estate: Estate) -> None:
        """Serve the devices of ``estate`` that have a unit."""
        units: dict[int, Unit] = {}
        for number, config in estate.devices.items():
            place = self._offer.units.get(str(number))
            if place is None:
                continue
            before = self._units.get(number)
            unit = before if before is not None and before.device == config else Unit(config)
            if unit is not before:
                for tag in config.tags:
                    if tag.series in estate.values:
                        unit.put(tag.series, estate.values[tag.series])
            units[number] = unit
        self._units = units
        self._registers.units = {self._offer.units[str(number)]: unit for number, unit in units.items()}

    async def came(self, device: int, series: Sequence[int], estate: Estate) -> None:
        """Take the newest values of these series."""
        unit = self._units.get(device)
        if unit is not None:
            for number in series:
                unit.put(number, estate.values[number])
