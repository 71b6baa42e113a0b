"""Where identifiers are kept: LMDB, one writer at a time, any number of reading processes.

Records stand in :mod:`table`; ``prefixes`` holds those this node answers for (key → prefix as written), ``counts`` how
many identifiers stand under each, ``limits`` its quotas, and :mod:`journal` every change. All that belongs to one
change is written in one transaction. A write that returned is on disk; a process that is killed leaves nothing
half-written. A store of the first layout (whole records under whole keys) is brought over when it is opened.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import lmdb

from gongfu.identity.handle import names
from gongfu.identity.handle.names import Handle
from gongfu.identity.registry import records
from gongfu.identity.registry.committing import Committer, Job, Outcome
from gongfu.identity.registry.committing import Written as Written
from gongfu.identity.registry.environment import Environment, Transaction, unavailable
from gongfu.identity.registry.journal import Change as Change
from gongfu.identity.registry.journal import Journal
from gongfu.identity.registry.packing import pack
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.table import Entry, Table, Writing, taken
from gongfu.identity.registry.view import Homed, View
from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark

FOLDER = "identity"
INITIAL_MAP = 64 * 2**30
"""Octets of address space the map starts with; it costs no disk until used, and doubles when full."""
FORMAT = b"2"
_MAX_KEY = 511  # LMDB's; nothing registered is longer than names.MAX_LENGTH
_LIMITS = struct.Struct(">QQ")
_PLACE = b"place:"
_MIGRATED_AT_ONCE = 10_000

_open: dict[Path, IdentifierStore] = {}
_opening = threading.Lock()


@dataclass(frozen=True, slots=True)
class Limits:
    """What an enterprise may use under its prefix; 0 means no limit."""

    registrations: int = 0
    """Identifiers that may stand there at once."""
    daily_resolutions: int = 0
    """Resolutions answered in a day."""


def open_store(home: Path) -> IdentifierStore:
    """This process's store below ``home``; LMDB forbids opening one twice in a process. Raises :class:`Unavailable`."""
    path = (home / FOLDER).resolve()
    with _opening:
        store = _open.get(path)
        if store is None or store.closed or store.process != os.getpid():
            store = _open[path] = IdentifierStore(path)
        return store


