"""A station, shared by all devices and sessions of this process that name the same host and port.

Most stations accept one connection, and let data flow on one only (IEC 60870-5-104 §5.3).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import DeviceUnavailable, Refusal
from gongfu.network.drivers.iec104 import wire
from gongfu.network.drivers.iec104.address import KINDS, Kind
from gongfu.network.drivers.iec104.codes import Cause, TypeId, mnemonic
from gongfu.network.drivers.iec104.elements import FORMS, Command, Counter, Element, Information, System
from gongfu.network.drivers.iec104.hearing import Ear, Wanted
from gongfu.network.drivers.iec104.link import Link, Timing
from gongfu.network.drivers.iec104.wire import Asdu, Malformed

_PLENTY = 1000
_MOST_POINTS = 200_000
"""Points whose last value is remembered."""
_REASONS: dict[int, str] = {
    Cause.UNKNOWN_TYPE: mark("The station does not know {type}."),
    Cause.UNKNOWN_CAUSE: mark("The station does not know this use of {type}."),
    Cause.UNKNOWN_COMMON_ADDRESS: mark("The station does not have common address {common}."),
    Cause.UNKNOWN_OBJECT_ADDRESS: mark("The station has no object {object} for {type}."),
}


class Line(msgspec.Struct, frozen=True):
    """How to reach a station. ``hosts`` are tried one after the other; ``t0`` seconds for each."""

    hosts: tuple[tuple[str, int], ...]
    t0: float = 10.0
    timing: Timing = Timing()
    common_size: int = 2
    originator: int = 0
    patience: float = 10.0
    """Seconds to wait for the next step of an answer."""


class Point(msgspec.Struct, frozen=True, gc=False):
    """The last that a station said of one object."""

    type: TypeId
    element: Information | Counter


class Station:
    """One connection, its reader, and who listens to it."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.users = 0
        self.points: dict[tuple[int, int, Kind], Point] = {}
        """What has been heard since the connection was made. Some stations use one object address for several kinds."""
        self._link: Link | None = None
        self._end: DeviceUnavailable | None = None
        """Why there is no link any more."""
        self._reader: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self._commanding = asyncio.Lock()
        self._ears: set[Ear] = set()
        self._interrogations: dict[tuple[int, TypeId], asyncio.Task[None]] = {}
        self._name = "{}:{}".format(*line.hosts[0])

    async def open(self) -> None:
        """Connect, if that has not been done; raises :class:`DeviceUnavailable`."""
        async with self._opening:
            if self._link is not None:
                return
            await self._end_reader()
            last = len(self.line.hosts) - 1
            for index, (host, port) in enumerate(self.line.hosts):
                try:
                    link = await self._connect(host, port)
                except DeviceUnavailable:
                    if index == last:
                        raise
                else:
                    break
            self.points.clear()
            self._link = link
            self._reader = asyncio.create_task(self._read(link), name=f"iec104 {self._name}")

    async def _connect(self, host: str, port: int) -> Link:
        self._name = f"{host}:{port}"
        try:
            async with asyncio.timeout(self.line.t0):
                reader, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError, UnicodeError) as error:
            raise DeviceUnavailable(
                mark("No station answers at {name}."),
                remedy=mark("Check address, port, cable and that the device is on."),
                name=self._name,
            ) from error
        link = Link(reader, writer, self.line.timing, self._name)
        try:
            await link.start()
        except BaseException:
            link.close()
            raise
        return link

    async def _read(self, link: Link) -> None:
        end = self._gone()
        try:
            while True:
                data = await link.receive()
                item: Asdu | Malformed
                try:
                    item = wire.decode_asdu(data, self.line.common_size)
                    self._remember(item)
                except Malformed as error:
                    item = error
                for ear in list(self._ears):
                    await ear.hear(item)
        except DeviceUnavailable as error:
            end = error
        finally:
            link.close()
            self._link, self._end = None, end
            for ear in self._ears:
                ear.fail(end)

    def _remember(self, asdu: Asdu) -> None:
        kind = KINDS.get(asdu.type)
        if kind is not None and not asdu.test:
            for element in asdu.objects:
                key = asdu.common, element.address, kind
                if isinstance(element, Information | Counter) and (
                    key in self.points or len(self.points) < _MOST_POINTS
                ):
                    self.points[key] = Point(asdu.type, element)

    def point(self, common: int, address: int, kind: Kind | None) -> Point | None:
        """What was last heard of an object, of any kind unless one is named."""
        found = (self.points.get((common, address, each)) for each in ((kind,) if kind else Kind))
        return next((point for point in found if point is not None), None)

    async def close(self) -> None:
        """Close; whoever still listens is told."""
        for task in self._interrogations.values():
            task.cancel()
        if self._link is not None:
            self._link.close()
        await self._end_reader()

    async def _end_reader(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
            self._reader = None

    @contextmanager
    def listen(self, wanted: Wanted, *, limit: int = _PLENTY, complaints: bool = False) -> Iterator[Ear]:
        """An ear for what is ``wanted``; with ``complaints`` also for what could not be read."""
        ear = Ear(wanted, limit, complaints=complaints)
        self._ears.add(ear)
        try:
            yield ear
        finally:
            self._ears.discard(ear)
            ear.close()

    async def send(self, type_id: TypeId, common: int, element: Element, cause: Cause = Cause.ACTIVATION) -> None:
        """Send one object; raises :class:`Refusal` for a value that the type cannot carry."""
        asdu = Asdu(type=type_id, cause=cause, common=common, objects=(element,), originator=self.line.originator)
        try:
            data = wire.encode_asdu(asdu, self.line.common_size)
        except ValueError as error:
            raise Refusal(mark("The value cannot be sent: {reason}."), reason=error) from error
        if self._link is None:
            raise self._end or self._gone()
        await self._link.send(data)

    def interrogate(self, common: int, type_id: TypeId, qualifier: int) -> asyncio.Task[None]:
        """Ask for everything; done when the station has said it all, and shared by those who ask meanwhile.

        The task raises :class:`Refusal`, or :class:`DeviceUnavailable`.
        """
        key = common, type_id
        task = self._interrogations.get(key)
        if task is None or task.done():
            task = self._interrogations[key] = asyncio.create_task(self._interrogate(common, type_id, qualifier))
            task.add_done_callback(_had)
        return task

    async def _interrogate(self, common: int, type_id: TypeId, qualifier: int) -> None:
        def answers(asdu: Asdu) -> bool:
            return asdu.common == common and (asdu.type in (type_id, TypeId.M_EI_NA_1) or 20 <= asdu.cause <= 41)

        with self.listen(answers) as ear:
            await self.send(type_id, common, System(0, qualifier))
            confirmed = False
            while True:
                try:
                    heard = await self._get(ear, type_id)
                except DeviceUnavailable:
                    if confirmed and self._link is not None:  # some stations do not say that they have ended
                        return
                    raise
                for asdu in heard:
                    if asdu.type is TypeId.M_EI_NA_1:  # it has started anew, and may have forgotten
                        confirmed = False
                        await self.send(type_id, common, System(0, qualifier))
                    elif asdu.type is type_id:
                        self._check(asdu)
                        confirmed |= asdu.cause == Cause.ACTIVATION_CONFIRMED
                        if asdu.cause == Cause.TERMINATION:
                            return

    async def read(self, common: int, address: int) -> Point:
        """One object by a read command; raises :class:`Refusal` when the station has none, or reads none."""

        def answers(asdu: Asdu) -> bool:
            return (
                asdu.common == common
                and (asdu.type is TypeId.C_RD_NA_1 or asdu.cause == Cause.REQUESTED)
                and any(element.address == address for element in asdu.objects)
            )

        with self.listen(answers) as ear:
            await self.send(TypeId.C_RD_NA_1, common, System(address), Cause.REQUESTED)
            while True:
                for asdu in await self._get(ear, TypeId.C_RD_NA_1):
                    if asdu.type is TypeId.C_RD_NA_1:
                        self._check(asdu)
                    for element in asdu.objects:
                        if element.address == address and isinstance(element, Information | Counter):
                            return Point(asdu.type, element)

    async def command(self, type_id: TypeId, common: int, command: Command, *, terminated: bool) -> None:
        """Return when the station has confirmed ``command``, or, if ``terminated``, that it is done.

        Raises :class:`Refusal` for a negative confirmation. Commands go one after the other.
        """
        form = FORMS[type_id]

        def answers(asdu: Asdu) -> bool:
            return asdu.common == common and asdu.type is type_id and asdu.objects[0].address == command.address

        async with self._commanding:
            with self.listen(answers) as ear:
                await self.send(type_id, common, command)
                mirrored = _essence(form.decode(form.encode(command), 0, command.address))
                confirmed = False
                while True:
                    for asdu in await self._get(ear, type_id):
                        first = asdu.objects[0]
                        assert isinstance(first, Command)
                        if first.select is not command.select:
                            continue
                        self._check(asdu)
                        if _essence(first) != mirrored:  # the late answer to another
                            continue
                        confirmed |= asdu.cause == Cause.ACTIVATION_CONFIRMED
                        if (confirmed and not terminated) or asdu.cause == Cause.TERMINATION:
                            return

    async def _get(self, ear: Ear, type_id: TypeId) -> list[Asdu]:
        try:
            async with asyncio.timeout(self.line.patience):
                return [item for item in await ear.get() if isinstance(item, Asdu)]
        except TimeoutError as error:
            raise DeviceUnavailable(
                mark("The station at {name} did not answer {type} within {seconds} s."),
                name=self._name,
                type=mnemonic(type_id),
                seconds=self.line.patience,
            ) from error

    def _gone(self) -> DeviceUnavailable:
        return DeviceUnavailable(mark("The connection to the station at {name} is closed."), name=self._name)

    def _check(self, asdu: Asdu) -> None:
        if not asdu.negative and asdu.cause < Cause.UNKNOWN_TYPE:
            return
        reason = _REASONS.get(asdu.cause)
        raise Refusal(
            reason or mark("The station declines {type} for object {object} (cause {cause})."),
            type=mnemonic(asdu.type),
            common=asdu.common,
            object=asdu.objects[0].address,
            cause=asdu.cause,
        )


def _essence(element: Element) -> tuple[float, bool]:
    assert isinstance(element, Command)
    return float(element.value), element.select


def _had(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()  # whoever waits for it has it too


_stations: dict[tuple[asyncio.AbstractEventLoop, str, int], Station] = {}


@asynccontextmanager
async def station(line: Line) -> AsyncIterator[Station]:
    """The open station at the line's first host, shared within this process; closed when the last user leaves."""
    key = asyncio.get_running_loop(), *line.hosts[0]
    shared = _stations.setdefault(key, Station(line))
    if shared.line.common_size != line.common_size:
        raise DeviceUnavailable(
            mark("The station at {name} is in use with common addresses of another size."),
            remedy=mark("Give all devices of a station the same common_address_size, and try again."),
            name="{}:{}".format(*line.hosts[0]),
        )
    shared.users += 1
    try:
        await shared.open()
        yield shared
    finally:
        shared.users -= 1
        if not shared.users:
            del _stations[key]
            await shared.close()
