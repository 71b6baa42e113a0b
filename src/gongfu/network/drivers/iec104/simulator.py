"""A controlled station of IEC 60870-5-104 on a real socket, for demonstration, replay and tests."""

from __future__ import annotations

import asyncio
import time as clock
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import DeviceUnavailable
from gongfu.network.drivers.iec104 import times, wire
from gongfu.network.drivers.iec104.address import COMMANDS, Address, Kind, parse
from gongfu.network.drivers.iec104.codes import Cause, Flag, TypeId
from gongfu.network.drivers.iec104.elements import Command, Counter, Element, Information, System
from gongfu.network.drivers.iec104.link import Link, Timing
from gongfu.network.drivers.iec104.times import Time
from gongfu.network.drivers.iec104.wire import Asdu, Frame, Malformed, UnknownType

_TYPES = {
    Kind.SP: (TypeId.M_SP_NA_1, TypeId.M_SP_TB_1),
    Kind.DP: (TypeId.M_DP_NA_1, TypeId.M_DP_TB_1),
    Kind.ST: (TypeId.M_ST_NA_1, TypeId.M_ST_TB_1),
    Kind.BO: (TypeId.M_BO_NA_1, TypeId.M_BO_TB_1),
    Kind.NA: (TypeId.M_ME_NA_1, TypeId.M_ME_TD_1),
    Kind.NB: (TypeId.M_ME_NB_1, TypeId.M_ME_TE_1),
    Kind.NC: (TypeId.M_ME_NC_1, TypeId.M_ME_TF_1),
    Kind.IT: (TypeId.M_IT_NA_1, TypeId.M_IT_TB_1),
}
"""Without and with a time tag."""
_FLAGS = {Quality.GOOD: Flag.NONE, Quality.UNCERTAIN: Flag.NOT_TOPICAL, Quality.BAD: Flag.INVALID}
_CLOCK = 480
"""The station keeps Beijing time, minutes ahead of UTC."""


@dataclass(frozen=True)
class Point:
    """A point of the station. ``address`` in the driver's notation with a type; ``name`` is unique in the simulator.

    A command to its second address, or to its own when it has no second, sets the value.
    """

    name: str
    address: str
    value: float | bool = 0.0


class _Link(Link):
    """A connection that can fall silent."""

    silent = False

    def _write(self, frame: Frame) -> None:
        if not self.silent:
            super()._write(frame)


