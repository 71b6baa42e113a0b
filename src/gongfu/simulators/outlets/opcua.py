"""Machines on an OPC UA server: one server of an enterprise carries many of them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

from asyncua import ua

from gongfu.network.drivers.opcua.simulator import OpcuaSimulator, Point
from gongfu.network.models.library import type_by_id
from gongfu.network.models.types import TagType
from gongfu.simulators.hall import Reports
from gongfu.simulators.machines.machine import Value
from gongfu.simulators.plants.plant import PlantDevice

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OpcuaOutlet:
    """Node ``ns=2;s=<device>.<tag>`` for every tag."""

    problem = ""

    def __init__(self, host: str, port: int, devices: list[PlantDevice]) -> None:
        self._devices = devices
        self._kinds = {device.path: list(_kinds(device)) for device in devices}
        points = [
            Point(device.key, f"{device.key}.{tag.key}", start, unit=tag.unit, limits=_limits(tag))
            for device in devices
            for tag, _, start in self._kinds[device.path]
        ]
        self._server = OpcuaSimulator(host, port, points)

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Serve."""
        async with self._server:
            yield

    async def publish(self, reports: Reports) -> None:
        """Write every tag with the machine's own time; one that is gone is *bad, no communication*."""
        for device in self._devices:
            report = reports[device.path]
            source = datetime.now(UTC) if report is None else _EPOCH + timedelta(microseconds=report.time)
            for tag, kind, _ in self._kinds[device.path]:
                value: Value | None = None if report is None else report.values[tag.key]
                await self._server.write_raw(f"{device.key}.{tag.key}", _data_value(value, kind, source))


def _limits(tag: TagType) -> tuple[float, float] | None:
    return None if tag.low is None or tag.high is None else (tag.low, tag.high)


def _kinds(device: PlantDevice) -> Iterator[tuple[TagType, ua.VariantType, Value]]:
    """Tag, data type of its node and a first value of that type."""
    for tag in type_by_id(device.type).tags:
        if tag.kind == "text":
            yield tag, ua.VariantType.String, ""
        elif tag.kind == "boolean":
            yield tag, ua.VariantType.Boolean, False
        elif tag.role in ("state", "count"):
            yield tag, ua.VariantType.Int64, 0
        else:
            yield tag, ua.VariantType.Double, 0.0


def _data_value(value: Value | None, kind: ua.VariantType, source: datetime) -> ua.DataValue:
    if value is None:
        return ua.DataValue(
            Value=ua.Variant(None, ua.VariantType.Null),
            StatusCode=ua.StatusCode(ua.StatusCodes.BadNoCommunication),
            SourceTimestamp=source,
        )
    if kind is ua.VariantType.Double:
        value = float(value)
    return ua.DataValue(Value=ua.Variant(value, kind), SourceTimestamp=source)
