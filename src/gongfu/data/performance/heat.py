"""Utilisation hour by hour of the day: where a machine rests though others work."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec

from gongfu.data.performance import asking, machines
from gongfu.kernel.store import StoreClient, Value, client
from gongfu.platform.devices.models import Device

HOURS = range(24)


class Line(msgspec.Struct, frozen=True):
    """One device: share in operation of each local hour of the day, None where nothing is known."""

    device: Device
    hours: tuple[float | None, ...]
    mean: float | None


def lines(devices: Sequence[Device], low: int, high: int, *, store: StoreClient | None = None) -> list[Line]:
    """Of devices whose state is told, most used first. Raises :class:`Unavailable`."""
    start, end = (dt.datetime.fromtimestamp(one, dt.UTC) for one in (low, high))
    found = [one for one in machines.machines_of(devices, start, end) if one.state and one.codes]
    by_series = {one.state: one for one in found}
    if not found or high <= low:
        return []
    orgs = {device.organisation_id for device in devices}
    asked: dict[str, Value] = {"orgs": sorted(orgs), "series": sorted(by_series), "low": low, "high": high}
    table = (store or client()).query_arrow(asking.HOURS, asked, orgs=orgs, limit_seconds=asking.LIMIT_SECONDS)
    zone = ZoneInfo(machines.zone())
    running: dict[tuple[int, int], float] = defaultdict(float)
    known: dict[tuple[int, int], float] = defaultdict(float)
    for series, at, states in zip(*(column.to_pylist() for column in table.columns), strict=True):
        machine = by_series[series]
        key = (machine.device, dt.datetime.fromtimestamp(at, zone).hour)
        for state, seconds in states:
            category = machine.codes.get(state)
            if category is not None:
                known[key] += seconds
                running[key] += seconds if category == "running" else 0.0
    by_number = {device.pk: device for device in devices}
    made = []
    for machine in found:
        keys = [(machine.device, hour) for hour in HOURS]
        hours = tuple(running[key] / known[key] if known[key] else None for key in keys)
        whole = sum(known[key] for key in keys)
        mean = sum(running[key] for key in keys) / whole if whole else None
        made.append(Line(by_number[machine.device], hours, mean))
    return sorted(made, key=lambda one: -(one.mean if one.mean is not None else -1.0))
