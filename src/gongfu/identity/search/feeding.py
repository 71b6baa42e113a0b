"""From the identifier store's journal into the search table, in the worker process.

Prefixes the index does not know yet, or knows under another owner, are read from the store itself, page by page; after
that every change comes through the journal. Rows may be written twice: the later version of an identifier stays.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pyarrow as pa
import structlog
from django.db import close_old_connections

from gongfu.identity.handle import names
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.registry import records
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.errors import JournalTrimmed
from gongfu.identity.registry.models import Prefix
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import Change, IdentifierStore
from gongfu.identity.search import words
from gongfu.identity.search.models import IndexedPrefix
from gongfu.identity.search.table import IDENTIFIERS
from gongfu.kernel.errors import GongfuError, Unavailable
from gongfu.kernel.store import StoreClient, client

CURSOR = "search"
PAGE = 5_000
"""Identifiers written together."""
MAX_BEHIND = 1_000_000
"""Changes the journal may keep for an index that cannot be written; beyond that it is built anew from the store."""
_TYPES = {
    "org": pa.uint32(),
    "registered": pa.uint32(),
    "modified": pa.uint32(),
    "deleted": pa.uint8(),
    "seq": pa.uint64(),
    "types": pa.list_(pa.string()),
    "words": pa.list_(pa.string()),
}
_SCHEMA = pa.schema([(column.name, _TYPES.get(column.name, pa.string())) for column in IDENTIFIERS.columns])

log = structlog.get_logger("search")
Row = tuple[object, ...]


class Feeder:
    """Keeps the search table true to the identifier store."""

    def __init__(self, store: IdentifierStore, table: StoreClient) -> None:
        self._store = store
        self._table = table
        self._owners: dict[bytes, int] = {}

    def step(self) -> int:
        """Do the next piece of work; how many identifiers it wrote. Raises :class:`Unavailable`."""
        self._note_prefixes()
        unread = IndexedPrefix.objects.filter(complete=False).order_by("prefix").first()
        if unread is not None:
            return self._read(unread)
        return self._follow()

    def hold_bounded(self) -> None:
        """While the table cannot be written: give up the journal before it fills the disk."""
        if self._store.last_change() - self._store.cursor(CURSOR) > MAX_BEHIND:
            forget(self._store)

    def check(self) -> None:
        """Build anew when the table was lost, although it is said to be complete."""
        there = int(self._table.command("SELECT count() FROM identifiers"))
        known = IndexedPrefix.objects.filter(complete=True).values_list("prefix", flat=True)
        if not there and any(self._store.count(prefix) for prefix in known):
            log.warning("search index is empty, building it anew")
            forget(self._store)

    def _note_prefixes(self) -> None:
        owners = dict(Prefix.objects.values_list("name", "organisation_id"))
        known = dict(IndexedPrefix.objects.values_list("prefix", "owner"))
        self._owners = {name.encode().upper(): owner for name, owner in owners.items()}
        if not known and self._store.cursor(CURSOR) < (last := self._store.last_change()):
            self._store.advance(CURSOR, last)  # everything until here is read from the store itself
        changed = [name for name, owner in owners.items() if known.get(name) != owner]
        if changed:
            IndexedPrefix.objects.filter(prefix__in=changed).delete()
            last = self._store.last_change()
            IndexedPrefix.objects.bulk_create(
                IndexedPrefix(prefix=name, owner=owners[name], seq=last) for name in changed
            )

    def _read(self, unread: IndexedPrefix) -> int:
        after = names.parse(unread.after) if unread.after else None
        found = self._store.scan(unread.prefix, after=after, limit=PAGE)
        self._write([self._row(unread.owner, record.handle.key, record, unread.seq) for record in found])
        if len(found) < PAGE:
            unread.complete = True
        else:
            unread.after = str(found[-1].handle)
        unread.save(update_fields=["after", "complete"])
        return len(found)

    def _follow(self) -> int:
        try:
            changes = self._store.changes(self._store.cursor(CURSOR), PAGE)
        except JournalTrimmed:
            log.warning("search index is too far behind, building it anew")
            forget(self._store)
            return 0
        if not changes:
            return 0
        self._write([row for change in changes if (row := self._changed(change)) is not None])
        self._store.advance(CURSOR, changes[-1].seq)
        return len(changes)

    def _changed(self, change: Change) -> Row | None:
        owner = self._owners.get(names.prefix_key(change.key))
        if owner is None:
            return None  # a prefix handle, or one of a prefix that was taken back
        try:
            record = None if change.record is None else records.decode(change.key, change.record)
        except Malformed:
            return None
        return self._row(owner, change.key, record, change.seq)

    def _row(self, owner: int, key: bytes, record: Record | None, seq: int) -> Row:
        prefix = names.prefix_key(key).decode()
        if record is None:
            return (owner, prefix, key.decode(), "", [], [], "", "", 0, 0, 1, seq)
        types = sorted({value.type for value in record.values})
        return (
            owner,
            prefix,
            key.decode(),
            record.text("TYPE")[:100],
            types,
            words.of(record),
            record.text("INDUSTRY")[:100],
            record.text("TEMPLATE")[:100],
            record.registered,
            record.modified,
            0,
            seq,
        )

    def _write(self, rows: Sequence[Row]) -> None:
        if rows:
            columns = [
                pa.array(column, kind.type) for column, kind in zip(zip(*rows, strict=True), _SCHEMA, strict=True)
            ]
            self._table.insert_arrow(IDENTIFIERS.name, pa.table(columns, schema=_SCHEMA))


def forget(store: IdentifierStore) -> None:
    """Let the index be built anew."""
    store.forget(CURSOR)
    IndexedPrefix.objects.all().delete()


def run(stop: threading.Event, *, poll: float = 1.0) -> None:
    """Feed until ``stop``; a store that is away is waited for."""
    feeder = Feeder(registry.store(), client())
    checked = failed = False
    while not stop.is_set():
        close_old_connections()
        try:
            if not checked:
                feeder.check()
                checked = True
            written = feeder.step()
            if failed:
                log.info("search index works again")
            failed = False
        except GongfuError as error:
            written = 0
            checked = False  # it may come back empty
            if not failed:
                log.warning("search index cannot be written, will try again", reason=str(error)[:300])
            failed = True
            feeder.hold_bounded()
            stop.wait(5 * poll if isinstance(error, Unavailable) else poll)
        if not written:
            stop.wait(poll)
    close_old_connections()
