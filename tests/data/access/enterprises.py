"""What the tests of access share: two enterprises with a pump each, and the interface served."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

sys.path.insert(0, str(Path(__file__).parents[1] / "telemetry"))  # the rig lies beside the tests of the store

import rig

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.ops import App
from gongfu.kernel.store import StoreClient
from gongfu.platform.devices.services import Device, DeviceDraft, TagDraft

SECRET = 6660666.5
"""A value only the other enterprise has."""
ROWS = 3600

NOON = datetime(2026, 10, 21, 12, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    ours: Organisation
    theirs: Organisation
    pump: Device
    rivals: Device
    engineer: User
    rival: User
    token: str
    rivals_token: str
    store: StoreClient
    node: rig.Node

    def tag(self, key: str) -> int:
        return int(self.pump.tags.get(key=key).pk)


def draft(key: str) -> DeviceDraft:
    tags = [
        TagDraft(key="flow", name="流量", name_en="Flow", unit="m³/h"),
        TagDraft(key="mode", name="方式", kind="text"),
    ]
    return DeviceDraft(key=key, name="泵", type="centrifugal-pump", driver="modbus", tags=tags)


def fill(store: StoreClient, device: Device, value: str) -> None:
    org, flow, mode = device.organisation_id, device.tags.get(key="flow").pk, device.tags.get(key="mode").pk
    store.command(
        f"INSERT INTO readings SELECT {org}, {flow}, toDateTime64('2026-10-21 12:00:00', 6, 'UTC')"
        f" + toIntervalSecond(number), {value}, 0, now() FROM numbers({ROWS})"
    )
    store.command(f"INSERT INTO texts VALUES ({org}, {mode}, '2026-10-21 12:00:01', '自动', 0, now())")
    store.command(
        "INSERT INTO latest (org, series, ts, value, text, quality) SELECT"
        f" {org}, {flow}, '2026-10-21 12:59:59', {value.replace('number', '3599')}, '', 0"
    )
    for pk, key, kind in ((flow, "flow", "number"), (mode, "mode", "text")):
        store.command(
            "INSERT INTO series (org, series, device, device_key, tag_key, name, kind, unit, owner) VALUES"
            f" ({org}, {pk}, {device.pk}, '{device.key}', '{key}', '{key}', '{kind}', 'm³/h', '')"
        )


class Served:
    """An ASGI app on a port of its own, in a thread of its own."""

    def __init__(self, application: App) -> None:
        self._sock = socket.socket()
        self._sock.bind(("127.0.0.1", 0))
        self._sock.listen(64)
        self.port: int = self._sock.getsockname()[1]
        config = uvicorn.Config(
            application, lifespan="off", log_config=None, http="h11", h11_max_incomplete_event_size=2**20
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve(sockets=[self._sock])), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)
