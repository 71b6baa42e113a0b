"""How far a driver has read a source, kept across restarts: one SQLite file for all devices of a gateway.

A position is written after the bus has the readings, so that a crash between the two brings readings again and never
loses one; a reading that comes again with its source time is the same row in the store.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import DeviceUnavailable
from gongfu.network.drivers.surroundings import current

_WAIT = 10.0
"""Seconds to wait for another process that writes."""


class Positions:
    """The positions of one device in one source; ``source`` says what is read, so that another one begins anew."""

    def __init__(self, device: int, *source: object) -> None:
        self._file = _open(current().positions)
        self._device = device
        self._source = hashlib.sha256(repr(source).encode()).hexdigest()[:32]

    async def read(self) -> dict[str, bytes]:
        """Every position by its key. Raises :class:`DeviceUnavailable`."""
        return await asyncio.to_thread(self._file.read, self._device, self._source)

    async def write(self, changed: Mapping[str, bytes], gone: Iterable[str] = ()) -> None:
        """Keep ``changed`` and forget ``gone``, both or nothing. Raises :class:`DeviceUnavailable`."""
        await asyncio.to_thread(self._file.write, self._device, self._source, dict(changed), list(gone))


class _File:
    """SQLite behind a lock; opened when it is first needed, again after a fault."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def read(self, device: int, source: str) -> dict[str, bytes]:
        with self._lock:
            try:
                rows = self._open().execute(
                    "SELECT key, value FROM position WHERE device = ? AND source = ?", (device, source)
                )
                return dict(rows.fetchall())
            except (sqlite3.Error, OSError) as error:
                raise self._failed(error) from error

    def write(self, device: int, source: str, changed: dict[str, bytes], gone: list[str]) -> None:
        with self._lock:
            try:
                connection = self._open()
                with connection:
                    connection.executemany(
                        "INSERT OR REPLACE INTO position VALUES (?, ?, ?, ?)",
                        [(device, source, key, value) for key, value in changed.items()],
                    )
                    connection.executemany(
                        "DELETE FROM position WHERE device = ? AND source = ? AND key = ?",
                        [(device, source, key) for key in gone],
                    )
            except (sqlite3.Error, OSError) as error:
                raise self._failed(error) from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path or ":memory:", timeout=_WAIT, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            # A power cut may take the last positions, never the file: readings come again, none is lost.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS position (device INTEGER, source TEXT, key TEXT, value BLOB,"
                " PRIMARY KEY (device, source, key)) WITHOUT ROWID"
            )
            self._connection = connection
        return self._connection

    def _failed(self, error: Exception) -> DeviceUnavailable:
        if self._connection is not None and self._path is not None:
            self._connection.close()
            self._connection = None
        return DeviceUnavailable(
            mark("How far the device was read cannot be stored: {reason}."),
            remedy=mark("Check the free space and the permissions of the gateway's home."),
            reason=error,
        )


@cache
def _open(path: Path | None) -> _File:
    return _File(path)
