"""Follows the tags of one device: by a subscription, or by reading where the server has none."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from asyncua import ua

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import DeviceUnavailable, Sample, Sink
from gongfu.network.drivers.opcua import values
from gongfu.network.drivers.opcua.address import Deadband, Events, Method, Target, Variable
from gongfu.network.drivers.opcua.connection import Connection, Item, NoSubscriptions
from gongfu.network.drivers.opcua.events import read_event
from gongfu.network.drivers.opcua.history import Gap, read_gaps
from gongfu.network.drivers.opcua.message_numbers import MessageNumbers
from gongfu.network.drivers.opcua.options import Options
from gongfu.network.drivers.pacing import Pace, end_if_cancelled
from gongfu.network.gateway.config import DeviceConfig

LOOK = 0.5
"""Seconds between two looks at what has fallen silent."""
KEEP_ALIVE = 3.0
"""Seconds after which a server with nothing to say must say so."""
GRACE = 5.0
"""Seconds a publication may be late."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GONE = {ua.StatusCodes.BadNodeIdUnknown, ua.StatusCodes.BadNodeIdInvalid}


class Follower:
    """One connection's worth of following. Tags go by their position in the device's list."""

    def __init__(
        self, device: DeviceConfig, options: Options, connection: Connection, targets: list[Target], sink: Sink
    ) -> None:
        self._device = device
        self._options = options
        self._connection = connection
        self._sink = sink
        self._reported: set[int] = set()
        self._variables: dict[int, ua.NodeId] = {}
        self._indexes: dict[int, int | None] = {}
        self._items: dict[int, Item] = {}
        self._watched: dict[int, int] = {}
        """Number of a tag that is watched → what the server calls it."""
        self._readable: set[int] = set()
        """Tags that the server has, but will not watch: they are read."""
        self._emitted: dict[int, float] = {}
        """When a variable was last heard of, on the loop's clock."""
        self._seen: dict[int, dict[Sample, None]] = {}
        """Samples of an earlier connection or of history that a subscription may bring once more."""
        self._numbers = MessageNumbers()
        self._asked = 0.0
        self._subscription = 0
        # A slow bus fills this queue; the server keeps the rest in its own.
        self._results: asyncio.Queue[ua.PublishResult] = asyncio.Queue(maxsize=4)
        for number, target in enumerate(targets):
            self._take_up(number, target)

    def _take_up(self, number: int, target: Target) -> None:
        if isinstance(target, Method):
            return  # it is called by writing, and says nothing by itself
        node = self._connection.node(target.node)
        if isinstance(target, Variable):
            self._emitted[number] = 0.0
        if node is None:
            self._report(number, "the server does not know this namespace")
        elif isinstance(target, Events):
            self._items[number] = Item(number, node, 0, self._options.queue, events=True)
        else:
            self._variables[number] = node
            self._indexes[number] = target.index
            wished = target.deadband if target.deadband is not None else self._options.width
            self._items[number] = Item(
                number,
                node,
                self._device.interval if target.sampling is None else target.sampling,
                target.queue or self._options.queue,
                wished if self._device.tags[number].kind == "number" and target.index is None else Deadband(),
            )

    async def follow(self) -> None:
        """Emit until cancelled or the subscription dies."""
        await self._fill_gaps()
        publishing = min(max(self._device.interval, 0.1), 1.0)
        keep_alive = max(1, math.ceil(KEEP_ALIVE / publishing))
        try:
            self._subscription, silence = await self._connection.subscribe(publishing, keep_alive, self._results)
        except NoSubscriptions as reason:
            self._sink.malformed(f"{reason} Tags are read instead.")
            await self._poll()
            return
        await self._watch()
        if any(item.events for item in self._items.values()):
            await self._connection.refresh(self._subscription)
        await self._fill_gaps()  # of the moments since the first time
        clock = asyncio.get_running_loop().time
        heard = looked = clock()
        while True:
            end_if_cancelled()
            try:
                async with asyncio.timeout(LOOK):
                    result = await self._results.get()
            except TimeoutError:
                if self._connection.lost or clock() - heard > silence + GRACE:
                    raise self._ended() from None
            else:
                await self._publication(result.NotificationMessage)
                heard = clock()
            if clock() - looked >= LOOK:
                await self._prove_alive()
                looked = clock()

    def _ended(self, reason: str = "") -> DeviceUnavailable:
        if reason:
            return DeviceUnavailable(
                mark("The subscription at {endpoint} has ended: {reason}."),
                endpoint=self._options.endpoint,
                reason=reason,
            )
        return DeviceUnavailable(mark("The subscription at {endpoint} has ended."), endpoint=self._options.endpoint)

    async def _watch(self) -> None:
        """Subscribe to what is not subscribed yet: a controller may get the variable later."""
        self._asked = asyncio.get_running_loop().time()
        left = [item for number, item in self._items.items() if number not in self._watched]
        for number, outcome in (await self._connection.watch(self._subscription, left)).items():
            if outcome.refused:
                self._report(number, ua.StatusCode(outcome.status).name)
                if outcome.status not in _GONE and number in self._variables:
                    self._readable.add(number)
            else:
                self._watched[number] = outcome.id
                self._readable.discard(number)
                if outcome.without_deadband:
                    self._report(number, "the server has no dead-band for it and reports every change")

    async def _poll(self) -> None:
        pace = Pace(self._device.interval)
        self._readable = set(self._variables)
        while True:
            if self._connection.lost:
                raise DeviceUnavailable(
                    mark("The connection to {endpoint} has broken."), endpoint=self._options.endpoint
                )
            await self._read(list(self._emitted))
            await pace.wait()

    async def _publication(self, message: ua.NotificationMessage) -> None:
        content = message.NotificationData or ()
        for number in self._numbers.missing(int(message.SequenceNumber), holds_data=bool(content)):
            earlier = await self._connection.again(self._subscription, number)
            if earlier is None:
                self._sink.malformed(f"message {number} of the subscription was lost")
            else:
                await self._contents(earlier.NotificationData)
        await self._contents(content)

    async def _contents(self, content: Sequence[object]) -> None:
        samples: list[Sample] = []
        now = asyncio.get_running_loop().time()
        for notification in content:
            if isinstance(notification, ua.StatusChangeNotification):
                raise self._ended(notification.Status.name)
            if isinstance(notification, ua.DataChangeNotification):
                for item in notification.MonitoredItems:
                    if item.ClientHandle in self._variables:
                        self._sample(item.ClientHandle, item.Value, None, samples)
                        self._emitted[item.ClientHandle] = now
            if isinstance(notification, ua.EventNotificationList):
                samples += self._events(notification)
        if samples:
            await self._sink.emit(samples)

    def _events(self, notification: ua.EventNotificationList) -> Iterator[Sample]:
        for event in notification.Events:
            if event.ClientHandle in self._items:
                sample = read_event(self._device.tags[event.ClientHandle].series, event.EventFields)
                if sample is not None and self._connection.memory.is_news(sample):
                    yield sample

    async def _prove_alive(self) -> None:
        """Read tags that have not changed for a while: the reading says that the value still holds, now."""
        now = asyncio.get_running_loop().time()
        heartbeat = max(self._options.heartbeat, self._device.interval)
        again = heartbeat if self._options.heartbeat else KEEP_ALIVE
        if len(self._watched) < len(self._items) and now - self._asked >= again:
            await self._watch()
        due = [
            number
            for number, at in self._emitted.items()
            if now - at >= (self._device.interval if number in self._readable else heartbeat)
            and (self._options.heartbeat or number in self._readable)
        ]
        if due:
            await self._read(due)

    async def _read(self, numbers: list[int]) -> None:
        known = [number for number in numbers if number in self._variables]
        answers = await self._connection.read([self._variables[number] for number in known])
        samples = [
            Sample(self._device.tags[number].series, None, quality=Quality.BAD)
            for number in numbers
            if number not in self._variables
        ]
        gone: list[int] = []
        for number, value in zip(known, answers, strict=True):
            # A tag that is only read has no other source time; a heartbeat says what holds at the gateway's.
            self._sample(number, value, None if number in self._readable else 0, samples)
            if value.StatusCode is not None and value.StatusCode.value in _GONE and number in self._watched:
                gone.append(self._watched.pop(number))
        self._emitted.update(dict.fromkeys(numbers, asyncio.get_running_loop().time()))
        if gone:  # a node of the same name that comes back is another one, and has to be watched anew
            await self._connection.forget(self._subscription, gone)
        if samples:
            await self._sink.emit(samples)

    async def _fill_gaps(self) -> None:
        """Emit what the server has kept since the last connection; and know what not to emit once more."""
        last = self._connection.memory.last
        gaps: list[Gap] = []
        oldest = datetime.now(UTC) - timedelta(seconds=self._options.history)
        for number, node in self._variables.items():
            sample = last.get(self._device.tags[number].series)
            if sample is not None:
                self._seen.setdefault(number, {})[sample] = None
                since = max(oldest, _EPOCH + timedelta(microseconds=sample.time))
                gaps.append(Gap(number, node, since))
        if not self._options.history or not gaps:
            return
        async for page in read_gaps(self._connection, gaps):
            if page.problem:
                self._report(page.number, f"no history: {page.problem}")
            samples = list(self._fresh(page.number, page.values))
            if samples:
                await self._sink.emit(samples)
            end_if_cancelled()

    def _fresh(self, number: int, found: Sequence[ua.DataValue]) -> Iterator[Sample]:
        """The samples of ``found`` that were not emitted before."""
        seen = self._seen.setdefault(number, {})
        for value in found:
            sample, _ = values.read(self._device.tags[number], value, None, self._indexes[number])
            if sample is None or sample in seen:
                continue
            seen[sample] = None
            if len(seen) > self._items[number].queue:
                del seen[next(iter(seen))]
            self._connection.memory.last[sample.series] = sample
            yield sample

    def _is_seen(self, number: int, sample: Sample) -> bool:
        """Whether an earlier connection or the history had ``sample`` already."""
        seen = self._seen.get(number)
        if seen is None:
            return False
        if sample in seen:
            del seen[sample]
            return True
        del self._seen[number]  # from here on everything is new
        return False

    def _sample(self, number: int, value: ua.DataValue, time: int | None, into: list[Sample]) -> None:
        tag = self._device.tags[number]
        sample, problem = values.read(tag, value, time, self._indexes[number])
        if problem:
            self._report(number, problem)
        if values.has_overflow(value):
            self._sink.malformed(f"{tag.name} ({tag.address}): the server has lost values, its queue was full")
        if sample is None:
            return
        if sample.time:
            if number in self._readable:
                if self._connection.memory.last.get(tag.series) == sample:
                    sample = Sample(sample.series, sample.value, 0, sample.quality)
            elif self._is_seen(number, sample):
                return
            if sample.time:
                self._connection.memory.last[tag.series] = sample
        into.append(sample)

    def _report(self, number: int, problem: str) -> None:
        if number not in self._reported:
            self._reported.add(number)
            tag = self._device.tags[number]
            self._sink.malformed(f"{tag.name} ({tag.address}): {problem}")
