"""Answers as its option ``mode`` says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from gongfu.network.drivers.contract import (
    BadConfiguration,
    DeviceUnavailable,
    Identity,
    Point,
    Refusal,
    Sample,
    Sink,
)
from gongfu.network.gateway.config import DeviceConfig, TagConfig

opened: list[int] = []
"""Numbers of the devices with which a session was opened, in order."""
closed: list[int] = []
written: list[tuple[str, object]] = []


async def run(device: DeviceConfig, sink: Sink) -> None:
    sink.online()
    while True:
        await sink.emit([Sample(tag.series, 1.0) for tag in device.tags])
        await asyncio.sleep(device.interval)


class Answers:
    def __init__(self, device: DeviceConfig) -> None:
        self.mode = device.options["mode"]

    async def identify(self) -> Identity:
        if self.mode == "mute":
            await asyncio.Event().wait()
        return Identity(vendor="Acme", product="Press", version="2.1", serial_number="4711")

    async def browse(self, parent: str) -> Sequence[Point]:
        if not parent:
            return [Point(address="spindle", name="Spindle", folder=True)]
        return [Point(address=f"{parent}/{n}", name=f"v{n}", kind="number", unit="r/min") for n in range(2500)]

    async def read(self, tags: Sequence[TagConfig]) -> Sequence[Sample]:
        if self.mode == "breaks":
            raise DeviceUnavailable("The connection broke.")
        if any(tag.address == "nonsense" for tag in tags):
            raise BadConfiguration("There is no address {address}.", address="nonsense")
        return [Sample(tag.series, None if tag.address == "gone" else 21) for tag in tags]

    async def write(self, tag: TagConfig, value: float | bool | str) -> None:
        if value == 13:
            raise Refusal("The device does not take {value}.", value=value)
        written.append((tag.address, value))


@asynccontextmanager
async def open_session(device: DeviceConfig) -> AsyncIterator[Answers]:
    number = int(device.options["number"])
    opened.append(number)
    if device.options["mode"] == "silent":
        await asyncio.Event().wait()
    try:
        yield Answers(device)
    finally:
        closed.append(number)
