"""A running demonstration plant for tests: free ports, and a bus that MQTT machines can reach."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

from gongfu.kernel import nats_server
from gongfu.kernel.settings import Settings
from gongfu.network.drivers.contract import Emitted, Sample, one_by_one
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from gongfu.network.models.library import type_by_id
from gongfu.simulators.plants.plant import PlantDevice
from gongfu.simulators.process import run

ORGANISATIONS = ("hengrui", "huasu", "changqing")


def free_settings(home: Path) -> Settings:
    """Settings whose ports are free now."""
    for _ in range(100):
        base = random.randrange(21_000, 31_000, 30)
        if all(_is_free(port) for port in range(base, base + 26)):
            return Settings(
                home=home,
                simulator_base_port=base,
                simulator_port=base + 20,
                mqtt_port=base + 21,
                bus_port=base + 22,
                bus_monitor_port=base + 23,
            )
    raise AssertionError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


@contextlib.contextmanager
def bus(settings: Settings) -> Iterator[None]:
    """A real nats-server with the three enterprises as MQTT users."""
    nats_server.write_users(settings.home, ORGANISATIONS)
    program = [str(nats_server.find(settings)), "-c", str(nats_server.prepare(settings))]
    with (settings.home / "bus.log").open("ab") as log:
        child = subprocess.Popen(program, stdout=log, stderr=log)
    try:
        yield
    finally:
        child.terminate()
        child.wait(10)


@contextlib.asynccontextmanager
async def plant_runs(settings: Settings) -> AsyncIterator[None]:
    """The simulator inside this event loop."""
    stopping = asyncio.Event()
    task = asyncio.create_task(run(settings, stopping))
    try:
        await until(lambda: task.done() or not _is_free(settings.simulator_base_port + 11), "the last server listens")
        yield
    finally:
        stopping.set()
        await asyncio.wait_for(task, 20)


async def until(true: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Wait until ``true()``; fail saying ``what`` did not happen."""
    try:
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s: {what}") from None


def configuration(device: PlantDevice, interval: float = 1.0) -> DeviceConfig:
    """What the control plane would tell the gateway; series are positions of tags."""
    model = type_by_id(device.type)
    tags = []
    for series, tag in enumerate(device.tags):
        known = model.tag(tag.key)
        assert known is not None
        tags.append(TagConfig(series=series, name=tag.key, address=tag.address, kind=known.kind, scale=tag.scale))
    return DeviceConfig(
        device=1,
        org=1,
        org_code=device.enterprise,
        name=device.key,
        driver=device.driver,
        options=device.options,
        interval=interval,
        tags=tags,
    )


class Collector:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.complaints: list[str] = []
        self.came_online = 0

    def online(self) -> None:
        self.came_online += 1

    async def emit(self, samples: Emitted) -> None:
        self.samples += one_by_one(samples)

    async def emit_acknowledged(self, samples: Sequence[Sample]) -> None:
        self.samples += samples

    def malformed(self, detail: str) -> None:
        self.complaints.append(detail)

    def latest(self) -> dict[int, Sample]:
        """The newest sample of each series."""
        return {sample.series: sample for sample in self.samples}
