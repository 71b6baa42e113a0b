"""The northbound process: devices on the bus, served to programs of other makers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

import structlog

from gongfu.kernel import bus, ops, process
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.settings import Settings
from gongfu.network.serving.offers import Offer, password
from gongfu.network.serving.plane import Estate, Plane

_SETTLE = 0.3
"""Seconds to wait for further changes before servers are built: at the start everything comes at once."""
_AGAIN_SECONDS = 5.0

log = structlog.get_logger("northbound")


class Outlet(Protocol):
    """One organisation's devices in one protocol."""

    async def start(self) -> None:
        """Listen or connect; raises :class:`GongfuError`."""

    async def stop(self) -> None:
        """End it."""

    async def update(self, estate: Estate) -> None:
        """Serve the devices of ``estate`` as they are now."""

    async def came(self, device: int, series: Sequence[int], estate: Estate) -> None:
        """Series of a device have new values."""


def main(settings: Settings) -> None:
    """Serve until SIGTERM."""
    sock = ops.listen("127.0.0.1", settings.northbound_port, "northbound_port")

    async def body(stopping: asyncio.Event) -> None:
        health = ops.Health("northbound", "bus")
        async with ops.serve(ops.app(health), sock):
            await serve(settings, stopping, health)

    process.run(settings, "northbound", body)


async def serve(settings: Settings, stopping: asyncio.Event, health: ops.Health) -> None:
    """Follow the bus and serve what it says until ``stopping``."""
    northbound = _Northbound(settings, health)

    async def reconnected() -> None:
        health.set("bus", True)
        northbound.again()

    async def lost() -> None:
        health.set("bus", False, "reconnecting")

    connecting = asyncio.create_task(bus.connect(settings, "northbound", on_disconnect=lost, on_reconnect=reconnected))
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({connecting, stop}, return_when=asyncio.FIRST_COMPLETED)
    if not connecting.done():
        connecting.cancel()
        return
    client = connecting.result()
    health.set("bus", True)
    plane = Plane(client, client.jetstream(timeout=5), northbound.changed, northbound.came)
    tasks = [asyncio.create_task(plane.run()), asyncio.create_task(northbound.run(plane))]
    try:
        done, _ = await asyncio.wait({stop, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stop}:
            task.result()  # a fault of ours: end with its traceback, the supervisor starts us again
    finally:
        for task in (stop, *tasks):
            task.cancel()
        await asyncio.wait(tasks, timeout=3)
        await northbound.stop()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1.0):
                await client.close()


class _Northbound:
    """Which outlets run; those of an organisation are made anew when its offer changes."""

    def __init__(self, settings: Settings, health: ops.Health) -> None:
        self._settings = settings
        self._health = health
        self._plane: Plane | None = None
        self._outlets: dict[int, tuple[Offer, dict[str, Outlet]]] = {}
        self._work: set[int] = set()
        self._wake = asyncio.Event()
        self._news: dict[tuple[int, int], set[int]] = {}

    def again(self) -> None:
        """The bus is back: what was missed is read anew."""
        if self._plane is not None:
            self._plane.again.set()

    def changed(self, org: int) -> None:
        """As :data:`plane.Changed`."""
        self._work.add(org)
        self._wake.set()

    def came(self, org: int, device: int, series: list[int]) -> None:
        """As :data:`plane.Came`."""
        if org in self._outlets:
            self._news.setdefault((org, device), set()).update(series)
            self._wake.set()

    async def run(self, plane: Plane) -> None:
        """Do what changed, one thing after the other."""
        self._plane = plane
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _AGAIN_SECONDS)
            if self._work:
                await asyncio.sleep(_SETTLE)
            self._wake.clear()
            work, self._work = self._work, set()
            for org in work:
                await self._settle(org)
            for org, offer in plane.offers.items():  # what could not be started is tried again
                if org not in work and len(self._outlets.get(org, (offer, {}))[1]) < _wanted(offer):
                    await self._settle(org)
            news, self._news = self._news, {}
            for (org, device), series in news.items():
                for outlet in self._outlets.get(org, (None, {}))[1].values():
                    await outlet.came(device, sorted(series), plane.estates[org])

    async def stop(self) -> None:
        """End every outlet."""
        for org in list(self._outlets):
            await self._end(org)

    async def _settle(self, org: int) -> None:
        assert self._plane is not None
        offer = self._plane.offers.get(org)
        running = self._outlets.get(org)
        if running is not None and running[0] != offer:
            await self._end(org)
        if offer is None:
            return
        outlets = self._outlets.setdefault(org, (offer, {}))[1]
        estate = self._plane.estates.setdefault(org, Estate())
        for name, outlet in self._made(offer).items():
            if name in outlets:
                continue
            try:
                await outlet.start()
            except GongfuError as error:
                log.warning("an offer cannot be served", organisation=offer.org_code, reason=str(error))
                self._health.set(f"{name} {offer.org_code}", False, str(error))
                continue
            self._health.set(f"{name} {offer.org_code}", True)
            outlets[name] = outlet
        for name, outlet in list(outlets.items()):
            try:
                await outlet.update(estate)
            except Exception as error:  # one organisation's devices must not keep the others' from being served
                log.exception("devices cannot be served", organisation=offer.org_code, outlet=name)
                self._health.set(f"{name} {offer.org_code}", False, repr(error))
                del outlets[name]
                await outlet.stop()

    def _made(self, offer: Offer) -> dict[str, Outlet]:
        """The outlets of an offer, not started. Their libraries are loaded when somebody offers something."""
        assert self._plane is not None
        made: dict[str, Outlet] = {}
        if offer.opcua_port:
            from gongfu.network.serving.opcua import OpcuaOutlet  # noqa: PLC0415 - 40 MB

            word = password(self._settings.home, offer.org_code)
            made["opcua"] = OpcuaOutlet(self._settings, offer, word, self._plane)
        if offer.modbus_port:
            from gongfu.network.serving.modbus import ModbusOutlet  # noqa: PLC0415

            made["modbus"] = ModbusOutlet(self._settings, offer, self._plane)
        if offer.sparkplug:
            from gongfu.network.serving.sparkplug import SparkplugOutlet  # noqa: PLC0415

            made["sparkplug"] = SparkplugOutlet(self._settings, offer, self._plane)
        return made

    async def _end(self, org: int) -> None:
        offer, outlets = self._outlets.pop(org)
        for name, outlet in outlets.items():
            await outlet.stop()
            self._health.set(f"{name} {offer.org_code}", True, "not offered")


def _wanted(offer: Offer) -> int:
    return sum(map(bool, (offer.opcua_port, offer.modbus_port, offer.sparkplug)))
