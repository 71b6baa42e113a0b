"""A whole node as real processes, on free ports and in a home of its own."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import clickhouse_connect
import msgspec

PORTS = [
    "web",
    "bus",
    "bus_monitor",
    "store",
    "supervisor",
    "gateway",
    "northbound",
    "streams",
    "resolver",
    "handle_http",
    "worker",
    "simulator",
    "mqtt",
    "handle",
    "simulator_base",
]


def free_block(size: int) -> int:
    """First of ``size`` neighbouring ports on which nobody listens."""
    while True:
        first = random.randrange(20_000, 32_000 - size)
        try:
            for port in range(first, first + size):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


@dataclass
class Node:
    """``gongfu up`` in ``home``; use as a context manager."""

    home: Path
    extra: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    up: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        first = free_block(len(PORTS) + 20)
        self.ports = {name: first + index for index, name in enumerate(PORTS)}

    @property
    def environment(self) -> dict[str, str]:
        """What every command of this node needs."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("GONGFU_", "DJANGO_"))}
        ports = {f"GONGFU_{name.upper()}_PORT": str(port) for name, port in self.ports.items()}
        return {**inherited, **ports, "GONGFU_HOME": str(self.home), "GONGFU_LANGUAGE": "en", **self.extra}

    def command(self, *arguments: str, timeout: float = 60, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run ``gongfu …`` for this node."""
        return subprocess.run(
            [sys.executable, "-m", "gongfu.cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=check,
        )

    def django(self, code: str) -> str:
        """Run Python with Django set up in this node; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-c", f"import django; django.setup()\n{code}"],
            env={**self.environment, "DJANGO_SETTINGS_MODULE": "gongfu.console.django_settings"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def __enter__(self) -> Node:
        with (self.home / "up.out").open("wb") as out:
            self.up = subprocess.Popen(
                [sys.executable, "-m", "gongfu.cli", "up"], env=self.environment, stdout=out, stderr=subprocess.STDOUT
            )
        self.wait_ready(60)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.up is not None
        self.up.send_signal(signal.SIGTERM)
        try:
            self.up.wait(15)
        except subprocess.TimeoutExpired:
            self.up.kill()
            raise

    def output(self) -> str:
        """What ``gongfu up`` has printed so far."""
        return (self.home / "up.out").read_text(encoding="utf-8", errors="replace")

    def get(self, port: str, path: str) -> bytes:
        """Body of a loopback address of one of the processes."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[port]}{path}", timeout=5) as answer:
            return answer.read()

    def processes(self) -> dict[str, dict[str, Any]]:
        """The supervisor's table by name."""
        return {row["name"]: row for row in msgspec.json.decode(self.get("supervisor", "/processes"))}

    def wait_ready(self, seconds: float, *names: str) -> float:
        """Wait until these processes (default: all) are ready; returns how long it took."""
        start = time.monotonic()
        last: object = None
        while time.monotonic() - start < seconds:
            assert self.up is not None
            assert self.up.poll() is None, self.output()
            try:
                last = rows = self.processes()
                if all(rows[name]["state"] == "ready" for name in names or rows):
                    return time.monotonic() - start
            except (OSError, KeyError) as error:
                last = error
            time.sleep(0.1)
        raise AssertionError(f"not ready after {seconds} s: {last}\n{self.output()[-4000:]}")

    def kill(self, name: str) -> int:
        """``kill -9`` of one process; returns the pid it had."""
        pid = int(self.processes()[name]["pid"])
        os.kill(pid, signal.SIGKILL)
        return pid

    def store(self) -> Any:
        """A foreign client of the telemetry store."""
        password = (self.home / "secrets" / "store-internal").read_text().strip()
        return clickhouse_connect.get_client(
            host="127.0.0.1",
            port=self.ports["store"],
            username="gongfu",
            password=password,
            database="gongfu",
            autogenerate_session_id=False,
        )
