"""Where units are found: the options of a device that say how its line is reached. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.modbus.wire import Framing
from gongfu.network.drivers.streams import PARITIES, LineSettings


class Transport(StrEnum):
    """How frames travel."""

    TCP = "tcp"
    RTU = "rtu"
    ASCII = "ascii"
    RTU_OVER_TCP = "rtu-over-tcp"


class Place(msgspec.Struct, frozen=True):
    """One connection, with one or many units behind it. ``line`` is empty for TCP, ``host`` for a serial line."""

    transport: Transport
    host: str = ""
    port: int = 0
    line: str = ""
    settings: LineSettings = LineSettings()

    @property
    def name(self) -> str:
        """What messages call it, and what two devices on one line have in common."""
        return self.line or f"{self.host}:{self.port}"

    @property
    def framing(self) -> Framing:
        """Which frames a line carries; not for :attr:`Transport.TCP`."""
        return Framing.ASCII if self.transport is Transport.ASCII else Framing.RTU


def tcp(host: str, port: int, transport: Transport = Transport.TCP) -> Place:
    """A place on the network; raises :class:`BadConfiguration` without a host."""
    if not host:
        raise BadConfiguration(
            mark("The transport {transport} needs the option host."),
            remedy=mark("Fill in the name or IP address of the device, or choose a serial transport."),
            transport=transport,
        )
    return Place(transport, host, port)


def serial(line: str, settings: LineSettings, unit: int, transport: Transport) -> Place:
    """A serial line; raises :class:`BadConfiguration` for what cannot work on one."""
    if not line:
        raise BadConfiguration(
            mark("The transport {transport} needs the option line."),
            remedy=mark("Fill in the serial port, for example /dev/ttyUSB0 or rfc2217://192.168.0.7:4001."),
            transport=transport,
        )
    if settings.parity not in PARITIES:
        raise BadConfiguration(
            mark("The parity {parity} does not exist."), remedy=mark("Use none, even or odd."), parity=settings.parity
        )
    if transport is Transport.RTU and settings.data_bits != 8:
        raise BadConfiguration(mark("Modbus RTU needs 8 data bits."), remedy=mark("7 data bits are for Modbus ASCII."))
    if unit == 0:
        raise BadConfiguration(
            mark("Unit 0 is for announcements to all units: nobody answers."), remedy=mark("Units are 1 to 247.")
        )
    return Place(transport, line=line, settings=settings)
