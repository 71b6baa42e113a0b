"""Options of a Modbus device, as in manifest.toml."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gongfu.network.drivers.modbus.place import Place, Transport, serial, tcp
from gongfu.network.drivers.options import check_encoding, read_options
from gongfu.network.drivers.streams import LineSettings
from gongfu.network.gateway.config import DeviceConfig


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``host`` and ``port`` are for the network, ``line`` to ``data_bits`` for a serial line."""

    transport: Literal["tcp", "rtu", "ascii", "rtu-over-tcp"] = "tcp"
    host: str = ""
    port: Annotated[int, Meta(ge=1, le=65535)] = 502
    line: str = ""
    baud: Annotated[int, Meta(ge=50, le=4_000_000)] = 9600
    parity: str = "none"
    stop_bits: Annotated[int, Meta(ge=1, le=2)] = 1
    data_bits: Annotated[int, Meta(ge=7, le=8)] = 8
    unit: Annotated[int, Meta(ge=0, le=255)] = 1
    timeout: Annotated[float, Meta(gt=0, le=60)] = 3.0
    gap: Annotated[int, Meta(ge=0, le=124)] = 8
    encoding: str = "utf-8"
    time_address: str = ""


def options_of(device: DeviceConfig) -> tuple[Options, Place]:
    """The options of ``device`` and where it is; raises ``BadConfiguration``."""
    options = read_options(device, Options)
    check_encoding(options.encoding)
    transport = Transport(options.transport)
    if transport in (Transport.TCP, Transport.RTU_OVER_TCP):
        return options, tcp(options.host, options.port, transport)
    settings = LineSettings(options.baud, options.parity, options.stop_bits, options.data_bits)
    return options, serial(options.line, settings, options.unit, transport)
