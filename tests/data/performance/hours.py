"""A store that answers from hours written by hand, and a machine to ask about."""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping
from typing import Any

import pyarrow as pa

from gongfu.data.performance import asking
from gongfu.kernel.accounts.models import Organisation
from gongfu.platform.devices.models import Device
from gongfu.platform.devices.services import DeviceDraft, TagDraft, create_device

HOUR = 3600


class Hours:
    """What the store would answer to the questions of :mod:`gongfu.data.performance.asking`, by whole hours."""

    def __init__(self) -> None:
        self.states: dict[tuple[int, int], dict[str, float]] = {}
        """(series, hour in seconds) → state → seconds"""
        self.grown: dict[tuple[int, int], float] = {}
        self.changes: dict[int, list[tuple[float, str]]] = {}
        self.asked: list[Collection[int]] = []

    def query_arrow(
        self, sql: str, asked: Mapping[str, Any], *, orgs: Collection[int], limit_seconds: float, threads: int = 2
    ) -> pa.Table:
        self.asked.append(orgs)
        if sql == asking.CHANGES:
            rows = [
                {"series": one, "t": int(at * 1e6), "state": state, "q": 0, "silent": False}
                for one in asked["series"]
                for at, state in self.changes.get(one, [])
            ]
            return pa.Table.from_pylist(rows, schema=None) if rows else pa.table({})
        if sql == asking.HOURS:
            found = [(s, at, list(x.items())) for (s, at), x in self.states.items() if s in asked["series"]]
            kind = pa.map_(pa.string(), pa.float64())
            return _table(("series", "at"), [one[:2] for one in found]).append_column(
                "states", pa.array([one[2] for one in found], kind)
            )
        if sql == asking.BY_STEP:
            return _table(("series", "at", "area", "held"), [])
        numbers = struct.unpack(f"<{len(asked['hours']) // 4}H", bytes.fromhex(asked["hours"]))

        def label(at: int) -> int:
            hour = (at - asked["low"]) // HOUR
            return numbers[hour] if 0 <= hour < len(numbers) else 0

        if sql == asking.STATES:
            rows2 = [
                (series, label(at), state, seconds)
                for (series, at), states in self.states.items()
                for state, seconds in states.items()
                if series in asked["series"] and 1 < label(at) < 0x8000
            ]
            return _table(("series", "label", "state", "seconds"), rows2)
        if sql == asking.GROWTH:
            rows3 = [
                (series, label(at), amount, 0, amount)
                for (series, at), amount in self.grown.items()
                if series in asked["series"] and 1 < label(at) < 0x8000
            ]
            return _table(("series", "label", "grown", "resets", "fast"), rows3)
        return _table(("series", "label", "area", "held"), [])


def _table(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> pa.Table:
    return pa.table({name: [row[index] for row in rows] for index, name in enumerate(names)})


def machining_centre(plant: Organisation, key: str, name: str, place: str = "壳体线") -> Device:
    return create_device(
        "test",
        plant,
        DeviceDraft(
            key=key,
            name=name,
            type="cnc-machining-centre",
            driver="modbus",
            place=(("青浦工厂", "Qingpu works"), (place, place)),
            options={"host": "127.0.0.1", "port": 1502},
            tags=[
                TagDraft(key="state", address="holding:0:uint16"),
                TagDraft(key="part_count", address="holding:1:uint32"),
                TagDraft(key="energy", address="holding:3:float32"),
                TagDraft(key="scrap_count", name="废品数", address="holding:5:uint16"),
            ],
        ),
    )
