"""Where identifiers are kept: LMDB, one writer at a time, any number of reading processes.

Tables: ``records`` (key → record), ``prefixes`` (key → prefix as written: those this node answers for),
``counts`` (key of a prefix → number of identifiers), ``limits`` (key of a prefix → its quotas), and the
:mod:`journal` of changes; all that belongs to one change is written in one transaction.
A write that returned is on disk. A process that is killed leaves nothing half-written.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import lmdb

from gongfu.identity.handle import names
from gongfu.identity.handle.names import Handle
from gongfu.identity.registry import records
from gongfu.identity.registry.journal import Change as Change
from gongfu.identity.registry.journal import Journal
from gongfu.identity.registry.records import Record
from gongfu.kernel.errors import Conflict, Unavailable
from gongfu.kernel.i18n import mark

FOLDER = "identity"
INITIAL_MAP = 16 * 2**30
"""Octets of address space the map starts with; it costs no disk until used, and doubles when full."""
LARGEST_MAP = 2**44
"""Beyond this the store refuses to grow."""
_MAX_READERS = 1024
_MAX_KEY = 511  # LMDB's; nothing registered is longer than names.MAX_LENGTH
_TABLES = 16
_LIMITS = struct.Struct(">QQ")

_T = TypeVar("_T")
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
        self._use = _Use()
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._env = lmdb.open(
                str(path), map_size=map_size, max_dbs=_TABLES, max_readers=_MAX_READERS, metasync=True, meminit=False
            )
            self._map_size: int = self._env.info()["map_size"]
            self._env.reader_check()  # slots of readers that were killed
            self._records = self._env.open_db(b"records")
            self._prefixes = self._env.open_db(b"prefixes")
            self._counts = self._env.open_db(b"counts")
            self._limits = self._env.open_db(b"limits")
            self._journal = Journal(self._env)
        except (lmdb.Error, OSError) as error:
            raise _unavailable(path, error) from error

    def close(self) -> None:
        """Releases files and address space."""
        self.closed = True
        self._env.close()

    # --- identifiers ---

    def lookup(self, key: bytes) -> tuple[bool, bytes | None]:
        """Whether this node answers for the key's prefix, and the octets stored under it: what the resolver reads."""
        prefix = names.prefix_key(key)
        return self._read(lambda txn: (_get(txn, prefix, self._prefixes) is not None, _get(txn, key, self._records)))

    def get(self, handle: Handle) -> Record | None:
        """The record of ``handle``, or None."""
        stored = self._read(lambda txn: _get(txn, handle.key, self._records))
        return None if stored is None else records.decode(handle.key, stored)

    def put(self, record: Record, *, replace: bool = True, actor: str = "") -> bool:
        """Stores one record durably; returns whether it is new. Raises :class:`Conflict` as :meth:`put_many` does."""
        return self.put_many((record,), replace=replace, actor=actor) == 1

    def put_many(self, batch: Iterable[Record], *, replace: bool = True, actor: str = "") -> int:
        """Stores all or none in one durable transaction, sorted by key; returns how many are new.

        ``actor`` is who the journal says it was.
        Raises :class:`Conflict` naming the first that exists if ``replace`` is false.
        """
        encoded = sorted((record.handle.key, records.encode(record)) for record in batch)
        now = int(time.time())

        def work(txn: lmdb.Transaction) -> int:
            new: Counter[bytes] = Counter()
            for key, octets in encoded:
                if txn.put(key, octets, db=self._records, overwrite=False):
                    new[names.prefix_key(key)] += 1
                elif replace:
                    txn.put(key, octets, db=self._records)
                else:
                    raise Conflict(
                        mark("{handle} is already registered."),
                        remedy=mark("Choose another suffix, or change the existing identifier."),
                        handle=key.decode(),
                    )
            for prefix, number in new.items():
                self._add(txn, prefix, number)
            if encoded:
                self._journal.append(txn, now, actor, encoded)
            return new.total()

        return self._write(work)

    def delete(self, handle: Handle, *, actor: str = "") -> bool:
        """Removes one identifier durably; returns whether it was there."""
        now = int(time.time())

        def work(txn: lmdb.Transaction) -> bool:
            there: bool = txn.delete(handle.key, db=self._records)
            if there:
                self._add(txn, names.prefix_key(handle.key), -1)
                self._journal.append(txn, now, actor, [(handle.key, None)])
            return there

        return self._write(work)

    def change(
        self, handle: Handle, work: Callable[[Record | None, int], Record | None], *, actor: str = ""
    ) -> Record | None:
        """Reads, decides and writes one identifier in one durable transaction: two writers never lose each other's.

        ``work`` gets the record as it is and the number of identifiers under its prefix, and returns the record to
        keep, or None for none; what it raises leaves everything as it was. It must not call this store.
        """

        def whole(txn: lmdb.Transaction) -> Record | None:
            key, prefix = handle.key, names.prefix_key(handle.key)
            stored = _get(txn, key, self._records)
            before = None if stored is None else records.decode(key, stored)
            after = work(before, int.from_bytes(_get(txn, prefix, self._counts) or b"", "big"))
            if after is not None:
                txn.put(key, records.encode(after), db=self._records)
            elif before is not None:
                txn.delete(key, db=self._records)
            if (before is None) != (after is None):
                self._add(txn, prefix, 1 if before is None else -1)
            return after

        return self._write(whole)

    def scan(self, prefix: str, *, starting: str = "", after: Handle | None = None, limit: int = 100) -> list[Record]:
        """Identifiers under ``prefix`` in key order, behind ``after``, whose suffix starts with ``starting``."""
        start = names.key(f"{prefix}/{starting}".encode())

        def work(txn: lmdb.Transaction) -> list[Record]:
            cursor = txn.cursor(db=self._records)
            first = max(start, after.key) if after else start
            found: list[Record] = []
            there = cursor.set_range(first)
            while there and len(found) < limit:
                key, octets = map(bytes, cursor.item())
                if not key.startswith(start):
                    break
                if after is None or key > after.key:
                    found.append(records.decode(key, octets))
                there = cursor.next()
            return found

        return self._read(work)

    def count(self, prefix: str) -> int:
        """How many identifiers stand directly under ``prefix``, without walking through them."""
        key = prefix.encode().upper()
        return self._read(lambda txn: int.from_bytes(_get(txn, key, self._counts) or b"", "big"))

    # --- prefixes ---

    def home(self, prefix: str) -> None:
        """From now on this node answers for ``prefix``."""
        self._write(lambda txn: txn.put(prefix.encode().upper(), prefix.encode(), db=self._prefixes))

    def unhome(self, prefix: str) -> None:
        """This node answers RC 301 for ``prefix`` from now on; its records stay."""
        self._write(lambda txn: txn.delete(prefix.encode().upper(), db=self._prefixes))

    def prefixes(self) -> list[str]:
        """The prefixes this node answers for, in key order."""
        return self._read(lambda txn: [bytes(octets).decode() for _, octets in txn.cursor(db=self._prefixes)])

    def limits(self, prefix: str) -> Limits:
        """The quotas of ``prefix``; none are set until someone does."""
        stored = self._read(lambda txn: _get(txn, prefix.encode().upper(), self._limits))
        return Limits(*_LIMITS.unpack(stored)) if stored else Limits()

    def set_limits(self, prefix: str, limits: Limits) -> None:
        """Quotas of ``prefix`` from now on, for every process; the store keeps them and does not enforce them."""
        packed = _LIMITS.pack(limits.registrations, limits.daily_resolutions)
        self._write(lambda txn: txn.put(prefix.encode().upper(), packed, db=self._limits))

    # --- the journal ---

    def changes(self, after: int, limit: int) -> list[Change]:
        """The changes behind number ``after`` in their order, at most ``limit``.

        What every cursor has passed is trimmed; while there is no cursor, only the newest
        :data:`journal.KEPT` changes (and what stands with them in a chunk) are sure to be kept.
        Raises :class:`JournalTrimmed` when the next one is gone: then begin with a snapshot.
        """
        return self._read(lambda txn: self._journal.read(txn, after, limit))

    def last_change(self) -> int:
        """Number of the newest change; 0 in a new store."""
        return self._read(self._journal.last)

    def cursor(self, name: str) -> int:
        """How far the reader ``name`` has come; 0 when it never said so."""
        return self._read(lambda txn: self._journal.cursor(txn, name))

    def cursors(self) -> dict[str, int]:
        """How far each reader has come."""
        return self._read(self._journal.cursors)

    def advance(self, name: str, seq: int) -> None:
        """The reader ``name`` has durably taken everything up to ``seq``; from now on what is behind that is kept."""
        self._write(lambda txn: self._journal.advance(txn, name, seq))

    def forget(self, name: str) -> None:
        """The reader ``name`` is no more; nothing is kept for it."""
        self._write(lambda txn: self._journal.forget(txn, name))

    # --- copies ---

    def snapshot(self, path: Path) -> None:
        """A compact copy of this moment in the new directory ``path``, taken while others read and write.

        It can be opened as a store; its :meth:`last_change` says up to where it goes. Raises :class:`Conflict` when
        ``path`` exists, :class:`Unavailable`. What is there is whole: it is written beside ``path`` and then renamed.
        """
        if path.exists():
            raise Conflict(mark("{path} exists already."), remedy=mark("Choose a new directory."), path=path)
        partial = path.with_name(path.name + ".partial")
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True, mode=0o700)
            with self._use:
                self._env.copy(str(partial), compact=True)
            partial.rename(path)
        except (lmdb.Error, OSError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise _unavailable(path, error) from error

    # --- transactions ---

    def _add(self, txn: lmdb.Transaction, prefix: bytes, number: int) -> None:
        before = int.from_bytes(_get(txn, prefix, self._counts) or b"", "big")
        txn.put(prefix, (before + number).to_bytes(8, "big"), db=self._counts)

    def _read(self, work: Callable[[lmdb.Transaction], _T]) -> _T:
        return self._run(work, write=False)

    def _write(self, work: Callable[[lmdb.Transaction], _T]) -> _T:
        return self._run(work, write=True)

    def _run(self, work: Callable[[lmdb.Transaction], _T], *, write: bool) -> _T:
        while True:
            size = self._map_size
            try:
                with self._use, self._env.begin(write=write) as txn:
                    return work(txn)
            except lmdb.MapResizedError:  # another process grew it
                self._resize(size, 0)
            except lmdb.MapFullError as error:
                if size * 2 > LARGEST_MAP:
                    raise _unavailable(self.path, error) from error
                self._resize(size, size * 2)
            except lmdb.Error as error:
                raise _unavailable(self.path, error) from error

    def _resize(self, seen: int, size: int) -> None:
        with self._use.alone():
            if self._map_size == seen:  # else another thread did it meanwhile
                self._env.set_mapsize(size)
                self._map_size = self._env.info()["map_size"]


class _Use:
    """Transactions open in this process; LMDB may be remapped only while there is none."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._number = 0
        self._closed = False

    def __enter__(self) -> None:
        with self._changed:
            while self._closed:
                self._changed.wait()
            self._number += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._number -= 1
            if self._closed:
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Lets no transaction begin, waits until none is open, runs the block."""
        with self._changed:
            while self._closed:
                self._changed.wait()
            self._closed = True
            while self._number:
                self._changed.wait()
        try:
            yield
        finally:
            with self._changed:
                self._closed = False
                self._changed.notify_all()


def _get(txn: lmdb.Transaction, key: bytes, table: lmdb._Database) -> bytes | None:
    found = txn.get(key, db=table) if 0 < len(key) <= _MAX_KEY else None
    return None if found is None else bytes(found)


def _unavailable(path: Path, error: Exception) -> Unavailable:
    return Unavailable(
        mark("The identifier store in {path} cannot be used: {reason}."),
        remedy=mark("Check that the disk has room and that this user may write there; nothing was half-written."),
        path=path,
        reason=error,
    )
