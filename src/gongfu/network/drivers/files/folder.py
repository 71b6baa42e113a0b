"""One folder, entered once by its handle: no name in it leads elsewhere, whatever is linked or renamed meanwhile."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

import msgspec

MOST = 100_000
"""Files of a folder that are looked at."""
PROOF = 1024
"""Bytes at the beginning, and before the place reached, that prove that a file is still the same."""


class Entry(msgspec.Struct, frozen=True):
    """A regular file. ``matches``: its name is one of those that are read."""

    name: str
    device: int
    inode: int
    size: int
    changed: int
    """Nanoseconds since 1970."""
    matches: bool


class Listing(msgspec.Struct, frozen=True):
    """``links``: names that match but are links, and are not followed."""

    entries: list[Entry]
    links: list[str]


class Folder:
    """Use as a context manager, in one thread; every method may raise ``OSError``."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)

    def close(self) -> None:
        """Leave it."""
        os.close(self._fd)

    def list(self, pattern: str, marker: str) -> Listing:
        """The regular files; with ``marker`` only those match beside which ``<name><marker>`` lies."""
        entries: list[Entry] = []
        links: list[str] = []
        with os.scandir(self._fd) as found:
            for entry in found:
                if len(entries) >= MOST:
                    break
                matches = fnmatchcase(entry.name, pattern) and not (marker and entry.name.endswith(marker))
                if entry.is_symlink():
                    links += [entry.name] if matches else []
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(status.st_mode):
                    entries.append(
                        Entry(entry.name, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, matches)
                    )
        if marker:
            present = {entry.name for entry in entries}
            entries = [
                msgspec.structs.replace(entry, matches=entry.matches and entry.name + marker in present)
                for entry in entries
            ]
        return Listing(sorted(entries, key=lambda entry: (entry.changed, entry.name)), links)

    @contextmanager
    def open(self, entry: Entry) -> Iterator[BinaryIO]:
        """The file of ``entry``; raises ``FileNotFoundError`` when another one has its name by now."""
        fd = os.open(entry.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._fd)
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or (status.st_dev, status.st_ino) != (entry.device, entry.inode):
                raise FileNotFoundError(entry.name)
            yield file

    def move(self, name: str, there: str) -> None:
        """Into the folder ``there`` inside this one, under a name that is free."""
        with suppress(FileExistsError):
            os.mkdir(there, 0o750, dir_fd=self._fd)
        target = os.open(there, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._fd)
        try:
            free, number = name, 0
            while _exists(free, target):
                number += 1
                free = f"{name}.{number}"
            os.rename(name, free, src_dir_fd=self._fd, dst_dir_fd=target)
        finally:
            os.close(target)

    def delete(self, name: str) -> None:
        """Remove a file; it may be gone already."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._fd)


def proof(file: BinaryIO, offset: int) -> bytes:
    """What a file has at its beginning and before ``offset``, in short."""
    file.seek(0)
    head = file.read(min(PROOF, offset))
    file.seek(max(0, offset - PROOF))
    return hashlib.sha256(head + file.read(min(PROOF, offset))).digest()[:16]


def _exists(name: str, folder: int) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True
