"""Energy of devices: kWh by shift, per piece, at night, and the highest demand."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa

from gongfu.data.performance import asking, machines, measuring
from gongfu.data.performance.measuring import Cell, Machine
from gongfu.kernel.store import StoreClient, Value, client
from gongfu.platform.devices.models import Device

QUARTER: Final = 900
"""Demand is the mean power of a quarter of an hour, as it is billed."""
NIGHT: Final = range(5)
"""Local hours in which what still runs is base load."""
FINE_DAYS: Final = 31
"""Up to so many days demand is taken from minutes, beyond from hours."""


class Used(msgspec.Struct, frozen=True):
    """What one device took."""

    device: Device
    meter: bool
    """It measures others and makes nothing."""
    energy: float
    outside: float
    """kWh outside the planned time."""
    pieces: float | None
    by_shift: dict[int, float]
    base: float | None
    """kW at night, the median of the hours."""
    peak: float | None
    """kW of the highest quarter of an hour, or hour."""
    peak_at: dt.datetime | None

    @property
    def per_piece(self) -> float | None:
        """kWh."""
        return self.energy / self.pieces if self.pieces else None


def used(devices: Sequence[Device], low: int, high: int, *, store: StoreClient | None = None) -> list[Used]:
    """Devices whose energy is measured, most first. Raises :class:`Unavailable`."""
    source = store or client()
    start, end = (dt.datetime.fromtimestamp(one, dt.UTC) for one in (low, high))
    orgs = {device.organisation_id for device in devices}
    found = [one for one in machines.machines_of(devices, start, end) if one.energy or one.power]
    if not found or high <= low:
        return []
    cells = measuring.measure(source, list(orgs), found, low, high, machines.zone(), "shift")
    powers = _powers(source, orgs, found, low, high)
    by_number = {device.pk: device for device in devices}
    rows = [_used(by_number[one.device], one, cells[one.device], powers.get(one.power, {})) for one in found]
    return sorted((one for one in rows if one is not None), key=lambda one: -one.energy)


def _used(device: Device, machine: Machine, cells: Sequence[Cell], power: dict[int, float]) -> Used | None:
    total = measuring.add_up(cells)
    if total.energy is None:
        return None
    shifts: dict[int, float] = defaultdict(float)
    for cell in cells:
        shifts[cell.shift] += cell.sums.energy or 0.0
    peak_at = max(power, key=lambda at: power[at]) if power else None
    return Used(
        device=device,
        meter=not machine.state,
        energy=total.energy,
        outside=total.energy_outside,
        pieces=total.pieces,
        by_shift=dict(shifts),
        base=_base(power),
        peak=power[peak_at] if peak_at is not None else None,
        peak_at=dt.datetime.fromtimestamp(peak_at, dt.UTC) if peak_at is not None else None,
    )


def _powers(
    store: StoreClient, orgs: set[int], found: Sequence[Machine], low: int, high: int
) -> dict[int, dict[int, float]]:
    """kW of each quarter of an hour (or hour), by series of power."""
    factors = {one.power: one.power_factor for one in found if one.power}
    if not factors:
        return {}
    fine = high - low <= FINE_DAYS * 86_400
    width = QUARTER if fine else 3600
    asked: dict[str, Value] = {
        "orgs": sorted(orgs),
        "series": sorted(factors),
        "width": width,
        "step": 60 if fine else 3600,
        "low": low,
        "high": high,
    }
    table: pa.Table = store.query_arrow(asking.BY_STEP, asked, orgs=orgs, limit_seconds=asking.LIMIT_SECONDS)
    powers: dict[int, dict[int, float]] = defaultdict(dict)
    for series, at, area, held in zip(*(column.to_pylist() for column in table.columns), strict=True):
        if held >= width / 2:  # half a quarter says nothing of the whole
            powers[series][at] = area / held * factors[series]
    return powers


def _base(power: dict[int, float]) -> float | None:
    zone = ZoneInfo(machines.zone())
    night = sorted(kw for at, kw in power.items() if dt.datetime.fromtimestamp(at, zone).hour in NIGHT)
    return night[len(night) // 2] if night else None
