"""What a driver is: a folder with ``manifest.toml``, ``driver.py`` and a README whose example is executed.

There are two kinds, told apart by ``kind`` in the manifest.

*Polled* (the default): ``async def run(device, sink)`` connects, reports ``sink.online()``, and emits readings
until it is cancelled. When the connection breaks it raises; the gateway waits (with back-off) and calls it again.

*Fed*: devices speak first, to the node's own MQTT listener. ``def open_feed(device)`` returns a :class:`Feed`:
topic filters and a function from messages to samples, without I/O. The gateway keeps the connection,
and acknowledges a message to the bus only when its readings are stored.

Beside this a driver may answer questions: ``def open_session(device)`` is an asynchronous context manager of a
:class:`Session`, which tells who the device is, lists what it holds, reads once and writes. The manifest's
capabilities say which of these it can; the gateway asks for no other. A session is opened for a question and closed
soon after, beside the running driver, so drivers of lines that only one may hold share them inside their package.
A fed driver writes through its feed, see :class:`WritingFeed`.

Neither kind retries by itself, swallows cancellation or imports Django.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from gongfu.kernel.errors import GongfuError, Invalid, Unavailable
from gongfu.kernel.readings import Quality
from gongfu.network.gateway.config import DeviceConfig, TagConfig


class DeviceUnavailable(Unavailable):
    """The device does not answer, or answers with a protocol error; the gateway will try again."""


class BadConfiguration(Invalid):
    """Address, option or credential that cannot work; the gateway waits for a new configuration."""


class Refusal(Invalid):
    """The device understood and declined: no such address, read only, value out of range, not now."""


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One raw value as the driver had it. ``time`` in microseconds UTC, 0 when the device gives none.

    A list is an array or a waveform, for a tag of the kind ``array``; ``rate`` is its elements a second, 0 when they
    are no samples in time.
    """

    series: int
    value: float | bool | str | list[float] | None
    time: int = 0
    quality: Quality = Quality.GOOD
    rate: float = 0.0


class Numbers(msgspec.Struct, frozen=True, gc=False):
    """Many good numbers that were read together: a :class:`Sample` for each at a twentieth of its cost.

    ``values`` in the order of ``series``. ``time`` as in :class:`Sample`, of all of them.
    """

    series: tuple[int, ...]
    values: tuple[float, ...]
    time: int = 0

    def samples(self) -> list[Sample]:
        """One by one."""
        return [Sample(series, float(value), self.time) for series, value in zip(self.series, self.values, strict=True)]


Emitted = Sequence[Sample | Numbers]


def one_by_one(emitted: Emitted) -> list[Sample]:
    """What was read, as samples only, in its order."""
    found: list[Sample] = []
    for each in emitted:
        if isinstance(each, Numbers):
            found += each.samples()
        else:
            found.append(each)
    return found


class Sink(Protocol):
    """Where a driver puts what it reads. Scaling, range, clock and NaN checks happen behind it."""

    def online(self) -> None:
        """The device answered."""

    def offline(self, reason: str) -> None:
        """Nothing broke, but the device that should speak is silent; for drivers that wait for it to speak."""

    async def emit(self, samples: Emitted) -> None:
        """Hand over samples; waits when the gateway's buffer is full (back-pressure)."""

    async def emit_acknowledged(self, samples: Sequence[Sample]) -> None:
        """Hand over samples and return when the bus has them on disk; for sources that are told so."""

    def malformed(self, detail: str) -> None:
        """Count and report a payload that could not be read."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who a device says it is; empty where it does not say."""

    vendor: str = ""
    product: str = ""
    version: str = ""
    serial_number: str = ""
    detail: str = ""
    """What else it says of itself: the ways to reach it, a mode of operation."""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of what a device holds: a folder, a value, or both."""

    address: str
    """What :meth:`Session.browse` takes for a folder, and a tag for a value."""
    name: str
    folder: bool = False
    kind: str = ""
    """number, boolean or text; empty when it is no value."""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    writable: bool = False
    detail: str = ""
    """What else the device says of it: its data type, a description."""


class Session(Protocol):
    """Questions to one device, one after the other. Each raises :class:`DeviceUnavailable` when it does not answer."""

    async def identify(self) -> Identity:
        """Who it is."""

    async def browse(self, parent: str) -> Sequence[Point]:
        """The entries of the folder ``parent``; of the device itself when it is empty."""

    async def read(self, tags: Sequence[TagConfig]) -> Sequence[Sample]:
        """The raw value of each tag now, in their order; a tag that cannot be read is *bad* with value None."""

    async def write(self, tag: TagConfig, value: float | bool | str) -> None:
        """Return when the device has confirmed the raw ``value``; raises :class:`Refusal` when it declines."""


class Driver(Protocol):
    """The module ``gongfu.network.drivers.<name>.driver`` of a polled driver."""

    async def run(self, device: DeviceConfig, sink: Sink) -> None:
        """Read ``device`` until cancelled."""

    def open_session(self, device: DeviceConfig) -> AbstractAsyncContextManager[Session]:
        """A session with ``device``; there when a capability beside *subscribe* needs it."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One MQTT message. ``time``: when the node had it, microseconds UTC, the same when it is delivered again."""

    topic: str
    payload: bytes
    time: int


class FeedSink(Protocol):
    """What a feed may say beside samples."""

    def online(self) -> None:
        """The device spoke."""

    def offline(self, reason: str) -> None:
        """The device said, or its broker said for it, that it is gone."""

    def malformed(self, detail: str) -> None:
        """Count and report a payload that could not be read."""

    def command(self, topic: str, payload: bytes) -> None:
        """Send a message to the device (QoS 0)."""


class Feed(Protocol):
    """One device's ear. Called from one thread, never concurrently."""

    filters: Sequence[str]
    """MQTT topic filters; all below the topics of the device's organisation."""
    births: Sequence[str]
    """Topics whose last message, if there is one, is handed to :meth:`recall` before anything else."""
    silence: float
    """Seconds without a message after which the device counts as offline; 0 for never."""

    def recall(self, message: Message) -> None:
        """Learn from a message of an earlier time, without believing that the device is still there."""

    def read(self, message: Message, sink: FeedSink) -> Sequence[Sample]:
        """The samples in ``message``. What cannot be read is reported to ``sink``, never raised.

        Devices that hear the same topic get the same ``message`` object, one after the other.
        """


class WritingFeed(Feed, Protocol):
    """The feed of a driver whose manifest says *write*."""

    def write(self, tag: TagConfig, value: float | bool | str, sink: FeedSink) -> None:
        """Send the raw ``value`` to the device by :meth:`FeedSink.command`; raises :class:`Refusal`."""


class FeedDriver(Protocol):
    """The module ``gongfu.network.drivers.<name>.driver`` of a fed driver.

    Two functions more may be there. ``points(device, messages)`` lists what messages hold, as *browse* promises;
    ``open_ear(device)`` is a feed for listening beside the running one, where two of ``open_feed`` would share state.
    """

    def open_feed(self, device: DeviceConfig) -> Feed:
        """A feed for ``device``; raises :class:`BadConfiguration`."""


__all__ = [
    "BadConfiguration",
    "DeviceUnavailable",
    "Driver",
    "Emitted",
    "Feed",
    "FeedDriver",
    "FeedSink",
    "GongfuError",
    "Identity",
    "Message",
    "Numbers",
    "Point",
    "Refusal",
    "Sample",
    "Session",
    "Sink",
    "WritingFeed",
    "one_by_one",
]
