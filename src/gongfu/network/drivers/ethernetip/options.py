"""Options of an EtherNet/IP device, as in manifest.toml."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.ethernetip import cip
from gongfu.network.drivers.options import check_encoding, read_options
from gongfu.network.gateway.config import DeviceConfig


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options as in manifest.toml."""

    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 44818
    route: str = "1,0"
    connected: bool = True
    timeout: Annotated[float, Meta(ge=0.1, le=60)] = 3.0
    gap: Annotated[int, Meta(ge=0, le=1000)] = 8
    encoding: str = "utf-8"


def options_of(device: DeviceConfig) -> Options:
    """The options of ``device``; raises :class:`BadConfiguration`."""
    options = read_options(device, Options)
    check_encoding(options.encoding)
    try:
        cip.route(options.route)
    except ValueError as error:
        raise BadConfiguration(
            mark("The route {route} is wrong: {reason}."),
            remedy=mark("Write pairs of port and address, such as 1,0 for backplane, slot 0; or direct."),
            route=options.route,
            reason=error,
        ) from error
    return options
