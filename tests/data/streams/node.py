"""A bus and ``gongfu streams`` as real processes in a temporary home."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

from gongfu.kernel import nats_server
from gongfu.kernel.readings import Readings, encode
from gongfu.kernel.settings import load

STREAMS = (
    "import os; from gongfu.kernel.settings import load; from gongfu.data.streams.process import main;"
    " main(load(os.environ))"
)


def batch(org: int, device: int, series: list[int], times: list[int], values: list[float]) -> bytes:
    """A message of good readings."""
    count = len(series)
    return encode(
        Readings(
            org=org,
            device=device,
            arrived=times[0],
            series=np.array(series, np.uint32),
            times=np.array(times, np.int64),
            values=np.array(values, np.float64),
            qualities=np.zeros(count, np.uint8),
            texts=[],
        )
    )


RECORDER = (
    "import os; from gongfu.kernel.settings import load; from gongfu.data.telemetry.process import main;"
    " main(load(os.environ))"
)


class Node:
    """Use as a context manager."""

    def __init__(self, home: Path) -> None:
        names = ("BUS_PORT", "BUS_MONITOR_PORT", "STREAMS_PORT", "MQTT_PORT", "STORE_PORT")
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(socket.socket()) for _ in names]
            for sock in socks:
                sock.bind(("127.0.0.1", 0))
            ports = {f"GONGFU_{n}": str(s.getsockname()[1]) for n, s in zip(names, socks, strict=True)}
        self.environment = {"GONGFU_HOME": str(home), "GONGFU_LANGUAGE": "en", **ports}
        self.settings = load(self.environment)
        self._bus: subprocess.Popen[bytes] | None = None
        self._streams: subprocess.Popen[bytes] | None = None
        self._recorder: subprocess.Popen[bytes] | None = None

    def record(self) -> None:
        """Let a recorder store readings."""
        self._recorder = subprocess.Popen(
            [sys.executable, "-c", RECORDER],
            env=os.environ | self.environment | {"GONGFU_LOG_LEVEL": "warning"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> Node:
        program = nats_server.find(self.settings)
        config = nats_server.prepare(self.settings)
        self._bus = subprocess.Popen(
            [str(program), "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return self

    def __exit__(self, *_: object) -> None:
        for child in (self._streams, self._recorder, self._bus):
            if child is not None:
                child.kill()
                child.wait()

    def start(self, *, wait: bool = True) -> None:
        if self._streams is None:
            self._streams = subprocess.Popen(
                [sys.executable, "-c", STREAMS],
                env=os.environ | self.environment | {"GONGFU_LOG_LEVEL": "warning"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        deadline = time.monotonic() + 30
        while wait and self._get("/readyz") is None:
            assert time.monotonic() < deadline, "streams did not become ready"
            assert self._streams.poll() is None, "streams ended"
            time.sleep(0.05)

    def kill(self) -> None:
        assert self._streams is not None
        self._streams.kill()
        self._streams.wait()
        self._streams = None

    def metrics(self) -> str:
        return self._get("/metrics") or ""

    def _get(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.settings.streams_port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return None
