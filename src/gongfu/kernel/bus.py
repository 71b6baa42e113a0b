"""The bus: names, streams and one way to connect.

| name | what |
|---|---|
| stream ``READINGS``, subject ``readings.<org>.<device>`` | :class:`gongfu.kernel.readings.Readings` |
| stream ``EVENTS``, subject ``events.<org>.<device>`` | :class:`gongfu.kernel.events.Event` (JSON) |
| bucket ``desired``, key ``<gateway>.<device>`` | device configuration (JSON), written by the control plane |
| bucket ``actual``, key ``<gateway>.<device>`` | device state (JSON), written by the gateway |
| bucket ``memory``, key ``<gateway>.<device>`` | what derived tags must not forget (JSON), by and for the gateway |
| bucket ``edges``, key ``<edge>.state`` | how an edge node is (JSON), written by the edge |

Both streams keep a message until the recorder has stored it.
A publisher counts a message as acknowledged when JetStream has answered: then it is on disk.
When a stream is full the bus refuses new messages rather than dropping old ones, so that back-pressure
reaches the gateway and nothing acknowledged is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.errors import ConnectionClosedError, Error, NoRespondersError, NoServersError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    KeyValueConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BucketNotFoundError, NotFoundError, ServerError, ServiceUnavailableError

from gongfu.kernel.errors import Forbidden, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import Settings

READINGS = "READINGS"
EVENTS = "EVENTS"
RECORDER = "recorder"
DESIRED = "desired"
ACTUAL = "actual"
MEMORY = "memory"
EDGES = "edges"
INTERNAL_USER = "gongfu"
_RETRY = 0.25
"""Seconds between two attempts to reach the bus."""
MAX_PAYLOAD = 1_048_576
"""Largest message, bytes; NATS closes a connection that sends more."""


def readings_subject(org: int, device: int) -> str:
    """Where readings of one device are published."""
    return f"readings.{org}.{device}"


def events_subject(org: int, device: int) -> str:
    """Where events of one device are published."""
    return f"events.{org}.{device}"


def memory_subject(gateway: str, device: int) -> str:
    """Where a new value of a device's key in the bucket ``memory`` is published."""
    return f"$KV.{MEMORY}.{gateway}.{device}"


def url(settings: Settings) -> str:
    """Address of the bus without credentials, fit for logs."""
    if settings.bus_url:
        return settings.bus_url.rpartition("@")[2]
    return f"127.0.0.1:{settings.bus_port}"


async def connect(
    settings: Settings,
    name: str,
    *,
    wait: bool = True,
    on_disconnect: Callable[[], Awaitable[None]] | None = None,
    on_reconnect: Callable[[], Awaitable[None]] | None = None,
) -> Client:
    """A connection that comes back by itself for ever.

    With ``wait`` it also waits for a bus that is not up yet; without, raises :class:`Unavailable` at once.
    Raises :class:`Forbidden` when the bus is there and refuses us: waiting would not help.
    """
    while True:
        try:
            # nats-py, once told to reconnect, also retries for ever what can never succeed: so ask once without.
            first = await _open(settings, name, reconnect=False)
            await first.close()
            return await _open(
                settings, name, reconnect=wait, disconnected_cb=on_disconnect, reconnected_cb=on_reconnect
            )
        except (OSError, NoServersError, TimeoutError, ConnectionClosedError) as error:
            if not wait:
                raise Unavailable(
                    mark("The bus at {url} does not answer."),
                    remedy=mark("Start it with gongfu up, or correct bus_url."),
                    url=url(settings),
                ) from error
        except Error as error:
            if "authorization" not in str(error).lower():
                raise
            raise Forbidden(
                mark("The bus at {url} refuses our user name or password."),
                remedy=mark("Correct bus_url, or GONGFU_HOME: the password of the node's own bus lies in it."),
                url=url(settings),
            ) from error
        await asyncio.sleep(_RETRY)


async def _open(
    settings: Settings,
    name: str,
    *,
    reconnect: bool,
    disconnected_cb: Callable[[], Awaitable[None]] | None = None,
    reconnected_cb: Callable[[], Awaitable[None]] | None = None,
) -> Client:
    own = not settings.bus_url
    client = Client()
    try:
        await client.connect(
            settings.bus_url or f"nats://127.0.0.1:{settings.bus_port}",
            name=f"gongfu-{name}",
            user=INTERNAL_USER if own else None,
            password=secret(settings.home, "bus-internal") if own else None,
            allow_reconnect=reconnect,
            max_reconnect_attempts=-1 if reconnect else 1,
            reconnect_time_wait=_RETRY,  # type: ignore[arg-type]  # a float works; the annotation is narrower
            connect_timeout=2,
            pending_size=64 * 1024 * 1024,
            disconnected_cb=disconnected_cb,
            reconnected_cb=reconnected_cb,
            error_cb=_ignore,
        )
    except BaseException:
        await client.close()  # a refused connection would keep its socket
        raise
    return client


async def ensure(settings: Settings, client: Client) -> JetStreamContext:
    """Streams, the recorder's consumers and buckets exist afterwards, as the settings say.

    Calling it again, or from several processes at once, changes nothing.
    Raises :class:`Unavailable` when the bus stores nothing: its disk is full, or it is still starting.
    """
    js = client.jetstream(timeout=5)
    try:
        for stream, subjects in ((READINGS, ["readings.>"]), (EVENTS, ["events.>"])):
            await _ensure_stream(js, settings, stream, subjects)
        for bucket in (DESIRED, ACTUAL, MEMORY, EDGES):
            try:
                await js.key_value(bucket)
            except BucketNotFoundError:
                await js.create_key_value(KeyValueConfig(bucket=bucket, storage=StorageType.FILE))
    except (ServiceUnavailableError, ServerError, NoRespondersError, TimeoutError) as error:
        raise Unavailable(
            mark("The bus at {url} cannot store messages: {reason}."),
            remedy=mark("Look at the disk and at log/nats-server.log in GONGFU_HOME."),
            url=url(settings),
            reason=error,
        ) from error
    return js


async def _ensure_stream(js: JetStreamContext, settings: Settings, stream: str, subjects: list[str]) -> None:
    wanted = StreamConfig(
        name=stream,
        subjects=subjects,
        retention=RetentionPolicy.INTEREST,
        discard=DiscardPolicy.NEW,
        storage=StorageType.FILE,
        max_bytes=settings.retention_bus_bytes,
        duplicate_window=120,
    )
    try:
        # Looked up first: each creation, even of what is there, reserves its bytes while it is decided.
        existing = (await js.stream_info(stream)).config
        if existing.max_bytes != wanted.max_bytes:
            await js.update_stream(wanted)
    except NotFoundError:
        await js.add_stream(wanted)
    with contextlib.suppress(NotFoundError):
        await js.consumer_info(stream, RECORDER)
        return
    await js.add_consumer(
        stream,
        ConsumerConfig(durable_name=RECORDER, ack_policy=AckPolicy.ALL, ack_wait=30, max_ack_pending=200_000),
    )


async def _ignore(error: Exception) -> None:
    """Connection errors surface where a call fails; nats-py would print each retry."""
