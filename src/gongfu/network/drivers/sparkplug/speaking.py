"""Being a Sparkplug B edge node: births, sequence numbers, aliases and deaths (Sparkplug 3.0.0 §5, §6)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiomqtt import Client, Will

from gongfu.kernel.errors import GongfuError
from gongfu.network.drivers.sparkplug.wire import (
    BDSEQ,
    NAMESPACE,
    REBIRTH,
    DataType,
    Metric,
    Payload,
    decode_payload,
    encode_payload,
    typed,
)

Cell = float | bool | str | None


class EdgeNode:
    """One connection's worth of Sparkplug: made anew for each connection, with the next ``birth`` number."""

    def __init__(
        self, group: str, node: str, devices: Mapping[str, Sequence[tuple[str, DataType]]], birth: int
    ) -> None:
        self._group = group
        self._node = node
        self._devices = devices
        self._birth = birth % 256
        self._seq = 0
        self._born: set[str] = set()
        self._last: dict[str, tuple[int, Mapping[str, Cell]]] = {}
        names = [(device, name) for device, metrics in devices.items() for name, _ in metrics]
        self._aliases = {name: number for number, name in enumerate(names, start=1)}  # §6.4.6: unique on the node

    def will(self) -> Will:
        """The NDEATH that the broker publishes when the connection is lost (§6.4.25)."""
        death = Payload(timestamp=_now(), metrics=[self._bdseq()])
        return Will(self._topic("NDEATH"), encode_payload(death), qos=1)

    async def start(self, client: Client, *, commands: bool = False) -> None:
        """Listen for commands, with ``commands`` also for those to devices; then NBIRTH."""
        await client.subscribe(self._topic("NCMD"), qos=1)
        if commands:
            await client.subscribe(self._topic("DCMD", "+"), qos=1)
        await self._bear(client)

    async def listen(self, client: Client, told: Callable[[str, str, Cell], Awaitable[None]] | None = None) -> None:
        """Answer demands for rebirth until the connection is lost; ``told`` device, metric and value of commands."""
        names = {alias: name for (_, name), alias in self._aliases.items()}
        async for message in client.messages:
            if not isinstance(message.payload, bytes):
                continue
            _, _, kind, _, *device = str(message.topic).split("/")
            with contextlib.suppress(GongfuError):  # a command nobody can read is no command
                for metric in decode_payload(message.payload).metrics:
                    if kind == "NCMD" and metric.name == REBIRTH and metric.value is True:
                        await self._bear(client)
                    elif kind == "DCMD" and device and told is not None and not isinstance(metric.value, bytes):
                        name = metric.name or names.get(metric.alias or 0, "")
                        await told(device[0], name, typed(metric.value, metric.datatype))  # type: ignore[arg-type]

    async def report(self, client: Client, device: str, at: int, values: Mapping[str, Cell]) -> None:
        """DBIRTH the first time, DDATA afterwards; ``at`` in milliseconds UTC."""
        birth = device not in self._born
        self._born.add(device)
        self._last[device] = at, values
        metrics = [
            Metric(
                name=name if birth else "",
                alias=self._aliases[device, name],
                timestamp=at,
                datatype=datatype,
                value=values[name],
                is_null=values[name] is None,
            )
            for name, datatype in self._devices[device]
        ]
        await self._send(client, "DBIRTH" if birth else "DDATA", metrics, device)

    async def death(self, client: Client, device: str) -> None:
        """DDEATH, if the device was born."""
        self._last.pop(device, None)
        if device in self._born:
            self._born.remove(device)
            await self._send(client, "DDEATH", [], device)

    async def _bear(self, client: Client) -> None:
        """NBIRTH starts the sequence anew and every known device is born again (§6.4.19)."""
        self._seq = 0
        self._born.clear()
        rebirth = Metric(name=REBIRTH, datatype=DataType.BOOLEAN, value=False, timestamp=_now())
        await self._send(client, "NBIRTH", [self._bdseq(), rebirth])
        for device, (at, values) in list(self._last.items()):
            if device not in self._born:
                await self.report(client, device, at, values)

    async def _send(self, client: Client, kind: str, metrics: list[Metric], device: str = "") -> None:
        body = encode_payload(Payload(timestamp=_now(), seq=self._seq, metrics=metrics))
        self._seq = (self._seq + 1) % 256
        await client.publish(self._topic(kind, device), body, qos=1)

    def _bdseq(self) -> Metric:
        return Metric(name=BDSEQ, datatype=DataType.INT64, value=self._birth, timestamp=_now())

    def _topic(self, kind: str, device: str = "") -> str:
        return "/".join([NAMESPACE, self._group, kind, self._node, *([device] if device else [])])


def _now() -> int:
    return time.time_ns() // 1_000_000
