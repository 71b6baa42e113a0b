"""Devices as a Sparkplug B edge node ``gongfu-<node>`` in the organisation's group, on the node's own MQTT listener."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import structlog
from aiomqtt import Client, MqttError

from gongfu.kernel.errors import GongfuError
from gongfu.kernel.nats_server import mqtt_password
from gongfu.kernel.readings import Quality
from gongfu.kernel.settings import Settings
from gongfu.network.drivers.sparkplug.speaking import Cell, EdgeNode
from gongfu.network.drivers.sparkplug.wire import DataType
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from gongfu.network.serving.offers import NotWritten, Offer, Wish
from gongfu.network.serving.plane import Estate, Plane
from gongfu.network.serving.stored import Newest

_TYPES = {"number": DataType.DOUBLE, "boolean": DataType.BOOLEAN, "text": DataType.STRING}
_AGAIN_SECONDS = 2.0
_WAITING = 10_000

log = structlog.get_logger("northbound")


class SparkplugOutlet:
    """The edge node of one organisation; it is born anew whenever its devices change."""

    def __init__(self, settings: Settings, offer: Offer, plane: Plane) -> None:
        self._settings = settings
        self._offer = offer
        self._plane = plane
        self._devices: dict[str, DeviceConfig] = {}
        self._estate = Estate()
        self._changed = asyncio.Event()
        self._waiting: asyncio.Queue[int] = asyncio.Queue(_WAITING)
        self._task: asyncio.Task[None] | None = None
        self._births = 0

    async def start(self) -> None:
        """Connect, and again whenever the connection is lost."""
        self._task = asyncio.create_task(self._run(), name=f"sparkplug {self._offer.org_code}")

    async def stop(self) -> None:
        """Say that the node is gone and hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def update(self, estate: Estate) -> None:
        """Serve the devices of ``estate``."""
        self._estate = estate
        devices = {config.name: config for config in estate.devices.values()}
        if devices != self._devices:
            self._devices = devices
            self._changed.set()

    async def came(self, device: int, series: Sequence[int], estate: Estate) -> None:
        """Report the device; when too much waits, the next report carries the newest values all the same."""
        del series, estate
        with contextlib.suppress(asyncio.QueueFull):
            self._waiting.put_nowait(device)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(MqttError, OSError, TimeoutError):
                await self._life()
            await asyncio.sleep(_AGAIN_SECONDS if not self._changed.is_set() else 0.1)

    async def _life(self) -> None:
        """One connection: until it is lost or the devices change."""
        self._changed.clear()
        devices = dict(self._devices)
        node = EdgeNode(
            self._offer.org_code,
            f"gongfu-{self._settings.node}",
            {name: [(tag.name, _TYPES[tag.kind]) for tag in _served(config)] for name, config in devices.items()},
            self._births,
        )
        self._births += 1
        will = node.will()
        async with Client(
            {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._settings.host, self._settings.host),  # noqa: S104 - compared
            self._settings.mqtt_port,
            username=self._offer.org_code,
            password=mqtt_password(self._settings.home, self._offer.org_code),
            identifier=f"gongfu-northbound-{self._settings.node}",
            will=will,
        ) as client:
            await node.start(client, commands=self._offer.writes)
            for config in devices.values():
                await self._report(node, client, config)
            work = [
                asyncio.create_task(node.listen(client, self._command)),
                asyncio.create_task(self._reports(node, client, devices)),
                asyncio.create_task(self._changed.wait()),
            ]
            try:
                await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)
                with contextlib.suppress(MqttError):  # leaving in peace, the will is not published by the broker
                    await client.publish(will.topic, will.payload, qos=1, timeout=2)

    async def _reports(self, node: EdgeNode, client: Client, devices: dict[str, DeviceConfig]) -> None:
        numbered = {config.device: config for config in devices.values()}
        while True:
            config = numbered.get(await self._waiting.get())
            if config is not None:
                await self._report(node, client, config)

    async def _report(self, node: EdgeNode, client: Client, config: DeviceConfig) -> None:
        newest = {tag.name: self._estate.values.get(tag.series) for tag in _served(config)}
        at = max((one.time for one in newest.values() if one is not None and not one.stored), default=0)
        values = {tag.name: _cell(tag.kind, newest[tag.name]) for tag in _served(config)}
        if at:  # born with its first value of now: one from the store would say that the device lives
            await node.report(client, config.name, at // 1000, values)

    async def _command(self, device: str, metric: str, value: Cell) -> None:
        config = self._devices.get(device)
        tag = next((tag for tag in config.tags if tag.name == metric), None) if config else None
        if tag is None or value is None:
            return
        try:
            await self._plane.write(self._offer.org, [Wish(tag.series, value)], "Sparkplug B")
        except NotWritten as error:
            log.info("a command was refused", device=device, metric=metric, reason=error.problem[:200])
        except GongfuError as error:
            log.warning("a command was not carried out", device=device, reason=str(error))


def _served(config: DeviceConfig) -> list[TagConfig]:
    """What is reported: arrays have no place here."""
    return [tag for tag in config.tags if tag.kind in _TYPES]


def _cell(kind: str, newest: Newest | None) -> Cell:
    if newest is None or newest.quality is Quality.BAD:
        return None
    value = newest.value
    if isinstance(value, list):
        return None
    if kind == "boolean":
        return bool(value)
    return None if isinstance(value, float) and value != value else value
