"""An edge node that speaks Sparkplug B for the machines of one enterprise."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from gongfu.network.drivers.sparkplug.speaking import EdgeNode
from gongfu.network.drivers.sparkplug.wire import DataType
from gongfu.network.models.library import type_by_id
from gongfu.network.models.types import TagType
from gongfu.simulators.hall import Reports
from gongfu.simulators.outlets.broker import Backlog, Broker, connected
from gongfu.simulators.plants.plant import PlantDevice
from gongfu.simulators.plants.wiring import EDGE_NODE

KEPT = 3600
"""Rounds of reports the node keeps while there is no connection."""


class SparkplugOutlet:
    """One connection and one sequence of messages for all devices of an enterprise."""

    def __init__(self, broker: Broker, enterprise: str, devices: list[PlantDevice]) -> None:
        self.problem = "connecting"
        self._broker = broker
        self._group = enterprise
        self._keys = {device.path: device.key for device in devices}
        self._metrics = {
            device.key: [(tag.key, _datatype(tag)) for tag in type_by_id(device.type).tags] for device in devices
        }
        self._backlog: Backlog[Reports] = Backlog(KEPT)
        self._births = 0

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Connect, and again after every loss."""
        async with connected(f"{self._group}/{EDGE_NODE}", self._session, self._tell):
            yield

    async def publish(self, reports: Reports) -> None:
        """Queue a round of reports."""
        self._backlog.put({path: reports[path] for path in self._keys})

    def _tell(self, problem: str) -> None:
        self.problem = problem

    async def _session(self) -> None:
        """From NBIRTH to the loss of the connection."""
        node = EdgeNode(self._group, EDGE_NODE, self._metrics, self._births)
        self._births += 1
        async with self._broker.client(f"{self._group}-{EDGE_NODE}", node.will()) as client:
            await node.start(client)
            self.problem = ""
            commands = asyncio.create_task(node.listen(client))
            try:
                while not commands.done():
                    reports = await self._backlog.first()
                    for path, report in reports.items():
                        if report is None:
                            await node.death(client, self._keys[path])
                        else:
                            await node.report(client, self._keys[path], report.time // 1000, report.values)
                    self._backlog.done(reports)
                await commands
            finally:
                commands.cancel()


def _datatype(tag: TagType) -> DataType:
    if tag.kind == "text":
        return DataType.STRING
    if tag.kind == "boolean":
        return DataType.BOOLEAN
    return DataType.INT64 if tag.role in ("state", "count") else DataType.DOUBLE
