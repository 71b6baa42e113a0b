"""MQTT into the gateway: one consumer for every fed device.

What a PUBACK means. nats-server answers a QoS 1 PUBLISH after it has stored the message in its stream
``$MQTT_msgs`` under ``$MQTT.msgs.<subject>``. That stream keeps a message while a consumer wants it; the
durable consumer made in :func:`ensure` wants everything below ``gongfu/`` and ``spBv1.0/``, and confirms a message
only when its readings are stored in the ``READINGS`` stream. So between PUBACK and store a message is always
on some disk. QoS 0 messages come by plain subscription and promise nothing.

The stream is made here, before the first device connects, with the configuration that the server itself would
use, but bounded: when it is full the server closes the connection of who publishes, without PUBACK.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Sequence

import msgspec
import nats.errors
import structlog
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from gongfu.kernel.bus import INTERNAL_USER
from gongfu.kernel.errors import Unavailable, packed
from gongfu.kernel.i18n import mark
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import Settings
from gongfu.network.drivers.contract import Feed, Message, Sample
from gongfu.network.gateway import topics, wire
from gongfu.network.gateway.checks import AHEAD, Columns
from gongfu.network.gateway.outlet import now
from gongfu.network.gateway.pipeline import DeviceSink

STREAM = "$MQTT_msgs"
BIRTHS = "SPARKPLUG_BIRTHS"
"""The last birth message of each edge node and device, so that a gateway that starts later knows the aliases."""
ACK_WAIT = 5.0
"""After so long the bus brings a message again: the delay that a killed gateway costs."""
BATCH = 5000
"""Messages of one pull."""
BATCH_BYTES = 16_000_000
PULL_SECONDS = 5.0
GATHER = 0.02
"""How long the first message of a batch waits for company, seconds."""
QOS0_BYTES = 32_000_000
"""QoS 0 messages waiting beyond this are dropped and counted: nobody was promised anything."""

_PREFIX = b"$MQTT.msgs."
_ROOTS = ("gongfu.>", "spBv1//0.>")
_PULL = 1
"""Subscription of pulled messages; the roots have the numbers after it."""
_KNOWN_SUBJECTS = 100_000

_log = structlog.get_logger("gateway")


async def ensure(settings: Settings, js: JetStreamContext) -> None:
    """Streams and consumer exist afterwards. Calling it again changes nothing."""
    # nats-server reserves what streams may use; this is a fraction so that it fits beside READINGS and EVENTS.
    await _stream(
        js,
        StreamConfig(
            name=STREAM,
            subjects=["$MQTT.msgs.>"],
            retention=RetentionPolicy.INTEREST,
            discard=DiscardPolicy.NEW,
            storage=StorageType.FILE,
            max_bytes=settings.retention_bus_bytes // 4,
        ),
    )
    await _stream(
        js,
        StreamConfig(
            name=BIRTHS,
            subjects=["spBv1//0.*.NBIRTH.*", "spBv1//0.*.DBIRTH.*.*"],
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.OLD,
            storage=StorageType.FILE,
            max_msgs_per_subject=1,
            max_bytes=settings.retention_bus_bytes // 20,
        ),
    )
    name = consumer(settings)
    with contextlib.suppress(NotFoundError):
        if await js.consumer_info(STREAM, name):
            return
    await js.add_consumer(
        STREAM,
        ConsumerConfig(
            durable_name=name,
            # Explicit: with AckPolicy.ALL a message lost in a broken socket would be confirmed by its successors.
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT,
            max_ack_pending=4 * BATCH,
        ),
    )


async def _stream(js: JetStreamContext, config: StreamConfig) -> None:
    assert config.name is not None
    try:
        await js.stream_info(config.name)
    except NotFoundError:
        await js.add_stream(config)


def consumer(settings: Settings) -> str:
    """Name of this gateway's durable consumer."""
    return f"ingress-{settings.node}"


class _Pull(msgspec.Struct):
    batch: int
    max_bytes: int
    expires: int
    """Nanoseconds."""


class Route(msgspec.Struct, eq=False):
    """A fed device: its ear and its way to the bus."""

    feed: Feed
    sink: DeviceSink
    heard: float = 0.0
    """Loop time of the last message."""
    newest: dict[int, tuple[Sample, float]] = {}
    """The newest sample of each series that the feed delivered, and the loop time at which it came."""

    def keep(self, samples: Sequence[Sample], heard: float, arrived: int) -> None:
        """Remember the newest; late historical values do not replace newer ones, times far ahead do not stay.

        ``heard`` in loop time, ``arrived`` in microseconds UTC.
        """
        for sample in samples:
            known = self.newest.get(sample.series)
            if known is None or sample.time >= known[0].time or known[0].time > arrived + AHEAD:
                self.newest[sample.series] = sample, heard


