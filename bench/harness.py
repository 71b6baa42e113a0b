"""What every measurement shares: the object it answers with, the machine it ran on, processes of a throwaway node."""

from __future__ import annotations

import contextlib
import os
import platform
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
import psutil

from gongfu.kernel import nats_server
from gongfu.kernel.settings import Settings, load


class Machine(msgspec.Struct, frozen=True):
    """Where the numbers come from."""

    cpu: str
    cores: int
    memory_gb: float
    load: float
    """Processes that wanted to run during the last minute, ours excluded only if this began long ago."""
    python: str


class Result(msgspec.Struct, frozen=True):
    """What a measurement prints."""

    name: str
    machine: Machine
    metrics: dict[str, float]
    baselines: dict[str, float]
    took_s: float
    missing: dict[str, str] = {}
    """Metrics that could not be measured here, and why."""


def result(
    name: str,
    metrics: Mapping[str, float],
    baselines: Mapping[str, float],
    started: float,
    missing: Mapping[str, str] | None = None,
) -> Result:
    """``started`` is ``time.perf_counter()`` of the beginning."""
    took = round(time.perf_counter() - started, 2)
    return Result(name, machine(), dict(metrics), dict(baselines), took, dict(missing or {}))


def machine() -> Machine:
    """This machine."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
        else:
            cpu = platform.machine()
    return Machine(
        cpu=cpu,
        cores=os.cpu_count() or 1,
        memory_gb=round(psutil.virtual_memory().total / 2**30, 1),
        load=round(os.getloadavg()[0], 2),
        python=platform.python_version(),
    )


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now."""
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in socks:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in socks]


class Node:
    """A home on free ports and the processes started in it; use as a context manager."""

    def __init__(self, home: Path, **environment: str) -> None:
        names = ("BUS_PORT", "BUS_MONITOR_PORT", "STORE_PORT", "GATEWAY_PORT", "MQTT_PORT")
        ports = {f"GONGFU_{name}": str(port) for name, port in zip(names, free_ports(len(names)), strict=True)}
        own = {"GONGFU_HOME": str(home), "GONGFU_LOG_LEVEL": "warning", **ports}
        self.settings: Settings = load(own)
        self._environment = os.environ | own | environment
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *_: object) -> None:
        bus = self._children.pop("bus", None)
        for children in (list(self._children.values()), [bus] if bus else []):  # the bus last: others have to drain
            for child in children:
                child.terminate()
            for child in children:
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()

    def start_bus(self) -> None:
        """Start nats-server and wait until it listens."""
        program = nats_server.find(self.settings)
        self._start("bus", [str(program), "-c", str(nats_server.prepare(self.settings))])
        port = self.settings.bus_port
        until(lambda: _listens(port), "the bus")

    def start(self, process: str, port: int) -> None:
        """Start ``gongfu PROCESS`` and wait until it is ready."""
        self._start(process, [sys.executable, "-m", "gongfu.cli", process])
        until(lambda: _ready(port), process)

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time of each process so far."""
        times = {name: psutil.Process(child.pid).cpu_times() for name, child in self._children.items()}
        return {name: used.user + used.system for name, used in times.items()}

    @staticmethod
    def cpu_of(pid: int) -> float:
        """Processor time of another process so far, with its children's."""
        process = psutil.Process(pid)
        times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
        return sum(used.user + used.system for used in times)

    @staticmethod
    def resident_mb_of(pid: int) -> float:
        """Resident memory of another process, without its children's."""
        return round(float(psutil.Process(pid).memory_info().rss) / 2**20, 1)

    def resident_mb(self) -> dict[str, float]:
        """Resident memory of each process."""
        return {n: round(psutil.Process(c.pid).memory_info().rss / 2**20, 1) for n, c in self._children.items()}

    def _start(self, name: str, command: list[str]) -> None:
        quiet = subprocess.DEVNULL if name == "bus" else None
        self._children[name] = subprocess.Popen(command, env=self._environment, stdout=quiet, stderr=quiet)


def until(condition: Callable[[], bool], what: str, seconds: float = 60, step: float = 0.02) -> None:
    """Wait for ``condition``; raises :class:`TimeoutError` naming ``what``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} took more than {seconds:.0f} s")
        time.sleep(step)


@contextlib.contextmanager
def stopwatch(into: dict[str, float], name: str) -> Iterator[None]:
    """Seconds of the block, under ``name``."""
    began = time.perf_counter()
    yield
    into[name] = time.perf_counter() - began


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _ready(port: int) -> bool:
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer,
    ):
        return bool(answer.status == 200)
    return False
