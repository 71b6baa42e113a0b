"""A machine with a Siemens controller: a server of its own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from gongfu.network.drivers.s7.simulator import Point, S7Simulator
from gongfu.simulators.hall import Reports
from gongfu.simulators.plants.plant import PlantDevice


class S7Outlet:
    """A controller that is gone drops its clients and answers nobody."""

    problem = ""

    def __init__(self, host: str, port: int, device: PlantDevice) -> None:
        self._device = device
        self._gone = False
        self._server = S7Simulator(
            host, port, [Point(tag.key, tag.address, "" if "string" in tag.address else 0.0) for tag in device.tags]
        )

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Serve."""
        async with self._server:
            yield

    async def publish(self, reports: Reports) -> None:
        """Write data block 1. S7 knows no time."""
        report = reports[self._device.path]
        if report is None:
            if not self._gone:
                await self._server.stop_answering()
                self._server.close_connections()
            self._gone = True
            return
        for tag in self._device.tags:
            await self._server.write(tag.key, report.values[tag.key])
        if self._gone:
            await self._server.answer_again()
            self._gone = False
