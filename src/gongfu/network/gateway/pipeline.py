"""The sink behind every device: checks, batches, publishes, counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from gongfu.kernel import readings
from gongfu.kernel.bus import memory_subject, readings_subject
from gongfu.kernel.errors import Unavailable, packed
from gongfu.kernel.events import EventKind
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Emitted, Sample
from gongfu.network.drivers.pacing import Pulse
from gongfu.network.gateway.checks import Checker, Columns
from gongfu.network.gateway.config import DeviceConfig, DeviceState, LinkState, Status
from gongfu.network.gateway.deriving import deriver
from gongfu.network.gateway.outlet import Outlet, now

FLUSH_ROWS = 5000
"""A device's batch is sent when it has so many rows, or at the next flush of the gateway (0.5 s)."""

Report = Callable[[DeviceState, bool], None]
"""Called with a device's new state, and whether it is news (its status changed) or only its counters did."""


class DeviceSink:
    """One device's way to the bus. Implements the ``Sink`` and ``FeedSink`` of the driver contract."""

    def __init__(
        self,
        device: DeviceConfig,
        outlet: Outlet,
        report: Report,
        command: Callable[[str, bytes], None] | None = None,
        gateway: str = "local",
    ) -> None:
        self.device = device
        self._gateway = gateway
        self._outlet = outlet
        self._report = report
        self._command = command
        self._checker = Checker(device.tags)
        self._columns = Columns()
        self._deriver = deriver(device.tags)
        self._remembered = b""
        self._remembering = asyncio.Lock()
        self.state = DeviceState(device=device.device, status=Status.CONNECTING, since=now())
        self.malformed_count = 0
        self.pulse = Pulse()
        self._reconnects = 0
        self._volume = 0

    # Sink and FeedSink
    def online(self) -> None:
        """The device answered."""
        if self.state.status is not Status.ONLINE:
            self._change(Status.ONLINE, "")
            self.event(EventKind.ONLINE)

    def offline(self, reason: str) -> None:
        """The device is gone, and why."""
        known = self.state.status is Status.OFFLINE
        if self.state.status is Status.ONLINE:
            self._reconnects += 1
        if not known or self.state.problem != reason:
            self._change(Status.OFFLINE, reason)
        if not known:
            self.event(EventKind.OFFLINE, reason)

    def refused(self, reason: str) -> None:
        """The configuration cannot work."""
        self._change(Status.REFUSED, reason)
        self.event(EventKind.REFUSED, reason)

    def stopped(self) -> None:
        """The gateway ends; the device may well be there. No event: it will be online again in a moment."""
        self._change(Status.OFFLINE, packed(Unavailable(mark("The gateway has stopped."))))

    def malformed(self, detail: str) -> None:
        """Count and report a payload that could not be read."""
        self.malformed_count += 1
        self.event(EventKind.MALFORMED, detail)

    def command(self, topic: str, payload: bytes) -> None:
        """Send a message to the device."""
        if self._command is not None:
            self._command(topic, payload)

    async def emit(self, samples: Emitted) -> None:
        """Check and keep; waits while the gateway's memory is used up."""
        if self._outlet.full:
            self.event(EventKind.BUFFER_FULL, self._outlet.refused or "the bus does not answer")
            await self._outlet.wait_for_room()
        before = self._columns.size
        self.take(samples, self._columns)
        self._outlet.hold(self._columns.size - before)
        if len(self._columns) >= FLUSH_ROWS:
            self.flush()

    async def emit_acknowledged(self, samples: Sequence[Sample]) -> None:
        """Check, publish and return when the bus has it on disk."""
        columns = Columns()
        self.take(samples, columns)
        await self.publish(columns)

    # for the gateway
    def announce(self) -> None:
        """Report the device: from now on it is read, or heard."""
        self._report(self.state, True)
        for finding in self._deriver.findings if self._deriver else ():
            self.event(finding.kind, finding.detail)

    def event(self, kind: EventKind, detail: str = "") -> None:
        """Publish an event of this device."""
        self._outlet.event(self.device.org, self.device.device, kind, detail)

    def take(self, samples: Emitted, into: Columns) -> None:
        """Append what passes the checks to ``into``, and what follows from it; findings become events."""
        first, arrived = len(into.series), now()
        for finding in self._checker.check(samples, arrived, into):
            self.event(finding.kind, finding.detail)
        if self._deriver is not None:
            self._deriver.take(into, first, arrived)

    def flush(self) -> None:
        """Send what has been kept, without waiting for it."""
        if self._deriver is not None:
            before = self._columns.size
            self._deriver.tick(now(), self._columns)
            self._outlet.hold(self._columns.size - before)
        if len(self._columns):
            columns, self._columns = self._columns, Columns()
            self._outlet.spawn(self._release(columns))

    async def publish(self, columns: Columns) -> None:
        """Return when every row of ``columns`` is on the bus's disk."""
        if not len(columns):
            return
        subject = readings_subject(self.device.org, self.device.device)
        await self._remember()
        arrived = now()
        batches = columns.batches(self.device.org, self.device.device, arrived)
        messages = [readings.encode(batch) for batch in batches]
        if len(messages) == 1:
            await self._outlet.publish(subject, messages[0])
        else:
            await asyncio.gather(*(self._outlet.publish(subject, message) for message in messages))
        self._volume += sum(map(len, messages))
        self.state = DeviceState(
            device=self.state.device,
            status=self.state.status,
            since=self.state.since,
            last_reading=arrived,
            readings=self.state.readings + len(columns),
            problem=self.state.problem,
            link=self._link(),
        )
        self._report(self.state, False)

    @property
    def derives(self) -> bool:
        """Whether some of its tags are derived."""
        return self._deriver is not None

    def memory(self) -> bytes:
        """What its recipes must not forget."""
        return self._deriver.memory() if self._deriver else b""

    def recall(self, memory: bytes) -> None:
        """Let its recipes go on from an earlier :meth:`memory`."""
        if self._deriver is not None:
            self._deriver.recall(memory)

    async def _remember(self) -> None:
        """Before a count is stored the bus has it on disk: after a restart it never falls behind what was told."""
        if self._deriver is None:
            return
        async with self._remembering:
            memory = self._deriver.memory()
            if memory != self._remembered:
                await self._outlet.publish(memory_subject(self._gateway, self.device.device), memory)
                self._remembered = memory

    async def _release(self, columns: Columns) -> None:
        try:
            await self.publish(columns)
        finally:
            self._outlet.hold(-columns.size)

    def _change(self, status: Status, problem: str) -> None:
        self.state = DeviceState(
            device=self.state.device,
            status=status,
            since=now() if status is not self.state.status else self.state.since,
            last_reading=self.state.last_reading,
            readings=self.state.readings,
            problem=problem[:500],
            link=self._link(),
        )
        self._report(self.state, True)

    def _link(self) -> LinkState:
        pulse = self.pulse
        return LinkState(
            reconnects=self._reconnects,
            cycles=pulse.cycles,
            late=pulse.late,
            round_trip=round(pulse.round_trip, 6),
            jitter=round(pulse.jitter, 6),
            volume=self._volume,
        )

    def carry_on(self, earlier: DeviceState) -> None:
        """Keep the counters of the device as it was configured before."""
        self.pulse.cycles, self.pulse.late = earlier.link.cycles, earlier.link.late
        self._reconnects, self._volume = earlier.link.reconnects, earlier.link.volume
        self.state = DeviceState(
            device=self.state.device,
            status=self.state.status,
            since=self.state.since,
            last_reading=earlier.last_reading,
            readings=earlier.readings,
            problem=self.state.problem,
            link=earlier.link,
        )
