"""What fed devices say lately: listened to when somebody asks, remembered for some minutes, bounded."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from gongfu.kernel.errors import Invalid, packed
from gongfu.kernel.i18n import mark
from gongfu.network.drivers import registry
from gongfu.network.drivers.contract import Feed, Message, Point, Sample
from gongfu.network.gateway import topics
from gongfu.network.gateway.asking import MOST_POINTS, Reached
from gongfu.network.gateway.config import DeviceConfig
from gongfu.network.gateway.ingress import BIRTHS
from gongfu.network.gateway.outlet import now

MOST_TOPICS = 200
"""Topics of one device of which the last message is remembered."""
MOST_DEVICES = 50
MOST_BYTES = 64_000
"""A larger message is not remembered."""
MEMORY = 300_000_000
"""Microseconds after which it is forgotten."""
TOLD_TOPICS = 20
ENOUGH = 200
"""Messages after which nobody listens longer."""


class Earful:
    """What was heard in one go."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.samples: dict[int, Sample] = {}
        self.malformed = 0
        self.reason = ""


class _Sink:
    """The ``FeedSink`` of an :class:`Earful`."""

    def __init__(self, into: Earful) -> None:
        self._into = into

    def online(self) -> None:
        pass

    def offline(self, reason: str) -> None:
        self._into.reason = reason

    def malformed(self, detail: str) -> None:
        self._into.malformed += 1
        self._into.reason = packed(Invalid(mark("A message could not be read: {detail}."), detail=detail[:300]))

    def command(self, topic: str, payload: bytes) -> None:
        pass  # who only listens asks nobody for anything


class Hearing:
    """Listens, and remembers the last message of each topic of the devices somebody asked about."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._memory: dict[tuple[str, ...], dict[str, Message]] = {}

    async def test(self, device: DeviceConfig, seconds: float) -> Reached:
        """Listen; whoever says nothing is not wrong, only silent."""
        begin = asyncio.get_running_loop().time()
        heard = await self.listen(device, seconds)
        told = sorted({message.topic for message in heard.messages})
        return Reached(
            seconds=asyncio.get_running_loop().time() - begin,
            messages=len(heard.messages),
            topics=told[:TOLD_TOPICS],
            malformed=heard.malformed,
            reason=heard.reason,
        )

    async def points(self, device: DeviceConfig, seconds: float) -> list[Point]:
        """Fields and metrics that were heard lately, births of former times included."""
        driver = registry.fed(device.driver)
        tell = getattr(driver, "points", None)
        if tell is None:
            return []
        feed = _ear(device)
        births = await self._births(feed)
        recent = self._recent(feed)
        if not recent and not births:
            await self.listen(device, seconds)
            recent = self._recent(feed)
        found: list[Point] = tell(device, [*births, *recent])
        return found[: MOST_POINTS + 1]

    async def listen(self, device: DeviceConfig, seconds: float) -> Earful:
        """Everything on the topics of ``device`` for so long, read as the device's tags say."""
        feed = _ear(device)
        for birth in await self._births(feed):
            feed.recall(birth)
        heard, enough = Earful(), asyncio.Event()
        sink = _Sink(heard)

        async def take(message: Msg) -> None:
            if len(heard.messages) >= ENOUGH:
                enough.set()
                return
            topic = topics.topic(message.subject)
            if not any(topics.matches(wanted, topic) for wanted in feed.filters):
                return
            one = Message(topic, message.data, now())
            heard.messages.append(one)
            self._remember(feed, one)
            heard.samples.update((sample.series, sample) for sample in feed.read(one, sink))

        subscriptions = [await self._client.subscribe(subject, cb=take) for subject in sorted(_subjects(feed.filters))]
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(enough.wait(), seconds)
        finally:
            for subscription in subscriptions:
                with contextlib.suppress(Exception):
                    await subscription.unsubscribe()
        return heard

    async def _births(self, feed: Feed) -> list[Message]:
        found = []
        for topic in feed.births:
            with contextlib.suppress(NotFoundError):
                stored = await self._client.jetstream(timeout=2).get_last_msg(BIRTHS, topics.subject(topic))
                found.append(Message(topic, stored.data or b"", 0))
        return found

    def _remember(self, feed: Feed, message: Message) -> None:
        if len(message.payload) > MOST_BYTES:
            return
        key = tuple(feed.filters)
        if key not in self._memory and len(self._memory) >= MOST_DEVICES:
            del self._memory[next(iter(self._memory))]
        of_device = self._memory.setdefault(key, {})
        of_device.pop(message.topic, None)
        if len(of_device) >= MOST_TOPICS:
            del of_device[next(iter(of_device))]
        of_device[message.topic] = message

    def _recent(self, feed: Feed) -> list[Message]:
        since = now() - MEMORY
        return [message for message in self._memory.get(tuple(feed.filters), {}).values() if message.time >= since]


def _ear(device: DeviceConfig) -> Feed:
    """A feed apart from the running one, where a driver's feeds would share something."""
    driver = registry.fed(device.driver)
    open_ear = getattr(driver, "open_ear", driver.open_feed)
    feed: Feed = open_ear(device)
    return feed


def _subjects(filters: Sequence[str]) -> set[str]:
    """NATS subjects that the topic filters select; ``a/#`` is also ``a`` itself (MQTT 3.1.1 §4.7.1.2)."""
    found = set()
    for wanted in filters:
        levels = [{"+": "*", "#": ">"}.get(level, topics.subject(level)) for level in wanted.split("/")]
        found.add(".".join(levels))
        if levels[-1] == ">" and len(levels) > 1:
            found.add(".".join(levels[:-1]))
    return found
