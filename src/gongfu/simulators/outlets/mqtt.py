"""A machine with a telematics box that publishes JSON over MQTT."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from gongfu.simulators.hall import Reports
from gongfu.simulators.machines.instrument import Report
from gongfu.simulators.outlets.broker import Backlog, Broker, connected
from gongfu.simulators.plants.plant import PlantDevice
from gongfu.simulators.plants.wiring import mqtt_topic

KEPT = 3600
"""Reports a box keeps while there is no connection."""


def payload(report: Report) -> bytes:
    """``{"ts": milliseconds, "values": {tag: value}}``; a value that is not a number becomes null."""
    return msgspec.json.encode({"ts": report.time // 1000, "values": report.values})


class MqttOutlet:
    """One connection; every report is published with QoS 1 and kept until the broker has it."""

    def __init__(self, broker: Broker, device: PlantDevice) -> None:
        self.problem = "connecting"
        self._broker = broker
        self._device = device
        self._backlog: Backlog[Report] = Backlog(KEPT)
        self._present = asyncio.Event()
        self._present.set()
        self._topic = mqtt_topic(device.enterprise, device.key)

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Connect, and again after every loss."""
        async with connected(self._device.path, self._session, self._tell):
            yield

    async def publish(self, reports: Reports) -> None:
        """Queue the report; a machine that is gone has lost its power and hangs up."""
        report = reports[self._device.path]
        if report is None:
            self._present.clear()
        else:
            self._present.set()
            self._backlog.put(report)

    async def _session(self) -> None:
        await self._present.wait()
        async with self._broker.client(f"{self._device.enterprise}-{self._device.key}") as client:
            self.problem = ""
            while self._present.is_set():
                report = await self._backlog.first()
                await client.publish(self._topic, payload(report), qos=1)
                self._backlog.done(report)

    def _tell(self, problem: str) -> None:
        self.problem = problem