class Iec104Simulator:
    """``async with Iec104Simulator(host, port, points) as plant: await plant.write(...)``. Port 0 takes a free one.

    ``must_select`` makes it refuse a command of sp, dp or st that was not selected before; ``reads`` whether it
    knows the read command; ``terminates`` whether it says that a command or an interrogation has ended.
    """

    def __init__(
        self,
        host: str,
        port: int,
        points: Sequence[Point],
        *,
        must_select: bool = False,
        reads: bool = True,
        terminates: bool = True,
        common_size: int = 2,
        timing: Timing = Timing(),
    ) -> None:
        self.host = host
        self.port = port
        self.clock: Time | None = None
        """What the last clock synchronisation said."""
        self.heard: list[Asdu] = []
        """What controlling stations have sent."""
        self.delay = 0.0
        """Seconds before each answer."""
        self._must_select = must_select
        self._reads = reads
        self._terminates = terminates
        self._common_size = common_size
        self._timing = timing
        self._addresses = {point.name: parse(point.address, common_size) for point in points}
        self._elements: dict[tuple[int, int], Element] = {}
        self._kinds: dict[tuple[int, int], Kind] = {}
        self._commands = {(a.common, a.command): a for a in self._addresses.values()}
        self._selected: set[tuple[int, int]] = set()
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._silent = False
        for point in points:
            address = self._addresses[point.name]
            assert address.kind is not None, point.address
            self._kinds[address.common, address.object] = address.kind
            self._elements[address.common, address.object] = _element(address, point.value, Flag.NONE, None)

    async def __aenter__(self) -> Self:
        try:
            self._server = await asyncio.start_server(self._serve, self.host, self.port)
        except OSError as error:
            raise Unavailable(
                mark("The simulator cannot listen on {host}:{port}: {reason}."),
                host=self.host,
                port=self.port,
                reason=error,
            ) from error
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many controlling stations are connected."""
        return len(self._links)

    async def write(
        self, name: str, value: float | bool | None, time: int | None = None, quality: Quality = Quality.GOOD
    ) -> None:
        """Set a point and say so, with a time tag when ``time`` (microseconds UTC) is given."""
        address = self._addresses[name]
        before = self._elements[address.common, address.object]
        assert isinstance(before, Information | Counter)
        tag = None if time is None else times.tag(time, _CLOCK)
        element = _element(address, before.value if value is None else value, _FLAGS[quality], tag)
        await self._set(address, element, Cause.SPONTANEOUS)

    async def say(self, asdu: Asdu) -> None:
        """Send any ASDU to every controlling station; for faults that ``write`` cannot express."""
        await self.say_bytes(wire.encode_asdu(asdu, self._common_size))

    async def say_bytes(self, asdu: bytes) -> None:
        """Send octets in a proper frame, whatever they are."""
        for link in list(self._links):
            if link.started:
                with suppress(DeviceUnavailable):
                    await link.send(asdu)

    def close_connections(self) -> None:
        """Drop every controlling station; they may come back at once."""
        for link in list(self._links):
            link.close()

    async def stop_answering(self) -> None:
        """Keep connections and accept new ones, but send nothing."""
        self._silent = True
        for link in self._links:
            link.silent = True

    async def answer_again(self) -> None:
        """End of :meth:`stop_answering`; connections that were silent stay so."""
        self._silent = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        link = _Link(reader, writer, self._timing, "simulator")
        link.silent = self._silent
        self._links.add(link)
        requests: asyncio.Queue[bytes] = asyncio.Queue()
        answering = asyncio.create_task(self._answer_all(link, requests))
        try:
            while True:
                requests.put_nowait(await link.receive())
        except (DeviceUnavailable, asyncio.CancelledError):
            pass
        finally:
            self._links.discard(link)
            self._tasks.discard(task)
            answering.cancel()
            link.close()

    async def _answer_all(self, link: Link, requests: asyncio.Queue[bytes]) -> None:
        """Beside the reading, for an answer may have to wait for the confirmation of what was sent before."""
        with suppress(DeviceUnavailable):
            while True:
                data = await requests.get()
                try:
                    asdu = wire.decode_asdu(data, self._common_size)
                except UnknownType:
                    await link.send(data[:2] + bytes((Cause.UNKNOWN_TYPE | 0x40,)) + data[3:])
                except Malformed:
                    link.close()
                else:
                    self.heard.append(asdu)
                    await asyncio.sleep(self.delay)
                    await self._answer(link, asdu)

    async def _answer(self, link: Link, asdu: Asdu) -> None:
        element = asdu.objects[0]
        if not any(common == asdu.common for common, _ in self._elements):
            await self._mirror(link, asdu, Cause.UNKNOWN_COMMON_ADDRESS, negative=True)
        elif asdu.type is TypeId.C_RD_NA_1:
            await self._read(link, asdu, element.address)
        elif asdu.type in (TypeId.C_IC_NA_1, TypeId.C_CI_NA_1):
            counters = asdu.type is TypeId.C_CI_NA_1
            await self._mirror(link, asdu, Cause.ACTIVATION_CONFIRMED)
            await self._tell_all(link, asdu.common, counters)
            if self._terminates:
                await self._mirror(link, asdu, Cause.TERMINATION)
        elif asdu.type is TypeId.C_CS_NA_1:
            self.clock = element.time
            await self._mirror(link, asdu, Cause.ACTIVATION_CONFIRMED)
        elif isinstance(element, Command):
            await self._obey(link, asdu, element)
        else:
            await self._mirror(link, asdu, Cause.UNKNOWN_TYPE, negative=True)

    async def _read(self, link: Link, asdu: Asdu, address: int) -> None:
        element = self._elements.get((asdu.common, address))
        if not self._reads:
            await self._mirror(link, asdu, Cause.UNKNOWN_TYPE, negative=True)
        elif element is None:
            await self._mirror(link, asdu, Cause.UNKNOWN_OBJECT_ADDRESS, negative=True)
        else:
            await self._tell(link, asdu.common, self._kinds[asdu.common, address], [element], Cause.REQUESTED)

    async def _obey(self, link: Link, asdu: Asdu, command: Command) -> None:
        place = asdu.common, command.address
        target = self._commands.get(place)
        if target is None or target.command_kind is None:
            await self._mirror(link, asdu, Cause.UNKNOWN_OBJECT_ADDRESS, negative=True)
            return
        known = asdu.type in COMMANDS[target.command_kind]
        unselected = self._must_select and not command.select and place not in self._selected
        if not known or (unselected and target.command_kind in (Kind.SP, Kind.DP, Kind.ST)):
            await self._mirror(link, asdu, Cause.ACTIVATION_CONFIRMED, negative=True)
            return
        await self._mirror(link, asdu, Cause.ACTIVATION_CONFIRMED)
        if command.select:
            self._selected.add(place)
            return
        self._selected.discard(place)
        value = command.value
        if target.command_kind is Kind.ST:  # a step up or down
            before = self._elements[target.common, target.object]
            assert isinstance(before, Information)
            value = int(before.value) + (1 if value == 2 else -1)
        tag = times.tag(clock.time_ns() // 1000, _CLOCK)
        await self._set(target, _element(target, value, Flag.NONE, tag), Cause.RETURN_REMOTE)
        if self._terminates:
            await self._mirror(link, asdu, Cause.TERMINATION)

    async def _set(self, address: Address, element: Element, cause: Cause) -> None:
        self._elements[address.common, address.object] = element
        assert address.kind is not None
        for link in list(self._links):
            if link.started:
                with suppress(DeviceUnavailable):
                    await self._tell(link, address.common, address.kind, [element], cause)

    async def _tell_all(self, link: Link, common: int, counters: bool) -> None:
        groups: dict[Kind, list[Element]] = defaultdict(list)
        for (of, place), kind in self._kinds.items():
            if of == common and counters == (kind is Kind.IT):
                groups[kind].append(_untimed(self._elements[of, place]))
        cause = Cause.COUNTERS_REQUESTED if counters else Cause.INTERROGATED
        for kind, elements in groups.items():
            await self._tell(link, common, kind, elements, cause)

    async def _tell(self, link: Link, common: int, kind: Kind, elements: list[Element], cause: Cause) -> None:
        type_id = _TYPES[kind][elements[0].time is not None]
        room = wire.room(type_id, self._common_size)
        for at in range(0, len(elements), room):
            asdu = Asdu(type=type_id, cause=cause, common=common, objects=tuple(elements[at : at + room]))
            await link.send(wire.encode_asdu(asdu, self._common_size))

    async def _mirror(self, link: Link, asdu: Asdu, cause: Cause, *, negative: bool = False) -> None:
        answer = Asdu(
            type=asdu.type,
            cause=cause,
            common=asdu.common,
            objects=asdu.objects,
            negative=negative,
            originator=asdu.originator,
        )
        await link.send(wire.encode_asdu(answer, self._common_size))


def _element(address: Address, value: float | bool, flags: Flag, time: Time | None) -> Element:
    match address.kind:
        case Kind.IT:
            return Counter(address.object, int(value), invalid=bool(flags & Flag.INVALID), time=time)
        case Kind.SP:
            return Information(address.object, bool(value), flags, time)
        case Kind.NA | Kind.NC:
            return Information(address.object, float(value), flags, time)
        case _:
            return Information(address.object, int(value), flags, time)


def _untimed(element: Element) -> Element:
    """As an interrogation brings it: without its time (§7.2.2.1 of IEC 60870-5-101, note on C_IC)."""
    if isinstance(element, Information):
        return Information(element.address, element.value, element.flags, None, element.transient)
    if isinstance(element, Counter):
        return Counter(element.address, element.value, element.sequence, invalid=element.invalid)
    return System(element.address)
