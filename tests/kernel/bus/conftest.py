"""A real nats-server of this test session, on free ports."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gongfu.kernel import nats_server
from gongfu.kernel.settings import Settings, load


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


class RunningBus:
    """The server and what belongs to it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        nats_server.write_users(settings.home, ["acme", "other"])
        config = nats_server.prepare(settings)
        self.process = subprocess.Popen(
            [nats_server.find(settings), "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{settings.bus_monitor_port}/healthz", timeout=1).close()
                return
            except (OSError, urllib.error.URLError):
                assert time.monotonic() < deadline, "nats-server did not start"
                time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="module")
def running_bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBus]:
    home: Path = tmp_path_factory.mktemp("bus")
    bus_port, monitor_port, mqtt_port = free_ports(3)
    settings = load(
        {
            "GONGFU_HOME": str(home),
            "GONGFU_BUS_PORT": str(bus_port),
            "GONGFU_BUS_MONITOR_PORT": str(monitor_port),
            "GONGFU_MQTT_PORT": str(mqtt_port),
            "GONGFU_RETENTION_BUS_BYTES": "10000000",
        }
    )
    running = RunningBus(settings)
    yield running
    running.stop()