class IdentifierStore:
    """Identifiers of this node. Safe to use from several threads; not across a fork."""

    def __init__(self, path: Path, *, map_size: int = INITIAL_MAP) -> None:
        """Opens or creates the store in the directory ``path``; raises :class:`Unavailable`."""
        self.path = path
        self.process = os.getpid()
        self.closed = False
        self._environment = Environment(path, map_size)
        self._committer = Committer(self._commit)
        env = self._environment.lmdb
        try:
            self._table = Table(env)
            self._prefixes = env.open_db(b"prefixes")
            self._counts = env.open_db(b"counts")
            self._limits = env.open_db(b"limits")
            self._meta = env.open_db(b"meta")
            self._journal = Journal(env)
        except lmdb.Error as error:
            raise unavailable(path, error) from error
        self._homed = Homed(self._meta, self._prefixes)
        if self._environment.read(lambda txn: txn.get(b"format", db=self._meta)) != FORMAT:
            self._environment.write(self._migrate)

    def close(self) -> None:
        """Commits what waits, then releases files and address space."""
        self.closed = True
        self._committer.close()
        self._environment.close()

    # --- reading ---

    def lookup(self, key: bytes) -> tuple[bool, bytes | None]:
        """Whether this node answers for the key's prefix, and the record under it as :mod:`records` lays it out."""
        with self.view() as view:
            return view.homed(names.prefix_key(key)), view.record(key)

    def get(self, handle: Handle) -> Record | None:
        """The record of ``handle``, or None."""
        key = handle.key
        with self.view() as view:
            stored = view.record(key)
        return None if stored is None else records.decode(key, stored)

    @contextlib.contextmanager
    def view(self) -> Iterator[View]:
        """One moment of the store, for many look-ups in one transaction; keep it short. Raises :class:`Unavailable`."""
        with self._environment.reading(self._table.ids) as txn:
            yield View(self._table, self._homed, self._journal, txn)

    def change(
        self, handle: Handle, work: Callable[[Record | None, int], Record | None], *, actor: str = ""
    ) -> Record | None:
        """:meth:`submit`, waiting for the disk; returns the record as it is now."""
        return self.submit(handle, work, actor=actor).result().after

    def scan(self, prefix: str, *, starting: str = "", after: Handle | None = None, limit: int = 100) -> list[Record]:
        """Identifiers under ``prefix`` in key order, behind ``after``, whose suffix starts with ``starting``."""
        start, _, suffix = names.key(f"{prefix}/{starting}".encode()).partition(b"/")
        behind = after.key.partition(b"/")[2] if after else b""

        def work(txn: Transaction) -> list[Entry]:
            found = islice(self._table.walk(txn, start, suffix, behind), limit)
            return [(key, self._table.record(txn, key, stored)) for key, stored in found]

        return [records.decode(key, octets) for key, octets in self._environment.read(work)]

    def count(self, prefix: str) -> int:
        """How many identifiers stand directly under ``prefix``, without walking through them."""
        key = prefix.encode().upper()
        return self._environment.read(lambda txn: self._counted(txn, key))

    # --- writing ---

    def put(self, record: Record, *, replace: bool = True, actor: str = "") -> bool:
        """Stores one record durably; returns whether it is new. Raises :class:`Conflict` as :meth:`put_many` does.

        Threads that call this at the same time share a transaction.
        """
        return self.submit_put(record, replace=replace, actor=actor).result().before is None

    def delete(self, handle: Handle, *, actor: str = "") -> bool:
        """Removes one identifier durably; returns whether it was there."""
        return self.submit(handle, lambda *_: None, actor=actor).result().before is not None

    def submit_put(self, record: Record, *, replace: bool = True, actor: str = "") -> Future[Written]:
        """As :meth:`put`, without waiting: the future is set once the record is on disk."""

        def change(before: Record | None, _number: int) -> Record:
            if before is not None and not replace:
                raise taken(record.handle.key)
            return record

        return self.submit(record.handle, change, actor=actor)

    def submit(
        self, handle: Handle, change: Callable[[Record | None, int], Record | None], *, actor: str = ""
    ) -> Future[Written]:
        """Changes one identifier by a function from its record (None: there is none) to the one to keep (None: none).

        It is also given the number of identifiers under the prefix, and what it raises leaves everything as it was.

        Nobody writes in between. The future is set once the change is on disk, with what ``change`` raised, or with
        :class:`Invalid`, :class:`Unavailable`; ``await asyncio.wrap_future(…)`` waits for it. ``change`` only computes:
        it runs in the committing thread and perhaps twice. Changes asked for at the same time share one transaction.
        """
        return self._committer.submit(Job(handle.key, change, actor))

    def put_many(self, batch: Iterable[Record], *, replace: bool = True, actor: str = "") -> int:
        """Stores all or none in one durable transaction; returns how many are new. Of several with one key the last.

        ``actor`` is who the journal says it was.
        Raises :class:`Conflict` naming the first that exists if ``replace`` is false.
        """
        given = list(batch)
        latest = {record.handle.key: record for record in given}
        if len(latest) != len(given) and not replace:
            raise taken(next(record.handle.key for record in given if latest[record.handle.key] is not record))
        packed = pack(latest.items())
        now = int(time.time())

        def work(txn: Transaction) -> int:
            writing = Writing(self._table, txn)
            total = 0
            entries: list[Entry] = []
            for part in packed:
                self._own(txn, part.prefix)
                new, written = writing.put(part, replace=replace)
                entries += written
                total += new
                self._add(txn, part.prefix, new)
            self._journal.append(txn, now, actor, entries)
            return total

        return self._environment.write(work) if packed else 0

    def _commit(self, jobs: Sequence[Job]) -> Sequence[Outcome]:
        now = int(time.time())
        return self._environment.write(lambda txn: self._together(txn, jobs, now))

    def _together(self, txn: Transaction, jobs: Sequence[Job], now: int) -> Sequence[Outcome]:
        writing = Writing(self._table, txn)
        outcomes: list[Outcome] = []
        entries: list[tuple[str, bytes, bytes | None]] = []
        for job in jobs:
            try:
                self._own(txn, names.prefix_key(job.key))
                stored = self._table.get(txn, job.key)
                before = None if stored is None else records.decode(job.key, writing.record(job.key, stored))
                after = job.change(before, self._counted(txn, names.prefix_key(job.key)))
                if after is not None and after.handle.key != job.key:
                    raise ValueError("a change of one identifier wrote another")
                packed = pack([(job.key, after)]) if after is not None else []
            except lmdb.Error:
                raise
            except Exception as error:
                outcomes.append(error)
                continue
            for part in packed:
                _, written = writing.put(part, replace=True)
                entries += ((job.actor, key, octets) for key, octets in written)
            if after is None and before is not None:
                writing.delete(job.key)
                entries.append((job.actor, job.key, None))
            if (before is None) != (after is None):
                self._add(txn, names.prefix_key(job.key), 1 if before is None else -1)
            outcomes.append(Written(before, after))
        self._journal.append_by(txn, now, entries)
        return outcomes

    def _own(self, txn: Transaction, prefix: bytes) -> None:
        if prefix in self._homed.read(txn).copied:
            raise Conflict(
                mark("The identifiers under {prefix} are a copy of another node's."),
                remedy=mark("Change them there; the copy follows by itself."),
                prefix=prefix.decode(),
            )

    def _counted(self, txn: Transaction, prefix: bytes) -> int:
        return int.from_bytes(_get(txn, prefix, self._counts) or b"")

    def _add(self, txn: Transaction, prefix: bytes, number: int) -> None:
        if number:
            txn.put(prefix, (self._counted(txn, prefix) + number).to_bytes(8), db=self._counts)

    # --- prefixes ---

    def home(self, prefix: str) -> None:
        """From now on this node answers for ``prefix``."""

        def work(txn: Transaction) -> None:
            txn.put(prefix.encode().upper(), prefix.encode(), db=self._prefixes)
            self._homed.changed(txn)

        self._environment.write(work)

    def unhome(self, prefix: str) -> None:
        """This node answers RC 301 for ``prefix`` from now on; its records stay."""

        def work(txn: Transaction) -> None:
            txn.delete(prefix.encode().upper(), db=self._prefixes)
            self._homed.changed(txn)

        self._environment.write(work)

    def prefixes(self) -> list[str]:
        """The prefixes this node answers for, in key order."""
        return self._environment.read(
            lambda txn: [bytes(octets).decode() for _, octets in txn.cursor(db=self._prefixes)]
        )

    def limits(self, prefix: str) -> Limits:
        """The quotas of ``prefix``; none are set until someone does."""
        stored = self._environment.read(lambda txn: _get(txn, prefix.encode().upper(), self._limits))
        return Limits(*_LIMITS.unpack(stored)) if stored else Limits()

    def daily_limits(self) -> dict[str, int]:
        """Daily resolutions of every prefix that has a quota, by its key; 0 means no limit."""
        found = self._environment.read(lambda txn: [(bytes(k), bytes(v)) for k, v in txn.cursor(db=self._limits)])
        return {key.decode(): _LIMITS.unpack(stored)[1] for key, stored in found}

    def set_limits(self, prefix: str, limits: Limits) -> None:
        """Quotas of ``prefix`` from now on, for every process; the store keeps them and does not enforce them."""
        packed = _LIMITS.pack(limits.registrations, limits.daily_resolutions)
        self._environment.write(lambda txn: txn.put(prefix.encode().upper(), packed, db=self._limits))

    # --- the journal ---

    def changes(self, after: int, limit: int) -> list[Change]:
        """The changes behind number ``after`` in their order, at most ``limit``.

        What every cursor has passed is trimmed; while there is no cursor, only the newest
        :data:`journal.KEPT` changes (and what stands with them in a chunk) are sure to be kept.
        Raises :class:`JournalTrimmed` when the next one is gone: then begin with a snapshot.
        """
        return self._environment.read(
            lambda txn: self._journal.read(txn, after, limit, lambda key, octets: self._table.record(txn, key, octets))
        )

    def last_change(self) -> int:
        """Number of the newest change; 0 in a new store."""
        return self._environment.read(self._journal.last)

    def cursor(self, name: str) -> int:
        """How far the reader ``name`` has come; 0 when it never said so."""
        return self._environment.read(lambda txn: self._journal.cursor(txn, name))

    def cursors(self) -> dict[str, int]:
        """How far each reader has come."""
        return self._environment.read(self._journal.cursors)

    def advance(self, name: str, seq: int) -> None:
        """The reader ``name`` has durably taken everything up to ``seq``; from now on what is behind that is kept."""
        self._environment.write(lambda txn: self._journal.advance(txn, name, seq))

    def forget(self, name: str) -> None:
        """The reader ``name`` is no more; nothing is kept for it."""
        self._environment.write(lambda txn: self._journal.forget(txn, name))

    # --- what is copied from another store ---

    def take_over(
        self, source: str, changes: Sequence[Change], place: bytes, *, prefixes: Sequence[str] | None = None
    ) -> None:
        """Does what the store ``source`` journalled, and remembers ``place``, in one durable transaction.

        ``prefixes``, when given, are from now on those that this node answers for as a copy of ``source``.
        """
        latest = {change.key: change for change in changes}
        kept = [
            (key, records.decode(key, change.record)) for key, change in latest.items() if change.record is not None
        ]
        packed = pack(kept)
        now = int(time.time())

        def work(txn: Transaction) -> None:
            writing = Writing(self._table, txn)
            entries: list[tuple[str, bytes, bytes | None]] = []
            for part in packed:
                new, written = writing.put(part, replace=True)
                entries += ((latest[key].actor, key, octets) for key, octets in written)
                self._add(txn, part.prefix, new)
            for key, change in latest.items():
                if change.record is None and writing.delete(key):
                    entries.append((change.actor, key, None))
                    self._add(txn, names.prefix_key(key), -1)
            self._journal.append_by(txn, now, entries)
            txn.put(_PLACE + source.encode(), place, db=self._meta)
            if prefixes is not None:
                self._homed.copy(txn, source, prefixes)

        self._environment.write(work)

    def place(self, source: str) -> bytes:
        """What :meth:`take_over` remembered last; empty before."""
        return self._environment.read(lambda txn: txn.get(_PLACE + source.encode(), db=self._meta)) or b""

    def copied(self) -> dict[str, str]:
        """Prefixes that this node answers for as a copy, by name, with the store they come from."""

        return self._environment.read(self._homed.copied)

    def is_copied(self, prefix: bytes) -> bool:
        """Whether this node answers for the prefix with that key as a copy: not with authority."""
        return self._environment.read(lambda txn: prefix in self._homed.read(txn).copied)

    def populated(self) -> list[str]:
        """Keys of the prefixes under which identifiers stand, homed here or not, in order."""
        return self._environment.read(
            lambda txn: [bytes(key).decode() for key, count in txn.cursor(db=self._counts) if any(count)]
        )

    # --- the whole ---

    def snapshot(self, path: Path) -> None:
        """A compact copy of this moment in the new directory ``path``, taken while others read and write.

        It can be opened as a store; its :meth:`last_change` says up to where it goes. Raises :class:`Conflict` when
        ``path`` exists, :class:`Unavailable`. What is there is whole: it is written beside ``path`` and then renamed.
        """
        self._environment.snapshot(path)

    def copy_to(self, descriptor: int) -> None:
        """Writes ``data.mdb`` of one moment to an open file or pipe while others read and write.

        The moment is fixed before the first octet comes. Pages stand where they stood, so that two copies differ only
        where something changed. Raises :class:`Unavailable`.
        """
        self._environment.copy_to(descriptor)

    def transactions(self) -> int:
        """How many write transactions there ever were: beside :meth:`last_change` it shows how many share one."""
        return int(self._environment.lmdb.info()["last_txnid"])

    def warm(self) -> bool:
        """Brings the store into memory if it fits; says whether it did."""
        return self._environment.warm()

    def _migrate(self, txn: Transaction) -> None:
        """From the first layout: ``records`` with whole keys. All in one transaction, so that it is done or not."""
        if txn.get(b"format", db=self._meta) == FORMAT:  # another process was faster
            return
        env = self._environment.lmdb
        old = env.open_db(b"records", txn=txn)
        writing = Writing(self._table, txn)
        stored = iter(txn.cursor(db=old))
        while part := [(key, records.decode(key, octets)) for key, octets in islice(stored, _MIGRATED_AT_ONCE)]:
            for packed in pack(part):
                writing.put(packed, replace=True)
        txn.drop(old, delete=True)
        txn.put(b"format", FORMAT, db=self._meta)


def _get(txn: Transaction, key: bytes, table: lmdb._Database) -> bytes | None:
    return txn.get(key, db=table) if 0 < len(key) <= _MAX_KEY else None
