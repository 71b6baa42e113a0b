"""Questions to a station: what it holds, a reading, a command."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from operator import itemgetter

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Identity, Point, Refusal, Sample
from gongfu.network.drivers.iec104 import options, times, values
from gongfu.network.drivers.iec104.address import COMMANDS, KINDS, Address, Kind
from gongfu.network.drivers.iec104.codes import GENERAL_COUNTERS, STATION_INTERROGATION, TypeId
from gongfu.network.drivers.iec104.elements import Command
from gongfu.network.drivers.iec104.options import Setup, selects
from gongfu.network.drivers.iec104.station import Station
from gongfu.network.gateway.config import TagConfig

_FEW = 8
"""Tags that are read one by one; more are had from an interrogation."""
_NAMES = {
    Kind.SP: "single point",
    Kind.DP: "double point",
    Kind.ST: "step position",
    Kind.BO: "32 bits",
    Kind.NA: "normalised value",
    Kind.NB: "scaled value",
    Kind.NC: "short float",
    Kind.IT: "counter",
}


class StationSession:
    """One after the other, beside the running driver and over its connection."""

    def __init__(self, setup: Setup, shared: Station) -> None:
        self._setup = setup
        self._station = shared

    async def identify(self) -> Identity:
        """Nothing: the protocol does not tell who a station is."""
        return Identity()

    async def browse(self, parent: str) -> Sequence[Point]:
        """Common addresses as folders, and in each the points that its interrogation brings."""
        if not parent:
            commons = {self._setup.options.common_address, *(address.common for address in self._setup.addresses)}
            commons |= {common for common, _, _ in self._station.points}
            return [Point(address=str(common), name=str(common), folder=True) for common in sorted(commons)]
        if not (parent.isascii() and parent.isdecimal() and len(parent) < 6 and int(parent) > 0):
            raise BadConfiguration(
                mark("{address} is not a common address."), remedy=mark("Browse for example 1."), address=parent[:100]
            )
        common = int(parent)
        await self._interrogate(common)
        return [
            _point(common, place, kind, point.type)
            for (of, place, kind), point in sorted(self._station.points.items(), key=itemgetter(0))
            if of == common
        ]

    async def read(self, tags: Sequence[TagConfig]) -> Sequence[Sample]:
        """Each tag by a read command; all by an interrogation when they are many or the station reads none."""
        addresses = [options.address(tag, self._setup.options.common_address_size) for tag in tags]
        if len(tags) <= _FEW:
            try:
                return [await self._read(tag, address) for tag, address in zip(tags, addresses, strict=True)]
            except (Refusal, DeviceUnavailable):
                pass  # many stations do not know this command, and some do not even say so
        for common in {address.common for address in addresses}:
            with suppress(Refusal):
                await self._interrogate(common)
        return [self._known(tag, address) for tag, address in zip(tags, addresses, strict=True)]

    async def write(self, tag: TagConfig, value: float | bool | str) -> None:
        """Return when the station has confirmed the command, and as a rule that it is done."""
        chosen = self._setup.options
        address = options.address(tag, chosen.common_address_size)
        kind = address.command_kind or self._kind_of(address)
        if kind is None or kind not in COMMANDS:
            raise Refusal(
                mark("It is not known which command {address} takes."),
                remedy=mark("Write its type, for example 1/24577:dp."),
                address=tag.address,
            )
        content = values.command_value(kind, value)
        type_id = COMMANDS[kind][chosen.time_tagged]
        qualifier = 0 if kind is Kind.BO else chosen.qualifier
        for select in (True, False) if selects(chosen, kind) else (False,):
            at = times.tag(time.time_ns() // 1000, self._setup.offset) if chosen.time_tagged else None
            command = Command(address.command, content, qualifier, select, at)
            await self._station.command(type_id, address.common, command, terminated=chosen.termination and not select)

    async def _interrogate(self, common: int) -> None:
        await asyncio.shield(self._station.interrogate(common, TypeId.C_IC_NA_1, STATION_INTERROGATION))
        if self._setup.options.counters:
            await asyncio.shield(self._station.interrogate(common, TypeId.C_CI_NA_1, GENERAL_COUNTERS))

    async def _read(self, tag: TagConfig, address: Address) -> Sample:
        point = await self._station.read(address.common, address.object)
        return values.sample(tag, address.kind, point, self._setup.offset)[0]

    def _known(self, tag: TagConfig, address: Address) -> Sample:
        point = self._station.point(address.common, address.object, address.kind)
        if point is None:
            return Sample(tag.series, None, quality=Quality.BAD)
        return values.sample(tag, address.kind, point, self._setup.offset)[0]

    def _kind_of(self, address: Address) -> Kind | None:
        point = self._station.point(address.common, address.object, address.kind)
        return None if point is None else KINDS[point.type]


def _point(common: int, place: int, kind: Kind, type_id: TypeId) -> Point:
    limits = {Kind.NA: (-1.0, 32767 / 32768), Kind.DP: (0.0, 3.0), Kind.ST: (-64.0, 63.0)}
    low, high = limits.get(kind, (None, None))
    return Point(
        address=f"{common}/{place}:{kind}",
        name=f"{common}/{place}",
        kind="boolean" if kind is Kind.SP else "number",
        low=low,
        high=high,
        detail=f"{type_id.name} {_NAMES[kind]}",
    )
