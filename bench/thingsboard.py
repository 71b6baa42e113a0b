"""ThingsBoard's gateway beside ours: processor seconds for the same devices, values and time. See ``gateway.py``.

Both read the same simulated Modbus devices, 50 float32 numbers of each once a second. ThingsBoard's gateway is
configured as it works best: one range of 100 registers for each device, read in one request, where its usual
configuration has a request for each tag; the console, its own database and its statistics are off; QoS 1 to a listener
that only acknowledges (``mqtt_sink.py``). Counted is the processor time of the gateway process with its children, in
the same number of seconds, after every device has been read. What takes the values is counted on neither side:
not that listener, not our bus; ``cpu_ratio_with_bus`` adds our bus, which has every value on disk, to our side alone.
A run in which that gateway delivered less than nine tenths of the values is no comparison and is *missing*.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import fleet
from harness import Node

VARIABLE = "THINGSBOARD_GATEWAY"
_STARTS_WITHIN = 90.0
_SETTLE = 5.0
_ENOUGH = 0.9


class Compared(NamedTuple):
    """What ``gateway.py`` prints of it."""

    metrics: Mapping[str, float]
    baselines: Mapping[str, float]


class _Used(NamedTuple):
    seconds: float
    cpu: float
    values: int
    memory_mb: float


def compare(count: int, seconds: float) -> Compared | str:
    """Both gateways reading ``count`` devices for ``seconds``; or why there is nothing to compare with."""
    program = os.environ.get(VARIABLE) or shutil.which("thingsboard-gateway")
    if program is None or not Path(program).is_file():
        return f"there is no thingsboard-gateway on PATH, and {VARIABLE} does not name one"
    theirs = _theirs(program, count, seconds)
    if isinstance(theirs, str):
        return theirs
    ours = fleet.watch(count, seconds)
    their_cores, our_cores = theirs.cpu / theirs.seconds, ours.gateway_cpu / ours.seconds
    per_s = theirs.values / theirs.seconds
    if per_s < _ENOUGH * count * fleet.TAGS:
        return f"thingsboard-gateway delivered {per_s:.0f} of {count * fleet.TAGS} values a second"
    return Compared(
        {
            "cpu_ratio_to_thingsboard_gateway": round(their_cores / our_cores, 2),
            "cpu_ratio_with_bus": round(their_cores / (our_cores + ours.bus_cpu / ours.seconds), 2),
        },
        {
            "thingsboard_devices": count,
            "thingsboard_cores": round(their_cores, 3),
            "thingsboard_values_per_s": round(per_s),
            "thingsboard_rss_mb": theirs.memory_mb,
            "beside_it_cores": round(our_cores, 3),
            "beside_it_values_per_s": round(ours.readings_per_s),
            "beside_it_rss_mb": ours.memory_mb,
        },
    )


def _theirs(program: str, count: int, seconds: float) -> _Used | str:
    folder = Path(tempfile.mkdtemp(prefix="gongfu-bench-"))
    wanted = count * fleet.TAGS
    try:
        with fleet.plant(count) as (ports, _), _sink() as sink, (folder / "output").open("w+b") as output:
            _configure(folder, sink.port, ports)
            environment = os.environ | {
                "TB_GW_CONFIG_DIR": str(folder),
                "PATH": f"{Path(program).parent}:/usr/bin:/bin",
            }
            child = subprocess.Popen(
                [program], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            try:
                until = time.monotonic() + _STARTS_WITHIN
                while sink.values() < wanted:
                    if child.poll() is not None or time.monotonic() > until:
                        output.seek(0)
                        said = output.read()[-400:].decode(errors="replace")
                        return f"thingsboard-gateway gave {sink.values()} values within {_STARTS_WITHIN:.0f} s: {said}"
                    time.sleep(0.2)
                time.sleep(_SETTLE)
                before, values, began = Node.cpu_of(child.pid), sink.values(), time.perf_counter()
                time.sleep(seconds)
                took = time.perf_counter() - began
                return _Used(
                    took, Node.cpu_of(child.pid) - before, sink.values() - values, Node.resident_mb_of(child.pid)
                )
            finally:
                child.kill()
                child.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Sink:
    def __init__(self, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        assert child.stdin is not None
        self._out, self._in = child.stdout, child.stdin
        self.port = int(self._out.readline())

    def values(self) -> int:
        """How many have come."""
        self._in.write("\n")
        self._in.flush()
        return int(json.loads(self._out.readline())[0])


@contextlib.contextmanager
def _sink() -> Iterator[_Sink]:
    program = str(Path(__file__).with_name("mqtt_sink.py"))
    with subprocess.Popen([sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield _Sink(child)
        finally:
            child.kill()


def _configure(folder: Path, port: int, ports: list[int]) -> None:
    """The gateway's own files; a key that is not named has its default."""
    endless = "0:0,"
    gateway = {
        "thingsboard": {
            "host": "127.0.0.1",
            "port": port,
            "remoteShell": False,
            "remoteConfiguration": False,
            "statistics": {"enable": False},
            "maxPayloadSizeBytes": 65536,
            "minPackSendDelayMS": 50,
            "minPackSizeToSend": 500,
            "checkConnectorsConfigurationInSeconds": 3600,
            "security": {"type": "accessToken", "accessToken": "bench"},
            "qos": 1,
            "reportStrategy": {"type": "ON_RECEIVED"},
            **dict.fromkeys(
                ("rateLimits", "dpRateLimits", "messagesRateLimits", "deviceMessagesRateLimits", "deviceRateLimits",
                 "deviceDpRateLimits"),
                endless,
            ),
        },
        "storage": {"type": "memory", "read_records_count": 1000, "max_records_count": 100000},
        "grpc": {"enabled": False},
        "connectors": [{"type": "modbus", "name": "Modbus", "configuration": "modbus.json", "logLevel": "ERROR"}],
    }  # fmt: skip
    numbers = {
        "tag": "t${address}",
        "type": "32float",
        "functionCode": 3,
        "objectsCount": 2,
        "address": f"0-{2 * fleet.TAGS - 1}",
        "maxRegistersPerRequest": 2 * fleet.TAGS,
    }
    slaves = [
        {
            "host": "127.0.0.1",
            "port": place,
            "type": "tcp",
            "method": "socket",
            "unitId": 1,
            "deviceName": f"d{number}",
            "deviceType": "default",
            "timeout": 5,
            "byteOrder": "BIG",
            "wordOrder": "BIG",
            "retries": 1,
            "pollPeriod": 1000,
            "attributes": [],
            "timeseries": [numbers],
            "attributeUpdates": [],
            "rpc": [],
        }
        for number, place in enumerate(ports, 1)
    ]
    logs = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler", "level": "ERROR", "stream": "ext://sys.stdout"}},
        "root": {"level": "ERROR", "handlers": ["console"]},
        "loggers": {},
    }
    for name, content in (("tb_gateway", gateway), ("modbus", {"master": {"slaves": slaves}}), ("logs", logs)):
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    (folder / "connected_devices.json").write_text("{}", encoding="utf-8")
    (folder / "logs").mkdir()
