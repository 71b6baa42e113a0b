"""A bus and a recorder as real processes in a temporary home."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gongfu.kernel import nats_server
from gongfu.kernel.readings import Readings, TextReading, encode
from gongfu.kernel.settings import Settings, load

RECORDER = (
    "import os; from gongfu.kernel.settings import load; from gongfu.data.telemetry.process import main;"
    " main(load(os.environ))"
)


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now."""
    socks = [socket.socket() for _ in range(count)]
    try:
        for sock in socks:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in socks]
    finally:
        for sock in socks:
            sock.close()


def environment(home: Path, **others: str) -> dict[str, str]:
    """Variables of a node in ``home`` on free ports, with ``others`` as further settings."""
    names = ("BUS_PORT", "BUS_MONITOR_PORT", "STORE_PORT", "MQTT_PORT")
    ports = free_ports(len(names))
    chosen = dict(zip(names, map(str, ports), strict=True)) | others
    return {"GONGFU_HOME": str(home), "GONGFU_LANGUAGE": "en"} | {
        f"GONGFU_{name.upper()}": value for name, value in chosen.items()
    }


class Node:
    """The processes of one test; :meth:`close` ends them."""

    def __init__(self, home: Path, **others: str) -> None:
        self.environment = environment(home, **others)
        self.settings: Settings = load(self.environment)
        self._bus: subprocess.Popen[bytes] | None = None
        self._recorder: subprocess.Popen[bytes] | None = None

    def start_bus(self) -> None:
        config = nats_server.prepare(self.settings)
        program = nats_server.find(self.settings)
        self._bus = subprocess.Popen(
            [str(program), "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.settings.bus_port), 1):
                return
            time.sleep(0.02)
        raise AssertionError("the bus did not start")

    def stop_bus(self) -> None:
        assert self._bus is not None
        self._bus.kill()
        self._bus.wait()
        self._bus = None

    def start_recorder(self, prefix: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        self._recorder = subprocess.Popen(
            [*prefix, sys.executable, "-c", RECORDER],
            env=os.environ | self.environment | {"GONGFU_LOG_LEVEL": "warning"},
            stderr=subprocess.DEVNULL,
        )
        self.until_ready()
        return self._recorder

    def kill_recorder(self) -> None:
        assert self._recorder is not None
        self._recorder.kill()
        self._recorder.wait()
        self._recorder = None

    def until_ready(self, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.ready()[0] == 200:
                return
            time.sleep(0.02)
        raise AssertionError(f"the recorder did not become ready: {self.ready()}")

    def ready(self) -> tuple[int, str]:
        """Status and body of ``/readyz``; (0, reason) while nobody answers."""
        return self.get("/readyz")

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.settings.store_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def close(self) -> None:
        for child in (self._recorder, self._bus):
            if child is not None and child.poll() is None:
                child.terminate()
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()


@contextlib.contextmanager
def node(home: Path, *, recorder: bool = True) -> Iterator[Node]:
    """A running bus, and a recorder that is ready."""
    one = Node(home)
    try:
        one.start_bus()
        if recorder:
            one.start_recorder()
        yield one
    finally:
        one.close()


def texts(org: int, device: int, items: list[TextReading], *, arrived: int) -> bytes:
    """A message of text readings."""
    return encode(
        Readings(
            org=org,
            device=device,
            arrived=arrived,
            series=np.array([], np.uint32),
            times=np.array([], np.int64),
            values=np.array([], np.float64),
            qualities=np.array([], np.uint8),
            texts=items,
        )
    )


def batch(org: int, device: int, series: list[int], times: list[int], values: list[float], *, arrived: int) -> bytes:
    """A message of readings, all of good quality."""
    return encode(
        Readings(
            org=org,
            device=device,
            arrived=arrived,
            series=np.array(series, np.uint32),
            times=np.array(times, np.int64),
            values=np.array(values, np.float64),
            qualities=np.zeros(len(series), np.uint8),
            texts=[],
        )
    )
