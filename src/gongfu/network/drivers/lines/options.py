"""Options of equipment that speaks in lines, as in manifest.toml."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.lines.address import unescape
from gongfu.network.drivers.lines.wire import Checksum, Terminator
from gongfu.network.drivers.options import check_encoding, read_options
from gongfu.network.drivers.streams import PARITIES, LineSettings
from gongfu.network.gateway.config import DeviceConfig


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``host`` and ``port`` are for the network, ``line`` to ``data_bits`` for a serial line."""

    transport: Literal["serial", "tcp", "listen"] = "serial"
    line: str = ""
    baud: Annotated[int, Meta(ge=50, le=4_000_000)] = 9600
    parity: str = "none"
    stop_bits: Annotated[int, Meta(ge=1, le=2)] = 1
    data_bits: Annotated[int, Meta(ge=7, le=8)] = 8
    host: str = ""
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    pattern: str = ""
    terminator: Literal["any", "crlf", "cr", "lf", "etx", "idle"] = "any"
    idle_gap: Annotated[float, Meta(ge=0.005, le=10)] = 0.05
    longest: Annotated[int, Meta(ge=1, le=4096)] = 512
    checksum: Literal["none", "xor", "sum8", "nmea"] = "none"
    encoding: str = "utf-8"
    request: str = ""
    timeout: Annotated[float, Meta(ge=0.1, le=60)] = 3.0
    silence: Annotated[float, Meta(ge=0, le=86_400)] = 0.0


class Place(msgspec.Struct, frozen=True):
    """Where lines come from. ``line`` is empty for the network."""

    transport: str
    host: str = ""
    port: int = 0
    line: str = ""
    settings: LineSettings = LineSettings()

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.line or f"{self.host}:{self.port}"


class Speech(msgspec.Struct, frozen=True):
    """How lines are cut and read."""

    terminator: Terminator
    checksum: Checksum
    request: bytes


def options_of(device: DeviceConfig) -> tuple[Options, Place, Speech]:
    """The options of ``device``; raises :class:`BadConfiguration`."""
    options = read_options(device, Options)
    check_encoding(options.encoding)
    request = unescape(options.request, options.encoding)
    return options, _place(options), Speech(Terminator(options.terminator), Checksum(options.checksum), request)


def _place(options: Options) -> Place:
    if options.transport == "serial":
        if not options.line:
            raise BadConfiguration(
                mark("The transport {transport} needs the option line."),
                remedy=mark("Fill in the serial port, for example /dev/ttyUSB0 or rfc2217://192.168.0.7:4001."),
                transport=options.transport,
            )
        if options.parity not in PARITIES:
            raise BadConfiguration(
                mark("The parity {parity} does not exist."),
                remedy=mark("Use none, even or odd."),
                parity=options.parity,
            )
        settings = LineSettings(options.baud, options.parity, options.stop_bits, options.data_bits)
        return Place("serial", line=options.line, settings=settings)
    if not options.host:
        raise BadConfiguration(
            mark("The transport {transport} needs the option host."),
            remedy=mark("Fill in the equipment's address; to listen, this machine's own, or 0.0.0.0 for all of them."),
            transport=options.transport,
        )
    if options.port is None:
        raise BadConfiguration(mark("The transport {transport} needs the option port."), transport=options.transport)
    return Place(options.transport, options.host, options.port)
