"""Files of a snapshot on their way: read once if they changed, taken over from the snapshot before if not."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from gongfu.data.backup.repository import Repository
from gongfu.data.backup.wire import LARGEST, File, Snapshot
from gongfu.data.backup.writing import Writer
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark

PAGES: Final = 256 * 1024
"""Octets of a blob of a file whose pages change in place."""
_RECENT: Final = 5 * 10**9
"""A file modified so shortly before the last snapshot may have changed again within one tick of the clock."""
_ATTEMPTS: Final = 3

Progress = Callable[[str, int, int], None]
"""Told which part is at work, octets done and octets known."""


@dataclass(frozen=True, slots=True)
class _Pending:
    file: File
    blobs: list[Future[bytes]]


class Collector:
    """Gathers the files of one snapshot."""

    def __init__(self, repository: Repository, writer: Writer, before: Snapshot | None, progress: Progress) -> None:
        self._places = repository.places
        self._writer = writer
        self._before = {file.path: file for file in before.files} if before else {}
        self._trusted = before.moment - _RECENT if before else 0
        self._pending: list[_Pending] = []
        self._progress = progress
        self._done = self._known = 0
        self.part = ""
        self.notes: list[str] = []

    def expect(self, part: str, octets: int) -> None:
        """``part`` begins; ``octets`` more are coming."""
        self.part = part
        self._known += octets
        self._progress(part, self._done, self._known)

    def add(self, path: Path, name: str, *, piece: int = LARGEST) -> None:
        """The file ``path`` as ``name``; one that is gone meanwhile is left out. Raises :class:`Unavailable`."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                found = path.lstat()
                if stat.S_ISLNK(found.st_mode):
                    self._pending.append(_Pending(_described(name, found, link=str(path.readlink())), []))
                    return
                if not stat.S_ISREG(found.st_mode):
                    return
                file = _described(name, found)
                if (known := self._unchanged(file)) is not None:
                    self._advance(file.size)
                    self._pending.append(_Pending(known, []))
                    return
                blobs, size = self._store(pieces(path, piece, found.st_size))
                after = path.lstat()
            except FileNotFoundError:
                return
            except OSError as error:
                raise Unavailable(
                    mark("{path} cannot be read: {reason}."),
                    remedy=mark("Let this user read it, then back up again."),
                    path=path,
                    reason=error.strerror or error,
                ) from error
            if (after.st_size, after.st_mtime_ns) == (found.st_size, found.st_mtime_ns):
                break
            if attempt == _ATTEMPTS:
                self.notes.append(name)
        self._pending.append(_Pending(msgspec.structs.replace(file, size=size), blobs))

    def add_pieces(self, contents: Iterable[bytes], name: str, *, mode: int = 0o600, state: int = 0) -> None:
        """A file that is only now being made; ``state`` is for :meth:`keep`."""
        blobs, size = self._store(contents)
        self._pending.append(_Pending(File(name, size, mode, time.time_ns(), state, []), blobs))

    def keep(self, name: str, state: int, octets: int) -> bool:
        """Take ``name`` over from the snapshot before, if it was made of the same ``state`` (0: of none) then."""
        known = self._before.get(name)
        if not state or known is None or known.inode != state or any(one not in self._places for one in known.blobs):
            return False
        self._advance(octets)
        self._pending.append(_Pending(known, []))
        return True

    def files(self) -> list[File]:
        """Everything, once it is stored; raises what went wrong."""
        return [
            msgspec.structs.replace(one.file, blobs=[blob.result() for blob in one.blobs]) if one.blobs else one.file
            for one in self._pending
        ]

    def _unchanged(self, file: File) -> File | None:
        known = self._before.get(file.path)
        same = (
            known is not None
            and (known.size, known.modified, known.inode) == (file.size, file.modified, file.inode)
            and file.modified < self._trusted
            and all(name in self._places for name in known.blobs)
        )
        return known if same else None

    def _store(self, contents: Iterable[bytes]) -> tuple[list[Future[bytes]], int]:
        blobs, size = [], 0
        for content in contents:
            blobs.append(self._writer.add(content))
            size += len(content)
            self._advance(len(content))
        return blobs, size

    def _advance(self, octets: int) -> None:
        self._done += octets
        self._known = max(self._known, self._done)
        self._progress(self.part, self._done, self._known)


def pieces(path: Path, size: int, length: int) -> Iterator[bytes]:
    """The first ``length`` octets of a file: one that grows while it is read has an end nevertheless."""
    with path.open("rb", buffering=0) as file:
        while length > 0 and (piece := file.read(min(size, length))):
            length -= len(piece)
            yield piece


def _described(name: str, found: os.stat_result, *, link: str = "") -> File:
    size = 0 if link else found.st_size
    return File(name, size, stat.S_IMODE(found.st_mode), found.st_mtime_ns, found.st_ino, [], link)
