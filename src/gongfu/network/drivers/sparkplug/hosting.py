"""Being a Sparkplug host application: telling edge nodes whether anybody hears them (Sparkplug 3.0.0).

The topic is ``spBv1.0/STATE/<host id>``, the payload JSON with ``online`` and ``timestamp`` (milliseconds UTC). Birth,
will and death are retained and QoS 1; the birth carries the timestamp of the will of its connection
(tck-id-host-topic-phid-birth-payload-timestamp).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import msgspec
import structlog
from aiomqtt import Client, MqttError, Will

from gongfu.kernel.nats_server import HOST_USER, mqtt_host_password
from gongfu.kernel.settings import Settings
from gongfu.network.drivers.sparkplug.wire import NAMESPACE

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
_SECONDS = 5.0

_log = structlog.get_logger("gateway")


class State(msgspec.Struct, frozen=True):
    """What a host application says of itself."""

    online: bool
    timestamp: int
    """Milliseconds UTC."""


_decoder = msgspec.json.Decoder(State)


def topic(host: str) -> str:
    """Where the host application ``host`` says whether it is there."""
    return f"{NAMESPACE}/STATE/{host}"


def payload(state: State) -> bytes:
    """The JSON of ``state``."""
    return msgspec.json.encode(state)


def read(data: bytes) -> State | None:
    """What ``data`` says; None when it is no state."""
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError:
        return None


async def be_host(settings: Settings, ready: Callable[[], bool]) -> None:
    """Be online while ``ready``, until cancelled; a broken connection is opened again.

    The host id is the node's name. The node's own listener only: with a bus of one's own its operator is the host.
    """
    if settings.bus_url:
        return
    pause = FIRST_PAUSE
    while True:
        begin = time.monotonic()
        try:
            while not ready():  # noqa: ASYNC110 - two sources, neither has an event
                await asyncio.sleep(0.2)
            await _life(settings, ready)
        except (MqttError, OSError, TimeoutError) as error:
            _log.debug("not connected as Sparkplug host", reason=repr(error))
        pause = FIRST_PAUSE if time.monotonic() - begin > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
        await asyncio.sleep(pause)


async def _life(settings: Settings, ready: Callable[[], bool]) -> None:
    """One connection; ends when the gateway hears nothing any more."""
    own, born = topic(settings.node), _now()
    async with Client(
        {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host),  # noqa: S104 - compared
        settings.mqtt_port,
        username=HOST_USER,
        password=mqtt_host_password(settings.home),
        identifier=f"gongfu-host-{settings.node}",
        will=Will(own, payload(State(online=False, timestamp=born)), qos=1, retain=True),
        timeout=_SECONDS,
    ) as client:
        alive = payload(State(online=True, timestamp=born))
        await client.subscribe(own, qos=1)
        await client.publish(own, alive, qos=1, retain=True)
        watching = asyncio.create_task(_insist(client, alive))
        try:
            while ready() and not watching.done():
                await asyncio.wait({watching}, timeout=0.5)
        finally:
            watching.cancel()
            await asyncio.wait({watching})
            # Leaving in peace, the will is not published by the broker.
            death = payload(State(online=False, timestamp=_now()))
            with contextlib.suppress(MqttError):
                await client.publish(own, death, qos=1, retain=True, timeout=2)
        if not watching.cancelled():
            watching.result()


async def _insist(client: Client, alive: bytes) -> None:
    """Who says that we are offline, such as the will of an earlier connection, is contradicted at once."""
    async for message in client.messages:
        said = read(message.payload) if isinstance(message.payload, bytes) else None
        if said is not None and not said.online:
            await client.publish(str(message.topic), alive, qos=1, retain=True)


def _now() -> int:
    return time.time_ns() // 1_000_000
