"""Options of a station, checked, and the line they describe."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.iec104.address import Address, Kind, parse
from gongfu.network.drivers.iec104.link import Timing
from gongfu.network.drivers.iec104.station import Line
from gongfu.network.drivers.iec104.times import clock_offset
from gongfu.network.drivers.options import read_options
from gongfu.network.gateway.config import DeviceConfig, TagConfig

_Port = Annotated[int, Meta(ge=1, le=65535)]
_Seconds = Annotated[float, Meta(ge=0.1, le=255)]


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options as in manifest.toml."""

    host: Annotated[str, Meta(min_length=1)]
    port: _Port = 2404
    standby_host: str = ""
    standby_port: _Port = 2404
    common_address: Annotated[int, Meta(ge=1, le=65534)] = 1
    common_address_size: Annotated[int, Meta(ge=1, le=2)] = 2
    originator: Annotated[int, Meta(ge=0, le=255)] = 0
    clock: str = "+08:00"
    cyclic: bool = False
    counters: bool = False
    set_clock: bool = False
    select: str = "commands"
    qualifier: Annotated[int, Meta(ge=0, le=31)] = 0
    time_tagged: bool = False
    termination: bool = True
    timeout: Annotated[float, Meta(ge=0.1, le=255)] = 10.0
    t0: _Seconds = 10.0
    t1: _Seconds = 15.0
    t2: _Seconds = 10.0
    t3: Annotated[float, Meta(ge=0.1, le=172800)] = 20.0
    k: Annotated[int, Meta(ge=1, le=32767)] = 12
    w: Annotated[int, Meta(ge=1, le=32767)] = 8


class Setup(msgspec.Struct, frozen=True):
    """A device's configuration, read and checked."""

    options: Options
    line: Line
    offset: int
    """Minutes that the station's clock is ahead of UTC."""
    addresses: list[Address]
    """Of each tag, in their order."""


def read(device: DeviceConfig) -> Setup:
    """Check ``device``; raises :class:`BadConfiguration`."""
    options = read_options(device, Options)
    if options.t2 >= options.t1:
        raise BadConfiguration(
            mark("t2 ({t2} s) must be less than t1 ({t1} s)."),
            remedy=mark("The standard's own values are t1 15 s, t2 10 s, t3 20 s."),
            t1=options.t1,
            t2=options.t2,
        )
    hosts = [(options.host, options.port)]
    if options.standby_host:
        hosts.append((options.standby_host, options.standby_port))
    line = Line(
        hosts=tuple(hosts),
        t0=options.t0,
        timing=Timing(options.t1, options.t2, options.t3, options.k, options.w),
        common_size=options.common_address_size,
        originator=options.originator,
        patience=options.timeout,
    )
    addresses = [address(tag, options.common_address_size) for tag in device.tags]
    return Setup(options, line, clock_offset(options.clock), addresses)


def address(tag: TagConfig, common_size: int) -> Address:
    """The address of ``tag``; raises :class:`BadConfiguration`."""
    if tag.kind == "text":
        raise BadConfiguration(
            mark("Tag {tag} is a text; IEC 60870-5-104 has none."),
            remedy=mark("Make it a number or a boolean."),
            tag=tag.name,
        )
    return parse(tag.address, common_size)


def selects(options: Options, kind: Kind) -> bool:
    """Whether a command of ``kind`` is selected before it is executed."""
    if kind is Kind.BO:
        return False  # it has no such bit
    return options.select == "all" or (options.select == "commands" and kind in (Kind.SP, Kind.DP, Kind.ST))
