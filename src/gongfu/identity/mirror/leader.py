"""The leading side: the journal of identifiers onto the bus, and answers for followers. Pure, no Django.

A task of ``gongfu worker``. It moves its cursor only after the bus has acknowledged; after a kill it publishes up to
one message again, which JetStream drops by its id or a follower by its numbers.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from gongfu.identity.handle.names import Handle
from gongfu.identity.mirror import wire
from gongfu.identity.mirror.wire import Ask, Batch, Entry, Head, Page
from gongfu.identity.registry import records
from gongfu.identity.registry.errors import JournalTrimmed
from gongfu.identity.registry.store import Change, IdentifierStore
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.settings import Settings

CURSOR = "bus"
"""Name of the publisher's cursor in the journal."""
_LOOK_SECONDS = 0.2
_AGAIN_SECONDS = 1.0
_PAGE = 1_000

log = structlog.get_logger("mirror")


async def lead(settings: Settings, client: Client, store: IdentifierStore, stopping: asyncio.Event) -> None:
    """Publish changes and answer followers until ``stopping``."""
    if not settings.publish_changes:
        if CURSOR in await asyncio.to_thread(store.cursors):  # nobody reads them: the journal need not keep them
            await asyncio.to_thread(store.forget, CURSOR)
        return
    await asyncio.to_thread(_begin, store)
    publisher = _Publisher(settings, client, store)
    answering = await client.subscribe(wire.leader_subject(settings.node), cb=publisher.answer)
    try:
        while not stopping.is_set():
            try:
                published = await publisher.publish_some()
                wait = 0.0 if published else _LOOK_SECONDS
            except (Error, TimeoutError, GongfuError) as error:
                log.warning("changes of identifiers cannot be published", error=str(error) or type(error).__name__)
                wait = _AGAIN_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), wait)
    finally:
        with contextlib.suppress(Error):
            await answering.unsubscribe()


def _begin(store: IdentifierStore) -> None:
    """A cursor from now on, so that nothing behind it is trimmed; followers take what is before it by snapshot."""
    last = store.last_change()
    if store.cursors().get(CURSOR, last + 1) > last:  # none yet, or the store was put back from an older copy
        store.advance(CURSOR, last)


class _Publisher:
    def __init__(self, settings: Settings, client: Client, store: IdentifierStore) -> None:
        self._settings = settings
        self._store = store
        self._js: JetStreamContext = client.jetstream(timeout=5)
        self._ensured = False
        self._prefixes: list[str] | None = None

    async def publish_some(self) -> bool:
        """Publish one message if there is something to say."""
        if not self._ensured:
            await _ensure(self._js, self._settings)
            self._ensured = True
        after = await asyncio.to_thread(self._store.cursor, CURSOR)
        try:
            changes = await asyncio.to_thread(self._store.changes, after, wire.MOST_CHANGES)
        except JournalTrimmed:  # cannot be while the cursor stands; a store that was put back from a copy
            await asyncio.to_thread(self._store.advance, CURSOR, await asyncio.to_thread(self._store.last_change))
            return True
        prefixes = await asyncio.to_thread(self._store.prefixes)
        told = None if prefixes == self._prefixes else prefixes
        part = cut(changes)
        if not part and told is None:
            return False
        batch = Batch(after + 1, [Entry(c.time, c.actor, c.key, c.record) for c in part], told)
        last = after + len(part)
        headers = {"Nats-Msg-Id": f"{self._settings.node}:{last}"} if part and told is None else None
        try:
            await self._js.publish(
                wire.changes_subject(self._settings.node), wire.encode(batch), headers=headers, stream=wire.STREAM
            )
        except NotFoundError:
            self._ensured = False
            raise
        self._prefixes = prefixes
        if part:
            await asyncio.to_thread(self._store.advance, CURSOR, last)
        return True

    async def answer(self, message: Msg) -> None:
        """What a follower asked."""
        try:
            ask = wire.decode(message.data, Ask)
            found = await asyncio.to_thread(_page, self._store, ask) if ask.prefix else await self._head()
            await message.respond(wire.encode(found))
        except (Error, GongfuError) as error:
            log.warning("a follower was not answered", error=str(error))

    async def _head(self) -> Head:
        def read() -> Head:
            store = self._store
            published = store.cursor(CURSOR)
            return Head(store.last_change(), published, store.prefixes(), store.populated())

        return await asyncio.to_thread(read)


def cut(changes: list[Change]) -> list[Change]:
    """As many of ``changes`` as fit one message, at least one."""
    octets = 0
    for number, change in enumerate(changes):
        octets += len(change.key) + len(change.record or b"") + len(change.actor) + 32
        if octets > wire.MOST_OCTETS and number:
            return changes[:number]
    return changes


def _page(store: IdentifierStore, ask: Ask) -> Page:
    after = Handle(ask.prefix, ask.after) if ask.after else None
    found = store.scan(ask.prefix, after=after, limit=_PAGE)
    entries: list[tuple[bytes, bytes]] = []
    octets = 0
    for record in found:
        entry = record.handle.key, records.encode(record)
        octets += sum(map(len, entry)) + 16
        if octets > wire.MOST_OCTETS and entries:
            return Page(entries, True)
        entries.append(entry)
    return Page(entries, len(found) == _PAGE)


async def _ensure(js: JetStreamContext, settings: Settings) -> None:
    wanted = StreamConfig(
        name=wire.STREAM,
        subjects=[wire.SUBJECTS],
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        storage=StorageType.FILE,
        max_bytes=settings.retention_bus_bytes,
        duplicate_window=120,
    )
    try:
        existing = (await js.stream_info(wire.STREAM)).config
        if existing.max_bytes != wanted.max_bytes:
            await js.update_stream(wanted)
    except NotFoundError:
        await js.add_stream(wanted)
