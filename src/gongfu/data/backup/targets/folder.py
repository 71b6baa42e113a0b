"""Backups in a folder: a disk, a stick, a network share."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from gongfu.kernel.errors import Conflict, GongfuError, NotFound, Unavailable
from gongfu.kernel.i18n import mark

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Folder:
    """See :class:`Target`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.address = str(path)

    def put(self, name: str, octets: bytes, *, new: bool = False) -> None:
        """See :class:`Target`."""
        path = self._path / name
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(octets)
                file.flush()
                os.fsync(file.fileno())
            if new:
                os.link(draft, path)
                draft.unlink()
            else:
                draft.replace(path)
            _sync(path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink()
            if isinstance(error, FileExistsError):
                raise Conflict(
                    mark("{name} is there already."),
                    remedy=mark("Another program backs up into the same place; give each node its own."),
                    name=name,
                ) from error
            raise self._failed(error) from error

    def get(self, name: str, offset: int = 0, size: int | None = None) -> bytes:
        """See :class:`Target`."""
        try:
            with (self._path / name).open("rb") as file:
                file.seek(offset)
                return file.read(-1 if size is None else size)
        except FileNotFoundError as error:
            raise NotFound(
                mark("{name} is missing in {place}."),
                remedy=mark("Name the folder or address that gongfu backup wrote to."),
                name=name,
                place=self.address,
            ) from error
        except OSError as error:
            raise self._failed(error) from error

    def names(self, prefix: str) -> Iterator[tuple[str, int]]:
        """See :class:`Target`."""
        start = self._path / prefix.rpartition("/")[0]
        found = []
        for folder, _, files in os.walk(start):
            for file in files:
                path = Path(folder) / file
                name = path.relative_to(self._path).as_posix()
                if not file.startswith(".") and name.startswith(prefix):
                    with contextlib.suppress(FileNotFoundError):
                        found.append((name, path.stat().st_size))
        yield from sorted(found)

    def delete(self, name: str) -> None:
        """See :class:`Target`."""
        try:
            (self._path / name).unlink(missing_ok=True)
        except OSError as error:
            raise self._failed(error) from error

    def sweep(self) -> None:
        """Remove what a killed writer left half-written."""
        for part in ("packs", "index", "snapshots"):
            for draft in (self._path / part).rglob(".*"):
                with contextlib.suppress(OSError):
                    draft.unlink()

    def close(self) -> None:
        """See :class:`Target`."""

    def _failed(self, error: OSError) -> GongfuError:
        if error.errno in _FULL:
            return Unavailable(
                mark("There is no room left for the backup in {place}."),
                remedy=mark("Make room, or keep fewer snapshots; what is there already stays good and is used again."),
                place=self.address,
            )
        return Unavailable(
            mark("The backup folder {place} cannot be used: {reason}."),
            remedy=mark("Check that it is mounted and that this user may write there."),
            place=self.address,
            reason=error.strerror or str(error),
        )


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
