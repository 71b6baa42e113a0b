"""Adding to a repository: blobs are named, compressed, sealed and packed in threads; memory is bounded."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from gongfu.data.backup import wire
from gongfu.data.backup.repository import Repository, body_name, mark_name, pack_name
from gongfu.data.backup.wire import Blob, Index, Mark, Pack, Snapshot

PACK_OCTETS: Final = 16 * 1024 * 1024
IN_FLIGHT: Final = 48 * 1024 * 1024
"""Octets read but not yet packed."""
INDEX_EVERY: Final = 8
"""Packs after which the index is written: an interrupted backup finds them when it is begun again."""


class Writer:
    """One backup on its way into ``repository``. Blobs that are there already are not written again."""

    def __init__(self, repository: Repository, number: int) -> None:
        self._repository = repository
        self._number = number
        self._pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1), "backup")
        self._room = _Room(IN_FLIGHT)
        self._lock = threading.Lock()
        self._claimed: set[bytes] = set()
        self._pending: list[tuple[bytes, bytes]] = []
        self._pending_octets = 0
        self._packs: list[Pack] = []
        self._failed: Exception | None = None
        self.added = 0
        """Octets written so far."""

    def add(self, plain: bytes) -> Future[bytes]:
        """Store a blob; the future has its name. Waits while too much is on its way; raises what failed before."""
        if self._failed:
            raise self._failed
        self._room.enter(len(plain))
        return self._pool.submit(self._work, plain)

    def finish(self, snapshot: Snapshot, previous: str) -> Mark:
        """Write what is left, then the snapshot, then its mark."""
        self._pool.shutdown(wait=True)
        if self._failed:
            raise self._failed
        self._upload(self._take(least=1))
        self._write_index()
        keys, target = self._repository.keys, self._repository.target
        body = wire.encode(keys, snapshot, body_name(snapshot.number))
        target.put(body_name(snapshot.number), body)
        unsigned = Mark(
            number=snapshot.number,
            moment=snapshot.moment,
            ended=snapshot.ended,
            version=snapshot.version,
            files=len(snapshot.files),
            octets=sum(file.size for file in snapshot.files),
            added=self.added + len(body),
            body=wire.digest(body),
            previous=previous,
        )
        octets = wire.sign(keys, unsigned)
        target.put(mark_name(snapshot.number), octets, new=True)
        return wire.read_mark(keys, octets, snapshot.number)

    def abandon(self) -> None:
        """Something failed: what is packed stays and is used again by the next backup."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        with contextlib.suppress(Exception):
            self._write_index()

    def _work(self, plain: bytes) -> bytes:
        try:
            name = wire.name_of(self._repository.keys, plain)
            with self._lock:
                if name in self._claimed or name in self._repository.places:
                    return name
                self._claimed.add(name)
            sealed = wire.seal(self._repository.keys, plain, name)
            with self._lock:
                self._pending.append((name, sealed))
                self._pending_octets += len(sealed)
            self._upload(self._take(least=PACK_OCTETS))
        except Exception as error:
            self._failed = self._failed or error
            raise
        else:
            return name
        finally:
            self._room.leave(len(plain))

    def _take(self, *, least: int) -> list[tuple[bytes, bytes]]:
        with self._lock:
            if self._pending_octets < least:
                return []
            taken, self._pending, self._pending_octets = self._pending, [], 0
            return taken

    def _upload(self, sealed: list[tuple[bytes, bytes]]) -> None:
        if not sealed:
            return
        blobs, offset = [], 0
        for name, octets in sealed:
            blobs.append(Blob(name, offset, len(octets)))
            offset += len(octets)
        whole = b"".join(octets for _, octets in sealed)
        pack = wire.digest(whole)
        self._repository.target.put(pack_name(pack), whole)
        with self._lock:
            self.added += len(whole)
            self._packs.append(Pack(pack, blobs))
            due = len(self._packs) >= INDEX_EVERY
        if due:
            self._write_index()

    def _write_index(self) -> None:
        with self._lock:
            packs, self._packs = self._packs, []
        if not packs:
            return
        # Never a name that an earlier attempt at the same number used: what stands there is still needed.
        name = f"index/{self._number:09d}-{secrets.token_hex(6)}"
        octets = wire.encode(self._repository.keys, Index(packs), name)
        self._repository.target.put(name, octets)
        with self._lock:
            self.added += len(octets)
            for pack in packs:
                self._repository.learn(pack.name, pack.blobs)


class _Room:
    """A bound on octets in memory."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._used = 0
        self._changed = threading.Condition()

    def enter(self, octets: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._used == 0 or self._used + octets <= self._size)
            self._used += octets

    def leave(self, octets: int) -> None:
        with self._changed:
            self._used -= octets
            self._changed.notify_all()
