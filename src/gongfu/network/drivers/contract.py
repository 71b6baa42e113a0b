"""What a driver is: a folder with ``manifest.toml``, ``driver.py`` and a README whose example is executed.

There are two kinds, told apart by ``kind`` in the manifest.

*Polled* (the default): ``async def run(device, sink)`` connects, reports ``sink.online()``, and emits readings
until it is cancelled. When the connection breaks it raises; the gateway waits (with back-off) and calls it again.

*Fed*: devices speak first, to the node's own MQTT listener. ``def open_feed(device)`` returns a :class:`Feed`:
topic filters and a function from messages to samples, without I/O. The gateway keeps the connection,
and acknowledges a message to the bus only when its readings are stored.

Neither kind retries by itself, swallows cancellation or imports Django.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from gongfu.kernel.errors import GongfuError, Invalid, Unavailable
from gongfu.kernel.readings import Quality
from gongfu.network.gateway.config import DeviceConfig


class DeviceUnavailable(Unavailable):
    """The device does not answer, or answers with a protocol error; the gateway will try again."""


class BadConfiguration(Invalid):
    """Address, option or credential that cannot work; the gateway waits for a new configuration."""


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One raw value as the driver had it. ``time`` in microseconds UTC, 0 when the device gives none."""

    series: int
    value: float | bool | str | None
    time: int = 0
    quality: Quality = Quality.GOOD


class Sink(Protocol):
    """Where a driver puts what it reads. Scaling, range, clock and NaN checks happen behind it."""

    def online(self) -> None:
        """The device answered."""

    async def emit(self, samples: Sequence[Sample]) -> None:
        """Hand over samples; waits when the gateway's buffer is full (back-pressure)."""

    async def emit_acknowledged(self, samples: Sequence[Sample]) -> None:
        """Hand over samples and return when the bus has them on disk; for sources that are told so."""

    def malformed(self, detail: str) -> None:
        """Count and report a payload that could not be read."""


class Driver(Protocol):
    """The module ``gongfu.network.drivers.<name>.driver`` of a polled driver."""

    async def run(self, device: DeviceConfig, sink: Sink) -> None:
        """Read ``device`` until cancelled."""


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


class FeedDriver(Protocol):
    """The module ``gongfu.network.drivers.<name>.driver`` of a fed driver."""

    def open_feed(self, device: DeviceConfig) -> Feed:
        """A feed for ``device``; raises :class:`BadConfiguration`."""


__all__ = [
    "BadConfiguration",
    "DeviceUnavailable",
    "Driver",
    "Feed",
    "FeedDriver",
    "FeedSink",
    "GongfuError",
    "Message",
    "Sample",
    "Sink",
]
