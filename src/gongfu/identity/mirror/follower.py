"""The following side: another node's identifiers in this node's store. Pure, no Django; a task of ``gongfu worker``.

Data and place are written in one transaction, so a kill at any point loses nothing and doubles nothing. The consumer on
the bus is a throw-away: it begins behind the place that the store remembers. What the stream no longer has is replaced
by a snapshot: the leader is asked for every identifier, prefix by prefix, and the changes since its beginning follow
from the stream, each with the whole record, so that the copy ends as the leader is, though it changed meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import structlog
from nats.aio.client import Client
from nats.errors import Error
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from gongfu.identity.handle.names import Handle
from gongfu.identity.mirror import wire
from gongfu.identity.mirror.wire import Ask, Batch, Head, Page, Place
from gongfu.identity.registry.store import Change, IdentifierStore
from gongfu.kernel import bus
from gongfu.kernel.errors import GongfuError, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings

_AGAIN_SECONDS = 1.0
_HEAD_SECONDS = 2.0
_NOTED_SECONDS = 5
_FETCH_SECONDS = 0.5
_AT_ONCE = 20
_ANSWER_SECONDS = 10.0
_ROOT = "0.NA"
"""Prefix of prefix handles: a node that is more than a mirror has some of its own there."""

_Answer = TypeVar("_Answer")
log = structlog.get_logger("mirror")


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a copy is behind; ``changes`` as the leader was heard last."""

    node: str
    changes: int
    seconds: int
    """Since nothing was missing; 0 while nothing is."""
    whole: bool
    heard: bool


def lag(store: IdentifierStore, node: str, *, now: float | None = None) -> Lag:
    """What every process can tell from the store alone."""
    place = wire.place(store.place(node))
    behind = max(0, place.leader - place.seq)
    age = int((time.time() if now is None else now) - place.complete_at) if place.complete_at else 0
    fresh = age <= 2 * (_NOTED_SECONDS + _HEAD_SECONDS)
    return Lag(node, behind, 0 if fresh and not behind else age, place.whole, fresh or bool(behind))


class _Gap(Exception):
    """The stream no longer has the next change."""


async def follow(settings: Settings, store: IdentifierStore, stopping: asyncio.Event) -> None:
    """Keep the copy until ``stopping``. Raises :class:`Invalid` for a ``mirror_of`` that names no node."""
    url, node = wire.source(settings.mirror_of)
    leader_bus = msgspec.structs.replace(settings, bus_url=url)
    while not stopping.is_set():
        try:
            client = await bus.connect(leader_bus, f"mirror-{settings.node}")
            try:
                await _Follower(client, store, node).run(stopping)
            finally:
                await client.close()
        except (Error, OSError, TimeoutError, GongfuError) as error:
            log.warning("the leader cannot be followed", leader=node, error=str(error) or type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _AGAIN_SECONDS)