class _Taken(msgspec.Struct, frozen=True, gc=False):
    message: Message
    routes: tuple[Route, ...]
    reply: bytes
    """Where to confirm; empty for QoS 0."""
    sequence: bytes


class Ingress:
    """Receives, routes to feeds, publishes, confirms. One per gateway."""

    def __init__(self, settings: Settings, js: JetStreamContext) -> None:
        self._settings = settings
        self._address = wire.address(
            settings.bus_url
            or f"nats://{INTERNAL_USER}:{secret(settings.home, 'bus-internal')}@127.0.0.1:{settings.bus_port}"
        )
        self._js = js
        self._routes: dict[int, Route] = {}
        self._known: dict[bytes, tuple[str, tuple[Route, ...]]] = {}
        self._waiting: list[_Taken] = []
        self._in_hand: set[bytes] = set()
        self._qos0_bytes = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._session: wire.Session | None = None
        self._wanted = 0
        self._pulls = 0
        self._pulled_at = 0.0
        self._inbox = f"_INBOX.{secrets.token_hex(8)}"
        self._stopping = False
        self.problem = "starting"
        """Why nothing is received, while nothing is."""
        self.received = 0
        """Messages taken in since the start."""
        self.unrouted = 0
        """Messages of topics that no device of this gateway listens to."""
        self.dropped = 0
        """QoS 0 messages dropped because too many were waiting."""

    async def add(self, feed: Feed, sink: DeviceSink) -> None:
        """Hear a device from now on; until then it is heard as it was configured before."""
        for topic in feed.births:
            with contextlib.suppress(NotFoundError):
                stored = await self._js.get_last_msg(BIRTHS, topics.subject(topic))
                feed.recall(Message(topic, stored.data or b"", 0))
        before = self._routes.get(sink.device.device)
        self._routes[sink.device.device] = Route(
            feed, sink, asyncio.get_running_loop().time(), before.newest if before else {}
        )
        self._known.clear()

    def remove(self, device: int) -> None:
        """Stop hearing a device."""
        if self._routes.pop(device, None):
            self._known.clear()

    def route(self, device: int) -> Route | None:
        """A device that is heard."""
        return self._routes.get(device)

    @property
    def connected(self) -> bool:
        """Whether messages reach the bus."""
        return self._session is not None

    def command(self, topic: str, payload: bytes) -> None:
        """Publish to devices, QoS 0."""
        if self._session is not None:
            self._session.publish(topics.subject(topic), payload)

    async def flush(self) -> None:
        """Return when the bus has read what was published; raises :class:`Unavailable`."""
        if self._session is not None:
            await self._session.flush()

    async def run(self) -> None:
        """Receive until cancelled; a broken connection is opened again."""
        await asyncio.gather(self._connect(), self._work(), self._watch_silence())

    async def stop(self) -> None:
        """Take nothing more; return when what was taken in is stored and confirmed."""
        self._stopping = True
        if self._session is not None:
            for sid in range(_PULL, _PULL + 1 + len(_ROOTS)):
                self._session.unsubscribe(sid)
            with contextlib.suppress(Unavailable):
                await self._session.flush()  # what was on its way has arrived
        self._wake.set()
        await self._idle.wait()
        if self._session is not None:
            with contextlib.suppress(Unavailable):
                await self._session.flush()
            self._session.close()

    async def _connect(self) -> None:
        pause = 0.1
        while not self._stopping:
            try:
                await ensure(self._settings, self._js)
                session = await wire.open_session(self._address, "gongfu-ingress", self._messages)
            except (Unavailable, nats.errors.Error, OSError, TimeoutError) as error:
                self.problem = f"{type(error).__name__}: {error}"
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
                continue
            pause = 0.1
            self.problem = ""
            self._session = session
            self._wanted = 0
            session.subscribe(f"{self._inbox}.*", _PULL)
            for sid, root in enumerate(_ROOTS, _PULL + 1):
                session.subscribe(root, sid)
            self._pull()
            await self._until_broken(session)
            session.close()
            self._session = None
            self.problem = "the connection to the bus is broken"
            await asyncio.sleep(pause)

    async def _until_broken(self, session: wire.Session) -> None:
        loop = asyncio.get_running_loop()
        while not session.closed.done():
            await asyncio.wait({session.closed}, timeout=1.0)
            # Every pull is answered within its time, if only by a status; silence means a dead connection.
            if self._wanted > 0 and loop.time() - self._pulled_at > PULL_SECONDS + 3:
                return

    def _pull(self) -> None:
        """Ask for the next batch, unless one is asked for or there is enough to do."""
        if self._session is None or self._stopping or self._wanted > 0 or len(self._in_hand) > BATCH:
            return
        self._wanted = BATCH
        self._pulls += 1
        self._pulled_at = asyncio.get_running_loop().time()
        request = _Pull(batch=BATCH, max_bytes=BATCH_BYTES, expires=int(PULL_SECONDS * 1e9))
        self._session.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer(self._settings)}",
            msgspec.json.encode(request),
            f"{self._inbox}.{self._pulls}",
        )

    def _messages(self, sid: int, messages: list[wire.Received]) -> None:
        """Called by the session for each run of messages."""
        if sid == _PULL:
            self._take_stored(messages)
        else:
            self._take_qos0(messages)
        if self._waiting:
            self._wake.set()

    def _take_stored(self, messages: list[wire.Received]) -> None:
        for subject, reply, header, payload in messages:
            if not subject.startswith(_PREFIX):
                self._wanted = 0
                # 408: its time is over; 409 with the words below: its batch or its bytes are used up.
                if not (header.startswith(b"NATS/1.0 408") or b"Batch Completed" in header or b"MaxBytes" in header):
                    _log.debug("pull ended", header=header[:100])
                    if self._session is not None:
                        self._session.close()
                continue
            self._wanted -= 1
            words = reply.split(b".")
            # $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>, or with the
            # domain and the account before the stream and one random token at the end.
            first = 2 if len(words) < 11 else 4
            sequence = words[first + 3]
            if sequence in self._in_hand:
                continue
            self._in_hand.add(sequence)
            topic, routes = self._route(subject[len(_PREFIX) :])
            message = Message(topic, payload, int(words[first + 5]) // 1000)
            self._waiting.append(_Taken(message, routes, reply, sequence))
        self._pull()

    def _take_qos0(self, messages: list[wire.Received]) -> None:
        arrived = now()
        for subject, _, header, payload in messages:
            if b"Nmqtt-Pub:" in header and b"Nmqtt-Pub:0" not in header:
                continue  # QoS 1 and 2 come stored
            topic, routes = self._route(subject)
            if not routes:
                self.unrouted += 1
            elif self._qos0_bytes > QOS0_BYTES:
                self.dropped += 1
            else:
                self._qos0_bytes += len(payload) + 100
                self._waiting.append(_Taken(Message(topic, payload, arrived), routes, b"", b""))

    def _route(self, subject: bytes) -> tuple[str, tuple[Route, ...]]:
        found = self._known.get(subject)
        if found is None:
            topic = topics.topic(subject.decode(errors="replace"))
            found = (topic, tuple(route for route in self._routes.values() if _hears(route.feed, topic)))
            if len(self._known) >= _KNOWN_SUBJECTS:
                self._known.clear()
            self._known[subject] = found
        return found

    async def _work(self) -> None:
        self._idle.clear()
        while not (self._stopping and not self._waiting):
            await self._wake.wait()
            if not self._stopping and len(self._waiting) < BATCH // 10:
                await asyncio.sleep(GATHER)
            self._wake.clear()
            batch, self._waiting = self._waiting, []
            self._qos0_bytes = 0
            await self._store(batch)
            if self._session is not None:
                self._session.send(b"".join([b"PUB %s 0\r\n\r\n" % taken.reply for taken in batch if taken.reply]))
            self._in_hand.difference_update([taken.sequence for taken in batch])
            self._pull()
        self._idle.set()

    async def _store(self, batch: Sequence[_Taken]) -> None:
        """Return when the readings of every message are on the bus's disk."""
        read: dict[int, tuple[Route, list[Sample]]] = {}
        heard = asyncio.get_running_loop().time()
        for taken in batch:
            if not taken.routes:
                self.unrouted += 1
            for route in taken.routes:
                route.heard = heard
                samples = _read(route, taken.message)
                if samples:
                    read.setdefault(id(route), (route, []))[1].extend(samples)
        self.received += len(batch)
        work = []
        for route, samples in read.values():
            route.keep(samples, heard, now())
            columns = Columns()
            route.sink.take(samples, columns)
            work.append(route.sink.publish(columns))
        await asyncio.gather(*work)

    async def _watch_silence(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._stopping:
            await asyncio.sleep(1.0)
            for route in list(self._routes.values()):
                limit = route.feed.silence
                if limit and loop.time() - route.heard > limit and self._session is not None:
                    route.sink.offline(packed(Unavailable(mark("No message for {limit} s."), limit=f"{limit:g}")))


def _hears(feed: Feed, topic: str) -> bool:
    return any(topics.matches(wanted, topic) for wanted in feed.filters)


def _read(route: Route, message: Message) -> Sequence[Sample]:
    try:
        return route.feed.read(message, route.sink)
    except Exception as error:
        # A fault of the driver must not stop the others, nor bring the same message back for ever.
        _log.exception("driver failed on a message", device=route.sink.device.device, topic=message.topic)
        route.sink.malformed(f"{message.topic}: {type(error).__name__}")
        return ()
