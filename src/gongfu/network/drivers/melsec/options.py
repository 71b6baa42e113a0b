"""Options of a MELSEC device, as in manifest.toml."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gongfu.network.drivers.melsec.line import Place
from gongfu.network.drivers.melsec.wire import Dialect, Route
from gongfu.network.drivers.options import check_encoding, read_options
from gongfu.network.gateway.config import DeviceConfig


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options as in manifest.toml."""

    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 5007
    transport: Literal["tcp", "udp"] = "tcp"
    frame: Literal["3E", "4E"] = "3E"
    code: Literal["binary", "ascii"] = "binary"
    series: Literal["Q/L/FX5", "iQ-R"] = "Q/L/FX5"
    octal: bool = False
    network: Annotated[int, Meta(ge=0, le=255)] = 0
    pc: Annotated[int, Meta(ge=0, le=255)] = 255
    module_io: Annotated[int, Meta(ge=0, le=65535)] = 1023
    station: Annotated[int, Meta(ge=0, le=255)] = 0
    timeout: Annotated[float, Meta(ge=0.1, le=60)] = 3.0
    gap: Annotated[int, Meta(ge=0, le=400)] = 16
    encoding: str = "utf-8"

    @property
    def place(self) -> Place:
        """The port, and how it is spoken to."""
        dialect = Dialect(self.code == "ascii", self.frame == "4E", self.series == "iQ-R")
        return Place(self.host, self.port, self.transport == "udp", dialect)

    @property
    def route(self) -> Route:
        """The controller behind the port."""
        return Route(self.network, self.pc, self.module_io, self.station)


def options_of(device: DeviceConfig) -> Options:
    """The options of ``device``; raises :class:`BadConfiguration`."""
    options = read_options(device, Options)
    check_encoding(options.encoding)
    return options
