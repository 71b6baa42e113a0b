"""A real nats-server of the leader, and both sides as processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gongfu.kernel import nats_server
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import Settings, load

LEAD = """
import asyncio
from gongfu.identity.mirror.leader import lead
from gongfu.identity.registry.store import open_store
from gongfu.kernel import bus
from gongfu.kernel.settings import settings
async def main():
    client = await bus.connect(settings(), "worker")
    await lead(settings(), client, open_store(settings().home), asyncio.Event())
asyncio.run(main())
"""
FOLLOW = """
import asyncio
from gongfu.identity.mirror.follower import follow
from gongfu.identity.registry.store import open_store
from gongfu.kernel.settings import settings
asyncio.run(follow(settings(), open_store(settings().home), asyncio.Event()))
"""


class Bus:
    """The server on a free port; it can be stopped and started again."""

    def __init__(self, home: Path) -> None:
        sockets = [socket.socket() for _ in range(3)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        ports = [str(sock.getsockname()[1]) for sock in sockets]
        for sock in sockets:
            sock.close()
        self.environment = {
            "GONGFU_HOME": str(home),
            "GONGFU_NODE": "leader",
            "GONGFU_PUBLISH_CHANGES": "true",
            "GONGFU_RETENTION_BUS_BYTES": "50000000",
        } | dict(zip(("GONGFU_BUS_PORT", "GONGFU_BUS_MONITOR_PORT", "GONGFU_MQTT_PORT"), ports, strict=True))
        self.settings: Settings = load(self.environment)
        self.start()

    @property
    def url(self) -> str:
        """As a follower has it in ``mirror_of``."""
        password = secret(self.settings.home, "bus-internal")
        return f"nats://gongfu:{password}@127.0.0.1:{self.settings.bus_port}/leader"

    def start(self) -> None:
        config = nats_server.prepare(self.settings)
        self.process = subprocess.Popen(
            [nats_server.find(self.settings), "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                address = f"http://127.0.0.1:{self.settings.bus_monitor_port}/healthz"
                urllib.request.urlopen(address, timeout=1).close()
                return
            except (OSError, urllib.error.URLError):
                assert time.monotonic() < deadline, "nats-server did not start"
                time.sleep(0.05)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


class Side:
    """Leader or follower as a process that can be killed."""

    def __init__(self, code: str, environment: dict[str, str], log: Path) -> None:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("GONGFU_", "DJANGO_"))}
        self._environment = inherited | environment
        self._code = code
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", self._code], env=self._environment, stdout=out, stderr=out
            )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Pair:
    """A leader and a follower with homes of their own, not yet running."""

    def __init__(self, folder: Path, bus: Bus) -> None:
        self.bus = bus
        self.leader_home, self.follower_home = bus.settings.home, folder / "follower"
        self.follower_home.mkdir()
        self.leader = Side(LEAD, bus.environment, folder / "leader.log")
        following = {"GONGFU_HOME": str(self.follower_home), "GONGFU_NODE": "mirror", "GONGFU_MIRROR_OF": bus.url}
        self.follower = Side(FOLLOW, following, folder / "follower.log")

    def logs(self) -> str:
        return "\n".join(
            side.log.read_text("utf-8")[-3000:] for side in (self.leader, self.follower) if side.log.exists()
        )


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    home = tmp_path / "leader"
    home.mkdir()
    bus = Bus(home)
    made = Pair(tmp_path, bus)
    yield made
    made.leader.kill()
    made.follower.kill()
    bus.stop()