class _Follower:
    def __init__(self, client: Client, store: IdentifierStore, node: str) -> None:
        self._client = client
        self._js: JetStreamContext = client.jetstream(timeout=5)
        self._store = store
        self._node = node
        self._place = wire.place(store.place(node))
        self._asked = 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        """Follow until ``stopping``; raises what the caller answers by beginning again."""
        head = await self._head()
        if not self._place.whole or head.last < self._place.seq:
            await self._snapshot()
        while not stopping.is_set():
            try:
                await self._consume(stopping)
            except _Gap:
                log.warning("too far behind for the stream: taking a snapshot", leader=self._node)
                await self._snapshot()

    async def _consume(self, stopping: asyncio.Event) -> None:
        try:
            state = (await self._js.stream_info(wire.STREAM)).state
        except NotFoundError as error:
            raise Unavailable(
                mark("{node} does not publish its changes."),
                remedy=mark("Set publish_changes there."),
                node=self._node,
            ) from error
        start = self._place.stream + 1 if self._place.stream <= state.last_seq else 1  # else it is a new stream
        subscription = await self._js.pull_subscribe(
            wire.changes_subject(self._node),
            stream=wire.STREAM,
            config=ConsumerConfig(
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=start,
                ack_policy=AckPolicy.NONE,
                inactive_threshold=60,
            ),
        )
        try:
            while not stopping.is_set():
                try:
                    messages = await subscription.fetch(_AT_ONCE, timeout=_FETCH_SECONDS)
                except NatsTimeout:
                    messages = []
                for message in messages:
                    await self._take(wire.decode(message.data, Batch), message.metadata.sequence.stream)
                if time.monotonic() - self._asked > _HEAD_SECONDS:
                    head = await self._head()
                    if head.last < self._place.seq or (not messages and head.published > self._place.seq):
                        # Perhaps it came in this moment; what is really missing is so a second time.
                        await self._look_again(subscription)
        finally:
            with contextlib.suppress(Error, TimeoutError):
                await subscription.unsubscribe()

    async def _look_again(self, subscription: JetStreamContext.PullSubscription) -> None:
        try:
            for message in await subscription.fetch(_AT_ONCE, timeout=4 * _FETCH_SECONDS):
                await self._take(wire.decode(message.data, Batch), message.metadata.sequence.stream)
        except NatsTimeout as error:
            raise _Gap from error

    async def _take(self, batch: Batch, stream: int) -> None:
        place = self._place
        if batch.first > place.seq + 1:
            raise _Gap
        new = [change for change in batch.changes() if change.seq > place.seq]
        seq = new[-1].seq if new else place.seq
        await self._write(
            new,
            msgspec.structs.replace(place, seq=seq, stream=stream, leader=max(place.leader, seq)),
            prefixes=batch.prefixes,
        )

    async def _snapshot(self) -> None:
        try:
            stream = (await self._js.stream_info(wire.STREAM)).state.last_seq
        except NotFoundError:
            stream = 0
        head = await self._head()
        copied = {prefix.upper() for prefix, node in self._store.copied().items() if node == self._node}
        await self._write([], msgspec.structs.replace(self._place, whole=False), prefixes=head.prefixes)
        shared = await asyncio.to_thread(self._shared)
        for prefix in head.populated:
            await self._copy(prefix, remove=prefix not in shared)
        gone = set(await asyncio.to_thread(self._store.populated)) - set(head.populated)
        for prefix in gone & copied if shared else gone:
            await self._copy(prefix, remove=True)
        place = Place(seq=head.last, stream=stream, whole=True, leader=head.last, complete_at=int(time.time()))
        await self._write([], place)
        log.info("copied", leader=self._node, changes=head.last)

    def _shared(self) -> set[str]:
        """Prefixes under which identifiers of this node's own may stand: there a snapshot removes nothing."""
        copied = self._store.copied()
        own = {prefix.upper() for prefix in self._store.prefixes() if copied.get(prefix) != self._node}
        return own | {_ROOT} if own else own

    async def _copy(self, prefix: str, *, remove: bool) -> None:
        """One prefix as the leader has it, page by page."""
        after = ""
        more = True
        while more:
            page = await self._ask(Ask(prefix, after), Page)
            more = page.more
            end = page.entries[-1][0] if more else None
            now = int(time.time())
            changes = [Change(0, now, self._node, key, record) for key, record in page.entries]
            if remove:
                theirs = {key for key, _ in page.entries}
                mine = await asyncio.to_thread(self._keys, prefix, after, end)
                changes += [Change(0, now, self._node, key, None) for key in mine if key not in theirs]
            await self._write(changes, self._place)
            if end is not None:
                after = end.partition(b"/")[2].decode()

    def _keys(self, prefix: str, after: str, end: bytes | None) -> list[bytes]:
        found: list[bytes] = []
        while True:
            part = self._store.scan(prefix, after=Handle(prefix, after) if after else None, limit=1_000)
            keys = [record.handle.key for record in part]
            found += [key for key in keys if end is None or key <= end]
            if len(part) < 1_000 or (end is not None and keys[-1] > end):
                return found
            after = keys[-1].partition(b"/")[2].decode()

    async def _write(self, changes: list[Change], place: Place, *, prefixes: list[str] | None = None) -> None:
        octets = wire.encode(place)
        await asyncio.to_thread(self._store.take_over, self._node, changes, octets, prefixes=prefixes)
        self._place = place

    async def _head(self) -> Head:
        """How far the leader is, noted with the place."""
        self._asked = time.monotonic()
        asked_at = int(time.time())
        head = await self._ask(Ask(), Head)
        complete = asked_at if self._place.whole and head.last == self._place.seq else self._place.complete_at
        place = msgspec.structs.replace(self._place, leader=head.last, complete_at=complete)
        if place.leader != self._place.leader or complete - self._place.complete_at >= _NOTED_SECONDS:
            await self._write([], place)
        return head

    async def _ask(self, ask: Ask, kind: type[_Answer]) -> _Answer:
        try:
            answer = await self._client.request(
                wire.leader_subject(self._node), wire.encode(ask), timeout=_ANSWER_SECONDS
            )
        except Error as error:
            raise Unavailable(
                mark("{node} does not answer on its bus."),
                remedy=mark("Look whether its worker runs, and whether publish_changes is set there."),
                node=self._node,
            ) from error
        return wire.decode(answer.data, kind)
