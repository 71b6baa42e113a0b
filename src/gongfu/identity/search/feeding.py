"""From the identifier store's journal into the search table, in the worker process.

Prefixes the index does not know yet are read from the store itself, page by page; after that every change comes through
the journal. A prefix is read anew when its owner changes, when the first look at it is granted to a partner, and when a
template is published that its identifiers named before. Rows may be written twice: the later version stays.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import structlog
from django.db import close_old_connections

from gongfu.identity.business import services as business
from gongfu.identity.business.fields import TEMPLATE_TYPE
from gongfu.identity.handle import names
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.registry import records
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.errors import JournalTrimmed
from gongfu.identity.registry.models import Prefix
from gongfu.identity.registry.store import Change, IdentifierStore
from gongfu.identity.search import rows, words
from gongfu.identity.search.models import IndexedPrefix, IndexedTemplate
from gongfu.identity.search.rows import Holder, Row
from gongfu.identity.search.specs import Specs, specs
from gongfu.identity.search.table import IDENTIFIERS
from gongfu.kernel.errors import GongfuError, Unavailable
from gongfu.kernel.store import StoreClient, client

CURSOR = "search"
PAGE = 5_000
"""Identifiers written together."""
MAX_BEHIND = 1_000_000
"""Changes the journal may keep for an index that cannot be written; beyond that it is built anew from the store."""
log = structlog.get_logger("search")


class Feeder:
    """Keeps the search table true to the identifier store."""

    def __init__(self, store: IdentifierStore, table: StoreClient) -> None:
        self._store = store
        self._table = table
        self._holders: dict[bytes, Holder] = {}
        self._specs = Specs({})

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
        shared = business.shared_prefixes()
        holders = {
            name: Holder(owner, name in shared) for name, owner in Prefix.objects.values_list("name", "organisation_id")
        }
        known = {
            name: Holder(owner, shared)
            for name, owner, shared in IndexedPrefix.objects.values_list("prefix", "owner", "shared")
        }
        self._holders = {name.encode().upper(): holder for name, holder in holders.items()}
        if not known and self._store.cursor(CURSOR) < (last := self._store.last_change()):
            self._store.advance(CURSOR, last)  # everything until here is read from the store itself
        changed = {name for name, holder in holders.items() if known.get(name) != holder}
        changed |= self._note_templates(holders, bool(known)) & holders.keys()
        if changed:
            IndexedPrefix.objects.filter(prefix__in=changed).delete()
            last = self._store.last_change()
            IndexedPrefix.objects.bulk_create(
                IndexedPrefix(prefix=name, owner=holders[name].org, shared=holders[name].shared, seq=last)
                for name in sorted(changed)
            )

    def _note_templates(self, holders: Mapping[str, Holder], begun: bool) -> set[str]:
        """Prefixes whose rows name a template that was published since."""
        self._specs = specs()
        new = self._specs.by_reference.keys() - set(IndexedTemplate.objects.values_list("reference", flat=True))
        if not new:
            return set()
        naming: list[str] = []
        if begun:
            found = self._table.query_arrow(
                "SELECT DISTINCT toString(prefix) AS prefix FROM identifiers WHERE hasAny(words, {any:Array(String)})",
                {"any": [words.whole(TEMPLATE_TYPE, reference) for reference in sorted(new)]},
                orgs={holder.org for holder in holders.values()},
            )
            naming = found.column("prefix").to_pylist()
        IndexedTemplate.objects.bulk_create(IndexedTemplate(reference=reference) for reference in sorted(new))
        return set(naming)

    def _read(self, unread: IndexedPrefix) -> int:
        after = names.parse(unread.after) if unread.after else None
        found = self._store.scan(unread.prefix, after=after, limit=PAGE)
        holder = Holder(unread.owner, unread.shared)
        self._write([row for record in found for row in self._rows(holder, record, unread.seq)])
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
        self._write([row for change in changes for row in self._changed(change)])
        self._store.advance(CURSOR, changes[-1].seq)
        return len(changes)

    def _changed(self, change: Change) -> list[Row]:
        holder = self._holders.get(names.prefix_key(change.key))
        if holder is None:
            return []  # a prefix handle, or one of a prefix that was taken back
        if change.record is None:
            return rows.removed(holder, change.key, change.seq)
        try:
            return self._rows(holder, records.decode(change.key, change.record), change.seq)
        except Malformed:
            return []

    def _rows(self, holder: Holder, record: records.Record, seq: int) -> list[Row]:
        return rows.of(holder, record, self._specs.get(record.text(TEMPLATE_TYPE)), seq)

    def _write(self, made: Sequence[Row]) -> None:
        if made:
            self._table.insert_arrow(IDENTIFIERS.name, rows.table(made))


def forget(store: IdentifierStore) -> None:
    """Let the index be built anew."""
    store.forget(CURSOR)
    IndexedPrefix.objects.all().delete()
    IndexedTemplate.objects.all().delete()


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
