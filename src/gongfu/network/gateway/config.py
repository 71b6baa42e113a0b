"""What the control plane tells a gateway about a device, and what the gateway answers.

Desired state: bucket ``desired``, key ``<gateway>.<device>``, JSON of :class:`DeviceConfig`.
Actual state: bucket ``actual``, same key, JSON of :class:`DeviceState`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec


class TagConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One tag to read. ``address`` is in the driver's own notation, see the driver's README."""

    series: Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
    name: str
    address: str
    kind: str = "number"
    """number, boolean, text or array."""
    unit: str = ""
    """For those who read it elsewhere; the gateway does nothing with it."""
    scale: float = 1.0
    offset: float = 0.0
    """value = raw * scale + offset"""
    low: float | None = None
    high: float | None = None
    """Range of the type, in engineering units; outside it a value is stored as *uncertain*."""
    deadband: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """A value that moved by no more than this since the last one that was kept is left out; 0 keeps all."""
    percent: bool = False
    """The dead-band is in percent: of ``low`` … ``high``, or without both of the last value that was kept."""
    silence: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """Seconds after which an unmoved value is kept all the same: a frozen value still reports."""
    interval: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """Seconds between two values that are kept, when that is longer than the device's interval."""


class DeviceConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One device: which driver, with which options, and its tags."""

    device: int
    org: int
    org_code: str
    name: str
    type: str = ""
    """Information model; for those who read the device elsewhere."""
    driver: str
    """Name of a driver folder: opcua, modbus, s7, mqtt, sparkplug."""
    options: dict[str, str | int | float | bool] = {}
    """Checked against the driver's manifest."""
    interval: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """Seconds between two readings of a tag, or the sampling interval of a subscription."""
    tags: list[TagConfig] = []


class Status(StrEnum):
    """State of a connection."""

    CONNECTING = "connecting"
    ONLINE = "online"
    OFFLINE = "offline"
    REFUSED = "refused"


class LinkState(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What running the device tells of the way to it, since the gateway started; nothing is sent for it."""

    reconnects: int = 0
    """How often it came back after it had been gone."""
    cycles: int = 0
    """Rounds of polling; 0 for devices that speak first."""
    late: int = 0
    """Rounds that were left out because one before took too long."""
    round_trip: float = 0.0
    """Seconds that a round takes, smoothed."""
    jitter: float = 0.0
    """Seconds by which rounds differ, smoothed: RFC 3550 §6.4.1."""
    volume: int = 0
    """Bytes of readings that the bus has acknowledged."""


class DeviceState(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway says of a device. Times in microseconds UTC."""

    device: int
    status: Status
    since: int
    last_reading: int = 0
    readings: int = 0
    """Readings acknowledged by the bus since the gateway started."""
    problem: str = ""
    """The error that keeps it offline, as ``code: message`` in English."""
    link: LinkState = LinkState()


def desired_key(gateway: str, device: int) -> str:
    """Key of a device in both buckets."""
    return f"{gateway}.{device}"
