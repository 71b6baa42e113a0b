"""An edge node as an engineer meets it: joined by one command, given a machine, read, written to, ruled, locked out."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gongfu.network.drivers.modbus.simulator import ModbusSimulator, Point

from .running import Node, free_block

pytestmark = [pytest.mark.node, pytest.mark.timeout(600)]  # two whole nodes start, perhaps on a busy machine
EDGE_PORTS = ("bus", "bus_monitor", "mqtt", "gateway", "supervisor", "edge", "edge_forward")


class Api:
    """The node's API, as a program of an engineer calls it."""

    def __init__(self, node: Node) -> None:
        self._base = f"http://127.0.0.1:{node.ports['web']}/api/v1/platform/"
        self._token = node.django(
            "from gongfu.kernel.accounts.models import User\n"
            "from gongfu.kernel.accounts import tokens\n"
            "print(tokens.create(User.objects.get(username='admin'), 'test', read_only=False)[1])"
        ).strip()

    def __call__(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._base + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.code} {error.read().decode()}") from error


def until(holds: Callable[[], Any], within: float = 120.0) -> Any:
    """Wait for a condition."""
    give_up = time.monotonic() + within
    while not (found := holds()):
        assert time.monotonic() < give_up
        time.sleep(0.3)
    return found


@contextmanager
def press() -> Iterator[ModbusSimulator]:
    """A machine with a flow and a speed that can be set, answering from a thread of its own."""
    loop = asyncio.new_event_loop()
    points = [Point("speed", "holding:0:uint16", 800), Point("flow", "holding:1:uint16", 95)]
    simulator = ModbusSimulator("127.0.0.1", 0, points)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(simulator.__aenter__(), loop).result(20)
    try:
        yield simulator
    finally:
        asyncio.run_coroutine_threadsafe(simulator.__aexit__(None, None, None), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


@contextmanager
def edge_node(environment: dict[str, str], home: Path) -> Iterator[None]:
    """``gongfu edge`` on the small machine."""
    with (home / "edge.out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gongfu.cli", "edge"], env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_an_edge_joins_reads_writes_obeys_rules_and_is_locked_out(tmp_path: Path) -> None:
    (home := tmp_path / "node").mkdir()
    (box := tmp_path / "edge").mkdir()
    first = free_block(len(EDGE_PORTS) + 1)
    with press() as machine, Node(home, extra={"GONGFU_LEAF_PORT": str(first)}) as node:
        api = Api(node)
        edge = api("edges", {"name": "一号车间", "code": "hall-1"})
        command = api(f"edges/{edge['id']}/invite", {})["command"].split()
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("GONGFU_", "DJANGO_"))}
        ports = {f"GONGFU_{name.upper()}_PORT": str(first + 1 + n) for n, name in enumerate(EDGE_PORTS)}
        environment = {**inherited, **ports, "GONGFU_HOME": str(box), "GONGFU_LANGUAGE": "en"}
        joined = subprocess.run(
            [sys.executable, "-m", "gongfu.cli", *command[1:]],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert joined.returncode == 0, joined.stderr
        with edge_node(environment, box):
            until(lambda: api(f"edges/{edge['id']}")["state"] == "online")

            series, setpoint = map(int, node.django(_set_up(machine.port)).split())
            store = node.store()
            counted = f"SELECT count() FROM readings WHERE series = {series}"
            until(lambda: store.query(counted).result_rows[0][0] >= 3)
            assert store.query(f"SELECT any(value) FROM readings WHERE series = {series}").result_rows[0][0] == 95.0

            device = api("devices")["items"][0]
            until(lambda: api(f"devices/{device['id']}")["connection"] == "online")
            written = api("commands", {"setpoint": setpoint, "value": "650", "reason": "test"})
            until(lambda: api(f"commands/{written['id']}")["state"] == "confirmed")
            assert machine.value("speed") == 650

            rule = api("edge-rules", {"edge": edge["id"], "name": "流量过高", "tag": series, "limit": 90, "seconds": 1})
            assert rule["state"] == "active"
            until(lambda: (now := api(f"edges/{edge['id']}"))["rules_seen"] == 1 and now["rules_fired"] >= 1)

            assert api(f"edges/{edge['id']}/logs", {"process": "gateway"})["text"]
            api(f"edges/{edge['id']}/forward", {"order": "newest"})
            until(lambda: api(f"edges/{edge['id']}")["forwarding"] == "newest")

            api(f"edges/{edge['id']}/suspend", {"reason": "stolen"})
            stood = _stands_still(store, counted)
            assert stood >= 3
            assert api(f"devices/{device['id']}")["connection"] == "offline"


def _set_up(port: int) -> str:
    """Program that gives the edge a press; prints the series of its flow and the set-point of its speed."""
    return (
        "from gongfu.platform.commands import services as commands\n"
        "from gongfu.platform.commands.models import Setpoint\n"
        "from gongfu.platform.devices import applying\n"
        "from gongfu.platform.devices.document import DeviceDocument, TagDocument\n"
        "from gongfu.platform.edges.models import Edge\n"
        "tags = [TagDocument(key='speed', name='转速', address='holding:0:uint16'),\n"
        "        TagDocument(key='flow', name='流量', address='holding:1:uint16')]\n"
        "document = DeviceDocument(key='PRESS-1', name='压机', type='centrifugal-pump', driver='modbus',\n"
        f"    options={{'host': '127.0.0.1', 'port': {port}}}, interval=0.5, gateway='hall-1', tags=tags)\n"
        "device = applying.put('test', Edge.objects.get().organisation, document).device\n"
        "setpoint = Setpoint(tag=device.tags.get(key='speed'), low=0, high=2000)\n"
        "commands.prepare(setpoint)\n"
        "print(device.tags.get(key='flow').pk, setpoint.pk)\n"
    )


def _stands_still(store: Any, counted: str) -> int:
    """How many readings there are once no more arrive."""
    give_up = time.monotonic() + 60
    before = -1
    while (now := int(store.query(counted).result_rows[0][0])) != before:
        assert time.monotonic() < give_up, "readings still arrive"
        before = now
        time.sleep(6)
    return now
