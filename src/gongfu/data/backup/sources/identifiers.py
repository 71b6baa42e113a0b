"""Identifiers: LMDB copies one moment of itself into a pipe while others read and write; nothing is staged."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Final

from gongfu.data.backup.collecting import PAGES
from gongfu.identity.registry.store import IdentifierStore
from gongfu.kernel.errors import GongfuError

NAME: Final = "identity/data.mdb"


class IdentifierCopy:
    """A copy whose moment is fixed when the object exists. Read it to its end, or :meth:`close` it."""

    def __init__(self, store: IdentifierStore) -> None:
        self._store = store
        self._failed: GongfuError | None = None
        self._reader, writer = os.pipe()
        self._thread = threading.Thread(target=self._write, args=(writer,), name="identifiers", daemon=True)
        self._thread.start()
        # LMDB fixes the moment before it writes its first octet.
        self._first = os.read(self._reader, 4096)

    def pieces(self) -> Iterator[bytes]:
        """The copy, in pieces of pages; raises :class:`Unavailable` when it could not be finished."""
        gathered = bytearray(self._first)
        while octets := os.read(self._reader, 65_536):
            gathered += octets
            while len(gathered) >= PAGES:
                yield bytes(gathered[:PAGES])
                del gathered[:PAGES]
        if gathered:
            yield bytes(gathered)
        self._thread.join()
        if self._failed:
            raise self._failed

    def close(self) -> None:
        """Let go; a copy that was not read to its end is given up."""
        os.close(self._reader)
        self._thread.join()

    def _write(self, writer: int) -> None:
        try:
            self._store.copy_to(writer)
        except GongfuError as error:
            self._failed = error
        finally:
            os.close(writer)
