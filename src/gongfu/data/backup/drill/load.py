"""The drill's load, and what of it was acknowledged when."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Final

import aiomqtt
import msgspec

from gongfu.data.backup.drill.node import CODE, DEVICES, DrillNode
from gongfu.kernel.nats_server import mqtt_password

_AT_ONCE: Final = 40
_SCRIPT: Final = "gongfu.data.backup.drill.writing"


@dataclass
class Acknowledged:
    """One thing the node promised to keep: kind and name, and nanoseconds since 1970 when the promise came."""

    kind: str
    name: str
    at: int


@dataclass
class Load:
    """Readings by MQTT at QoS 1, identifiers and records, until :meth:`stop`. Ends by itself when the node dies."""

    node: DrillNode
    promised: list[Acknowledged] = field(default_factory=list)
    series: dict[int, int] = field(default_factory=dict)
    """Device → series."""
    organisation: int = 0
    _threads: list[threading.Thread] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _writer: subprocess.Popen[str] | None = None

    def enter(self) -> None:
        """Make the organisation and its devices."""
        numbers = [int(word) for word in self._script("enter").split()]
        self.organisation, self.series = numbers[0], dict(enumerate(numbers[1:]))

    def start(self) -> None:
        """Begin."""
        self._writer = subprocess.Popen(
            [sys.executable, "-m", _SCRIPT, "write"], env=self.node.environment, stdout=subprocess.PIPE, text=True
        )
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._listen, self._publish)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End it; what was promised stays in :attr:`promised`."""
        self._stopping.set()
        if self._writer is not None:
            self._writer.kill()
            self._writer.wait()
        for thread in self._threads:
            thread.join(20)

    def missing_written(self, promised: list[Acknowledged]) -> list[str]:
        """Identifiers and records of ``promised`` that the node does not have."""
        asked = "".join(f"{one.kind} {one.name}\n" for one in promised if one.kind != "reading")
        return self._script("count", asked).splitlines()

    def _listen(self) -> None:
        assert self._writer is not None
        assert self._writer.stdout is not None
        for line in self._writer.stdout:
            with contextlib.suppress(ValueError):
                kind, name, at = line.split()
                self.promised.append(Acknowledged(kind, name, int(at)))

    def _publish(self) -> None:
        with contextlib.suppress(aiomqtt.MqttError, OSError, asyncio.CancelledError):
            asyncio.run(self._publish_all())

    async def _publish_all(self) -> None:
        password = mqtt_password(self.node.home, CODE)
        port = self.node.settings.mqtt_port
        async with aiomqtt.Client("127.0.0.1", port, username=CODE, password=password, identifier="drill") as client:
            client.pending_calls_threshold = _AT_ONCE
            await asyncio.gather(*(self._one(client, at) for at in range(_AT_ONCE)))

    async def _one(self, client: aiomqtt.Client, at: int) -> None:
        device, n = at % DEVICES, 0
        while not self._stopping.is_set():
            n += 1
            moment = time.time_ns() // 1000 // 1000 * 1000 + at  # no two alike within a device
            payload = msgspec.json.encode({"ts": moment, "v": n})
            try:
                await client.publish(f"gongfu/{CODE}/D{device}/data", payload, qos=1)
            except aiomqtt.MqttError:
                return  # the node is dead
            self.promised.append(Acknowledged("reading", f"{device}:{moment}", time.time_ns()))
            await asyncio.sleep(0.02)

    def _script(self, what: str, given: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", _SCRIPT, what],
            env=self.node.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return done.stdout
